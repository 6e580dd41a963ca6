"""The training loss as a quadrature in time, differentiated by torch: the slow, independent way to the closed forms.

    J = int_0^inf (rhohat - rho)^2 dt ~ sum_q g_q (rhohat(t_q) - rho(t_q))^2

on composite Gauss-Legendre nodes that resolve both kernels. No Laplace transform and no Lyapunov equation enters, so
agreement with linmem.continuous.learning.loss and matrix_loss is evidence for both. Error: rounding, a few eps * the
number of panels * the size of the terms of J, wherever the panels of the target (its `knots`) resolve it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from linmem.citations import cites
from linmem.continuous.learning.loss import LossDerivatives, check_network
from linmem.continuous.learning.matrix_loss import MatrixGradient, check_targets
from linmem.continuous.learning.matrix_transform import FADED, network_panels
from linmem.continuous.network import LinearRNN
from linmem.kernels import Kernel
from linmem.kernels.quadrature import panel_rule

if TYPE_CHECKING:
    import torch


@cites("linmem", "autograd oracle of the loss")
def autograd_loss_derivatives(amplitudes: ArrayLike, rates: ArrayLike, kernel: Kernel) -> LossDerivatives:
    """J, gradient and Hessian of a diagonal network; arguments and result as in `loss_derivatives`, for one network.

    Cost: some thousand nodes times n, and 2n backward passes for the Hessian.

    >>> from linmem.kernels import ExponentialSum
    >>> autograd_loss_derivatives([1.0], [2.0], ExponentialSum([1.0], [1.0])).gradient.round(6).tolist()
    [-0.166667, 0.097222]
    """
    import torch

    a, w = check_network(amplitudes, rates)
    n = a.size
    nodes, weights, rest = _rule(kernel, -w)
    t, q, rho = (torch.from_numpy(x) for x in (nodes, weights, kernel(nodes)))

    def integral(theta: torch.Tensor) -> torch.Tensor:
        return (q * (torch.exp(-t[:, None] * theta[n:]) @ theta[:n] - rho) ** 2).sum()

    theta = torch.from_numpy(np.concatenate([a, w])).requires_grad_()
    value = integral(theta)
    gradient = np.asarray(torch.autograd.grad(value, theta)[0])
    hessian = np.asarray(torch.autograd.functional.hessian(integral, theta.detach()))
    return LossDerivatives(np.asarray(value.item() + rest), gradient, hessian)


@cites("linmem", "autograd oracle of the loss")
def autograd_matrix_loss(network: LinearRNN, target: Kernel | Sequence[Kernel]) -> MatrixGradient:
    """J and its gradient in (W, U, c); arguments and result as in `matrix_loss_gradient`.

    e^{W t} by torch.linalg.matrix_exp at every node, and through it backwards. Cost: some thousand exponentials of
    n x n and, backwards, of 2n x 2n matrices: below 0.1 s for n = 8.

    >>> from linmem.kernels import ExponentialSum
    >>> found = autograd_matrix_loss(LinearRNN([[-2.0]], [1.0], [1.0]), ExponentialSum([1.0], [1.0]))
    >>> round(found.loss, 10), found.W.round(6).tolist()
    (0.0833333333, [[-0.097222]])
    """
    import torch

    values = np.linalg.eigvals(network.W)
    W, U, c = (torch.tensor(x, requires_grad=True) for x in (network.W, network.U, network.c))
    total, rest = torch.zeros((), dtype=torch.float64), 0.0
    for i, kernel in enumerate(check_targets(target, network.inputs)):
        nodes, weights, more = _rule(kernel, values)
        t, q, rho = (torch.from_numpy(x) for x in (nodes, weights, kernel(nodes)))
        answer = torch.linalg.matrix_exp(t[:, None, None] * W) @ U[:, i] @ c
        total = total + (q * (answer - rho) ** 2).sum()
        rest += more
    gradient = [np.asarray(g) for g in torch.autograd.grad(total, (W, U, c))]
    return MatrixGradient(total.item() + rest, *gradient)


def _rule(
    kernel: Kernel, eigenvalues: Inexact[np.ndarray, "n"]
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"], float]:
    """Nodes and weights up to where the network has faded, and int rho^2 dt beyond."""
    knots, faded = kernel.knots(), FADED / float(-np.real(eigenvalues).max())
    late = np.append(faded, knots[knots > faded])
    far, weights = panel_rule(late) if late.size > 1 else (np.zeros(0), np.zeros(0))
    rest = float(np.sum(weights * kernel(far) ** 2))
    return *panel_rule(network_panels(np.append(knots, max(faded, 2 * knots[-1])), eigenvalues)), rest
