"""Claims of linmem on sequence memory: supports that are random over all tones, and the spectrum of the network."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.discrete.model import RandomNetwork
from linmem.discrete.recovery import sparse_row
from linmem.statistics import mean_interval

GAP = 1e-6


def _even(size: float) -> int:
    return 2 * round(size / 2)


def _trials(
    ensemble: str,
    sizes: tuple[int, int, int, int],
    trials: int,
    rng: np.random.Generator,
    basis: str = "dct",
    support: str = "random",
    spectrum: str = "iid",
) -> pd.DataFrame:
    """Trials of sizes (M, L, N, K), each with a network, an input and noise of its own."""
    M, L, N, K = sizes
    rows = [
        sparse_row(
            RandomNetwork(M, L, spectrum, seed=rng), N, [K], rng=rng, basis=basis, support=support, tol=GAP, trial=trial
        )[0]
        for trial in range(trials)
    ]
    return pd.DataFrame(
        [
            {"ensemble": ensemble, "basis": basis, "spectrum": spectrum, "gamma": M / (N * L), **asdict(row)}
            for row in rows
        ]
    )


def _log(rows: pd.DataFrame) -> np.ndarray:
    return np.log10(rows.rmse.to_numpy())


def _gap(table: pd.DataFrame) -> Measurement:
    return Measurement("largest relative duality gap", float(table.gap.max()), "<=", GAP)


# ------------------------------------------------------------------------------------------------------- random support
def _random_support(
    scale: Scale, rng: np.random.Generator, support: str, gammas: tuple[float, ...], trials: int
) -> Evidence:
    L, N = scale.pick(quick=(20, 50), paper=(40, 100))
    level = 1 - 0.05 / (2 * len(gammas))  # together at 95 %
    tables: list[pd.DataFrame] = []
    measurements: list[Measurement] = []
    for gamma in gammas:
        M = _even(gamma * N * L)
        sizes = M, L, N, round(0.05 * M)
        tones = _trials("tones", sizes, trials, rng, support=support)
        canonical = _trials("canonical", sizes, trials, rng, basis="canonical")
        tables += [tones, canonical]
        error = mean_interval(_log(tones), level)
        excess = mean_interval(_log(tones) - _log(canonical), level)  # independent pairs
        measurements += [
            Measurement.from_interval(f"gamma = {gamma:g}: mean of log10 rMSE", error, "<=", -3.0, "decades"),
            Measurement.from_interval(f"gamma = {gamma:g}: excess over canonical", excess, "<=", 1.0, "decades"),
        ]
    table = pd.concat(tables, ignore_index=True)
    return Evidence([*measurements, _gap(table)], table, f"L = {L}, N = {N}, K = M/20, {support} support")


@claim(
    "linmem/random-support-dct-recovers",
    source="linmem",
    locator="coherent basis, random support",
    kind="statistical",
    statement=(
        r"High coherence of the basis alone does not spoil recovery: inputs that are sparse in the DCT, with a "
        r"support drawn at random over all $NL$ coefficients, $K = M/20$, are recovered from $\gamma = M/NL = .3$ "
        r"on. The geometric mean of the rMSE is below $10^{-3}$, ten times the energy of the noise, and within "
        r"a decade of that of canonical sparse inputs. Theorems with $\mu^2$ are for the worst support; here "
        r"each tone has few non-zeros among the $L$ streams, so that the modes near it see a sparse problem."
    ),
    assumptions=[
        r"orthogonal $W$ with iid uniform eigenvalue angles, $Z$ iid $N(0, 1/M)$",
        r"several streams ($L \geq 20$ here); for a single stream see charles2018/coherent-fails-single",
        r"noise $\|e\| = 10^{-2} \|\mathcal{A}(S)\|$; LASSO with penalty $\frac14 \sigma \sqrt{2 \ln NL}$",
    ],
    depends=["charles2018/sparse-recovery"],
    expected="holds",
)
def random_support_claim(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Errors at three compressions, alone and against canonical inputs of the same size."""
    return _random_support(scale, rng, "random", (0.3, 0.5, 0.7), 30)


@random_support_claim.control("joint support: as many non-zeros, but the same tones in all streams")
def random_support_joint(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _random_support(scale, rng, "joint", (0.3,), scale.pick(quick=60, paper=60))


# ------------------------------------------------------------------------------------------------------------- spectrum
def _spectra(scale: Scale, rng: np.random.Generator, spectra: tuple[str, str], tones: int, canonical: int) -> Evidence:
    """Errors of networks with the second spectrum against the first; numbers of trials for each basis."""
    L, N = 2, scale.pick(quick=100, paper=200)
    many, few = _even(0.9 * N * L), _even(0.1 * N * L)
    tables: list[pd.DataFrame] = []

    def logs(basis: str, M: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        pair = [_trials(basis, (M, L, N, round(0.1 * M)), count, rng, basis, spectrum=s) for s in spectra]
        tables.extend(pair)
        return _log(pair[0]), _log(pair[1])

    def deviation(x: np.ndarray) -> np.ndarray:
        return np.abs(x - np.median(x))

    # Differences of independent pairs, one from each spectrum.
    first, second = logs("dct", many, tones)
    samples: list[tuple[str, np.ndarray, str, float | tuple[float, float]]] = [
        ("tones, gamma = .9: change of log10 rMSE", second - first, "<", -0.5),
        ("tones, gamma = .9: change of its absolute deviation", deviation(second) - deviation(first), "<", 0.0),
    ]
    first, second = logs("canonical", many, canonical)
    samples.append(("canonical, gamma = .9: change of log10 rMSE", second - first, "in", (-0.3, 0.0)))
    first, second = logs("canonical", few, canonical)
    samples.append(("canonical, gamma = .1: change of log10 rMSE", second - first, ">", -0.5))
    level = 1 - 0.05 / len(samples)  # together at 95 %
    table = pd.concat(tables, ignore_index=True)
    measurements = [
        Measurement.from_interval(name, mean_interval(sample, level), relation, bound, "decades")
        for name, sample, relation, bound in samples
    ]
    return Evidence([*measurements, _gap(table)], table, f"L = {L}, N = {N}, K = M/10, M = {many} and {few}")


@claim(
    "linmem/iid-versus-haar",
    source="linmem",
    locator="iid and Haar spectra",
    kind="statistical",
    statement=(
        r"The eigenvalue angles of a Haar-random rotation repel each other; those of the theorems are iid. With "
        r"few streams ($L = 2$) and many nodes ($\gamma = .9$) the Haar network is better: for tones (DCT) its "
        r"rMSE is lower by more than half a decade in the geometric mean and varies less between networks (mean "
        r"absolute deviation of $\log_{10}$ rMSE from its median); for canonical inputs it is lower too, but by "
        r"less than $.3$ decades. With few nodes ($\gamma = .1$, $M = N/5$) canonical inputs gain less than "
        r"half a decade, if anything. Repulsion fills the gaps between angles, and it is in gaps that tones "
        r"are lost."
    ),
    assumptions=[
        r"orthogonal $W$, $Z$ iid $N(0, 1/M)$; support uniform, $K = M/10$, amplitudes iid $N(0, 1)$",
        r"noise $\|e\| = 10^{-2} \|\mathcal{A}(S)\|$; LASSO with penalty $\frac14 \sigma \sqrt{2 \ln NL}$",
    ],
    depends=["charles2018/sparse-recovery"],
    expected="holds",
)
def spectra_claim(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Networks of either spectrum on independent inputs."""
    return _spectra(scale, rng, ("iid", "haar"), scale.pick(quick=40, paper=60), 160)


@spectra_claim.control("the two spectra exchanged")
def spectra_exchanged(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _spectra(scale, rng, ("haar", "iid"), 12, 12)
