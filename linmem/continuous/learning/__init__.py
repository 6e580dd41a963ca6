"""The training loss of linear RNNs and its derivatives."""

from linmem.continuous.learning.loss import loss, loss_gradient, loss_hessian

__all__ = ["loss", "loss_gradient", "loss_hessian"]
