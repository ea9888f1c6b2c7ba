"""The compiled loops of the fused losses on the CPU."""
