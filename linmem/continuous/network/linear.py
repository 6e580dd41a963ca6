"""The continuous-time linear RNN (W, U, c): its kernel, its stability, its realisations.

    dh/dt = W h + U x,    y = c.h,    rho(t)^T = c^T e^{Wt} U,    H_t(x) = int_0^inf rho(s).x(t - s) ds

The network realises the functional H with the d kernels rho_i, one for each input. Everything here but `modes` works
without eigenvectors, so that it keeps its accuracy for non-normal W.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import scipy.linalg
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.continuous.network.gain import peak_gain
from linmem.kernels import ComplexExponentialSum, ExponentialSum
from linmem.kernels.protocol import check_times

if TYPE_CHECKING:
    from scipy.signal import StateSpace

CHUNK = 2**22  # matrix entries of one batch of matrix exponentials: 32 MB


@cites("li2021", "Section 2")
@dataclass(frozen=True, init=False, eq=False)
class LinearRNN:
    """dh/dt = W h + U x, y = c.h, h = 0 before the first input.

    Parameters
    ----------
    W : (n, n), Hurwitz: every eigenvalue has real part < 0. n is the state size (m in Li et al.).
    U : (n, d), one column for each input; a vector (n,) is one input.
    c : (n,).

    ValueError for wrong shapes, and for a W that is not Hurwitz. The arrays are copies and read-only.

    >>> network = LinearRNN([[-1.0, 1.0], [0.0, -2.0]], [0.0, 1.0], [1.0, 0.0])
    >>> network.state_size, network.inputs, network.stability_margin
    (2, 1, 1.0)
    >>> network.kernel([0.0, 1.0]).round(6).tolist()
    [[0.0], [0.232544]]
    """

    W: Float[np.ndarray, "n n"]
    U: Float[np.ndarray, "n d"]
    c: Float[np.ndarray, "n"]

    def __init__(self, W: ArrayLike, U: ArrayLike, c: ArrayLike) -> None:
        recurrent = check_array("W", W, ndim=2)
        n = len(recurrent)
        if not n:
            raise ValueError("W must have at least one row, got shape (0, 0); give the network a neuron")
        check_array("W", recurrent, shape=(n, n))
        drive = check_array("U", U)
        drive = check_array("U", drive[:, None] if drive.ndim == 1 else drive, shape=(n, None))
        if not drive.shape[1]:
            raise ValueError(f"U must have at least one column, got shape {drive.shape}; give the network an input")
        read = check_array("c", c, shape=(n,))
        abscissa = float(np.linalg.eigvals(recurrent).real.max())
        if abscissa >= 0:
            raise ValueError(
                f"W must be Hurwitz (every eigenvalue with real part < 0), got the spectral abscissa {abscissa:.6g}; "
                f"subtract more than {abscissa:.6g} from its diagonal"
            )
        for name, array in (("W", recurrent), ("U", drive), ("c", read)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def diagonal(cls, amplitudes: ArrayLike, rates: ArrayLike) -> LinearRNN:
        """The network dh_j/dt = -w_j h_j + x, y = sum_j a_j h_j, with the kernel sum_j a_j e^{-w_j t}.

        >>> LinearRNN.diagonal([1.0, 0.5], [1.0, 2.0]).kernel(0.0).tolist()
        [1.5]
        """
        return cls.from_kernel(ExponentialSum(amplitudes, rates))

    @classmethod
    def from_kernel(cls, *kernels: ExponentialSum | ComplexExponentialSum) -> LinearRNN:
        """A real network whose i-th kernel is the i-th argument.

        A term a e^{-wt} with real a, w is one state; Re(a e^{-wt}) with w = alpha + i beta is the block
        [[-alpha, beta], [-beta, -alpha]] driven at its first state, read with (Re a, -Im a). TypeError for other
        kernels, which no finite network realises.

        >>> network = LinearRNN.from_kernel(ComplexExponentialSum([1.0], [0.5 + 2.0j]))
        >>> network.W.tolist(), network.kernel(1.0).round(6).tolist()  # e^{-1/2} cos 2
        ([[-0.5, 2.0], [-2.0, -0.5]], [-0.252406])
        """
        if not kernels:
            raise ValueError("kernels must hold at least one kernel, got none; pass one for each input")
        blocks: list[np.ndarray] = []
        drives: list[np.ndarray] = []
        reads: list[np.ndarray] = []
        for i, kernel in enumerate(kernels):
            if not isinstance(cast(object, kernel), ExponentialSum | ComplexExponentialSum):
                raise TypeError(
                    f"kernels must be sums of exponentials, got {type(kernel).__name__}; fit one to it first "
                    "(linmem.continuous.approximation.fit_kernel)"
                )
            for a, w in zip(kernel.amplitudes, kernel.rates, strict=True):
                real = complex(w).imag == 0
                a, w = complex(a), complex(w)
                blocks.append(np.array([[-w.real]] if real else [[-w.real, w.imag], [-w.imag, -w.real]]))
                reads.append(np.array([a.real] if real else [a.real, -a.imag]))
                drive = np.zeros((len(blocks[-1]), len(kernels)))
                drive[0, i] = 1.0
                drives.append(drive)
        return cls(scipy.linalg.block_diag(*blocks), np.concatenate(drives), np.concatenate(reads))

    @classmethod
    def from_system(cls, system: StateSpace) -> LinearRNN:
        """From a scipy.signal.StateSpace in continuous time with one output and no feed-through (D = 0).

        A feed-through is a delta in the kernel, which is not in L1; ValueError.
        """
        A, B, C, D = (np.asarray(getattr(system, name), dtype=float) for name in "ABCD")
        if getattr(system, "dt", None) is not None:
            raise ValueError(f"system must be in continuous time, got dt = {system.dt}; convert it first")
        if len(C) != 1:
            raise ValueError(f"system must have one output, got {len(C)}; take one row of C and D")
        if D.any():
            raise ValueError(f"system must have no feed-through, got D = {D.tolist()}; subtract D x from its output")
        return cls(A, B, C[0])

    def to_system(self) -> StateSpace:
        """The network as a scipy.signal.StateSpace.

        >>> LinearRNN.diagonal([2.0], [1.0]).to_system().C.tolist()
        [[2.0]]
        """
        from scipy.signal import StateSpace

        return StateSpace(self.W, self.U, self.c[None], np.zeros((1, self.inputs)))

    @property
    def state_size(self) -> int:
        """The number n of states (m in Li et al.)."""
        return len(self.c)

    @property
    def inputs(self) -> int:
        """The number d of inputs."""
        return self.U.shape[1]

    @cached_property
    def stability_margin(self) -> float:
        """-max Re(eigenvalue of W) > 0: every kernel decays faster than e^{-st} for every s below the margin."""
        return -float(np.linalg.eigvals(self.W).real.max())

    @cached_property
    def numerical_abscissa(self) -> float:
        """Largest eigenvalue of (W + W^T)/2: |e^{Wt}|_2 <= e^{abscissa t}. Positive: states can grow at first."""
        return float(np.linalg.eigvalsh((self.W + self.W.T) / 2)[-1])

    @cached_property
    def stability_radius(self) -> float:
        """min over real v of the least singular value of W - i v: the size of the smallest complex change of W, in the
        2-norm, that makes the network unstable. At most the margin, and equal to it for normal W.

        1 over the H-infinity norm of (s - W)^{-1} (`peak_gain`); relative accuracy 1e-6.

        >>> LinearRNN([[-1.0, 100.0], [0.0, -1.0]], [0.0, 1.0], [1.0, 0.0]).stability_radius < 0.011
        True
        """
        identity = np.eye(self.state_size)
        return 1 / peak_gain(self.W, identity, identity)

    def kernel(self, t: ArrayLike) -> Float[np.ndarray, "... d"]:
        """rho(t)^T = c^T e^{Wt} U, shape (..., d) for times t >= 0 of any shape.

        By scipy.linalg.expm; on a uniform grid of T times by log2(T) of them and products, so O(T n^2), and O(T n^3)
        elsewhere. Error a few eps * |c| |U| * the error factor of expm.
        """
        times = check_times(t)
        flat = times.ravel()
        rows = self._rows(flat)
        return np.asarray((rows @ self.U).reshape((*times.shape, self.inputs)))

    def _rows(self, t: Float[np.ndarray, "T"]) -> Float[np.ndarray, "T n"]:
        """c^T e^{W t_k}."""
        T, n = t.size, self.state_size
        if T > 2:
            step = (t[-1] - t[0]) / (T - 1)
            if step > 0 and np.abs(t - (t[0] + step * np.arange(T))).max() <= 4 * np.finfo(float).eps * t[-1]:
                rows = self.c[None] @ scipy.linalg.expm(self.W * t[0])
                while len(rows) < T:
                    rows = np.concatenate([rows, rows @ scipy.linalg.expm(self.W * (step * len(rows)))])
                return rows[:T]
        size = max(1, CHUNK // n**2)
        parts = [
            np.einsum("j,tjk->tk", self.c, scipy.linalg.expm(self.W * t[k : k + size, None, None]))
            for k in range(0, T, size)
        ]
        return np.concatenate(parts) if parts else np.empty((0, n))

    def transformed(self, T: ArrayLike) -> LinearRNN:
        """(T W T^{-1}, T U, T^{-T} c): the same functional in the states T h. ValueError for a singular T.

        >>> LinearRNN.diagonal([1.0], [2.0]).transformed([[4.0]]).c.tolist()
        [0.25]
        """
        n = self.state_size
        change = check_array("T", T, shape=(n, n))
        condition = float(np.linalg.cond(change))
        if not condition < 1 / np.finfo(float).eps:
            raise ValueError(f"T must be invertible, got the condition number {condition:.3g}; pass a regular matrix")
        W = np.linalg.solve(change.T, (change @ self.W).T).T
        return LinearRNN(W, change @ self.U, np.linalg.solve(change.T, self.c))

    def modes(self, condition_limit: float = 1e8) -> tuple[ComplexExponentialSum, ...]:
        """The d kernels as sums of exponentials, rho_i(t) = Re sum_j a_ij e^{-w_j t}, from the eigenvectors of W.

        The relative error is eps times the condition number of the eigenvectors (of length 1). ValueError when that
        exceeds `condition_limit`: such a W is defective, or nearly so, and its kernels hold terms t^k e^{-wt}.

        >>> kernel = LinearRNN([[0.0, 1.0], [-2.0, -2.0]], [0.0, 1.0], [1.0, 0.0]).modes()[0]  # e^{-t} sin t
        >>> np.round(kernel.rates, 12).tolist(), kernel([np.pi / 2]).round(6).tolist()
        ([(1+1j)], [0.20788])
        """
        limit = check_positive("condition_limit", condition_limit)
        values, vectors = np.linalg.eig(self.W)
        condition = float(np.linalg.cond(vectors))
        if not condition <= limit:
            raise ValueError(
                f"W must be diagonalisable with eigenvectors of condition <= {limit:.3g}, got {condition:.3g}; "
                "use kernel(t), which needs no eigenvectors, or raise condition_limit"
            )
        amplitudes: np.ndarray = (self.c @ vectors)[:, None] * np.linalg.solve(vectors, self.U.astype(vectors.dtype))
        frequency: np.ndarray = np.imag(values)
        kept = frequency <= 0  # of a conjugate pair: w = -value with Im w >= 0, counted twice
        weight = np.where(frequency == 0, 1.0, 2.0)[:, None]
        return tuple(
            ComplexExponentialSum(column, -values[kept]) for column in (weight * amplitudes)[kept].T.astype(complex)
        )


def random_network(state_size: int, inputs: int, rng: np.random.Generator | int, margin: float = 0.5) -> LinearRNN:
    """A dense, non-normal network: W = G/sqrt(n) shifted to the stability margin asked for; U, c = Gaussian/sqrt(n).

    Parameters
    ----------
    state_size, inputs : n and d.
    rng : generator or seed; n^2 + n d + n Gaussians are drawn.
    margin : -max Re(eigenvalue of W).

    >>> round(random_network(5, 2, rng=0, margin=0.3).stability_margin, 12)
    0.3
    """
    n, d = check_integer("state_size", state_size, minimum=1), check_integer("inputs", inputs, minimum=1)
    generator, margin = check_generator("rng", rng), check_positive("margin", margin)
    G = generator.standard_normal((n, n)) / np.sqrt(n)
    U, c = generator.standard_normal((n, d)) / np.sqrt(n), generator.standard_normal(n) / np.sqrt(n)
    return LinearRNN(G - (float(np.linalg.eigvals(G).real.max()) + margin) * np.eye(n), U, c)
