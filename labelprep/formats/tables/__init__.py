"""The dialects of class tables, a file each; `formats.class_tables` reads and writes them all."""
