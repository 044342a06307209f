"""``dyson-sgd check``."""
