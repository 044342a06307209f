"""``dyson-sgd import``."""
