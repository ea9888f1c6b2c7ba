"""From logits to figures, maps and suspects, in one read."""
