"""PNG at the level of its chunks: what must be known before and beside the pixels."""
