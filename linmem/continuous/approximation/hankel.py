"""Hankel singular values of a kernel, and why they bound the width of every network from below.

The Hankel operator of a kernel, (Gamma_rho f)(s) = int_0^inf rho(s + t) f(t) dt on L2(0, inf), sends a past input to
the output that it causes later. Two facts:

* ||Gamma_rho||_2 <= ||rho||_1, because Gamma_rho is the integral over x of rho(x) times the flip of [0, x];
* the operator of a network with m state variables, rho(t) = c^T e^{Wt} U, has rank at most m, for any stable W.

Hence, by the Eckart-Young-Schmidt theorem, every stable network of width m has L1 error at least
sigma_{m+1}(Gamma_rho): whatever W, U and c are, normal or not, with real or complex spectrum. (The theorem of
Adamjan, Arov and Krein says that the best operator of rank m may be chosen Hankel; this bound does not need it.)

For an exponential sum rho = sum_j a_j e^{-w_j t} the operator is a matrix. In the orthonormal Takenaka-Malmquist
basis of the span of its exponentials, e^{-w_j t} = sum_k C_jk phi_k with

    C_jk = sqrt(2 Re u_k)/(w_j + conj u_k) prod_{q<k} (w_j - u_q)/(w_j + conj u_q),    u a reordering of w,

the matrix is C^T diag(a) C. Every entry of C is a product: nothing cancels, although the Gram matrix 1/(w_i + w_j) of
the exponentials has condition 1e30 and more. With positive amplitudes the singular values are also the eigenvalues of
the positive matrix sqrt(a_i a_j)/(w_i + w_j).
"""

from __future__ import annotations

import numpy as np
from flint import acb, acb_mat, arb
from jaxtyping import Complex, Float
from scipy.linalg import lapack

from linmem.citations import cites
from linmem.continuous.approximation.spectrum import INFLATION, UNIT
from linmem.continuous.approximation.trapezoid import powerlaw_sum
from linmem.intervals import ball, bounds, precision
from linmem.kernels import ComplexExponentialSum, ExponentialSum, PowerLaw

BITS = 256
FINE = 1e-12  # L1 accuracy of the sum that stands in for a power law


@cites("glover1984", "Hankel singular values")
def hankel_singular_values(kernel: ExponentialSum | ComplexExponentialSum | PowerLaw) -> Float[np.ndarray, "k"]:
    """Singular values of the Hankel operator of the kernel, in descending order (floating point).

    The best L1 error of any stable linear network of width m is at least the entry with index m (counted from 0).

    kernel : an exponential sum; or a power law, for which a sum at relative L1 distance 1e-12 stands in, so that every
    value is off by at most 1e-12 |mass|. For a real sum with positive amplitudes each value has high *relative*
    accuracy (the matrix has a factor with entries accurate to rounding, and its singular values are found by Jacobi
    rotations); for other sums the error is about 1e-16 times sum_j |a_j|/w_j. Cost: O(n^3), 1 s for n = 500.

    >>> values = hankel_singular_values(ExponentialSum([1.0], [2.0]))
    >>> round(float(values[0]), 12)  # a/(2 w)
    0.25
    """
    if isinstance(kernel, PowerLaw):
        kernel = powerlaw_sum(kernel, tolerance=FINE).fit
    a, w = _modes(kernel)
    if a.size == 0:
        return np.zeros(0)
    C, _ = _pivots(a, w)
    if _positive(a, w):
        factor = np.real(C) * np.sqrt(np.real(a))[:, None]
        values, _, _, scaling, _, _ = lapack.dgejsv(factor, joba=0, jobu=3, jobv=3, jobr=0)
        return np.sort((values * (scaling[0] / scaling[1])) ** 2)[::-1]
    return np.linalg.svd(C.T @ (a[:, None] * C), compute_uv=False)


def hankel_matrix(fit: ExponentialSum | ComplexExponentialSum) -> tuple[Float[np.ndarray, "n n"], float, int]:
    """(matrix, radius, copies): a symmetric matrix that encloses the Hankel operator of an exponential sum.

    Some symmetric B with ||B - matrix||_2 <= radius has as singular values those of the operator, each one `copies`
    times. Proved: for positive real sums by the roundings of sqrt(a_i) sqrt(a_j)/(w_i + w_j), at most 6 units of
    2^-53 an entry; for other sums C^T diag(a) C is computed in ball arithmetic. A complex symmetric matrix X + iY
    becomes the real symmetric [[X, Y], [Y, -X]], whose eigenvalues are plus and minus its singular values.
    Cost: n^2; in ball arithmetic n^3, about 1 s for n = 100.
    """
    a, w = _modes(fit)
    if _positive(a, w):
        root, rates = np.sqrt(np.real(a)), np.real(w)
        matrix = np.multiply.outer(root, root) / np.add.outer(rates, rates)
        if matrix.min() < np.finfo(float).tiny:
            raise ValueError(
                "sqrt(a_i a_j)/(w_i + w_j) must stay within the normal doubles, got an underflow; "
                "change the unit of time or of the kernel"
            )
        return matrix, 6 * UNIT * float(np.linalg.norm(matrix)) * INFLATION, 1
    with precision(BITS):
        real, imaginary, radius = _ball_matrix(a, w)
    if np.all(np.imag(w) == 0):
        return real, radius, 1
    return np.block([[real, imaginary], [imaginary, -real]]), 2 * radius, 2


def _modes(kernel: object) -> tuple[Complex[np.ndarray, "n"], Complex[np.ndarray, "n"]]:
    """Amplitudes and rates of sum_j a_j e^{-w_j t} over C: Re(a e^{-wt}) is half a e^{-wt} and half its conjugate.

    Exact in doubles; terms with amplitude 0 are left out.
    """
    if not isinstance(kernel, ExponentialSum | ComplexExponentialSum):
        raise TypeError(
            f"kernel must be an exponential sum or a power law, got {type(kernel).__name__}; approximate it by a sum, "
            "or ask width_lower_bound, which takes any kernel"
        )
    a, w = np.array(kernel.amplitudes, dtype=complex), np.array(kernel.rates, dtype=complex)
    if isinstance(kernel, ComplexExponentialSum):
        paired = np.imag(w) != 0
        single = np.real(a[~paired]).astype(
            complex
        )  # the real part of a real exponential's amplitude is all that counts
        a = np.concatenate([single, a[paired] / 2, a[paired].conj() / 2])
        w = np.concatenate([w[~paired], w[paired], w[paired].conj()])
    return a[a != 0], w[a != 0]


def _positive(a: Complex[np.ndarray, "n"], w: Complex[np.ndarray, "n"]) -> bool:
    """Whether all amplitudes are real and positive, and all rates real."""
    return bool(np.all(np.imag(a) == 0) and np.all(np.real(a) > 0) and np.all(np.imag(w) == 0))


def _pivots(a: Complex[np.ndarray, "n"], w: Complex[np.ndarray, "n"]) -> tuple[Complex[np.ndarray, "n k"], list[int]]:
    """The basis C in floating point, and the order of its rates: largest remainder of |a_j| ||e^{-w_j t}||^2 first.

    Ends when every rate that is left equals one that was taken (or its remainder underflows).
    """
    product = np.ones_like(w)
    columns, order = list[np.ndarray](), list[int]()
    for _ in range(a.size):
        remainder = np.abs(a) * np.abs(product) ** 2 / np.real(w)
        k = int(np.argmax(remainder))
        if remainder[k] == 0:
            break
        columns.append(np.sqrt(2 * w[k].real) / (w + w[k].conj()) * product)
        product = product * ((w - w[k]) / (w + w[k].conj()))
        order.append(k)
    return np.stack(columns, axis=1), order


def _ball_matrix(
    a: Complex[np.ndarray, "n"], w: Complex[np.ndarray, "n"]
) -> tuple[Float[np.ndarray, "k k"], Float[np.ndarray, "k k"], float]:
    """Real part and imaginary part of C^T diag(a) C as doubles, and a bound on the Frobenius norm of |error|."""
    _, order = _pivots(a, w)
    rates = [acb(float(z.real), float(z.imag)) for z in w]
    products = [acb(1)] * len(rates)
    rows = [[acb(0)] * len(order) for _ in rates]
    for column, k in enumerate(order):
        u, mirrored = rates[k], rates[k].conjugate()
        size = (2 * u.real).sqrt()
        for j, z in enumerate(rates):
            rows[j][column] = size / (z + mirrored) * products[j]
            products[j] = products[j] * ((z - u) / (z + mirrored))
    C = acb_mat(rows)
    weighted = acb_mat([[acb(float(z.real), float(z.imag)) * x for x in row] for z, row in zip(a, rows, strict=True)])
    product = C.transpose() * weighted
    n = len(order)
    X, Y, square = np.zeros((n, n)), np.zeros((n, n)), arb(0)
    for i in range(n):
        for j in range(i + 1):
            entry = product[i, j]
            X[i, j] = X[j, i] = float(entry.real.mid())
            Y[i, j] = Y[j, i] = float(entry.imag.mid())
            error = abs(entry.real - ball(X[i, j])) + abs(entry.imag - ball(Y[i, j]))
            square += (1 if i == j else 2) * error**2
    return X, Y, bounds(square.sqrt())[1]
