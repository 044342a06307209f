"""n → ∞: equilibrium measures of the Coulomb gas, and its density in time."""

from dyson.large_n.correction import Correction
from dyson.large_n.equilibrium import Equilibrium, equilibrium
from dyson.large_n.free_sum import FreeSum
from dyson.large_n.in_time import DensityInTime, density_in_time
from dyson.large_n.quantiles import Quantiles, quantiles_in_time

__all__ = [
    "Correction",
    "DensityInTime",
    "Equilibrium",
    "FreeSum",
    "Quantiles",
    "density_in_time",
    "equilibrium",
    "quantiles_in_time",
]
