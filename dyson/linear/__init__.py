"""Level of theory "matrix" for linear networks, in closed form: the law of W itself at every step."""

from dyson.linear.model import LinearSGD

__all__ = ["LinearSGD"]
