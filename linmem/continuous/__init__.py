"""Continuous-time linear RNNs: loss, gradient flow and plateaus of diagonal networks (Li, Han, E, Li)."""

from linmem.continuous.certificate import Certificate, certify_plateau, first_order_bound, second_order_bound
from linmem.continuous.deviation import DeviationLoss
from linmem.continuous.flow import (
    Displacement,
    FlowAccuracyError,
    HittingTime,
    LossDrop,
    Trajectory,
    gradient_flow,
    hitting_times,
)
from linmem.continuous.loss import loss, loss_gradient, loss_hessian
from linmem.continuous.plateau import Plateau, plateau
from linmem.continuous.scan import plateau_rows

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
