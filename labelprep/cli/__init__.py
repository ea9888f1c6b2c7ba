"""The command line: one file a command; spec in, exit code out. Heavy imports live inside the commands."""
