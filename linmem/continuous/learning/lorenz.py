"""The Lorenz-96 functional: a nonlinear target with fading memory and an adjustable lag, the third panel of Figure 1.

A ring of K sites is driven at site 0 by a scalar input u and read out at site `output`:

    dX_k/dt = (X_{k+1} - X_{k-2}) X_{k-1} - X_k + F + A u(t) [k = 0],    y(t) = (X_output(t) - F)/scale.

At rest X_k = F. The linearisation there has the eigenvalues F (e^{i theta} - e^{-2 i theta}) - 1, theta = 2 pi j/K,
whose real part is largest at cos(theta) = 1/4: it is negative on every ring if F < 8/9. The wave packet around that
theta travels at 1.5 F sites per unit of time, so the output lags the input by about output/(1.5 F).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_finite, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.statistics import Interval, mean_interval

FLOOR = 1e-10  # a distance that has fallen by this factor counts as forgotten: far above rounding


@dataclass(frozen=True)
class Lorenz96:
    """The driven ring.

    Parameters
    ----------
    sites : K >= 4.
    output : the site that is read, 0 <= output < K; site 0 is the driven one.
    forcing : F; below 8/9 the rest state X = F is linearly stable on every ring.
    coupling : A, the strength of the input.

    >>> round(Lorenz96(32, 16).lag, 3), round(Lorenz96(32, 16).linear_rate, 4)
    (12.549, 0.0489)
    """

    sites: int
    output: int
    forcing: float = 0.85
    coupling: float = 0.5

    def __post_init__(self) -> None:
        check_integer("sites", self.sites, minimum=4)
        check_integer("output", self.output, minimum=0, maximum=self.sites - 1)
        check_positive("forcing", self.forcing)
        check_finite("coupling", self.coupling)

    @property
    def lag(self) -> float:
        """output/(1.5 F): travel time of the least damped wave packet, by linear theory."""
        return self.output / (1.5 * self.forcing)

    @property
    def linear_rate(self) -> float:
        """1 - F max_j (cos theta_j - cos 2 theta_j): decay rate of small disturbances (< 0: they grow)."""
        theta = 2 * np.pi * np.arange(self.sites) / self.sites
        return float(1 - self.forcing * (np.cos(theta) - np.cos(2 * theta)).max())

    def states(
        self, inputs: ArrayLike, step: float, start: ArrayLike | None = None, substeps: int = 4
    ) -> Float[np.ndarray, "b T K"]:
        """X at the times 0, step, ..., (T-1) step, by the classical Runge-Kutta method.

        Parameters
        ----------
        inputs : (b, T), samples of u, joined by straight lines: the states are a function of these numbers alone.
        step : time between two samples.
        start : (b, K), X at time 0; X = F (rest) by default.
        substeps : Runge-Kutta steps per sample interval. Error O((step/substeps)^4).

        Cost 4 (T-1) substeps evaluations on (K, b). ValueError when the run overflows (too few substeps).
        """
        u = check_array("inputs", inputs, ndim=2)
        substeps = check_integer("substeps", substeps, minimum=1)
        h = check_positive("step", step) / substeps
        b, T = u.shape
        K = self.sites
        x = np.full((K, b), self.forcing) if start is None else check_array("start", start, shape=(b, K)).T.copy()
        found = np.empty((T, K, b))
        if T:
            found[0] = x
        drive = self.coupling * u.T
        with np.errstate(over="ignore", invalid="ignore"):
            for n in range(T - 1):
                rise = (drive[n + 1] - drive[n]) / (2 * substeps)
                for i in range(substeps):
                    left = drive[n] + 2 * i * rise
                    k1 = self._field(x, left)
                    k2 = self._field(x + h / 2 * k1, left + rise)
                    k3 = self._field(x + h / 2 * k2, left + rise)
                    k4 = self._field(x + h * k3, left + 2 * rise)
                    x = x + h / 6 * (k1 + 2 * (k2 + k3) + k4)
                found[n + 1] = x
        if not np.isfinite(found).all():
            raise ValueError(
                f"step/substeps must resolve the ring, got {h:.3g} and an overflow; raise substeps above {substeps}"
            )
        return np.ascontiguousarray(found.transpose(2, 0, 1))

    def _field(self, x: Float[np.ndarray, "K b"], drive: Float[np.ndarray, "b"]) -> Float[np.ndarray, "K b"]:
        """dX/dt."""
        ring = np.concatenate([x[-2:], x, x[:1]])  # entry k + 2 is site k
        slope = (ring[3:] - ring[:-3]) * ring[1:-2]
        slope += self.forcing - x
        slope[0] += drive
        return slope


def ornstein_uhlenbeck(
    sequences: int, steps: int, step: float, rng: np.random.Generator | int, correlation_time: float = 0.5
) -> Float[np.ndarray, "b T"]:
    """Samples of the stationary Ornstein-Uhlenbeck process of unit variance, E u(s) u(t) = e^{-|s-t|/tau}.

    Exact in law: u_{n+1} = q u_n + sqrt(1 - q^2) xi_n, q = e^{-step/tau}, xi_n standard Gaussian.

    Parameters
    ----------
    sequences, steps : shape (b, T) of the result.
    step : time between two samples.
    rng : generator or seed; b T Gaussians are drawn.
    correlation_time : tau.

    >>> ornstein_uhlenbeck(2, 3, 0.2, rng=0).shape
    (2, 3)
    """
    b, T = check_integer("sequences", sequences, minimum=1), check_integer("steps", steps, minimum=1)
    rate = check_positive("step", step) / check_positive("correlation_time", correlation_time)
    noise = check_generator("rng", rng).standard_normal((b, T))
    kept, fresh = float(np.exp(-rate)), float(np.sqrt(-np.expm1(-2 * rate)))
    path = np.empty((b, T))
    path[:, 0] = noise[:, 0]
    for n in range(1, T):
        path[:, n] = kept * path[:, n - 1] + fresh * noise[:, n]
    return path


@dataclass(frozen=True)
class LorenzData:
    """Input and output sequences of a driven ring.

    Attributes
    ----------
    inputs : (b, T, 1), Ornstein-Uhlenbeck samples u.
    outputs : (b, T, 1), (X_output - F)/scale at the same times; sample n depends on inputs 0..n only.
    scale : what the outputs were divided by.
    step : time between two samples.
    system : the ring.
    """

    inputs: Float[np.ndarray, "b T 1"]
    outputs: Float[np.ndarray, "b T 1"]
    scale: float
    step: float
    system: Lorenz96


@cites("li2021", "Figure 1")
def lorenz96_data(
    sites: int,
    output: int,
    sequences: int,
    steps: int,
    rng: np.random.Generator | int,
    *,
    forcing: float = 0.85,
    coupling: float = 0.5,
    step: float = 0.2,
    correlation_time: float = 0.5,
    washout: int = 0,
    substeps: int = 4,
    scale: float | None = None,
) -> LorenzData:
    """Training data of the Lorenz-96 functional: u is an Ornstein-Uhlenbeck process, y the standardised output.

    Parameters
    ----------
    sites, output, forcing, coupling : the ring, see `Lorenz96`.
    sequences, steps : number b of sequences and their length T in samples.
    rng : generator or seed.
    step : time between two samples.
    correlation_time : of the input.
    washout : samples simulated before the first one that is returned. With 0 the ring is at rest when the sequence
        starts and the output is a function of the returned inputs alone; a long washout gives stationary outputs,
        whose first samples depend on inputs that were dropped.
    substeps : Runge-Kutta steps per sample interval.
    scale : divide by this instead of the standard deviation of the outputs returned (for a test set, pass the scale
        of the training set).

    Cost about 4 (T + washout) substeps vector operations on (K, b).

    >>> data = lorenz96_data(8, 2, sequences=3, steps=50, rng=0)
    >>> data.inputs.shape, data.outputs.shape, round(float(data.outputs.std()), 12)
    ((3, 50, 1), (3, 50, 1), 1.0)
    """
    system = Lorenz96(sites, output, forcing, coupling)
    steps = check_integer("steps", steps, minimum=2)
    dropped = check_integer("washout", washout, minimum=0)
    u = ornstein_uhlenbeck(sequences, steps + dropped, step, rng, correlation_time)
    raw = system.states(u, step, substeps=substeps)[:, dropped:, output] - forcing
    unit = float(raw.std()) if scale is None else check_positive("scale", scale)
    if unit == 0.0:
        raise ValueError(
            f"the output must vary, got a constant at site {output} with coupling {coupling}; "
            "pass a coupling other than 0 or more steps"
        )
    return LorenzData(u[:, dropped:, None], (raw / unit)[..., None], unit, float(step), system)


@dataclass(frozen=True)
class FadingMemory:
    """How two initial states under the same input approach each other.

    Attributes
    ----------
    times : (T,).
    distances : (p, T), Euclidean distance of the two states, for p independent pairs (each with its own input).
    rate : mean over the pairs of log(distance(0)/distance(t))/t at the end t of the run, or where the distance has
        fallen by 1e-10; Student's interval. Positive: initial states are forgotten.
    """

    times: Float[np.ndarray, "T"]
    distances: Float[np.ndarray, "p T"]
    rate: Interval


def fading_memory(
    system: Lorenz96,
    pairs: int,
    steps: int,
    rng: np.random.Generator | int,
    *,
    step: float = 0.2,
    spread: float = 1.0,
    correlation_time: float = 0.5,
    substeps: int = 4,
    level: float = 0.99,
) -> FadingMemory:
    """Run pairs of initial states X = F + spread * Gaussian under the same Ornstein-Uhlenbeck input.

    A system has fading memory if the distance tends to 0 for every pair and input; a finite sample can refute this, and
    support it by a rate that is certainly positive. `level` is the confidence level of the rate.

    >>> fading_memory(Lorenz96(8, 2), pairs=4, steps=200, rng=0).rate.low > 0
    True
    """
    p, T = check_integer("pairs", pairs, minimum=2), check_integer("steps", steps, minimum=2)
    spread = check_positive("spread", spread)
    generator = check_generator("rng", rng)
    u = ornstein_uhlenbeck(p, T, step, generator, correlation_time)
    start = system.forcing + spread * generator.standard_normal((2 * p, system.sites))
    x = system.states(np.concatenate([u, u]), step, start, substeps)
    distances = np.linalg.norm(x[:p] - x[p:], axis=2)
    times = step * np.arange(T)
    gone = distances <= FLOOR * distances[:, :1]
    last = np.where(gone.any(axis=1), gone.argmax(axis=1), T - 1)
    end = np.maximum(distances[np.arange(p), last], np.finfo(float).tiny)
    return FadingMemory(times, distances, mean_interval(np.log(distances[:, 0] / end) / times[last], level))
