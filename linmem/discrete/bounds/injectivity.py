"""Can a state tell all inputs apart? Rank and kernel of the map A from inputs to the final state, certified.

The entries of A are enclosed in balls (Arb) around their exact values for the given network, whose angles and input
matrix are doubles. With X an approximate inverse in doubles and ``r = ||I - X A|| < 1`` (columns independent) or
``r = ||I - A X|| < 1`` (rows independent) the rank is min(M, N L) and the smallest singular value at least
``(1 - r) / ||X||``. The Frobenius norm is used for each.

One such network settles almost all of its size: with the angles and Z as variables a minor of A is a real analytic
function, so if it is not zero at one point it is zero only on a set of measure zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Float

from linmem.checks import check_integer
from linmem.citations import cites
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import sequence_operator
from linmem.intervals import ball, bounds, precision

BITS = 128
"""Working precision of the enclosures."""


def _balls(matrix: Float[np.ndarray, "m n"]) -> arb_mat:
    """A matrix of doubles as exact balls."""
    return arb_mat([[arb(value) for value in row] for row in matrix.tolist()])


def _frobenius(matrix: arb_mat) -> arb:
    """Enclosure of the Frobenius norm."""
    return sum((entry * entry for entry in matrix.entries()), arb(0)).sqrt()


def enclose_operator(network: RandomNetwork, N: int) -> arb_mat:
    """The M x NL matrix of A, real over imaginary parts of the modes, in balls around its exact entries.

    ``A[h, (n, l)] = Re (z[h, l] (q e^{j w_h})^(N-1-n))``, and the imaginary part in row M/2 + h; column n L + l.

    Parameters
    ----------
    network : the network; its angles, decay q and modes count as exact numbers.
    N : number of time steps.

    Cost: M N/2 sines and cosines and 2 M N L products in ball arithmetic, about 1 microsecond each.
    """
    steps = check_integer("N", N, minimum=1)
    upper: list[list[arb]] = []
    lower: list[list[arb]] = []
    with precision(BITS):
        q = ball(network.q)
        for w, z in zip(network.frequencies.tolist(), network.modes.tolist(), strict=True):
            real: list[arb] = []
            imaginary: list[arb] = []
            for age in range(steps - 1, -1, -1):
                sine, cosine = (arb(w) * age).sin_cos()
                decay = q**age
                c, s = decay * cosine, decay * sine
                real += [c * value.real - s * value.imag for value in z]
                imaginary += [s * value.real + c * value.imag for value in z]
            upper.append(real)
            lower.append(imaginary)
        return arb_mat(upper + lower)


@dataclass(frozen=True, eq=False)
class Injectivity:
    """What is certain about the map from inputs to states of one network.

    Attributes
    ----------
    rank : the rank of A, = min(M, N L).
    smallest_singular_value : a number > 0 that the min(M, N L) singular values of A certainly reach.
    kernel : an (N, L) input of norm 1 (to rounding) within ``kernel_error`` of one that leaves the state at zero; None
        if there is none, that is for M >= N L.
    kernel_error : bound of the distance (0 without a kernel).
    """

    rank: int
    smallest_singular_value: float
    kernel: Float[np.ndarray, "N L"] | None
    kernel_error: float


@cites("charles2018", "Introduction, M >= N for unstructured input")
@cites("linmem", "certified rank of the unrolled network")
def injectivity(network: RandomNetwork, N: int) -> Injectivity:
    """Certified rank of A, and an input that the state does not see if M < N L.

    For M >= N L different inputs have different states. For M < N L take v0, an approximate unit vector of the kernel,
    and the exact one ``v = v0 - A^+ A v0``: then ``||v - v0|| <= ||A v0|| / s_min(A)``, and S and S + v have the same
    state for every S.

    Parameters
    ----------
    network : the network, with M nodes and L streams.
    N : number of time steps.

    Returns
    -------
    :class:`Injectivity`, proved up to the correctness of Arb and of IEEE arithmetic.

    Raises
    ------
    ValueError : if the rank cannot be certified, because A is too close to a matrix of lower rank for doubles
        (condition number beyond some 1e13).

    Cost: a singular value decomposition and one product of balls, M N L min(M, N L) of them (NL = 200: about 1 s).

    >>> injectivity(RandomNetwork(M=12, L=2, seed=0), N=6).rank
    12
    >>> below = injectivity(RandomNetwork(M=10, L=2, seed=0), N=6)
    >>> below.rank, below.kernel is not None and below.kernel_error < 1e-9
    (10, True)
    """
    exact = enclose_operator(network, N)
    M, n = network.M, network.L * N
    approximate = sequence_operator(network, N, "dense").columns(np.arange(n))
    U, s, Vt = np.linalg.svd(approximate)
    rank = min(M, n)
    inverse = (Vt[:rank].T / s) @ U[:, :rank].T
    with precision(BITS):
        X = _balls(inverse)
        product = X * exact if n <= M else exact * X
        defect = _frobenius(arb_mat(rank, rank, [int(i == j) for i in range(rank) for j in range(rank)]) - product)
        size = bounds(defect)[1]
        if not size < 1.0:
            raise ValueError(
                f"the rank of A must be certain, got ||I - X A|| <= {size:.3g}, which is not below 1: A is nearly "
                "singular; change the seed, or use spectrum='haar'"
            )
        smallest = bounds((1 - defect) / _frobenius(X))[0]
        if n <= M:
            return Injectivity(rank, smallest, None, 0.0)
        v = Vt[-1]
        error = bounds(_frobenius(exact * _balls(v[:, None])) / smallest)[1]
    return Injectivity(rank, smallest, v.reshape(N, network.L), error)
