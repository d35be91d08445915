"""The commands: each takes parsed arguments and the environment, and gives an exit code."""
