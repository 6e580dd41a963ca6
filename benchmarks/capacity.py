"""Memory capacity: the exact curve, reservoirpy's sampled one, linmem's sampled one, and information processing.

*Exact curve.* CPU seconds of ``exact_curve`` from (A, C), eigenvalues included, on one thread; the error bound that it
states; and its largest error against ball arithmetic of ``--digits`` digits (``enclosed_curve``, about a minute for
each network at N = 100; not at larger N).

*Sampling.* ``reservoirpy.observables.memory_capacity`` on the same linear networks and lags, with its default series
(10 k_max steps) and with series twice, four times .. as long, up to ``--longest``, over several input series: the root
mean square of the relative error of the total, and of the largest error of a single lag; and linmem's ``sampled_curve``
on series of the same lengths. The result is the time of the first length from which on the errors are below 1 % in the
total, and 0.01 in every lag, over the time of the exact curve. Where no length reaches that, this is what is reported;
nothing is extrapolated.

*Information processing.* ``information_capacity`` of 50 states to degree 3 and lag 20 on 1e5 steps, in a fresh process:
seconds, peak of the resident memory, and the total with its interval beside the rank. The states are mixtures of 50
products of inputs within that degree and lag, so that the total should be 50.

What is compared is timed in the same interleaved rounds, so that a busy machine slows all alike. Run
``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/capacity.py``; nothing is written unless ``--json FILE`` is
given. ``--small`` does everything on small sizes, as a trial. Needs ``pip install linmem[interop]``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from fresh import high_water, in_process

from linmem.capacity.estimators import sampled_curve, simulate_states, washout_length
from linmem.capacity.information import information_capacity
from linmem.capacity.linear import enclosed_curve, exact_curve
from linmem.capacity.systems import random_connectivity, random_mask

Row = dict[str, Any]

EXACT = ((100, 500), (1000, 5000))
EXACT_SMALL = ((20, 60), (40, 120))
SPECTRA = (("orthogonal", 0.95), ("orthogonal", 0.995), ("cyclic", 0.99), ("normal", 0.95))
SAMPLED = (("orthogonal", 0.95), ("orthogonal", 0.995), ("cyclic", 0.99), ("normal", 0.95))
CERTIFIED = 100
"""Largest N whose curve is enclosed in ball arithmetic."""
RIDGE = 1e-8
"""Regularisation of reservoirpy's read-out; without any, its solver fails on nearly dependent states."""
TARGET = 0.01


def system(N: int, kind: str, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """A network of the benchmark: connectivity of seed 0, mask of seed 1."""
    return random_connectivity(N, kind, radius=radius, rng=0), random_mask(N, rng=1)


def rounds_of(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each piece of work in each interleaved round, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, function in work.items():
            start = time.process_time()
            function()
            if turn:
                seconds[name].append(time.process_time() - start)
    return seconds


def measure_exact(sizes: Sequence[tuple[int, int]], rounds: int, digits: int) -> list[Row]:
    """One row for each size and spectrum."""
    rows: list[Row] = []
    for N, lags in sizes:
        systems = {(kind, radius): system(N, kind, radius) for kind, radius in SPECTRA}
        work = {f"{kind} {radius}": partial(exact_curve, *pair, lags) for (kind, radius), pair in systems.items()}
        seconds = rounds_of(work, rounds)
        for (kind, radius), (A, C) in systems.items():
            curve = exact_curve(A, C, lags)
            row: Row = {
                "states": N,
                "lags": lags,
                "connectivity": kind,
                "radius": radius,
                "least_cpu_seconds": min(seconds[f"{kind} {radius}"]),
                "median_cpu_seconds": float(np.median(seconds[f"{kind} {radius}"])),
                "stated_error": float((curve.high - curve.low).max() / 2),
                "condition": curve.condition,
                "digits": digits if N <= CERTIFIED and digits else None,
                "error": None,
            }
            if row["digits"]:
                truth = enclosed_curve(A, C, lags, digits=digits)
                row["error"] = float(
                    np.maximum(np.abs(curve.values - truth.low), np.abs(curve.values - truth.high)).max()
                )
            rows.append(row)
            against = f"error {row['error']:.1e} ({digits} digits)" if row["error"] is not None else "not enclosed"
            print(
                f"N = {N:4d}, {lags} lags, {kind} {radius}: {row['least_cpu_seconds'] * 1e3:8.2f} ms CPU least,"
                f" {row['median_cpu_seconds'] * 1e3:8.2f} median; stated error {row['stated_error']:.1e}; {against}",
                flush=True,
            )
    return rows


def reservoirpy_curve(A: np.ndarray, C: np.ndarray, lags: int, series: np.ndarray) -> np.ndarray:
    """MC_1 .. MC_lags as reservoirpy samples it."""
    from reservoirpy.nodes import Reservoir, Ridge
    from reservoirpy.observables import memory_capacity

    reservoir = Reservoir(units=len(A), W=A, Win=C[:, None], lr=1.0, activation="identity")
    return np.asarray(memory_capacity(reservoir >> Ridge(ridge=RIDGE), lags, as_list=True, series=series))


def linmem_curve(A: np.ndarray, C: np.ndarray, lags: int, series: np.ndarray) -> np.ndarray:
    """MC_1 .. MC_lags as linmem samples it, simulation included; the washout is cut off the series."""
    washout = min(washout_length(A), len(series) // 4)
    states = simulate_states(A, C, series[:, 0])
    blocks = 20 if len(series) - washout >= 21 * lags else 5
    return sampled_curve(states[washout:], series[washout:, 0], lags, blocks=blocks).values[1:]


def errors(curves: Sequence[np.ndarray], exact: np.ndarray) -> Row:
    """Errors of the total and of the worst lag over several input series."""
    totals = np.array([curve.sum() / exact.sum() - 1 for curve in curves])
    worst = np.array([np.abs(curve - exact).max() for curve in curves])
    return {
        "total_bias": float(totals.mean()),
        "total_error": float(np.sqrt((totals**2).mean())),
        "worst_lag_error": float(np.sqrt((worst**2).mean())),
    }


def measure_sampling(N: int, lags: int, series: int, longest: int) -> tuple[list[Row], list[Row]]:
    """Rows of each network and length, and for each network the lengths and ratios that reach 1 %."""
    rows: list[Row] = []
    summary: list[Row] = []
    for kind, radius in SAMPLED:
        A, C = system(N, kind, radius)
        exact = exact_curve(A, C, lags).values[1:]
        reached: Row = {}
        network: Row = {"states": N, "lags": lags, "connectivity": kind, "radius": radius, "exact": float(exact.sum())}
        steps = 10 * lags
        while steps <= longest:
            found: dict[str, list[np.ndarray]] = {"reservoirpy": [], "linmem sampled": []}
            seconds: dict[str, list[float]] = {"exact": [], "reservoirpy": [], "linmem sampled": []}
            for turn in range(series):
                inputs = np.random.default_rng(turn).uniform(-0.8, 0.8, (steps, 1))
                start = time.process_time()
                exact_curve(A, C, lags)
                seconds["exact"].append(time.process_time() - start)
                for name, method in (("reservoirpy", reservoirpy_curve), ("linmem sampled", linmem_curve)):
                    start = time.process_time()
                    found[name].append(method(A, C, lags, inputs))
                    seconds[name].append(time.process_time() - start)
            least = min(seconds["exact"])
            for name, curves in found.items():
                row: Row = {
                    **network,
                    "method": name,
                    "steps": steps,
                    "default_length": steps == 10 * lags,
                    "series": series,
                    **errors(curves, exact),
                    "least_cpu_seconds": min(seconds[name]),
                    "exact_cpu_seconds": least,
                    "time_ratio": min(seconds[name]) / least,
                }
                rows.append(row)
                print(
                    f"{kind} {radius}, {name:14s} {steps:7d} steps: total {100 * row['total_bias']:+6.2f} % (rms"
                    f" {100 * row['total_error']:5.2f} %), worst lag {row['worst_lag_error']:.4f},"
                    f" {row['least_cpu_seconds']:7.3f} s CPU, {row['time_ratio']:7.1f} x the exact curve",
                    flush=True,
                )
                for goal, size in (("total", row["total_error"]), ("worst_lag", row["worst_lag_error"])):
                    for key, value in (
                        (f"{name}: steps, {goal}", steps),
                        (f"{name}: ratio, {goal}", row["time_ratio"]),
                    ):
                        if size <= TARGET:
                            reached.setdefault(key, value)
                        else:
                            reached.pop(key, None)
            goals = [reached.get(f"{name}: steps, {goal}", steps) for name in found for goal in ("total", "worst_lag")]
            if max(goals) < steps:  # all were reached before, and held
                break
            steps *= 2
        default = next(row for row in rows if row["connectivity"] == kind and row["radius"] == radius)
        summary.append(
            {
                **network,
                "reservoirpy: total_bias at its default length": default["total_bias"],
                "reservoirpy: worst_lag_error at its default length": default["worst_lag_error"],
                **{
                    f"{name}: {what}, {goal}": reached.get(f"{name}: {what}, {goal}")
                    for name in ("reservoirpy", "linmem sampled")
                    for goal in ("total", "worst_lag")
                    for what in ("steps", "ratio")
                },
            }
        )
    return rows, summary


def print_summary(summary: Sequence[Row], longest: int) -> None:
    """What length, and how many times the exact curve, it takes to come within 1 %."""
    for line in summary:
        print(f"{line['connectivity']} {line['radius']}, N = {line['states']}, {line['lags']} lags:")
        for name in ("reservoirpy", "linmem sampled"):
            for goal, words in (("total", "1 % in the total"), ("worst_lag", "0.01 in every lag")):
                steps = line.get(f"{name}: steps, {goal}")
                ratio = line.get(f"{name}: ratio, {goal}")
                text = f"{steps} steps, {ratio:.0f} x the exact curve" if steps else f"not reached in {longest} steps"
                print(f"  {name}, {words}: {text}")


def polynomial_states(z: np.ndarray, N: int, lag: int, degree: int, rng: np.random.Generator) -> np.ndarray:
    """(T, N) mixtures of N different products of Legendre polynomials of past inputs: their capacities sum to N."""
    padded = np.concatenate([np.zeros(lag), z])
    past = np.stack([padded[lag - k : len(padded) - k] for k in range(lag + 1)])
    features, chosen = np.empty((len(z), N)), set[tuple[int, ...]]()
    while len(chosen) < N:
        lags = tuple(sorted(rng.choice(lag + 1, size=1 + len(chosen) % degree, replace=False).tolist()))
        if lags not in chosen:
            features[:, len(chosen)] = np.prod(past[list(lags)], axis=0)  # different lags: products of z are orthogonal
            chosen.add(lags)
    return features @ rng.standard_normal((N, N))


def information(task: Row) -> Row:
    """In a fresh process: the information-processing capacity of states whose total is known to be their number."""
    N, T = task["states"], task["steps"]
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, T)
    states = polynomial_states(z, N, task["lag"], task["degree"], rng)
    before = high_water()
    wall, cpu = time.perf_counter(), time.process_time()
    found = information_capacity(states, z, task["degree"], task["lag"], washout=task["lag"])
    total = found.total
    return {
        **task,
        "functions": len(found.capacity),
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "before_MB": before,
        "peak_MB": high_water(),
        "rank": found.rank,
        "total": total.value,
        "total_low": total.low,
        "total_high": total.high,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8, help="interleaved rounds of the exact curve (default: 8)")
    parser.add_argument("--series", type=int, default=4, help="input series of each length (default: 4)")
    parser.add_argument("--longest", type=int, default=640_000, help="longest series, in steps (default: 640000)")
    parser.add_argument("--digits", type=int, default=80, help="digits of the reference, 0 for none (default: 80)")
    parser.add_argument("--small", action="store_true", help="small sizes, as a trial")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(information(json.loads(options.child))))
        return
    if os.environ.get("OMP_NUM_THREADS") != "1" or os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        parser.error("times are for one thread; set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1")
    if min(options.rounds, options.series) < 1 or options.digits < 0:
        parser.error("--rounds and --series must be >= 1, --digits >= 0; pass e.g. --rounds 8 --series 4 --digits 80")
    exact = measure_exact(EXACT_SMALL if options.small else EXACT, options.rounds, options.digits)
    N, lags = EXACT_SMALL[0] if options.small else EXACT[0]
    rows, summary = measure_sampling(N, lags, options.series, options.longest)
    print_summary(summary, options.longest)
    row = in_process(
        __file__,
        {"states": 10, "steps": 5000, "degree": 2, "lag": 10}
        if options.small
        else {"states": 50, "steps": 100_000, "degree": 3, "lag": 20},
    )
    print(
        f"information capacity of {row['states']} states, degree {row['degree']}, lag {row['lag']},"
        f" {row['steps']} steps, {row['functions']} functions: {row['seconds']:.1f} s ({row['cpu_seconds']:.1f} s CPU),"
        f" peak {row['peak_MB']:.0f} MB ({row['before_MB']:.0f} before);"
        f" total {row['total']:.2f} in [{row['total_low']:.2f}, {row['total_high']:.2f}], rank {row['rank']}"
    )
    result = {
        "benchmark": "capacity",
        "rounds": options.rounds,
        "series": options.series,
        "longest": options.longest,
        "target": TARGET,
        "ridge": RIDGE,
        "exact": exact,
        "sampling": rows,
        "summary": summary,
        "information": row,
    }
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
