"""Continuous-time linear RNNs: loss, gradient flow and plateaus of diagonal networks (Li, Han, E, Li)."""

from linmem.continuous.dynamics.certificate import Certificate, certify_plateau, first_order_bound, second_order_bound
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
from linmem.continuous.learning.loss import loss, loss_gradient, loss_hessian

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
    "loss",
    "loss_gradient",
    "loss_hessian",
    "plateau",
    "plateau_rows",
    "second_order_bound",
]
