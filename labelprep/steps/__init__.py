"""One sample at a time: discover, decode, index, check, palette, count. No Dask, no torch, no printing."""
