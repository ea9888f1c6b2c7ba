"""From what other stages wrote to pages, plots, CSV and JSON. No torch, and nothing on disk is computed anew."""
