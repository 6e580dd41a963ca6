"""Echo states of tanh networks: the spectral radius decides neither way, once the inputs matter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from linmem.capacity.models import (
    TanhReservoir,
    contraction_bound,
    invariant_box,
    spectral_radius_bounds,
    uniform_contraction,
)
from linmem.capacity.systems import random_connectivity
from linmem.claims import Evidence, Measurement, Scale, claim

DRIVE = 0.3  # input weight of each neuron in the first part
AMPLITUDE = 1.3  # of the inputs of the last network, in units of sqrt(N)


def _trajectories(name: str, network: TanhReservoir, z: np.ndarray) -> list[dict[str, object]]:
    """First state of two trajectories under the same input, from opposite corners."""
    N = network.state_size
    corner = np.where(np.arange(N) % 2 == 0, 1.0, -1.0)
    return [
        {"network": name, "start": sign, "step": step, "state": float(x), "input": float(value)}
        for sign in (1, -1)
        for step, (x, value) in enumerate(zip(network.run(z, start=sign * corner)[:, 0], z, strict=True), start=1)
    ]


def _echo_states(
    scale: Scale,
    rng: np.random.Generator,
    shrink: Callable[[np.ndarray], float] = lambda _: 1.0,
    inputs: float = 1.0,
) -> Evidence:
    """Weights of the first part times ``shrink(A)``, inputs of the second part times ``inputs``."""
    measurements: list[Measurement] = []
    rows: list[dict[str, object]] = []
    corner = np.array([1.0, -1.0])
    for rho in scale.pick(quick=(0.0, 0.9), paper=(0.0, 0.25, 0.5, 0.75, 0.9)):
        A = np.array([[rho - 6.0, -12.0], [3.0, rho + 6.0]])  # (A - rho I)^2 = 0: both eigenvalues are rho
        network = TanhReservoir(shrink(A) * A, [DRIVE, DRIVE])
        name = f"rho = {rho:g}, |z| <= 1"
        boxes = [invariant_box(network, sign * corner, -1.0, 1.0) for sign in (1, -1)]
        measurements += [
            Measurement.enclosed(f"{name}: spectral radius", spectral_radius_bounds(network.A), "<", 1.0),
            Measurement.enclosed(f"{name}: distance of two trajectories", boxes[0].distance(boxes[1]), ">", 2.0),
        ]
        rows += _trajectories(name, network, rng.uniform(-1.0, 1.0, 40))
    network = TanhReservoir([[2.0]], [1.0])
    step = uniform_contraction(network, 3.0 * inputs, 4.0 * inputs)
    measurements += [
        Measurement.enclosed("N = 1, z in [3, 4]: spectral radius", spectral_radius_bounds(network.A), ">", 1.0),
        Measurement.enclosed("N = 1, z in [3, 4]: Lipschitz constant of a step", (step.low, step.high), "<", 1.0),
    ]
    rows += _trajectories("N = 1, z in [3, 4]", network, inputs * rng.uniform(3.0, 4.0, 40))
    N, T = scale.pick(quick=(10, 20), paper=(40, 40))
    network = TanhReservoir(random_connectivity(N, "orthogonal", radius=1.2, rng=rng), np.ones(N))
    z = inputs * AMPLITUDE * np.sqrt(N) * rng.choice([-1.0, 1.0], T)
    found = contraction_bound(network, z)
    name = f"N = {N}, z = a or -a, a = 1.3 sqrt(N)"
    measurements += [
        Measurement.enclosed(f"{name}: spectral radius", spectral_radius_bounds(network.A), ">", 1.0),
        Measurement.enclosed(
            f"{name}: Lipschitz constant of the state in the state {T} steps before", (found.low, found.high), "<", 1e-3
        ),
    ]
    rows += _trajectories(name, network, z)
    return Evidence(measurements, pd.DataFrame(rows), note="all bounds in ball arithmetic")


@claim(
    "jaeger2001/echo-state-conditions",
    source="jaeger2001",
    locator="Proposition 3 and the remark after it (edition of 2010)",
    kind="certified",
    statement=(
        r"For $x_t = \tanh(A x_{t-1} + C z_t)$, a spectral radius $\rho(A) < 1$ is neither sufficient nor necessary "
        r"for echo states. (i) Networks of two neurons with $\rho(A) = 0$ and $\rho(A) = 0.9$ keep two trajectories "
        r"apart for ever, under every input $|z_t| \leq 1$, zero input included. (ii) With $A = 2$ and inputs in "
        r"$[3, 4]$, and with $A$ 1.2 times an orthogonal matrix and large inputs of either sign, all trajectories "
        r"meet. Jaeger's own conditions are others: $\sigma_{\max}(A) < 1$ suffices for all inputs, and $\rho(A) > 1$ "
        r"excludes echo states if $z = 0$ is among the inputs."
    ),
    assumptions=[
        r"echo states: the state is a function of the input history (Definition 1), states in $[-1, 1]^N$",
        r"(i) inputs any sequence in $[-1, 1]$",
        r"(ii) inputs any sequence in $[3, 4]$, resp. the sampled series, repeated for ever",
    ],
)
def echo_state_conditions(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Two disjoint boxes that every input maps into themselves; Lipschitz constants below 1 over all states."""
    return _echo_states(scale, rng)


@echo_state_conditions.control("sigma_max(A) = 1/2 instead of rho(A) < 1 in (i): the trajectories meet")
def echo_state_conditions_norm(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _echo_states(scale, rng, shrink=lambda A: 0.5 / float(np.linalg.norm(A, 2)))


@echo_state_conditions.control("zero input instead of large ones in (ii): no echo states")
def echo_state_conditions_silence(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _echo_states(scale, rng, inputs=0.0)
