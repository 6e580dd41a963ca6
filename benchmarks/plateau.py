"""Leaving a plateau: linmem's flow and slow flow against plain gradient descent, scipy.optimize and torchdiffeq.

Everything runs in one process, one method after the other, and is timed in CPU seconds (best of a few repeats for the
short ones); the ratios are the result. Problem: target e^{-t} + exp(-(t - mu)^2/2), start a = (1, 0), w = (1, 2),
hitting time of |theta - theta_0| = 0.1. Lengths: mu = 20 (tau = 4.8e10), and mu = 12 (tau = 1.25e4) against gradient
descent with step 0.5875. For torch autograd through the unrolled network the seconds of one step are measured and
multiplied by the number of steps. Run ``python benchmarks/plateau.py``; nothing is written unless ``--json FILE`` is
given.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torchdiffeq import odeint

from linmem.continuous.dynamics import DeviationLoss, Displacement, hitting_run, plateau, reduced_times
from linmem.continuous.learning import loss, loss_gradient, loss_hessian
from linmem.kernels import ExponentialSum, GaussianBump

BAR = ExponentialSum([1.0], [1.0])
FIT = ExponentialSum([1.0, 0.0], [1.0, 2.0])
DELTA, STEP = 0.1, 0.5875
START = np.array([1.0, 0.0, 1.0, 2.0])


def best(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least CPU seconds of a few calls, and the last result."""
    seconds: list[float] = []
    result: Any = None
    for _ in range(repeats):
        start = time.process_time()
        result = call()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def flows(repeats: int) -> list[dict[str, object]]:
    """linmem: hitting time 4.8e10 with certificates and error estimate; the slow flow to e^618."""
    rows: list[dict[str, object]] = []
    problem = DeviationLoss(FIT, GaussianBump(12.0))
    seconds, run = best(lambda: hitting_run(problem, (Displacement(DELTA),), relative_tolerance=1e-2), repeats)
    [hit] = run.hits
    evaluations = run.coarse.evaluations + run.coarse.hessians
    note = f"+- {hit.error:.1g}; seconds of both runs, evaluations of the coarser one, whose error this is"
    rows.append(_row("flow, tau 1.3e4", seconds, evaluations, hit.time, note))
    seconds, found = best(lambda: plateau(BAR, GaussianBump(20.0), FIT, DELTA, "ode", loss_fraction=None), repeats)
    evaluations = found.statistics.evaluations + found.statistics.hessians
    note = f"+- {found.escape.error:.1g}, with certificates"
    rows.append(_row("flow, tau 4.8e10", seconds, evaluations, found.escape.time, note))
    problem = DeviationLoss(FIT, GaussianBump(320.0))
    seconds, [hit] = best(lambda: reduced_times(problem, (Displacement(DELTA),)), repeats)
    rows.append(_row("slow flow, tau e^618", seconds, 0, hit.time, f"log tau = {hit.log_time:.3f}"))
    return rows


def descent() -> dict[str, object]:
    """Plain gradient descent on the closed form in deviation variables, numpy, to |d| = 0.1 at mu = 12."""
    problem = DeviationLoss(FIT, GaussianBump(12.0))

    def run() -> int:
        d, steps = np.zeros(4), 0
        while d @ d < DELTA**2:
            d, steps = d - STEP * problem.gradient(d), steps + 1
        return steps

    seconds, steps = best(run, 1)
    return _row("gradient descent, tau 1.3e4", seconds, steps, steps * STEP, "closed-form gradient")


def torch_descent(steps: int, sampled: int = 20) -> dict[str, object]:
    """The same with torch autograd through the network unrolled over 256 steps of 0.1: one step, times their number."""
    dt, points = 0.1, 256
    t = dt * torch.arange(points, dtype=torch.float64)
    target = torch.exp(-t) + torch.exp(-((t - 12.0) ** 2) / 2)
    theta = torch.tensor(START, requires_grad=True)

    def step() -> None:
        a, decay = theta[:2], torch.exp(-dt * theta[2:])
        state, outputs = torch.ones(2, dtype=torch.float64), []
        for _ in range(points):
            outputs.append(a @ state)
            state = state * decay
        (dt * (torch.stack(outputs) - target).square().sum()).backward()
        with torch.no_grad():
            theta.sub_(STEP * theta.grad)
        theta.grad = None

    step()
    seconds, _ = best(lambda: [step() for _ in range(sampled)], 3)
    note = f"{1e3 * seconds / sampled:.2f} ms a step, times {steps} steps"
    return _row("gradient descent, torch unrolled", seconds / sampled * steps, steps, steps * STEP, note)


def optimisers(mu: float = 20.0) -> list[dict[str, object]]:
    """scipy.optimize from the same start: it has no time; reported is what it does to the loss and the parameters."""
    target = GaussianBump(mu) + BAR

    def value(x: np.ndarray) -> float:
        return loss(x[:2], np.abs(x[2:]) + 1e-9, target)

    def gradient(x: np.ndarray) -> np.ndarray:
        return loss_gradient(x[:2], np.abs(x[2:]) + 1e-9, target)

    def hessian(x: np.ndarray) -> np.ndarray:
        return loss_hessian(x[:2], np.abs(x[2:]) + 1e-9, target)

    rows: list[dict[str, object]] = []
    for method, extra in (("BFGS", {}), ("trust-exact", {"hess": hessian})):
        seconds, found = best(
            lambda method=method, extra=extra: minimize(value, START, jac=gradient, method=method, **extra), 1
        )
        moved = float(np.linalg.norm(found.x - START))
        gone = 1 - found.fun / value(START)
        note = f"moved by {moved:.2g}, {100 * gone:.2g} % of the loss gone: {str(found.message)[:40]}"
        rows.append(_row(f"scipy {method}, mu = {mu:g}", seconds, int(found.nfev), float("nan"), note))
    return rows


def torch_flow(mu: float = 12.0, limit: float = 60.0) -> list[dict[str, object]]:
    """torchdiffeq on the flow of the closed form to the known hitting time, given up after `limit` seconds."""
    problem = DeviationLoss(FIT, GaussianBump(mu))
    [hit] = hitting_run(problem, (Displacement(DELTA),)).hits
    rows: list[dict[str, object]] = []
    for method, options in (("dopri5", {}), ("implicit_adams", {"step_size": 0.5})):
        calls, begin = 0, time.process_time()

        def field(_: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
            nonlocal calls
            calls += 1
            if time.process_time() - begin > limit:  # noqa: B023
                raise TimeoutError
            return torch.as_tensor(-problem.gradient(d.numpy()))

        reached, note = hit.time, ""
        try:
            times = torch.tensor([0.0, hit.time], dtype=torch.float64)
            end = odeint(
                field, torch.zeros(4, dtype=torch.float64), times, rtol=1e-6, atol=1e-9, method=method, options=options
            )
            note = f"|theta - theta_0| = {float(torch.linalg.norm(end[-1])):.5f} at tau"
        except TimeoutError:
            reached, note = float("nan"), f"given up after {limit:g} s"
        except (AssertionError, ValueError) as error:
            reached, note = float("nan"), f"failed: {str(error).split(',')[0]}"
        rows.append(_row(f"torchdiffeq {method}, tau 1.3e4", time.process_time() - begin, calls, reached, note))
    return rows


def _row(name: str, seconds: float, evaluations: int, tau: float, note: str) -> dict[str, object]:
    print(f"{name:34s} {seconds:12.4g} s {evaluations:9d} evaluations   tau {tau:10.4g}   {note}", flush=True)
    return {"name": name, "seconds": seconds, "evaluations": evaluations, "tau": tau, "note": note}


def main(arguments: Sequence[str] | None = None) -> list[dict[str, object]]:
    """Measure all methods and print the table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="repeats of linmem's runs, the best counts (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error(f"--repeats must be >= 1, got {options.repeats}; pass 1 or more")
    torch.set_num_threads(1)
    rows = flows(options.repeats)
    plain = descent()
    unrolled = torch_descent(int(str(plain["evaluations"])))
    rows += [plain, unrolled, *optimisers(), *torch_flow()]
    near = rows[0]

    def ratio(other: dict[str, object], what: str) -> float:
        return float(str(other[what])) / float(str(near[what]))

    ratios = {
        "evaluations, gradient descent / flow": ratio(plain, "evaluations"),
        "seconds, gradient descent / flow": ratio(plain, "seconds"),
        "seconds, torch unrolled / flow": ratio(unrolled, "seconds"),
        "seconds, flow to 4.8e10": float(str(rows[1]["seconds"])),
        "seconds, slow flow to e^618": float(str(rows[2]["seconds"])),
    }
    for name, number in ratios.items():
        print(f"{name:40s} {number:10.4g}")
    if options.json:
        options.json.write_text(json.dumps({"benchmark": "plateau", "rows": rows, "ratios": ratios}, indent=2))
    return rows


if __name__ == "__main__":
    main()
