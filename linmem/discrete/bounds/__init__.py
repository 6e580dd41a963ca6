"""How structured is structured enough: statistical dimensions, restricted isometry, phase transitions."""

from linmem.discrete.bounds.injectivity import Injectivity, enclose_operator, injectivity
from linmem.discrete.bounds.lowrank import (
    NuclearPrediction,
    nuclear_dimension_sampled,
    nuclear_distance,
    nuclear_prediction,
    nuclear_statistical_dimension,
    rank_limit,
)
from linmem.discrete.bounds.points import ScalingPoint, scaling_point
from linmem.discrete.bounds.rip import RipProbe, gaussian_deviation, rip_constant, rip_probe
from linmem.discrete.bounds.scaling import Growth, PowerLaw, growth_power, power_law
from linmem.discrete.bounds.sparse import (
    LassoPrediction,
    lasso_prediction,
    sparsity_limit,
    statistical_dimension,
    subdifferential_distance,
)
from linmem.discrete.bounds.success_curve import SuccessCurve, fit_success_curve
from linmem.discrete.bounds.transition import Transition, TrialOutcome, find_transition
from linmem.discrete.bounds.trials import recovery_success

__all__ = [
    "Growth",
    "Injectivity",
    "LassoPrediction",
    "NuclearPrediction",
    "PowerLaw",
    "RipProbe",
    "ScalingPoint",
    "SuccessCurve",
    "Transition",
    "TrialOutcome",
    "enclose_operator",
    "find_transition",
    "fit_success_curve",
    "gaussian_deviation",
    "growth_power",
    "injectivity",
    "lasso_prediction",
    "nuclear_dimension_sampled",
    "nuclear_distance",
    "nuclear_prediction",
    "nuclear_statistical_dimension",
    "power_law",
    "rank_limit",
    "recovery_success",
    "rip_constant",
    "rip_probe",
    "scaling_point",
    "sparsity_limit",
    "statistical_dimension",
    "subdifferential_distance",
]
