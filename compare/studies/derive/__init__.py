"""``dyson-sgd derive``."""
