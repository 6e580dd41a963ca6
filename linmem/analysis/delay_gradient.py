"""Expected loss of linear networks on one delay, and its derivatives by all weights.

With ``h_k = c^T A^k b`` and ``g_k = c^T A^k (mu b + beta)`` the derivatives by A, b, beta and c follow from those by h
and g, through the Krylov sequences of A from b and of A^T from c. :mod:`linmem.analysis.delay_flow` has the loss.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from linmem.analysis.linear_start import LinearStart
from linmem.trained.task import MemoryTask

MEAN, VARIANCE = 0.5, 1.0 / 12.0
"""Of numbers uniform on [0, 1]."""


def krylov(A: Float[np.ndarray, "S n n"], v: Float[np.ndarray, "S n e"], count: int) -> Float[np.ndarray, "S n k e"]:
    """``A^k v`` for k = 0 .. count - 1, by doubling."""
    networks, n, columns = v.shape
    found = np.empty((networks, n, count, columns))
    found[:, :, 0] = v
    done, power = 1, A
    while done < count:
        more = min(done, count - done)
        block = power @ found[:, :, :more].reshape(networks, n, more * columns)
        found[:, :, done : done + more] = block.reshape(networks, n, more, columns)
        done += more
        if done < count:
            power = power @ power
    return found


class DelayLoss:
    """Lengths of a task as arrays: the target lag, which lags a length sees, the probability of each length."""

    def __init__(self, task: MemoryTask, loss: str) -> None:
        self.lag, self.count, self.loss = task.position - 1, task.max_length, loss
        self.law = np.array(list(task.lengths.values()))
        self.sees = np.array([[k < q for k in range(self.count)] for q in task.lengths], dtype=np.float64)
        self.delay = np.eye(1, self.count, self.lag)[0]
        later = np.add.outer(np.arange(self.count), np.arange(self.count)) + 1
        self.hankel = np.where(later < self.count, later, self.count)  # index of an appended zero

    def losses(self, h: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gaussian mean absolute error (network,), and derivatives of the loss by h and g (network, lags)."""
        miss = h - self.delay
        mean = g @ self.sees.T - MEAN
        squares = VARIANCE * (miss**2) @ self.sees.T + mean**2
        absolute = np.sqrt(2 / math.pi * squares)
        if self.loss == "square":
            outer = np.broadcast_to(self.law, squares.shape)
        else:
            outer = self.law / (math.pi * np.maximum(absolute, 1e-12))  # d sqrt(2 L / pi) = dL / (pi sqrt(2 L / pi))
        return absolute @ self.law, 2 * VARIANCE * miss * (outer @ self.sees), 2 * (outer * mean) @ self.sees


def gradient(task: DelayLoss, at: LinearStart) -> tuple[np.ndarray, LinearStart]:
    """Errors, and the derivatives of the loss by A, b, beta and c.

    ``d/dA c^T A^j v = sum_i (A^T)^i c (A^{j-1-i} v)^T``: a Hankel matrix of the derivatives by h and g.
    """
    V = krylov(at.A, np.stack([at.b, MEAN * at.b + at.beta], axis=-1), task.count)
    W = krylov(at.A.swapaxes(1, 2), at.c[:, :, None], task.count)[:, :, :, 0]
    outputs = np.einsum("si,sike->esk", at.c, V)
    error, dh, dg = task.losses(outputs[0], outputs[1])
    inner = np.zeros_like(at.A)
    for d, column in ((dh, 0), (dg, 1)):
        hankel = np.concatenate([d, np.zeros((len(d), 1))], axis=1)[:, task.hankel]
        inner += W @ hankel @ V[:, :, :, column].swapaxes(1, 2)
    first, second = (np.matmul(W, d[:, :, None])[:, :, 0] for d in (dh, dg))
    readout = np.einsum("sik,sk->si", V[:, :, :, 0], dh) + np.einsum("sik,sk->si", V[:, :, :, 1], dg)
    return error, LinearStart(inner, first + MEAN * second, second, readout)
