"""``dyson-sgd report teacher-student``."""
