"""Forces Σ_j w_j/(x_i - x_j) of many particles on a line in O(N): a one-dimensional fast multipole method."""

from dyson.fmm.forces import forces

__all__ = ["forces"]
