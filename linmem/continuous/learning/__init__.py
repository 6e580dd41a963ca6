"""The training loss of linear RNNs and its derivatives; training of linear and tanh networks; Lorenz-96 data."""

from linmem.continuous.learning.autograd import autograd_loss_derivatives, autograd_matrix_loss
from linmem.continuous.learning.curves import (
    curve_rows,
    kernel_curves,
    lorenz_curves,
    running_mean,
    waiting_steps,
)
from linmem.continuous.learning.linear_training import (
    DivergenceError,
    LinearNetworks,
    LinearTraining,
    SampledLoss,
    random_networks,
    train_linear,
)
from linmem.continuous.learning.lorenz import (
    FadingMemory,
    Lorenz96,
    LorenzData,
    fading_memory,
    lorenz96_data,
    ornstein_uhlenbeck,
)
from linmem.continuous.learning.loss import LossDerivatives, loss, loss_derivatives, loss_gradient, loss_hessian
from linmem.continuous.learning.matrix_loss import MatrixGradient, matrix_loss, matrix_loss_gradient
from linmem.continuous.learning.tanh_training import (
    SequenceTask,
    TanhNetworks,
    TanhTraining,
    random_tanh_networks,
    train_tanh,
)

__all__ = [
    "DivergenceError",
    "FadingMemory",
    "LinearNetworks",
    "LinearTraining",
    "Lorenz96",
    "LorenzData",
    "LossDerivatives",
    "MatrixGradient",
    "SampledLoss",
    "SequenceTask",
    "TanhNetworks",
    "TanhTraining",
    "autograd_loss_derivatives",
    "autograd_matrix_loss",
    "curve_rows",
    "fading_memory",
    "kernel_curves",
    "lorenz96_data",
    "lorenz_curves",
    "loss",
    "loss_derivatives",
    "loss_gradient",
    "loss_hessian",
    "matrix_loss",
    "matrix_loss_gradient",
    "ornstein_uhlenbeck",
    "random_networks",
    "random_tanh_networks",
    "running_mean",
    "train_linear",
    "train_tanh",
    "waiting_steps",
]
