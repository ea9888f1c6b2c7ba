"""The dialects of the outside world: class tables, dataset layouts, weight files."""
