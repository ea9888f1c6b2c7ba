"""One training run from its first look at the data to its last checkpoint."""
