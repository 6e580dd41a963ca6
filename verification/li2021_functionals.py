"""Claims of Li, Han, E and Li (2021) on linear functionals: the norm of an error, and its mean under white noise.

The paper's statements are named as they are quoted below; its full text was not at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from flint import acb, arb
from scipy.optimize import brentq
from scipy.stats import chi2

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous.learning import loss
from linmem.continuous.network import (
    LinearRNN,
    difference,
    extremal_input,
    respond,
    white_noise_norm,
)
from linmem.intervals import ball, bounds, precision
from linmem.kernels import (
    ComplexExponentialSum,
    ExponentialSum,
    Kernel,
    PowerLaw,
    l1_enclosure,
    l2_enclosure,
)
from linmem.kernels.quadrature import panel_rule
from linmem.statistics import Interval

EPS = 2.0**-52

# ---------------------------------------------------------------- the Riesz representation

GAP = 1e-8  # the enclosures are 1e-10 wide; the switching times miss the zeros of the error by 1e-12
Pair = tuple[Kernel, Kernel]  # target and approximation for one input
Norm = Callable[[Sequence[Pair]], tuple[float, float]]


def _certified_l1(pairs: Sequence[Pair]) -> tuple[float, float]:
    ends = np.array([l1_enclosure(target - fit) for target, fit in pairs])
    low, high = ends.sum(0)
    return float(low) * (1 - 8 * EPS), float(high) * (1 + 8 * EPS)  # the sum of up to four doubles, rounded outward


def _integral_beyond(kernel: Kernel, s: float) -> arb:
    """int_s^inf kernel dt as a ball: closed form for exponential sums and power laws."""
    t = ball(s)
    if isinstance(kernel, PowerLaw):
        return ball(kernel.mass) * (1 + t / ball(kernel.scale)) ** (-ball(kernel.exponent))
    assert isinstance(kernel, ExponentialSum | ComplexExponentialSum)
    total = arb(0)
    for a, w in zip(kernel.amplitudes, kernel.rates, strict=True):
        amplitude, rate = (acb(arb(complex(z).real), arb(complex(z).imag)) for z in (a, w))
        total += (amplitude / rate * (-rate * t).exp()).real
    return total


def _realised(pairs: Sequence[Pair]) -> LinearRNN | None:
    """The network of the error, when all kernels are exponential sums."""
    sides = [[pair[i] for pair in pairs] for i in (0, 1)]
    if not all(isinstance(kernel, ExponentialSum | ComplexExponentialSum) for side in sides for kernel in side):
        return None
    return difference(*(LinearRNN.from_kernel(*side) for side in sides))


def _signs(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Ascending lags s_0 = 0, s_1, ... at which the extremal input switches, and its signs (K, d) after each."""
    network = _realised(pairs)
    if network is not None:
        best = extremal_input(network)
        return (best.times[-1] - best.times)[:0:-1], best.inputs[::-1]
    ((target, fit),) = pairs
    error = target - fit
    knots = error.knots()
    grid = np.unique(np.concatenate([knots[:-1] + j / 16 * np.diff(knots) for j in range(16)]))
    signs = np.sign(error(grid))
    flips = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    zeros = [brentq(lambda t: float(error(np.array([t]))[0]), grid[i], grid[i + 1], xtol=1e-13) for i in flips]
    return np.array([0.0, *zeros]), signs[[0, *(flips + 1)]][:, None]


def _extremal_answer(pairs: Sequence[Pair]) -> tuple[float, float]:
    """The exact answer of H - Hhat to the input of `_signs`, read backwards, as an enclosure.

    With tails A(s) = int_s^inf of the error: sum_k x_k (A(s_k) - A(s_{k+1})), the last piece from the infinite past.
    """
    lags, signs = _signs(pairs)
    total = arb(0)
    for (target, fit), x in zip(pairs, signs.T, strict=True):
        for jump, s in zip(np.diff(x, prepend=0.0), lags, strict=True):
            if jump:
                total += ball(float(jump)) * (_integral_beyond(target, float(s)) - _integral_beyond(fit, float(s)))
    return bounds(total)


def _sums(rng: np.random.Generator, terms: int) -> ComplexExponentialSum:
    rates = np.exp(rng.uniform(np.log(0.3), np.log(3.0), terms)) + 1j * rng.uniform(0, 4, terms)
    return ComplexExponentialSum(rng.standard_normal(terms) + 1j * rng.standard_normal(terms), rates)


def _cases(scale: Scale, rng: np.random.Generator) -> dict[str, list[Pair]]:
    cases: dict[str, list[Pair]] = {
        "two inputs, real rates": [
            (ExponentialSum([1.0, 0.5, -1.0], [0.5, 1.0, 2.0]), ExponentialSum([0.75], [0.4])),
            (ExponentialSum([0.75], [0.25]), ExponentialSum([0.5, 0.25], [0.25, 0.5])),
        ],
        "one input, power law": [(PowerLaw(1.0), ExponentialSum([0.75, 0.125], [1.25, 0.25]))],
    }
    for index in range(scale.pick(quick=3, paper=30)):
        inputs = 1 + index % 3
        cases[f"random {index}, {inputs} input(s)"] = [(_sums(rng, 2), _sums(rng, 2)) for _ in range(inputs)]
    return cases


def _kernel_norm(scale: Scale, rng: np.random.Generator, norm: Norm = _certified_l1) -> Evidence:
    rows: list[dict[str, object]] = []
    for name, pairs in _cases(scale, rng).items():
        low, high = norm(pairs)
        with precision(128):
            least, most = _extremal_answer(pairs)
        row: dict[str, object] = {"case": name, "low": least / high, "high": most / low, "norm": (low + high) / 2}
        error = _realised(pairs)
        if error is not None:
            best = extremal_input(error)
            row["simulated"] = float(respond(error, best.inputs, best.times).outputs[-1]) / high
            x = rng.uniform(-1, 1, (200, 60, len(pairs)))
            x[:100] = np.sign(x[:100])
            times = np.cumsum(np.append(0.0, rng.uniform(0.05, 0.5, 60)))
            row["random"] = float(np.abs(respond(error, x, times).outputs).max()) / high
        rows.append(row)
    table = pd.DataFrame(rows)
    middle = (table["low"] + table["high"]) / 2
    worst = table.loc[(middle - 1).abs().idxmax()]
    simulated = table["simulated"].dropna()
    return Evidence(
        [
            Measurement(
                "answer to the extremal input over the norm of the kernel error, certified",
                float(worst["low"] + worst["high"]) / 2,
                "in",
                (1 - GAP, 1 + GAP),
                float(worst["low"]),
                float(worst["high"]),
            ),
            Measurement(
                "the same answer, simulated",
                float(simulated.loc[(simulated - 1).abs().idxmax()]),
                "in",
                (1 - GAP, 1 + GAP),
            ),
            Measurement(
                "largest answer to random inputs |x| <= 1 over that norm (a lower bound of the supremum)",
                float(table["random"].max()),
                "<=",
                1.0,
            ),
        ],
        table,
        f"{len(table)} pairs of functionals; the worst is shown",
    )


@claim(
    "li2021/kernel-norm",
    source="li2021",
    locator="Section 2, Riesz representation",
    kind="certified",
    statement=r"As quoted: every causal, continuous, linear, regular and time-homogeneous functional has a kernel "
    r"$\rho \in L^1$, and $\sup_{\|x\|_\infty \le 1} |H_t(x) - \hat H_t(x)| = \|\rho - \hat\rho\|_{L^1} "
    r"= \sum_{i=1}^d \int_0^\infty |\rho_i - \hat\rho_i|\,dt$. Checked: the second half, for functionals given by "
    r"their kernels. The answer to the input $x_i(t - s) = \mathrm{sign}(\rho_i - \hat\rho_i)(s)$, in ball arithmetic, "
    r"bounds the supremum from below; a certified enclosure of the $L^1$ norm bounds it from above.",
    assumptions=[
        r"inputs bounded by 1 in every component, at every time; the extremal input is piecewise constant (a limit of "
        r"continuous inputs in the sense of regularity)",
        r"exponential sums, real and complex, and a power law; $d \le 3$",
    ],
    depends=["li2021/functional-properties"],
    expected="holds",
)
def kernel_norm(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Both sides of the equation in ball arithmetic; the extremal input simulated; random inputs."""
    return _kernel_norm(scale, rng)


@kernel_norm.control("the L2 norm in place of the L1 norm")
def kernel_norm_l2(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check against (sum_i ||rho_i - rhohat_i||_2^2)^{1/2}."""

    def norm(pairs: Sequence[Pair]) -> tuple[float, float]:
        ends = np.sqrt((np.array([l2_enclosure(target - fit) for target, fit in pairs]) ** 2).sum(0))
        return float(ends[0]) * (1 - 8 * EPS), float(ends[1]) * (1 + 8 * EPS)

    return _kernel_norm(scale, rng, norm)


@kernel_norm.control("the largest of the d inputs in place of their sum")
def kernel_norm_max(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check against max_i ||rho_i - rhohat_i||_1."""

    def norm(pairs: Sequence[Pair]) -> tuple[float, float]:
        low, high = np.array([l1_enclosure(target - fit) for target, fit in pairs]).max(0)
        return float(low), float(high)

    return _kernel_norm(scale, rng, norm)


# ---------------------------------------------------------------- the Ito isometry

LEVEL = 0.999
TARGET = ExponentialSum([1.0, 0.5, -1.0], [0.5, 1.0, 2.0])
FIT = ExponentialSum([0.8, 0.3], [0.6, 1.5])
DURATION, LEGS = 30.0, 20  # e^{-2 * 0.5 * 30} = 1e-13 of the stationary variance is missing at the end


def _leg(network: LinearRNN, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """e^{WD} and Q = int_0^D e^{Ws} U U^T e^{W^T s} ds: the exact law of the state after D under white noise.

    Q by Gauss-Legendre on panels of length 1/4, without a Lyapunov equation.
    """
    nodes, weights = panel_rule(np.linspace(0.0, duration, int(4 * duration) + 1))
    reads = [LinearRNN(network.W, network.U, row) for row in np.eye(network.state_size)]
    G: np.ndarray = np.stack([read.kernel(nodes) for read in reads])
    E = respond(network, np.zeros((network.state_size, 1, network.inputs)), duration, np.eye(network.state_size))
    return E.states[:, 1].T, np.einsum("itd,t,jtd->ij", G, weights, G)


def _ito(scale: Scale, rng: np.random.Generator, noise: float = 0.0, factor: float = 1.0) -> Evidence:
    """`noise` > 0: an Ornstein-Uhlenbeck input of that correlation time and unit power at frequency 0."""
    J = loss(FIT.amplitudes, FIT.rates, TARGET) * factor
    error = difference(LinearRNN.from_kernel(TARGET), LinearRNN.from_kernel(FIT))
    driven = error
    if noise:
        n = error.state_size
        W = np.block([[error.W, error.U], [np.zeros((1, n)), np.full((1, 1), -1 / noise)]])
        driven = LinearRNN(W, np.append(np.zeros(n), 1 / noise), np.append(error.c, 0.0))
    paths = scale.pick(quick=200_000, paper=2_000_000)
    E, Q = _leg(driven, DURATION / LEGS)
    values, vectors = np.linalg.eigh(Q)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    squares, exact = 0.0, np.zeros_like(Q)
    for _ in range(LEGS):
        exact = E @ exact @ E.T + Q
    for batch in range(0, paths, 50_000):
        h = np.zeros((min(50_000, paths - batch), driven.state_size))
        for _ in range(LEGS):
            h = h @ E.T + rng.standard_normal(h.shape) @ root.T
        squares += float(((h @ driven.c) ** 2).sum())
    # y(T) is Gaussian with mean 0: the sum of squares over the variance is chi-square with `paths` degrees of freedom
    low, high = squares / chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], paths) / J
    estimate = Interval(squares / paths / J, float(low), float(high), LEVEL, paths)
    marched = float(driven.c @ exact @ driven.c) / J
    lyapunov = white_noise_norm(driven) ** 2 / J
    names = ["simulated", "marched", "Lyapunov"]
    table = pd.DataFrame({"method": names, "ratio": [estimate.value, marched, lyapunov]})
    table["low"], table["high"] = [estimate.low, marched, lyapunov], [estimate.high, marched, lyapunov]
    # J is 0.11 and its terms are of order 1: 1e-11 leaves some thousand roundings; e^{-30} of the start is 1e-13
    near = (1 - 1e-11, 1 + 1e-11)
    return Evidence(
        [
            Measurement.from_interval("E|H_t(dB) - Hhat_t(dB)|^2 over J, simulated", estimate, "in", (0.97, 1.03)),
            Measurement("the same from the exact law of the state, marched in time", marched, "in", near),
            Measurement("the same from the Lyapunov equation", lyapunov, "in", near),
        ],
        table,
        f"{paths} paths of the exact Gaussian law, {LEGS} legs of {DURATION / LEGS}; J = {J:.6f}",
    )


@claim(
    "li2021/ito-reduction",
    source="li2021",
    locator="Section 4, Ito isometry",
    kind="statistical",
    statement=r"As quoted: for white-noise input the expected squared error of the outputs is "
    r"$\mathbb{E}|H_t(\dot B) - \hat H_t(\dot B)|^2 = J = \int_0^\infty |\hat\rho - \rho|^2\,dt$. Checked for "
    r"$\rho = e^{-t/2} + e^{-t}/2 - e^{-2t}$ against the closed form of $J$ through Laplace transforms: by paths drawn "
    r"from the exact Gaussian law of both states, by that law itself, and by a Lyapunov equation.",
    assumptions=[
        r"the input is white noise of unit intensity; it began long before $t$ (30 time units, $e^{-30}$ is forgotten)",
        r"$\rho, \hat\rho \in L^2$",
    ],
    depends=["li2021/closed-form-loss"],
    expected="holds",
)
def ito_reduction(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Monte Carlo over exact transitions, with the exact chi-square interval, and two deterministic evaluations."""
    return _ito(scale, rng)


@ito_reduction.control("coloured noise: an Ornstein-Uhlenbeck input with correlation time 1/2")
def ito_coloured(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check with an input of equal power at frequency 0."""
    return _ito(scale, rng, noise=0.5)


@ito_reduction.control("half the integral, as if the loss had the factor 1/2")
def ito_half(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check against J/2."""
    return _ito(scale, rng, factor=0.5)
