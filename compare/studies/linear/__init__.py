"""``dyson-sgd report linear``."""
