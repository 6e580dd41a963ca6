"""Claims of Charles, Yap, Yin and Rozell (2018) on infinite input: best recall length, recall beyond the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.discrete.model import RandomNetwork
from linmem.discrete.recall import lasso_recall, linear_recall_error, recall_error, recall_trial
from linmem.statistics import Interval, mean_interval

GAP = 1e-6
NOISE = 0.01


@dataclass(frozen=True)
class Case:
    """A network, its input, the recall lengths to try and the number of trials."""

    method: str
    M: int
    L: int
    q: float
    density: float
    lengths: Sequence[int]
    trials: int
    sigma: float = NOISE
    s: float = 1.0

    @property
    def sparse(self) -> bool:
        return self.method == "LASSO"

    @property
    def name(self) -> str:
        return f"{self.method}, q = {self.q:g}, L = {self.L}, M = {self.M}"

    def predicted(self) -> np.ndarray:
        """Expected error at each length."""
        if self.sparse:
            sizes = (self.M, self.L, self.q, self.sigma, self.density, self.s)
            return np.array([lasso_recall(N, *sizes).error for N in self.lengths])
        return np.array([recall_error(N, self.M, self.L, self.q, self.sigma, self.s) for N in self.lengths])


def _rows(case: Case, rng: np.random.Generator) -> pd.DataFrame:
    """One row for each trial and recall length."""
    rows: list[dict[str, object]] = []
    for trial in range(case.trials):
        found = recall_trial(
            case.M, case.L, case.q, case.sigma, case.lengths,
            s=case.s, density=case.density, sparse=case.sparse, tol=GAP, rng=rng,
        )  # fmt: skip
        errors = found.lasso if case.sparse else found.least_squares
        gaps = found.gap if case.sparse else np.zeros(len(errors))
        fixed = {"method": case.method, "nodes": case.M, "streams": case.L, "q": case.q, "sigma": case.sigma}
        fixed |= {"density": case.density, "trial": trial}
        for N, error, gap in zip(case.lengths, errors, gaps, strict=True):
            rows.append({**fixed, "length": int(N), "error": float(error), "gap": float(gap)})
    return pd.DataFrame(rows)


# ----------------------------------------------------------------------------------------------------- recall optimum
def _cases(scale: Scale) -> list[Case]:
    """Least squares, and the LASSO on sparse input with recall lengths beyond the state, N L > M."""
    slow = Case("least squares", 400, 8, 0.9, 1.0, range(1, 45), scale.pick(quick=120, paper=1000))
    fast = replace(slow, q=0.8)
    sparse = Case(
        "LASSO",
        400,
        40,
        0.8,
        0.1,
        scale.pick(quick=(3, 5, 8, 10, 12, 15, 24), paper=range(1, 25)),
        scale.pick(quick=40, paper=60),
        sigma=0.003,
    )
    return [slow, fast, sparse]


def _nearest(lengths: np.ndarray, target: float) -> int:
    return int(np.argmin(np.abs(lengths - target)))


def _best_length(curves: np.ndarray, lengths: np.ndarray, rng: np.random.Generator, level: float) -> Interval:
    """Length of the smallest mean error, with a percentile interval over resampled trials."""
    draws = rng.integers(0, len(curves), (2000, len(curves)))
    weights = np.stack([np.bincount(draw, minlength=len(curves)) for draw in draws])
    best = lengths[np.argmin(weights @ curves, axis=1)]
    value = float(lengths[np.argmin(curves.mean(axis=0))])
    low, high = np.quantile(best, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, min(float(low), value), max(float(high), value), level, len(curves))


def _optimum(rng: np.random.Generator, cases: Sequence[Case], *, total: bool = False) -> Evidence:
    """Error at the predicted best length against much shorter and much longer windows, and the best length found."""
    level = 1 - 0.05 / (4 * len(cases))  # together at 95 %
    measurements: list[Measurement] = []
    tables: list[pd.DataFrame] = []
    for case in cases:
        table = _rows(case, rng)
        tables.append(table)
        lengths = np.array(case.lengths)
        curves = table["error"].to_numpy().reshape(case.trials, lengths.size)
        predicted = case.predicted()
        if total:
            curves, predicted = curves * lengths, predicted * lengths
        best = int(np.argmin(case.predicted()))
        short, long = _nearest(lengths, lengths[best] / 4), _nearest(lengths, 2 * lengths[best])
        left = mean_interval(np.log(curves[:, short] / curves[:, best]), level)
        right = mean_interval(np.log(curves[:, long] / curves[:, best]), level)
        ratio = mean_interval(curves[:, best] / predicted[best], level)
        found = _best_length(curves, lengths, rng, level)
        scaled = Interval(*(end / float(lengths[best]) for end in (found.value, found.low, found.high)), level, found.n)
        tolerance, band = ((0.5, 1.6), (0.55, 1.45)) if case.sparse else ((0.8, 1.25), (0.6, 1.4))
        measurements += [
            Measurement.from_interval(f"{case.name}: log error, window too short over best", left, ">", 0.1),
            Measurement.from_interval(f"{case.name}: log error, window too long over best", right, ">", 0.7),
            Measurement.from_interval(f"{case.name}: best length, simulated over predicted", scaled, "in", band),
            Measurement.from_interval(f"{case.name}: least error, simulated over predicted", ratio, "in", tolerance),
        ]
    rows = pd.concat(tables, ignore_index=True)
    return Evidence(
        [*measurements, Measurement("largest relative duality gap", float(rows.gap.max()), "<=", GAP)],
        rows,
        note="too short: a quarter of the predicted best length; too long: twice that length",
    )


@claim(
    "charles2018/recall-optimum",
    source="charles2018",
    locator="Simulations and Figure 3",
    kind="statistical",
    statement=(
        r"When the input goes back for ever, the error per recalled input has an interior minimum in the recall length "
        r"$N$: shorter windows suffer from the inputs they omit, longer ones from recalling inputs that have faded. "
        r"For least squares and for the LASSO the best length and its error are as predicted: by the formula "
        r"$E(N) = \frac{M}{M - N(L+1)} \left[\frac{(L+1) q^{2N}}{M (1-q^2)} + \frac{\sigma^2}{s^2}\right] "
        r"\frac{q^{-2N} - 1}{N (q^{-2} - 1)}$ and by state evolution."
    ),
    assumptions=[
        r"$W = q R$ with iid angles, $q < 1$; $Z$ iid $N(0, 1/M)$; noise $\sigma = 0.01$ (LASSO: $0.003$)",
        r"least squares: inputs iid $N(0, 1)$; LASSO: a tenth of the inputs $N(0, 1)$, the others zero",
        r"the error is the mean over the window, $\|\hat S - S\|_F^2 / (N L\, \mathrm{E} s^2)$",
    ],
    depends=["linmem/recall-formula"],
    figure="charles2018_fig3",
)
def recall_optimum(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Paired curves of error against length; the best length of their mean, resampled over trials."""
    return _optimum(rng, _cases(scale))


@recall_optimum.control(
    "the total error of the window instead of the error per recalled input: it grows with every step"
)
def recall_optimum_total(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _optimum(rng, [replace(case, trials=20) for case in _cases(scale) if not case.sparse], total=True)


@recall_optimum.control("noise as strong as the inputs: no gain from a longer window pays for its noise")
def recall_optimum_noisy(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _optimum(rng, [replace(case, trials=20, sigma=1.0) for case in _cases(scale) if not case.sparse])


# ------------------------------------------------------------------------------------------------ recall beyond state
def _beyond(scale: Scale, rng: np.random.Generator, density: float, trials: int) -> Evidence:
    """The LASSO, and the best linear estimate given the network, on windows of N L > M inputs of equal mean square."""
    M, L = scale.pick(quick=(200, 10), paper=(400, 20))
    q, power = 0.95, 0.03
    lengths = (20, 40, 60)
    case = Case("LASSO", M, L, q, density, lengths, trials, s=float(np.sqrt(power / density)))
    table = _rows(case, rng)
    errors = table["error"].to_numpy().reshape(trials, len(lengths))
    linear = {N: [] for N in lengths}
    for _ in range(min(trials, 8)):
        network = RandomNetwork(M, L, "iid", q, seed=rng)
        for N in lengths:
            linear[N].append(float(linear_recall_error(network, N, NOISE, float(np.sqrt(power))).mean()))
    table["linear"] = [float(np.mean(linear[N])) for N in table["length"]]
    table["predicted"] = np.tile(case.predicted(), trials)
    level = 1 - 0.05 / 4  # together at 95 %
    measurements: list[Measurement] = []
    for i, N in enumerate(lengths[1:], start=1):
        ratio = N * L / M
        measurements += [
            Measurement.from_interval(
                f"NL = {ratio:g} M: error of the LASSO over that of the best linear estimate",
                mean_interval(errors[:, i] / np.mean(linear[N]), level), "<=", 0.25,
            ),
            Measurement.from_interval(
                f"NL = {ratio:g} M: best linear estimate, error over its bound 1 - M/NL",
                mean_interval(np.array(linear[N]) / (1 - 1 / ratio), level), ">=", 1.0,
            ),
        ]  # fmt: skip
    return Evidence(
        [*measurements, Measurement("largest relative duality gap", float(table.gap.max()), "<=", GAP)],
        table,
        note=f"M = {M}, L = {L}, q = {q}, sigma = {NOISE}, mean square of the inputs {power}",
    )


@claim(
    "charles2018/recall-beyond-state",
    source="charles2018",
    locator="Results (sparse inputs) and Figure 3",
    kind="statistical",
    statement=(
        r"From the state of a network that has read a sparse input for ever, the LASSO recalls more inputs than the "
        r"state has entries, $NL = 2M$ and $3M$, at an error at most a quarter of that of the best linear estimate. "
        r"No linear estimate can do it: its mean error is at least $1 - M/(NL)$."
    ),
    assumptions=[
        r"$q = 0.95$, iid angles, noise $\sigma = 0.01$; $3\,\%$ of the inputs are $N(0, 1)$, the others zero",
        r"LASSO on $u = q^n s$ with $\lambda = \frac14 \sqrt{\sigma^2 + \tau_N^2} \sqrt{2 \ln NL}$, "
        r"$\tau_N^2$ the variance left by omitted inputs",
        r"the linear estimate knows the network and the second moments of input and noise",
    ],
    depends=["charles2018/sparse-recovery", "linmem/recall-formula"],
)
def recall_beyond_state(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The error of the linear estimate is an exact expectation over input and noise."""
    return _beyond(scale, rng, 0.03, scale.pick(quick=30, paper=100))


@recall_beyond_state.control(
    "dense inputs of the same mean square: nothing but their number of values is left to recall"
)
def recall_beyond_state_dense(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _beyond(scale, rng, 1.0, 4)
