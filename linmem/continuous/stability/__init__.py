"""Continuous-time linear RNNs under perturbed parameters: perturbation error, stable parameterisations."""

from linmem.continuous.stability.change import KernelChange, largest_change
from linmem.continuous.stability.examples import exponential_memory
from linmem.continuous.stability.matrix import DecayBound, change_bound, decay_bounds
from linmem.continuous.stability.parameterisation import RateParameterisation, rate_parameterisation
from linmem.continuous.stability.perturbation import PerturbationError, perturbation_error
from linmem.continuous.stability.sampling import sampled_changes
from linmem.continuous.stability.scan import approximant, perturbation_rows
from linmem.continuous.stability.tradeoff import instability_bound, remaining_memory

__all__ = [
    "DecayBound",
    "KernelChange",
    "PerturbationError",
    "RateParameterisation",
    "approximant",
    "change_bound",
    "decay_bounds",
    "exponential_memory",
    "instability_bound",
    "largest_change",
    "perturbation_error",
    "perturbation_rows",
    "rate_parameterisation",
    "remaining_memory",
    "sampled_changes",
]
