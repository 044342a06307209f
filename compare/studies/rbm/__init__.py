"""``dyson-sgd report rbm``."""
