"""The Laplace transform of a kernel at a matrix, and its derivative in a direction.

For a Hurwitz matrix W and a direction D, with f(x) = P(-x),

    F = f(W) = int_0^inf rho(t) e^{Wt} dt,    L = int_0^inf rho(t) int_0^t e^{W(t-s)} D e^{Ws} ds dt,

where L is the Frechet derivative of f at W in the direction D: all that the loss of a general linear network and its
gradient need of the target. Three ways to them:

- resolvents, for sums of exponentials: F = Re sum_j a_j R_j, L = Re sum_j a_j R_j D R_j, R_j = (w_j - W)^{-1};
- modes, W = V diag(x) V^{-1}: F = V diag(f(x_i)) V^{-1}, L = V (M o f[x_i, x_j]) V^{-1} with M = V^{-1} D V and divided
  differences f[x, y] (Daleckii, Krein); relative error about eps * cond(V)^2;
- quadrature on the kernel's panels of e^{Bt}, B = [[W, D], [0, W]], whose upper blocks are F and L: no eigenvectors.

Sums and multiples of kernels are taken apart, so that each part goes its best way.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact
from scipy.linalg import expm

from linmem.kernels import ComplexExponentialSum, ExponentialSum, Kernel, KernelSum, ScaledKernel
from linmem.kernels.quadrature import panel_rule, refined

METHODS = ("auto", "modes", "quadrature")
CONDITION = 100.0  # of the eigenvectors, up to which "auto" trusts them: an error of 1e4 eps
FADED = 60.0  # e^{-60} = 1e-26: times beyond FADED/margin are left out
SEGMENT_NODES, SEGMENT_WEIGHTS = np.polynomial.legendre.leggauss(32)
CHUNK = 2**21  # matrix entries of one batch of exponentials: 16 MB

Matrix = Float[np.ndarray, "n n"]


def matrix_transform(kernel: Kernel, W: Matrix, direction: Matrix, method: str = "auto") -> tuple[Matrix, Matrix]:
    """(F, L) of the module's first lines; W must be Hurwitz (not checked), method as in `matrix_loss`.

    >>> F, L = matrix_transform(ExponentialSum([1.0], [2.0]), -np.eye(1), np.eye(1))
    >>> round(float(F[0, 0]), 12), round(float(L[0, 0]), 12)
    (0.333333333333, 0.111111111111)
    """
    if isinstance(kernel, KernelSum):
        pairs = [matrix_transform(part, W, direction, method) for part in kernel.parts]
        return np.sum([F for F, _ in pairs], axis=0), np.sum([L for _, L in pairs], axis=0)
    if isinstance(kernel, ScaledKernel):
        F, L = matrix_transform(kernel.kernel, W, direction, method)
        return kernel.factor * F, kernel.factor * L
    if method == "auto" and isinstance(kernel, ExponentialSum | ComplexExponentialSum):
        return _by_resolvents(kernel, W, direction)
    if method != "quadrature":
        values, vectors = np.linalg.eig(W)
        if method == "modes" or np.linalg.cond(vectors) <= CONDITION:
            return _by_modes(kernel, values, vectors, direction)
    return _by_quadrature(kernel, W, direction)


def _by_resolvents(kernel: ExponentialSum | ComplexExponentialSum, W: Matrix, D: Matrix) -> tuple[Matrix, Matrix]:
    a, w = np.array(kernel.amplitudes)[:, None, None], np.array(kernel.rates)[:, None, None]
    resolvents = np.linalg.inv(w * np.eye(len(W)) - W)
    F, L = (a * resolvents).sum(0), (a * (resolvents @ D @ resolvents)).sum(0)
    return np.ascontiguousarray(np.real(F)), np.ascontiguousarray(np.real(L))


def _by_modes(
    kernel: Kernel, x: Inexact[np.ndarray, "n"], V: Inexact[np.ndarray, "n n"], D: Matrix
) -> tuple[Matrix, Matrix]:
    inverse = np.linalg.inv(V)
    value = kernel.laplace(-x)
    F = (V * value) @ inverse
    L = V @ ((inverse @ D @ V) * _divided_differences(kernel, x, value)) @ inverse
    return np.ascontiguousarray(np.real(F)), np.ascontiguousarray(np.real(L))


def _divided_differences(
    kernel: Kernel, x: Inexact[np.ndarray, "n"], value: Inexact[np.ndarray, "n"]
) -> Inexact[np.ndarray, "n n"]:
    """f[x_i, x_j] = (f(x_i) - f(x_j))/(x_i - x_j), and f'(x_i) where they coincide.

    Where the two are closer than half their distance from the imaginary axis, beyond which f need not be analytic, the
    quotient would cancel: there f[x, y] = int_0^1 f'(x + s(y - x)) ds by 32 Gauss-Legendre nodes, exact to rounding.
    """
    gap = x[:, None] - x
    near = np.abs(gap) <= 0.5 * np.minimum(-np.real(x)[:, None], -np.real(x))
    quotient = (value[:, None] - value) / np.where(near, 1.0, gap)
    first, second = np.nonzero(np.triu(near))
    points = x[first, None] + 0.5 * (1 + SEGMENT_NODES) * (x[second] - x[first])[:, None]
    mean = -0.5 * (kernel.laplace(-points, derivative=1) @ SEGMENT_WEIGHTS)
    quotient[first, second] = quotient[second, first] = mean
    return quotient


def network_panels(knots: Float[np.ndarray, "K"], eigenvalues: Inexact[np.ndarray, "n"]) -> Float[np.ndarray, "M"]:
    """Panel edges on [0, min(knots[-1], 60/margin)] that resolve a kernel's panels and the modes e^{xt} of a network.

    Modes decay on the scale of the time passed or faster (panels grow by a factor of 2 at most), or oscillate (panels
    of at most 4 radians); after 60/margin they are below 1e-26.

    >>> network_panels(np.array([0.0, 4.0]), np.array([-1.0])).tolist()
    [0.0, 1.0, 2.0, 4.0]
    """
    last = min(FADED / float(-np.real(eigenvalues).max()), float(knots[-1]))
    fastest = 1 / float(np.abs(eigenvalues).max())
    grid = fastest * 2.0 ** np.arange(max(1.0, np.ceil(np.log2(last / fastest))))
    edges = np.union1d(np.append(knots[knots < last], last), grid[grid < last])
    return refined(edges, float(np.abs(np.imag(eigenvalues)).max()))


def _by_quadrature(kernel: Kernel, W: Matrix, D: Matrix) -> tuple[Matrix, Matrix]:
    """Composite Gauss-Legendre; error a few eps * int |rho| |e^{Bt}| dt wherever the panels resolve the kernel."""
    n = len(W)
    nodes, weights = panel_rule(network_panels(kernel.knots(), np.linalg.eigvals(W)))
    weights = weights * kernel(nodes)
    block = np.zeros((2 * n, 2 * n))
    block[:n, :n] = block[n:, n:] = W
    size = float(np.linalg.norm(D)) or 1.0  # L is linear in D: a large D must not disturb the exponential
    block[:n, n:] = D / size
    total, step = np.zeros((n, 2 * n)), max(1, CHUNK // (2 * n) ** 2)
    for k in range(0, nodes.size, step):
        part = slice(k, k + step)
        total += np.tensordot(weights[part], expm(nodes[part, None, None] * block)[:, :n], axes=1)
    return total[:, :n].copy(), size * total[:, n:]
