"""Class tables of well-known datasets, as package data; the head of each file names the sources of its facts."""
