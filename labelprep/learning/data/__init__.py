"""From the prepared folder to batches: pairs, crops and their order."""
