"""Where files lie, on disk or behind a URL, and how each is written whole, once, by one run at a time."""
