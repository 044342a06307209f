"""``dyson-sgd gas`` and ``dyson-sgd report gas``."""
