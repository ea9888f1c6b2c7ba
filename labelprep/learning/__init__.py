"""Training, evaluation and prediction from the prepared folder. The only importer of torch (extra `train`)."""
