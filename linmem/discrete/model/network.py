"""Random linear recurrent networks ``x[n] = W x[n-1] + Z s[n]`` with an orthogonal (or scaled orthogonal) W.

Sizes in the letters of Charles et al. (2018): M = number of nodes (state size), L = number of input streams, N = number
of time steps; H = M/2 = number of rotating modes.

**Order of time.** Every public array is (timesteps, features) with the oldest step first: row ``n`` of a sequence S is
the input of step ``n + 1``, so that it has *age* ``N - 1 - n`` when the run ends. The closed form of the final state,

    x[N] = sum_n W^(N-1-n) Z S[n],

is written with ages in the paper. The translation happens in one place only, :meth:`RandomNetwork.modal_powers`.

**Coordinates.** The state is held in the real eigenbasis of W: entry h is the real, entry H + h the imaginary part of
mode h, so that W is a 2 x 2 block matrix of diagonal blocks that rotates each pair (h, H + h) by the angle w_h. An
orthogonal change of coordinates would change neither the law of Z nor any recovery result.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike
from scipy.linalg import eigvalsh_tridiagonal

from linmem.checks import check_array, check_choice, check_generator, check_integer, check_positive
from linmem.citations import cites

SPECTRA = ("iid", "haar")


def _check_state_size(M: object) -> int:
    """Return M as an even integer >= 2."""
    size = check_integer("M", M, minimum=2)
    if size % 2:
        raise ValueError(f"M must be even (modes come in conjugate pairs), got {size}; pass {size - 1} or {size + 1}")
    return size


@cites("killip2004", "model of SO(M)")
def haar_frequencies(M: int, rng: np.random.Generator | int) -> Float[np.ndarray, "H"]:
    """Eigenvalue angles of a Haar-random rotation of R^M (group SO(M), M even), without forming the matrix.

    The angles w_1..w_{M/2} in (0, pi) have density proportional to ``prod_{i<j} (cos w_i - cos w_j)^2``. With
    independent Verblunsky coefficients ``alpha_k = g_1/||g||``, g Gaussian in R^{M-k} (k = 0..M-2), alpha_{M-1} = -1,
    the Geronimus relations give a Jacobi matrix whose eigenvalues are ``2 cos w_h`` (Killip and Nenciu 2004).

    Parameters
    ----------
    M : even state size >= 2.
    rng : seed or generator.

    Returns
    -------
    Ascending angles in radians per step.

    Raises
    ------
    ValueError : if M is odd or smaller than 2.

    Cost: O(M) random numbers and the eigenvalues of a symmetric tridiagonal M/2 x M/2 matrix, O(M^2); the obvious way
    (QR of a Gaussian matrix, then a nonsymmetric eigenproblem) is O(M^3).

    >>> w = haar_frequencies(6, rng=0)
    >>> w.shape, bool((np.diff(w) > 0).all() and 0 < w[0] and w[-1] < np.pi)
    ((3,), True)
    """
    generator = check_generator("rng", rng)
    H = _check_state_size(M) // 2
    dimension = M - np.arange(M - 1)  # alpha_k lives on the sphere of R^{M-k}
    first = generator.standard_normal(M - 1)
    rest = 2.0 * generator.standard_gamma((dimension - 1) / 2.0)  # chi-square with dimension - 1 degrees of freedom
    # alpha[k + 1] holds alpha_k, with alpha_{-1} = -1 in front.
    alpha = np.concatenate([[-1.0], first / np.sqrt(first**2 + rest), [-1.0]])
    odd, even = alpha[0 : M + 1 : 2], alpha[1 : M + 1 : 2]  # odd: alpha_{-1}, alpha_1, ..; even: alpha_0, alpha_2, ..
    diagonal = (1 - odd[:H]) * even
    diagonal[1:] -= (1 + odd[1:H]) * even[:-1]
    off = np.sqrt((1 - odd[: H - 1]) * (1 - even[: H - 1] ** 2) * (1 + odd[1:H]))
    cosines = np.asarray(eigvalsh_tridiagonal(diagonal, off), dtype=np.float64) / 2.0
    return np.arccos(np.clip(cosines, -1.0, 1.0))[::-1]


@cites("charles2018", "Equation (1) with f(x) = x")
@dataclass(frozen=True, eq=False)
class RandomNetwork:
    """Random linear network: W = q x (rotations by w_1..w_{M/2}), Z with iid N(0, 1/M) entries.

    Parameters
    ----------
    M : number of nodes (state size), even. Letter M in Charles et al.
    L : number of input streams.
    spectrum : angles of the eigenvalues ``q e^{±j w_h}``: "iid" (uniform on [0, pi], the model of the theorems), "haar"
        (those of a Haar-random rotation of R^M, which repel each other) or M/2 angles in radians per step.
    q : spectral radius, in (0, 1]; W/q is orthogonal.
    seed : integer seed or generator; the angles are drawn first, then the real parts of Z, then the imaginary parts.

    Attributes
    ----------
    frequencies : (H,) angles w_h in radians per step.
    modes : (H, L) complex rows ``z_h = Z[h] + j Z[H + h]``; the column norms of Z have mean square 1.

    Raises
    ------
    ValueError : if M is odd, L < 1, q is not in (0, 1], or the spectrum is unknown or has the wrong length.

    Source: Charles et al. (2018), equation (1); Charles, Yin, Rozell (2017).

    >>> network = RandomNetwork(M=4, L=1, spectrum=[0.0, np.pi / 2], seed=0)
    >>> network.W[1].round(12) + 0.0  # mode 1 turns by a quarter: x_1 <- -x_3
    array([ 0.,  0.,  0., -1.])
    """

    M: int
    L: int
    spectrum: str | ArrayLike = "iid"
    q: float = 1.0
    seed: np.random.Generator | int = field(kw_only=True, repr=False)
    frequencies: Float[np.ndarray, "H"] = field(init=False, repr=False)
    modes: Complex[np.ndarray, "H L"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        M = _check_state_size(self.M)
        L = check_integer("L", self.L, minimum=1)
        q = check_positive("q", self.q)
        if q > 1.0:
            raise ValueError(f"q must be <= 1 (else the state grows without bound), got {q}; pass less")
        rng = check_generator("seed", self.seed)
        if isinstance(self.spectrum, str):
            haar = check_choice("spectrum", self.spectrum, SPECTRA) == "haar"
            frequencies = haar_frequencies(M, rng) if haar else rng.uniform(0.0, np.pi, M // 2)
        else:
            frequencies = check_array("spectrum", self.spectrum, shape=(M // 2,))
        parts = rng.standard_normal((2, M // 2, L)) / np.sqrt(M)
        for name, value in (("frequencies", frequencies), ("modes", parts[0] + 1j * parts[1])):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @property
    def eigenvalues(self) -> Complex[np.ndarray, "H"]:
        """The H eigenvalues ``q e^{j w_h}``; the other half of the spectrum is their conjugates."""
        return self.q * np.exp(1j * self.frequencies)

    @property
    def W(self) -> Float[np.ndarray, "M M"]:
        """Recurrent matrix as a dense array: ``q [[diag cos w, -diag sin w], [diag sin w, diag cos w]]``. Cost M^2."""
        c, s = np.diag(np.real(self.eigenvalues)), np.diag(np.imag(self.eigenvalues))
        return np.block([[c, -s], [s, c]])

    @property
    def Z(self) -> Float[np.ndarray, "M L"]:
        """Input matrix: real parts of the modes above, imaginary parts below."""
        return np.vstack([np.real(self.modes), np.imag(self.modes)])

    def modal_powers(self, N: int) -> Complex[np.ndarray, "H N"]:
        """``F[h, n] = (q e^{j w_h})^(N-1-n)``: what mode h has made of an impulse of step n when step N is over.

        This is the one place where time (row n, oldest first) becomes age (N - 1 - n). Each entry is computed directly,
        not by repeated products; for angles in [-pi, pi] its relative error is at most (pi N + 5) 2^-53.
        """
        age = np.arange(check_integer("N", N, minimum=1) - 1, -1, -1)
        angle = np.multiply.outer(self.frequencies, age)
        F = np.empty(angle.shape, dtype=np.complex128)
        decay = self.q**age
        F.real, F.imag = decay * np.cos(angle), decay * np.sin(angle)
        return F

    def trajectory(self, S: ArrayLike, noise: ArrayLike | None = None) -> Float[np.ndarray, "N M"]:
        """All states x[1]..x[N] of the run from x[0] = 0, one row each: ``x[n] = W x[n-1] + Z s[n] + noise[n]``.

        Parameters
        ----------
        S : (N, L) real input, oldest step first.
        noise : (N, M) noise added to the state at each step, or None.

        Raises
        ------
        ValueError : if a shape is wrong or an entry is not finite.

        Cost: M (2 L + 8) flops a step.

        >>> network = RandomNetwork(M=4, L=2, seed=0)
        >>> network.trajectory(np.zeros((3, 2))).shape
        (3, 4)
        """
        inputs = check_array("S", S, shape=(None, self.L))
        N, H = inputs.shape[0], self.M // 2
        kick = np.zeros((N, self.M)) if noise is None else check_array("noise", noise, shape=(N, self.M))
        c, s = np.real(self.eigenvalues), np.imag(self.eigenvalues)
        a, b = np.real(self.modes).copy(), np.imag(self.modes).copy()
        states = np.zeros((N, self.M))
        x, y = np.zeros(H), np.zeros(H)
        for n in range(N):
            x, y = c * x - s * y + a @ inputs[n] + kick[n, :H], s * x + c * y + b @ inputs[n] + kick[n, H:]
            states[n, :H], states[n, H:] = x, y
        return states

    def simulate(self, S: ArrayLike, noise: ArrayLike | None = None) -> Float[np.ndarray, "M"]:
        """Final state x[N] of the step-by-step run; arguments, errors and cost as for :meth:`trajectory`.

        >>> network = RandomNetwork(M=4, L=1, q=0.5, seed=0)
        >>> impulse = [[1.0], [0.0], [0.0]]  # an impulse in the oldest step
        >>> direct = np.linalg.matrix_power(network.W, 2) @ network.Z[:, 0]
        >>> bool(np.allclose(network.simulate(impulse), direct, rtol=1e-14))
        True
        """
        states = self.trajectory(S, noise)
        return states[-1] if len(states) else np.zeros(self.M)
