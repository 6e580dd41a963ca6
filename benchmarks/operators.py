"""Dense against factored (GEMM) operator: time of one product with A and one with A^T, and memory.

Both are timed in one interleaved run, so that a busy machine slows both; the ratio of the medians is the result, the
times only give its scale. Run ``python benchmarks/operators.py``; nothing is written unless ``--json FILE`` is given.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from linmem.discrete import RandomNetwork, sequence_operator

SIZES = ((10, 40, 0.3), (10, 40, 0.7), (20, 50, 0.3), (40, 100, 0.1), (40, 100, 0.3), (40, 100, 0.5))
METHODS = ("dense", "gemm")


def measure(L: int, N: int, gamma: float, rounds: int, seed: int = 0) -> dict[str, float]:
    """One row: medians over ``rounds`` interleaved rounds, in seconds, and stored numbers."""
    M = 2 * round(gamma * N * L / 2)
    rng = np.random.default_rng(seed)
    network = RandomNetwork(M, L, seed=rng)
    operators = {method: sequence_operator(network, N, method) for method in METHODS}
    s, x = rng.standard_normal(N * L), rng.standard_normal(M)
    repeats = max(1, 2_000_000 // (M * N * L))  # about a millisecond a measurement for the smallest sizes
    times: dict[str, list[float]] = {method: [] for method in METHODS}
    for _ in range(rounds + 1):
        for method, operator in operators.items():
            start = time.perf_counter()
            for _ in range(repeats):
                operator.matvec(s)
                operator.rmatvec(x)
            times[method].append((time.perf_counter() - start) / repeats)
    median = {method: float(np.median(values[1:])) for method, values in times.items()}  # the first round warms up
    return {
        "streams": L,
        "steps": N,
        "nodes": M,
        "dense_seconds": median["dense"],
        "gemm_seconds": median["gemm"],
        "time_ratio": median["dense"] / median["gemm"],
        "memory_ratio": M * N * L / (M * (N + L)),
    }


def main(arguments: Sequence[str] | None = None) -> list[dict[str, float]]:
    """Measure all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds (default: 15)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be >= 1, got {options.rounds}; pass 1 or more")
    print("    L     N      M   dense [ms]   gemm [ms]   dense/gemm   memory dense/gemm")
    rows: list[dict[str, float]] = []
    for L, N, gamma in SIZES:
        row = measure(L, N, gamma, options.rounds)
        rows.append(row)
        print(
            f"{L:5d} {N:5d} {row['nodes']:6.0f} {1e3 * row['dense_seconds']:12.3f} {1e3 * row['gemm_seconds']:11.3f}"
            f" {row['time_ratio']:12.2f} {row['memory_ratio']:19.1f}"
        )
    if options.json:
        options.json.write_text(
            json.dumps({"benchmark": "operators", "rounds": options.rounds, "rows": rows}, indent=2)
        )
    return rows


if __name__ == "__main__":
    main()
