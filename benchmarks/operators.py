"""The four representations of the operator: build, one product with A and one with A^T (or one with A^T A), memory.

All representations of one size are timed in the same interleaved rounds, so that a busy machine slows them alike; the
ratios are the result, the times (CPU) only give their scale. The automatic choices for A and for A^T A are timed in the
same rounds as operators of their own. Representations that need more than 2 GiB are left out. ``--fit`` measures the
constants of :mod:`linmem.discrete.operators.cost` and prints them. Nothing is written unless ``--json FILE`` is given.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy.optimize import nnls
from scipy.sparse.linalg import LinearOperator

from linmem.discrete import RandomNetwork
from linmem.discrete.operators import cost, normal_operator, sequence_operator

Made = TypeVar("Made")
Row = dict[str, int | float | str]

GAMMA = 0.3
SIZES = ((10, 40), (40, 100), (40, 1000), (40, 10_000))
FIT_SIZES = (
    *((L, N, gamma) for L, N in ((1, 100), (4, 50), (10, 40), (20, 50), (10, 200), (40, 100)) for gamma in (0.1, 0.5)),
    *((L, N, 0.3) for L, N in ((1, 4000), (4, 2000), (20, 400), (40, 300), (40, 1000), (10, 8000), (40, 5000))),
)
AUTO = ("auto A", "auto A^T A")
PRODUCTS = 100
"""Pairs of products that the build is weighed against."""
LIMIT = 2**28
"""Stored numbers of the largest representation that is measured."""


def even(size: float) -> int:
    """The nearest even integer, at least 2."""
    return max(2, 2 * round(size / 2))


def times(work: dict[str, Callable[[], object]], rounds: int, target: float = 2e-3) -> dict[str, float]:
    """CPU seconds of each piece of work: the minimum over interleaved rounds that each last about ``target``."""
    counts: dict[str, int] = {}
    for name, function in work.items():
        function()
        start = time.process_time()
        function()
        counts[name] = max(1, round(target / max(time.process_time() - start, 1e-6)))
    best = dict.fromkeys(work, np.inf)
    for _ in range(rounds):
        for name, function in work.items():
            function()  # brings its numbers back to the cache
            start = time.process_time()
            for _ in range(counts[name]):
                function()
            best[name] = min(best[name], (time.process_time() - start) / counts[name])
    return best


def built(function: Callable[[], Made]) -> tuple[Made, float]:
    """What the function makes, and the shorter of the CPU times of two runs (only one if it takes above a second)."""
    start = time.process_time()
    made = function()
    shortest = time.process_time() - start
    if shortest < 1.0:
        start = time.process_time()
        made = function()
        shortest = min(shortest, time.process_time() - start)
    return made, shortest


def both(operator: LinearOperator, s: np.ndarray, x: np.ndarray) -> None:
    """A product with the operator and one with its adjoint."""
    operator.matvec(s)
    operator.rmatvec(x)


def measure(L: int, N: int, gamma: float, rounds: int, seed: int = 0) -> list[Row]:
    """One row for each representation that fits, and one for each of the two automatic choices.

    The automatic choice for A is compared with the first three representations, all others with all four.
    """
    M = even(gamma * N * L)
    rng = np.random.default_rng(seed)
    network = RandomNetwork(M, L, seed=rng)
    s, x = rng.standard_normal(N * L), rng.standard_normal(M)
    work: dict[str, Callable[[], object]] = {}
    kinds: dict[str, str] = {}
    builds: dict[str, float] = {}
    for method in (*cost.METHODS, *AUTO):
        if method in cost.METHODS and cost.storage(method, M, N, L) > LIMIT:
            continue
        if method in ("toeplitz", AUTO[1]):
            make = partial(normal_operator, network, N, "auto" if method in AUTO else method, products=PRODUCTS)
            normal, builds[method] = built(make)
            work[method], kinds[method] = partial(normal.matvec, s), normal.method
        else:
            make = partial(sequence_operator, network, N, "auto" if method in AUTO else method, products=PRODUCTS)
            operator, builds[method] = built(make)
            work[method] = partial(both, operator, s, x)
            kinds[method] = type(operator).__name__.removesuffix("Operator").lower()
    pairs = times(work, rounds)
    totals = {method: builds[method] + PRODUCTS * pair for method, pair in pairs.items()}
    rows: list[Row] = []
    for method, pair in pairs.items():
        rivals = [name for name in cost.METHODS[: 3 if method == AUTO[0] else 4] if name in pairs]
        rows.append(
            {
                "NL": N * L,
                "streams": L,
                "steps": N,
                "nodes": M,
                "representation": f"{method}: {kinds[method]}" if method in AUTO else method,
                "build_seconds": builds[method],
                "pair_seconds": pair,
                "megabytes": 8e-6 * cost.storage(kinds[method], M, N, L),
                "pair_over_fastest": pair / min(pairs[name] for name in rivals),
                f"build_and_{PRODUCTS}_pairs_over_fastest": totals[method] / min(totals[name] for name in rivals),
            }
        )
    return rows


def fit(rounds: int, seed: int = 0) -> None:
    """Print the constants of the cost model in nanoseconds: non-negative least squares of the relative error."""
    rows = [row for L, N, gamma in FIT_SIZES for row in measure(L, N, gamma, rounds, seed)]
    for method in cost.METHODS:
        mine = [row for row in rows if row["representation"] == method]
        shapes = [(int(row["nodes"]), int(row["steps"]), int(row["streams"])) for row in mine]
        for name, terms in (("pair", cost.pair_terms), ("build", cost.build_terms)):
            seconds = np.array([float(row[f"{name}_seconds"]) for row in mine])
            matrix = np.array([terms(method, *shape) for shape in shapes]) / seconds[:, None]
            scale = matrix.max(axis=0)
            constants = nnls(matrix / scale, np.ones(len(mine)))[0] / scale
            error = np.abs(np.log2(matrix @ constants))
            values = ", ".join(f"{1e9 * value:.3g}" for value in constants)
            print(
                f"{name:5s} {method:9s} ({values}); error in octaves: {np.median(error):.2f}, at most {error.max():.2f}"
            )


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure all sizes and print the table, or fit the constants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds (default: 9)")
    parser.add_argument("--fit", action="store_true", help="measure the constants of the cost model instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be >= 1, got {options.rounds}; pass 1 or more")
    if options.fit:
        fit(options.rounds)
        return []
    print("columns: build [s], pair [s], memory [MB], pair over fastest, build and 100 pairs over fastest")
    rows: list[Row] = []
    for L, N in SIZES:
        for row in measure(L, N, GAMMA, options.rounds):
            rows.append(row)
            numbers = "  ".join(f"{value:10.4g}" for value in row.values() if isinstance(value, float))
            print(f"NL = {row['NL']:7d}  {row['representation']!s:22s}{numbers}", flush=True)
    if options.json:
        options.json.write_text(
            json.dumps({"benchmark": "operators", "rounds": options.rounds, "rows": rows}, indent=2)
        )
    return rows


if __name__ == "__main__":
    main()
