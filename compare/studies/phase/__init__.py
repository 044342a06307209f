"""``dyson-sgd report phase``."""
