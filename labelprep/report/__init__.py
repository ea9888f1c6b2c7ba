"""From values that other stages wrote to plots (PNG), CSV and JSON. No torch, and nothing is computed anew."""
