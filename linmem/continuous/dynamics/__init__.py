"""Training as a dynamical system: gradient flow and other methods around an exact fit, plateaus, certificates."""

from linmem.continuous.dynamics.batch import DeviationBatch
from linmem.continuous.dynamics.certificate import (
    Certificate,
    certify_plateau,
    first_order_bound,
    second_order_bound,
)
from linmem.continuous.dynamics.certificate_adam import adam_bound
from linmem.continuous.dynamics.certificate_descent import descent_bound
from linmem.continuous.dynamics.certificate_momentum import momentum_bound
from linmem.continuous.dynamics.confinement import Confinement, certify_confinement
from linmem.continuous.dynamics.curvature import hessian_bound
from linmem.continuous.dynamics.descent import Adam, Descent, GradientDescent, descend
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.drop import loss_floor
from linmem.continuous.dynamics.events import Displacement, FlowAccuracyError, HittingTime, LossDrop
from linmem.continuous.dynamics.flow import (
    HittingRun,
    SolverStatistics,
    Trajectory,
    gradient_flow,
    hitting_run,
    hitting_times,
)
from linmem.continuous.dynamics.momentum import (
    MomentumTrajectory,
    VanishingFriction,
    momentum_flow,
    momentum_hitting_times,
)
from linmem.continuous.dynamics.plateau import Plateau, deviation_problem, plateau
from linmem.continuous.dynamics.reduced import reduced_times
from linmem.continuous.dynamics.scan import plateau_rows
from linmem.continuous.dynamics.scan_methods import adam_rows, momentum_rows

__all__ = [
    "Adam",
    "Certificate",
    "Confinement",
    "Descent",
    "DeviationBatch",
    "DeviationLoss",
    "Displacement",
    "FlowAccuracyError",
    "GradientDescent",
    "HittingRun",
    "HittingTime",
    "LossDrop",
    "MomentumTrajectory",
    "Plateau",
    "SolverStatistics",
    "Trajectory",
    "VanishingFriction",
    "adam_bound",
    "adam_rows",
    "certify_confinement",
    "certify_plateau",
    "descend",
    "descent_bound",
    "deviation_problem",
    "first_order_bound",
    "gradient_flow",
    "hessian_bound",
    "hitting_run",
    "hitting_times",
    "loss_floor",
    "momentum_bound",
    "momentum_flow",
    "momentum_hitting_times",
    "momentum_rows",
    "plateau",
    "plateau_rows",
    "reduced_times",
    "second_order_bound",
]
