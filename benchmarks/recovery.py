"""Recovery of an input from one state: linmem against general solvers, on the same instances at the same measured gap.

linmem runs at ``tol=1e-6``. Every other solver's own tolerance is first searched for the loosest one at which the
*measured* relative duality gap of its result, computed from the dense matrix by the same code for all, is at most 1e-6;
then all are timed at these tolerances in interleaved rounds. A solver that does not get there is timed at its best,
with the gap it reached in the table. Times are wall times (and CPU times beside them) on one thread from network and
state to coefficients, so that the dense matrix of the others and linmem's operators are built inside them. Just-in-time
compilation is excluded: the search has compiled everything. spgl1 solves the same problem in constrained form and is
told the l1 norm of the solution. Slow solvers (more than 20 s) are timed once. The interior point solver, and SCS on
sparse problems, see only the small sizes unless ``--all``.

Peak memory is that of a fresh process for each solver: the high-water mark of the resident memory (VmHWM, as the
``ru_maxrss`` of a child on Linux starts from its parent's), absolute and above what it was after the imports and a
small solve.

``--large`` measures linmem alone instead: NL = 4e4, 4e5 and 1e6 with M = .3 NL and K = M/5 to gap 1e-4, each in a
process of its own, with the exponents of the cost in NL.

Run ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/recovery.py``; nothing is written unless
``--json FILE`` is given. Needs ``pip install linmem[bench]``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from fresh import high_water, in_process
from peers import METHODS, Instance, Method, Size

from linmem.discrete.model import RandomNetwork, relative_noise, sparse_signal
from linmem.discrete.operators import sequence_operator
from linmem.discrete.recovery import lasso, relative_error

GAP = 1e-6
SIZES = (
    Size("sparse", 10, 40, 100, 20),
    Size("sparse", 40, 100, 800, 80),
    Size("sparse", 40, 100, 2000, 300),
    Size("sparse", 40, 100, 1200, 720),  # near the transition: gamma = .3, rho = .6
    Size("sparse", 40, 100, 1200, 180, "dct", "joint"),  # gamma = .3, rho = .15
    Size("nuclear", 20, 40, 500, 2),
    Size("nuclear", 40, 100, 1500, 3),
)
SMALL = Size("sparse", 4, 5, 10, 2)
SLOW = 20.0
LARGE = ((40, 1_000), (40, 10_000), (40, 25_000))
LARGE_GAP = 1e-4


def run(method: Method, instance: Instance, step: int) -> tuple[float, float, np.ndarray]:
    """Wall and CPU seconds, and coefficients, of one solution; whether it is one is left to the measured gap."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wall, cpu = time.perf_counter(), time.process_time()
        coefficients = method.solve(instance, method.setting(step))
        return time.perf_counter() - wall, time.process_time() - cpu, coefficients


def search(method: Method, instance: Instance, budget: float) -> tuple[int, float, float]:
    """The loosest step of the ladder that reaches :data:`GAP`, its gap and seconds; else the one of the least gap.

    From the method's first guess in steps that double until success and failure enclose the answer, then bisection.
    No step is begun once ``budget`` seconds are spent.
    """
    tried: dict[int, tuple[float, float]] = {}

    def reaches(step: int) -> bool:
        seconds, _, coefficients = run(method, instance, step)
        tried[step] = instance.gap(coefficients), seconds
        return tried[step][0] <= GAP

    def affordable() -> bool:
        return sum(seconds for _, seconds in tried.values()) < budget

    good, bad, stride = method.last + 1, 0, 2
    if not method.tuned:
        reaches(method.first)
    elif reaches(method.first):
        good = method.first
        while good - stride > bad and affordable():
            if not reaches(good - stride):
                bad = good - stride
                break
            good, stride = good - stride, 2 * stride
    else:
        bad = method.first
        while bad < method.last and affordable():
            step = min(bad + stride, method.last)
            if reaches(step):
                good = step
                break
            bad, stride = step, 2 * stride
    while method.tuned and good in tried and good - bad > 1 and affordable():
        middle = (good + bad) // 2
        good, bad = (middle, bad) if reaches(middle) else (good, middle)
    reached = [step for step, (gap, _) in tried.items() if gap <= GAP]
    step = min(reached) if reached else min(tried, key=lambda k: tried[k][0])
    return (step, *tried[step])


def chosen(size: Size, everything: bool, names: Sequence[str] | None) -> list[Method]:
    """The methods that are run on a size."""
    methods = [method for method in METHODS if size.kind in method.kinds and (not names or method.name in names)]
    if everything or size.N * size.L <= 1000:
        return methods
    slow = {"cvxpy, CLARABEL"} | ({"cvxpy, SCS"} if size.kind == "sparse" else set())
    return [method for method in methods if method.name not in slow]


def memory(task: dict[str, Any]) -> dict[str, float]:
    """In a fresh process: peak memory of one solution."""
    method = next(method for method in METHODS if method.name == task["method"])
    for name in method.imports:
        importlib.import_module(name)
    run(method, Instance(Size(**{**asdict(SMALL), "kind": task["size"]["kind"]})), 16)
    instance = Instance(Size(**task["size"]))
    if method.name == "spgl1":
        instance.__dict__["radius"] = task["radius"]
    before = high_water()
    run(method, instance, task["step"])
    return {"peak_MB": high_water(), "solve_MB": high_water() - before}


def large(task: dict[str, Any]) -> dict[str, float]:
    """In a fresh process: one large sparse recovery."""
    L, N = task["L"], task["N"]
    M = 2 * round(0.15 * N * L)
    rng = np.random.default_rng(0)
    network, signal = RandomNetwork(M, L, seed=rng), sparse_signal(N, L, M // 5, rng=rng)
    clean = sequence_operator(network, N).state(signal.sequence)
    noise = relative_noise(clean, 1e-2, rng=rng)
    sigma = float(np.linalg.norm(noise)) / np.sqrt(M)
    before = high_water()
    wall, cpu = time.perf_counter(), time.process_time()
    recovery = lasso(network, clean + noise, N, noise=sigma, tol=LARGE_GAP)
    return {
        "coefficients": N * L,
        "streams": L,
        "steps": N,
        "nodes": M,
        "nonzeros": M // 5,
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "build_seconds": recovery.build_seconds,
        "gap": recovery.gap,
        "iterations": recovery.iterations,
        "rmse": relative_error(recovery.estimate, signal.sequence),
        "before_MB": before,
        "peak_MB": high_water(),
    }


def compare(size: Size, methods: Sequence[Method], rounds: int, budget: float) -> list[dict[str, Any]]:
    """Rows of one size, one for each method."""
    instance = Instance(size)
    found = {method.name: search(method, instance, budget) for method in methods}
    walls: dict[str, list[float]] = {method.name: [] for method in methods}
    cpus: dict[str, list[float]] = {method.name: [] for method in methods}
    for turn in range(rounds):
        for method in methods:
            step, _, seconds = found[method.name]
            if turn == 0 or seconds < SLOW:
                wall, cpu, _ = run(method, instance, step)
                walls[method.name].append(wall)
                cpus[method.name].append(cpu)
    rows: list[dict[str, Any]] = []
    for method in methods:
        step, gap, _ = found[method.name]
        task: dict[str, Any] = {"mode": "memory", "size": asdict(size), "method": method.name, "step": step}
        if method.name == "spgl1":
            task["radius"] = instance.radius
        rows.append(
            {
                "problem": size.label,
                "method": method.name,
                "setting": method.setting(step),
                "gap": gap,
                "reached": gap <= GAP,
                "rounds": len(walls[method.name]),
                "least_seconds": min(walls[method.name]),
                "median_seconds": float(np.median(walls[method.name])),
                "least_cpu_seconds": min(cpus[method.name]),
                **in_process(__file__, task),
            }
        )
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each problem: linmem, the fastest other solver that reached the gap, and the ratio of their least times."""
    lines: list[dict[str, Any]] = []
    for problem in dict.fromkeys(row["problem"] for row in rows):
        here = [row for row in rows if row["problem"] == problem]
        own = next((row for row in here if row["method"] == "linmem"), None)
        others = [row for row in here if row["method"] != "linmem"]
        if own is None or not others:
            continue
        reached = [row for row in others if row["reached"]]
        best = min(reached or others, key=lambda row: row["least_seconds"])
        lines.append(
            {
                "problem": problem,
                "linmem_seconds": own["least_seconds"],
                "linmem_gap": own["gap"],
                "fastest_other": best["method"] if reached else f"{best['method']} (gap {best['gap']:.1e})",
                "other_seconds": best["least_seconds"],
                "time_ratio": best["least_seconds"] / own["least_seconds"],
                "median_ratio": best["median_seconds"] / own["median_seconds"],
                "cpu_ratio": best["least_cpu_seconds"] / own["least_cpu_seconds"],
            }
        )
    return lines


def print_comparison(rows: Sequence[dict[str, Any]]) -> None:
    """The rows of one problem."""
    for row in rows:
        mark = "" if row["reached"] else "  (gap not reached)"
        print(
            f"  {row['method']:20s} setting {row['setting']:9.2e}  gap {row['gap']:8.1e}"
            f"  {row['least_seconds']:9.4f} s least  {row['median_seconds']:9.4f} s median"
            f"  {row['least_cpu_seconds']:9.4f} s CPU"
            f"  peak {row['peak_MB']:6.0f} MB, above imports {row['solve_MB']:6.0f} MB{mark}",
            flush=True,
        )


def measure_large(count: int) -> dict[str, Any]:
    """Rows of the large sizes and the exponents of the cost between them."""
    rows: list[dict[str, float]] = []
    for L, N in LARGE[:count]:
        row = in_process(__file__, {"mode": "large", "L": L, "N": N})
        rows.append(row)
        print(
            f"NL = {row['coefficients']:8.0f}  M = {row['nodes']:7.0f}  {row['seconds']:7.2f} s"
            f" ({row['cpu_seconds']:.2f} s CPU, {row['build_seconds']:.2f} s build)  gap {row['gap']:.1e}"
            f"  {row['iterations']:.0f} iterations"
            f"  rMSE {row['rmse']:.2e}  peak {row['peak_MB']:5.0f} MB",
            flush=True,
        )
    exponents: dict[str, float] = {}
    n = np.log([row["coefficients"] for row in rows])
    for clock in ("seconds", "cpu_seconds") if len(rows) > 1 else ():
        cost = np.log([row[clock] for row in rows])
        for i, slope in enumerate(np.diff(cost) / np.diff(n)):
            exponents[f"{clock}, {rows[i]['coefficients']:.0f} to {rows[i + 1]['coefficients']:.0f}"] = float(slope)
        exponents[f"{clock}, smallest to largest"] = float((cost[-1] - cost[0]) / (n[-1] - n[0]))
    for name, value in exponents.items():
        print(f"exponent of {name}: {value:.2f}")
    return {"rows": rows, "exponents": exponents}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default: 7)")
    parser.add_argument("--budget", type=float, default=600.0, help="seconds for each search (default: 600)")
    parser.add_argument("--all", action="store_true", help="the slow solvers on the large sizes too (hours)")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="I", help="only these of the sizes, counted from 0")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="only these methods")
    parser.add_argument("--large", type=int, nargs="?", const=len(LARGE), metavar="COUNT", help="the large sizes alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        task = json.loads(options.child)
        print(json.dumps((large if task["mode"] == "large" else memory)(task)))
        return
    if os.environ.get("OMP_NUM_THREADS") != "1" or os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        parser.error("times are for one thread; set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1")
    if options.rounds < 1 or options.budget <= 0:
        parser.error("--rounds and --budget must be positive; pass e.g. --rounds 7 --budget 600")
    if unknown := set(options.methods or ()) - {method.name for method in METHODS}:
        parser.error(f"unknown methods {sorted(unknown)}; choose from {[method.name for method in METHODS]}")
    result: dict[str, Any] = {"benchmark": "recovery"}
    if options.large:
        result = {"benchmark": "recovery-large", "gap": LARGE_GAP, **measure_large(options.large)}
    else:
        rows: list[dict[str, Any]] = []
        for index in options.sizes or range(len(SIZES)):
            size = SIZES[index]
            print(size.label, flush=True)
            new = compare(size, chosen(size, options.all, options.methods), options.rounds, options.budget)
            print_comparison(new)
            rows += new
        lines = summary(rows)
        for line in lines:
            print(
                f"{line['problem']}: {line['time_ratio']:.2f} x faster than {line['fastest_other']}"
                f" (medians {line['median_ratio']:.2f}, CPU {line['cpu_ratio']:.2f})"
            )
        result |= {"gap": GAP, "rounds": options.rounds, "summary": lines, "rows": rows}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
