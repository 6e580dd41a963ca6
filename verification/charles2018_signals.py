"""Claims of Charles, Yap, Yin and Rozell (2018) about the input: the coherence of temporal bases with sinusoids."""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.discrete.model import random_basis, spectral_peak, temporal_basis

SLACK = 1e-11
"""What rounding may leave between a coherence and the end of its range; the certified rounding errors are below it."""
ENDS = {"canonical": "canonical basis", "dct": "DCT", "dft": "real DFT", "haar": "Haar wavelets"}


# ---------------------------------------------------------------------------------------------------- coherence range
def _tones(N: int) -> np.ndarray:
    """Real tones of unit length at frequencies between 0 and pi: the real DFT without the atoms at 0 and pi."""
    return temporal_basis("dft", N).matrix[:, 1 : N - (N + 1) % 2]


def _coherence_range(scale: Scale, rng: np.random.Generator, length: float) -> Evidence:
    """Coherence of bases whose atoms are multiplied by ``length``."""
    sizes = scale.pick(quick=(8, 31, 100, 256), paper=(8, 31, 100, 256, 1000, 2048))
    rows: list[dict[str, object]] = []
    for N in sizes:
        dictionaries = {label: temporal_basis(name, N).matrix for name, label in ENDS.items()}
        dictionaries["random rotation"] = random_basis(N, rng=rng).matrix
        dictionaries["random rotation in each of 5 streams"] = random_basis(N, streams=5, rng=rng).matrix
        dictionaries["real tones between 0 and pi"] = _tones(N)
        for label, atoms in dictionaries.items():
            mu = spectral_peak(length * atoms)
            rows.append({"basis": label, "steps": N, "low": mu.low, "high": mu.high, "frequency": mu.frequency})
    table = pd.DataFrame(rows)
    table["low/sqrt(N)"] = table["low"] / np.sqrt(table["steps"])
    table["high/sqrt(N)"] = table["high"] / np.sqrt(table["steps"])
    measurements: list[Measurement] = []
    for label, rows_of in table.groupby("basis", sort=False):
        least = (rows_of["low"].min(), rows_of["high"].min())
        most = (rows_of["low/sqrt(N)"].max(), rows_of["high/sqrt(N)"].max())
        if label == ENDS["canonical"]:
            ends = (rows_of["low"].min(), rows_of["high"].max())
            measurements.append(Measurement.enclosed(f"{label}: mu", ends, "in", (1 - SLACK, 1 + SLACK)))
        elif label in ENDS.values():
            ends = (rows_of["low/sqrt(N)"].min(), rows_of["high/sqrt(N)"].max())
            measurements.append(Measurement.enclosed(f"{label}: mu / sqrt(N)", ends, "in", (1 - SLACK, 1 + SLACK)))
        else:
            measurements.append(Measurement.enclosed(f"{label}: smallest mu", least, ">", 1.0))
            measurements.append(Measurement.enclosed(f"{label}: largest mu / sqrt(N)", most, "<", 1.0))
    tones = table[table["basis"] == "real tones between 0 and pi"]
    smallest = (tones["low/sqrt(N)"].min(), tones["high/sqrt(N)"].min())
    floor = np.sqrt(0.5)
    measurements.append(
        Measurement.enclosed("real tones between 0 and pi: smallest mu / sqrt(N)", smallest, ">=", floor - SLACK)
    )
    return Evidence(measurements, table, note=f"N = {', '.join(map(str, sizes))}; every mu in a certified interval")


@claim(
    "charles2018/coherence-range",
    source="charles2018",
    locator="Results, coherence with a sinusoidal basis",
    kind="certified",
    statement=(
        r"The coherence $\mu(\Psi) = \max_k \sup_w |\sum_n \Psi_{nk} e^{-jwn}|$ of an orthonormal temporal basis of "
        r"$N$ steps satisfies $1 \le \mu \le \sqrt{N}$. Both ends are attained: $\mu = 1$ by the canonical basis, "
        r"$\mu = \sqrt{N}$ by every basis that contains a tone $e^{jwn}/\sqrt{N}$; real bases attain it with the tones "
        r"$w = 0$ and $w = \pi$ only (DCT, real DFT, Haar wavelets: the constant), while a real tone between these "
        r"has $\sqrt{N/2} \le \mu < \sqrt{N}$ on the grid of the DFT."
    ),
    assumptions=[
        r"the atoms have unit length (their orthogonality is not needed)",
        r"the range as quoted from Charles, Yin, Rozell (2017), whose full text was not at hand",
    ],
)
def coherence_range(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Certified coherence of seven dictionaries at several lengths."""
    return _coherence_range(scale, rng, length=1.0)


@coherence_range.control("atoms of length 1.1: above the upper end")
def coherence_long_atoms(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _coherence_range(scale, rng, length=1.1)


@coherence_range.control("atoms of length 0.2: below the lower end")
def coherence_short_atoms(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _coherence_range(scale, rng, length=0.2)
