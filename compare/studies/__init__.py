"""What the command line does, one folder a topic."""
