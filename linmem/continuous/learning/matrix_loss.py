"""The training loss of a general linear network (W, U, c) in closed form, for any target kernel, with its gradient.

With rhohat(t)^T = c^T e^{Wt} U and d target kernels rho_i, one for each input, the expected squared output error under
white-noise inputs and its gradient are

    J(W, U, c) = sum_i int_0^inf (c^T e^{Wt} U_i - rho_i)^2 dt = c^T G c - 2 sum_i c^T F_i U_i + sum_i ||rho_i||^2,
    dJ/dc = 2 (G c - sum_i F_i U_i),    dJ/dU_i = 2 (Q U_i - F_i^T c),    dJ/dW = 2 (Q G - sum_i L_i),

where W G + G W^T + U U^T = 0 and W^T Q + Q W + c c^T = 0 (Lyapunov), F_i = P_i(-W) is the target's Laplace transform at
the matrix, and L_i the Frechet derivative of X -> P_i(-X) at W^T in the direction c U_i^T. For a diagonal W these are
the formulas of linmem.continuous.learning.loss. No Hessian: there is none that is cheaper than differences of the
gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import scipy.linalg
from jaxtyping import Float

from linmem.checks import check_choice
from linmem.citations import cites
from linmem.continuous.learning.loss import square_norm
from linmem.continuous.learning.matrix_transform import METHODS, matrix_transform
from linmem.continuous.network import LinearRNN, gramian
from linmem.kernels import Kernel


@dataclass(frozen=True)
class MatrixGradient:
    """dJ/dW (n, n), dJ/dU (n, d), dJ/dc (n,), and the loss at the same point."""

    loss: float
    W: Float[np.ndarray, "n n"]
    U: Float[np.ndarray, "n d"]
    c: Float[np.ndarray, "n"]


@cites("li2021", "Section 4")
def matrix_loss(network: LinearRNN, target: Kernel | Sequence[Kernel], method: str = "auto") -> float:
    """J(W, U, c) of a network with d inputs.

    Parameters
    ----------
    network : the LinearRNN.
    target : the target kernel of its input, or a sequence of d of them.
    method : how the transform at a matrix is found; "auto", "modes" (eigenvectors of W) or "quadrature". "auto" takes
        resolvents for sums of exponentials, otherwise the modes if the eigenvectors have a condition below 100.

    Absolute error a few eps * (||rhohat||^2 + ||rho||^2) times the condition of the Lyapunov equation (about
    ||W||/margin for normal W) and, with modes, of the eigenvectors squared. ValueError for a wrong number of targets.
    Cost O(n^3); by quadrature that many times the number of nodes, 0.1 s for n = 16.

    >>> from linmem.kernels import ExponentialSum
    >>> network = LinearRNN([[-2.0]], [1.0], [1.0])
    >>> round(matrix_loss(network, ExponentialSum([1.0], [1.0])), 12)
    0.083333333333
    """
    return matrix_loss_gradient(network, target, method).loss


@cites("li2021", "Section 4")
def matrix_loss_gradient(network: LinearRNN, target: Kernel | Sequence[Kernel], method: str = "auto") -> MatrixGradient:
    """J and its gradient in (W, U, c); arguments, errors and cost as in `matrix_loss`.

    >>> from linmem.kernels import ExponentialSum
    >>> found = matrix_loss_gradient(LinearRNN([[-2.0]], [1.0], [1.0]), ExponentialSum([1.0], [1.0]))
    >>> found.W.round(6).tolist(), found.c.round(6).tolist()
    ([[-0.097222]], [-0.166667])
    """
    check_choice("method", method, METHODS)
    kernels = check_targets(target, network.inputs)
    W, U, c = network.W, network.U, network.c
    G = gramian(network)
    Q = np.asarray(scipy.linalg.solve_continuous_lyapunov(W.T, -np.outer(c, c)))
    overlap, reached = np.zeros(U.shape), np.zeros(len(c))  # F_i^T c by column, and sum_i F_i U_i
    turn = np.zeros(W.shape)
    for i, kernel in enumerate(kernels):
        F, L = matrix_transform(kernel, np.ascontiguousarray(W.T), np.outer(c, U[:, i]), method)
        overlap[:, i] = F @ c
        reached += F.T @ U[:, i]
        turn += L
    loss = c @ G @ c - 2 * np.sum(overlap * U) + sum(square_norm(kernel) for kernel in kernels)
    return MatrixGradient(float(loss), 2 * (Q @ G - turn), 2 * (Q @ U - overlap), 2 * (G @ c - reached))


def check_targets(target: Kernel | Sequence[Kernel], inputs: int) -> list[Kernel]:
    """The target kernels, one for each input; ValueError or TypeError otherwise."""
    kernels: list[Kernel] = [target] if isinstance(target, Kernel) else list(target)
    for kernel in cast(list[object], kernels):
        if not isinstance(kernel, Kernel):
            raise TypeError(f"target must hold memory kernels, got {type(kernel).__name__}; use one of linmem.kernels")
    if len(kernels) != inputs:
        raise ValueError(
            f"target must hold one kernel for each of the {inputs} input(s), got {len(kernels)}; "
            "pass a list with a kernel per column of U"
        )
    return kernels
