"""The normal operator of a linear network is block Toeplitz: correlations of columns depend on the lag only."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.discrete import RandomNetwork
from linmem.discrete.model import TemporalBasis, random_basis, temporal_basis
from linmem.discrete.operators import ToeplitzNormal, normal_operator

ROUNDOFF = 2.0**-53
Gaussian = tuple[Fraction, Fraction]
"""Real and imaginary part of a Gaussian rational."""


def _times(x: Gaussian, y: Gaussian) -> Gaussian:
    return x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]


def _conjugate(x: Gaussian) -> Gaussian:
    return x[0], -x[1]


def _turn(t: int, s: int) -> Gaussian:
    """A rational rotation ``(t + j s)/(t - j s)``: modulus exactly 1."""
    norm = Fraction(t * t + s * s)
    return (t * t - s * s) / norm, 2 * t * s / norm


def _exact_difference(rng: np.random.Generator, sign: int, conjugated: bool, varying: bool) -> Fraction:
    """Largest difference of ``A^T A`` and the lags of T in exact arithmetic, for rational rotations, z and q."""
    H, L, N, q = 3, 2, 4, Fraction(9, 10)
    turns = [[_turn(int(t), int(s)) for t, s in rng.integers(1, 9, (H, 2))] for _ in range(N if varying else 1)]
    z = [[(Fraction(int(a), 7), Fraction(int(b), 7)) for a, b in rng.integers(-9, 10, (L, 2))] for _ in range(H)]
    total = Fraction(0)

    def power(h: int, first: int, last: int) -> Gaussian:
        """The product of the rotations of the steps first..last - 1."""
        product: Gaussian = (Fraction(1), Fraction(0))
        for step in range(first, last):
            product = _times(product, turns[step % len(turns)][h])
        return product

    for n in range(N):
        for k in range(N):
            for l in range(L):
                for m in range(L):
                    entry, lag = Fraction(0), sign * (n - k)
                    value = Fraction(0)
                    for h in range(H):
                        column, other = _times(power(h, n + 1, N), z[h][l]), _times(power(h, k + 1, N), z[h][m])
                        entry += _times(_conjugate(column), other)[0]
                        wave = power(h, 0, abs(lag))
                        left = _conjugate(z[h][l]) if conjugated else z[h][l]
                        value += _times(_times(left, z[h][m]), wave if lag >= 0 else _conjugate(wave))[0]
                    total = max(total, q ** (2 * N - 2 - n - k) * abs(entry - value))
    return total


def _formula(network: RandomNetwork, N: int, sign: int, conjugated: bool) -> np.ndarray:
    """``q^(a_n + a_k) Re sum_h conj(z_hl) z_hm e^{j w_h (n - k)}`` as an (N L, N L) matrix, written out."""
    z = network.modes
    lag = np.arange(1 - N, N)
    waves = np.exp(1j * sign * np.multiply.outer(lag, network.frequencies))
    T = np.real(np.einsum("dh,hl,hm->dlm", waves, np.conj(z) if conjugated else z, z, optimize=True))
    n = np.arange(N)
    weight = network.q ** (2 * (N - 1.0) - np.add.outer(n, n))
    blocks = weight[:, :, None, None] * T[np.subtract.outer(n, n) + N - 1]
    return blocks.transpose(0, 2, 1, 3).reshape(N * network.L, -1)


def _columns(network: RandomNetwork, N: int, rng: np.random.Generator, varying: bool) -> np.ndarray:
    """The final states of unit inputs, for a W that is the same at every step or another one (varying)."""
    powers = network.modal_powers(N)
    if varying:  # the phase that step n still meets is a sum of the angles of the later steps
        angles = rng.uniform(0, np.pi, (network.M // 2, N))
        angles[:, 0] = 0
        phase = np.cumsum(angles[:, ::-1], axis=1)[:, ::-1] - angles
        powers = np.abs(powers) * np.exp(1j * phase)
    A = powers[:, :, None] * network.modes[:, None, :]
    return np.concatenate([np.real(A), np.imag(A)]).reshape(network.M, -1)


def _rounding(network: RandomNetwork, N: int) -> dict[str, float]:
    """First-order bounds of the differences, in absolute size, for M nodes, N steps and L streams.

    B = max_lm sum_h |z_hl| |z_hm| bounds every entry, in roundoffs u:

    - entries: two columns of relative error pi N + 8 each (phase, cosine, power of q, product with z), a sum over M
      rows; the formula pi N + 8 for each term, 6 for the products and M/2 for their sum.
    - Gram blocks of the library: the same, and the fast transforms: 16 + 10 roundings to spread to the grid, and
      7 log2(4 N + 64) relative to the l2 norm <= sqrt(2 N) B for each of at most four FFTs, all amplified by the
      deconvolution by at most 9.
    - products with a unit vector in a basis: norms of matrices are at most N L B; 3 L + 10 for products and decay, two
      FFTs, and 2 N sqrt N for the basis on each side.
    """
    B = float((np.abs(network.modes).T @ np.abs(network.modes)).max())
    entries = 3 * (np.pi * N + 8) + 1.5 * network.M + 6
    transforms = 9 * (26 + 28 * np.log2(4 * N + 64) * np.sqrt(2 * N))
    products = 3 * network.L + 10 + 14 * np.log2(4 * N + 64) + 4 * N**1.5 + N * network.L
    return {
        "entries": entries * ROUNDOFF * B,
        "gram": (entries + transforms) * ROUNDOFF * B,
        "product": (entries + transforms + products) * ROUNDOFF * B * 2 * N * network.L,
    }


def _toeplitz(
    scale: Scale, rng: np.random.Generator, sign: int = 1, conjugated: bool = True, varying: bool = False
) -> Evidence:
    """Compare the matrix ``A^T A`` with the formula, and with the library's Gram blocks and products."""
    rows: list[dict[str, object]] = []
    for M, L, N in scale.pick(quick=[(24, 3, 12), (120, 5, 40)], paper=[(120, 5, 40), (400, 8, 90), (300, 5, 160)]):
        for spectrum in ("iid", "haar"):
            for q in (1.0, 0.9):
                network = RandomNetwork(M, L, spectrum, q, seed=rng)
                A = _columns(network, N, rng, varying)
                G, bound = A.T @ A, _rounding(network, N)
                bases: tuple[TemporalBasis, ...] = (
                    temporal_basis("canonical", N),
                    temporal_basis("haar", N),
                    random_basis(N, rng=rng),
                )
                for basis in bases:
                    normal = normal_operator(network, N, "toeplitz", basis)
                    J = rng.permutation(N * L)[: N * L // 2]
                    x = rng.standard_normal((N, L))
                    x /= np.linalg.norm(x)
                    S = basis.synthesis(x)
                    product = basis.analysis((G @ S.ravel()).reshape(N, L))
                    row: dict[str, object] = {
                        "nodes": M,
                        "streams": L,
                        "steps": N,
                        "spectrum": spectrum,
                        "q": q,
                        "basis": basis.name,
                    }
                    row["product"] = float(np.linalg.norm(normal.apply(x) - product)) / bound["product"]
                    if basis.canonical:
                        error = float(np.abs(G - _formula(network, N, sign, conjugated)).max())
                        row["formula"] = error / bound["entries"]
                        row["Gram block"] = float(np.abs(normal.gram(J) - G[np.ix_(J, J)]).max()) / bound["gram"]
                    rows.append(row)
    table = pd.DataFrame(rows)
    few, many = (ToeplitzNormal(RandomNetwork(M, 4, seed=rng), 30) for M in (40, 4000))
    exact = _exact_difference(rng, sign, conjugated, varying)
    return Evidence(
        [
            Measurement("exact instance in Gaussian rationals: largest difference", float(exact), "==", 0.0),
            *(
                Measurement(f"{name}: largest difference", table[column].max(), "<=", 1.0, unit="rounding bounds")
                for name, column in (
                    ("entries of A^T A against T", "formula"),
                    ("Gram blocks of the library", "Gram block"),
                    ("products of the library, with and without basis", "product"),
                )
            ),
            Measurement("numbers read by a product: 4000 nodes over 40", many.kernel.size / few.kernel.size, "==", 1.0),
        ],
        table,
        note=f"{len(table)} pairs of network and basis: iid and Haar spectra, q = 1 and q = 0.9",
    )


@claim(
    "linmem/toeplitz-normal-operator",
    source="linmem",
    locator="normal operator",
    kind="numerical",
    statement=(
        r"With $x[N] = \mathcal{A}(S)$ the state of a linear network and $a_n = N - 1 - n$ the age of step $n$, the "
        r"normal operator is block Toeplitz up to the decay: "
        r"$(\mathcal{A}^T \mathcal{A})_{(n,l),(k,m)} = q^{a_n + a_k}\, T_{lm}[n - k]$ with "
        r"$T_{lm}[d] = \operatorname{Re} \sum_{h=1}^{M/2} \bar z_{hl} z_{hm} e^{j w_h d}$. Once $T$ is known, a "
        r"product with $\mathcal{A}^T \mathcal{A}$ is a convolution in time, whose cost does not depend on $M$."
    ),
    assumptions=[
        r"$W$ has eigenvalues $q e^{\pm j w_h}$ with $0 < q \leq 1$ and does not change over time",
        r"for a temporal basis $\Psi$: a synthesis before and an analysis after the convolution",
    ],
    depends=["charles2018/unrolling"],
)
def toeplitz(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The stored matrix against the formula and the library; one small instance in exact arithmetic."""
    return _toeplitz(scale, rng)


@toeplitz.control("the lag with the wrong sign: T[k - n] instead of T[n - k]")
def toeplitz_reversed(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _toeplitz(scale, rng, sign=-1)


@toeplitz.control("the complex conjugate dropped: z_hl z_hm instead of conj(z_hl) z_hm")
def toeplitz_unconjugated(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _toeplitz(scale, rng, conjugated=False)


@toeplitz.control("a network whose W is another rotation at every step")
def toeplitz_varying(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _toeplitz(scale, rng, varying=True)
