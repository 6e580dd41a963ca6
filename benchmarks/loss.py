"""The training loss of linear RNNs: closed forms against torch autograd and finite differences.

Two tables, each timed in one interleaved run on one thread, so that a busy machine slows all alike: the ratios of the
least times are the result, the times only give their scale.

- Loss, gradient and Hessian of a diagonal network of n = 16: `loss_derivatives` for one start and per start of a batch
  of 1000; torch autograd on a quadrature of the loss; scipy's forward differences (gradient of the closed loss, Hessian
  of the closed gradient), which are good to some 1e-8 only.
- A step of gradient descent of Figure 1: ten networks of n = 16 on 256 samples, by the doubled product and its exact
  gradient, and by torch autograd on the unrolled recursion of the same batch.

Run ``python benchmarks/loss.py``; nothing is written unless ``--json FILE`` is given.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import approx_fprime
from threadpoolctl import threadpool_limits

from linmem.continuous.learning import (
    SampledLoss,
    autograd_loss_derivatives,
    loss,
    loss_derivatives,
    loss_gradient,
    random_networks,
    train_linear,
)
from linmem.kernels import Airy, ExponentialSum, GaussianBump, Kernel

TARGETS: dict[str, Kernel] = {
    "exponentials": ExponentialSum([1.0, 0.5, -1.0], [0.5, 1.0, 2.0]),
    "bump": GaussianBump(6.0),
    "both": ExponentialSum([1.0], [1.0]) + GaussianBump(6.0),
}
NEURONS, STARTS, NETWORKS, POINTS, STEP, RATE = 16, 1000, 10, 256, 0.1, 0.05


def interleaved(calls: dict[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, float]:
    """Least seconds per call over ``rounds`` rounds in which each call is repeated as often as its number says."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, (call, repeats) in calls.items():
            start = time.perf_counter()
            for _ in range(repeats):
                call()
            times[name].append((time.perf_counter() - start) / repeats)
    return {name: min(values[1:]) for name, values in times.items()}  # the first round warms up


def derivatives(target: str, rounds: int, seed: int = 0) -> dict[str, float | str]:
    """One row: microseconds for loss, gradient and Hessian of one network against ``target``."""
    rng, kernel, n = np.random.default_rng(seed), TARGETS[target], NEURONS
    a, w = rng.standard_normal((STARTS, n)), rng.uniform(0.2, 3.0, (STARTS, n))
    theta = np.concatenate([a[0], w[0]])

    def differences() -> None:
        approx_fprime(theta, lambda x: loss(x[:n], x[n:], kernel))
        approx_fprime(theta, lambda x: loss_gradient(x[:n], x[n:], kernel))

    best = interleaved(
        {
            "single": (lambda: loss_derivatives(a[0], w[0], kernel), 50),
            "batch": (lambda: loss_derivatives(a, w, kernel), 1),
            "autograd": (lambda: autograd_loss_derivatives(a[0], w[0], kernel), 1),
            "differences": (differences, 1),
        },
        rounds,
    )
    per_start = best["batch"] / STARTS
    return {
        "target": target,
        "single_microseconds": 1e6 * best["single"],
        "batched_microseconds": 1e6 * per_start,
        "autograd_microseconds": 1e6 * best["autograd"],
        "differences_microseconds": 1e6 * best["differences"],
        "autograd_over_single": best["autograd"] / best["single"],
        "autograd_over_batched": best["autograd"] / per_start,
        "differences_over_single": best["differences"] / best["single"],
    }


def figure_step(rounds: int) -> dict[str, float]:
    """Milliseconds for one step of gradient descent of ten networks, both ways."""
    networks, objective = random_networks(NEURONS, range(NETWORKS)), SampledLoss.of(Airy(2.25, 4.0), STEP, POINTS)
    parameters = [torch.tensor(x, requires_grad=True) for x in (networks.W, networks.U, networks.c)]
    optimiser, target = torch.optim.SGD(parameters, lr=RATE), torch.tensor(objective.target)

    def unrolled() -> None:
        W, U, c = parameters
        optimiser.zero_grad()
        E, h, answers = torch.linalg.matrix_exp(STEP * W), U[:, :, None], list[torch.Tensor]()
        for _ in range(POINTS):
            answers.append((c * h[:, :, 0]).sum(1))
            h = E @ h
        (STEP * (torch.stack(answers, dim=1) - target) ** 2).sum().backward()
        optimiser.step()

    steps = 20
    best = interleaved(
        {"doubled": (lambda: train_linear(networks, objective, steps, RATE), 1), "autograd": (unrolled, 2)}, rounds
    )
    doubled = best["doubled"] / (steps + 1)  # the last one is evaluated and not taken
    return {
        "step_milliseconds": 1e3 * doubled,
        "autograd_milliseconds": 1e3 * best["autograd"],
        "time_ratio": best["autograd"] / doubled,
    }


def main(arguments: Sequence[str] | None = None) -> list[dict[str, float | str]]:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds (default: 15)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be >= 1, got {options.rounds}; pass 1 or more")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    print("loss, gradient and Hessian, n = 16, microseconds for one network")
    print("target          single   batched   autograd   differences   autograd/single   autograd/batched")
    rows: list[dict[str, float | str]] = []
    with threadpool_limits(1):
        for target in TARGETS:
            row = derivatives(target, options.rounds)
            rows.append(row)
            print(
                f"{target:12s} {row['single_microseconds']:9.1f} {row['batched_microseconds']:9.2f}"
                f" {row['autograd_microseconds']:10.0f} {row['differences_microseconds']:13.0f}"
                f" {row['autograd_over_single']:17.0f} {row['autograd_over_batched']:18.0f}"
            )
        step = figure_step(options.rounds)
    torch.set_num_threads(threads)
    print(
        f"\na step of ten networks, n = 16, 256 samples: {step['step_milliseconds']:.2f} ms;"
        f" autograd {step['autograd_milliseconds']:.1f} ms; ratio {step['time_ratio']:.1f}"
    )
    if options.json:
        facts = {"benchmark": "loss", "rounds": options.rounds, "rows": rows, "figure_step": step}
        options.json.write_text(json.dumps(facts, indent=2))
    return rows


if __name__ == "__main__":
    main()
