"""Training as a dynamical system: gradient flow and other methods around an exact fit, plateaus, certificates."""

from linmem.continuous.dynamics.certificate import (
    Certificate,
    certify_plateau,
    first_order_bound,
    second_order_bound,
)
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.flow import (
    Displacement,
    FlowAccuracyError,
    HittingTime,
    LossDrop,
    Trajectory,
    gradient_flow,
    hitting_times,
)
from linmem.continuous.dynamics.plateau import Plateau, plateau
from linmem.continuous.dynamics.scan import plateau_rows

__all__ = [
    "Certificate",
    "DeviationLoss",
    "Displacement",
    "FlowAccuracyError",
    "HittingTime",
    "LossDrop",
    "Plateau",
    "Trajectory",
    "certify_plateau",
    "first_order_bound",
    "gradient_flow",
    "hitting_times",
    "plateau",
    "plateau_rows",
    "second_order_bound",
]
