"""What the verbs of the command line do. Each module imports what its verbs need, and no more."""
