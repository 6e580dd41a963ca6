"""The certified width table, and plain balanced truncation beside it.

First the wall and CPU time of the table: 6 exponents x 4 tolerances, each a certified construction and a certified
lower bound. Then the width that plain balanced truncation needs: the Gramians of a fine sum (relative L1 error eps/100)
by scipy's Lyapunov solver, square-root balancing, and the least order whose L1 error against the fine sum, by
quadrature, is at most 0.99 eps; with its CPU time. It is the usual tool; its result is not certified.
Run ``python benchmarks/widths.py``; nothing is written unless ``--json FILE`` is given.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.linalg

from linmem.continuous.approximation import powerlaw_sum, powerlaw_width
from linmem.kernels import PowerLaw
from linmem.kernels.quadrature import panel_rule

EXPONENTS = (2.0, 1.0, 0.5, 0.25, 0.1, 0.05)
TOLERANCES = (1e-1, 1e-2, 1e-4, 1e-8)
TRUNCATED = (
    (2.0, 1e-1),
    (2.0, 1e-2),
    (1.0, 1e-1),
    (1.0, 1e-2),
    (0.5, 1e-1),
    (0.5, 1e-2),
    (0.25, 1e-2),
    (2.0, 1e-4),
    (1.0, 1e-4),
)


def table() -> tuple[list[dict[str, float]], float, float]:
    """Rows of the certified table, wall seconds, CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    rows: list[dict[str, float]] = []
    for omega in EXPONENTS:
        for eps in TOLERANCES:
            cell = powerlaw_width(omega, eps)
            rows.append(
                {
                    "exponent": omega,
                    "tolerance": eps,
                    "lower": cell.lower,
                    "construction": cell.construction.width,
                    "quoted": cell.quoted,
                }
            )
    return rows, time.perf_counter() - wall, time.process_time() - cpu


def balanced_width(omega: float, eps: float) -> int | None:
    """The least order of balanced truncation with L1 error <= 0.99 eps against the fine sum; None if none up to 60."""
    fine = powerlaw_sum(PowerLaw(omega), tolerance=eps / 100).fit
    a, w = np.array(fine.amplitudes), np.array(fine.rates)
    W, U, c = np.diag(-w), np.sqrt(a)[:, None], np.sqrt(a)[None, :]  # symmetric: both Gramians are the same matrix
    P = scipy.linalg.solve_continuous_lyapunov(W, -U @ U.T)
    Q = scipy.linalg.solve_continuous_lyapunov(W.T, -c.T @ c)
    values, vectors = np.linalg.eigh((P + P.T) / 2)
    L = vectors * np.sqrt(np.maximum(values, 0))
    squares, basis = np.linalg.eigh(L.T @ (Q + Q.T) / 2 @ L)
    order = np.argsort(-squares)
    u, weights = panel_rule(np.arange(0.0, np.log(1 / w.min()) + 4, 0.1), 6)
    t = np.expm1(u)
    target, weights = fine(t), weights * np.exp(u)
    for m in range(1, min(60, a.size) + 1):
        kept = order[:m]
        if squares[kept[-1]] <= 0:
            return None
        right = L @ basis[:, kept] / squares[kept] ** 0.25
        left = (Q @ right / np.sqrt(squares[kept])).T
        A, B, C = left @ W @ right, (left @ U)[:, 0], (c @ right)[0]
        rates, modes = np.linalg.eig(-A)
        amplitudes = (C @ modes) * np.linalg.solve(modes, B)
        if rates.real.min() <= 0:
            continue
        values_m = np.real(np.exp(-np.multiply.outer(t, rates)) @ amplitudes)
        if float(np.sum(weights * np.abs(values_m - target))) <= 0.99 * eps:
            return m
    return None


def truncated(omega: float, eps: float) -> dict[str, float | None]:
    """One row: widths from below, by construction and by balanced truncation, and CPU seconds of the two upper ones."""
    start = time.process_time()
    cell = powerlaw_width(omega, eps)
    certified = time.process_time() - start
    start = time.process_time()
    width = balanced_width(omega, eps)
    return {
        "exponent": omega,
        "tolerance": eps,
        "lower": cell.lower,
        "construction": cell.construction.width,
        "balanced": width,
        "balanced_over_lower": None if width is None else width / cell.lower,
        "construction_over_balanced": None if width is None else cell.construction.width / width,
        "certified_seconds": certified,
        "balanced_seconds": time.process_time() - start,
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, object]:
    """Compute the table and the comparison, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args(arguments)
    powerlaw_sum(PowerLaw(1.0), width=1)  # imports and first calls
    rows, wall, cpu = table()
    print(f"certified width table, {len(rows)} cells: {wall:.2f} s wall, {cpu:.2f} s CPU")
    print("omega     eps    lower  construction      quoted")
    for row in rows:
        print(
            f"{row['exponent']:5g} {row['tolerance']:7.0e} {row['lower']:8.0f} {row['construction']:13.0f} "
            f"{row['quoted']:11.3g}"
        )
    comparison = [truncated(omega, eps) for omega, eps in TRUNCATED]
    print("omega     eps    lower  balanced truncation  construction   certified [s]   balanced [s]")
    for line in comparison:
        print(
            f"{line['exponent']:5g} {line['tolerance']:7.0e} {line['lower']:8} {line['balanced'] or '> 60':>20} "
            f"{line['construction']:13} {line['certified_seconds']:15.3f} {line['balanced_seconds']:14.3f}"
        )
    result: dict[str, object] = {
        "benchmark": "widths",
        "totals": {"cells": len(rows), "wall_seconds": wall, "cpu_seconds": cpu},
        "rows": rows,
        "comparison": comparison,
    }
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    return result


if __name__ == "__main__":
    main()
