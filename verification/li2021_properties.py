"""Claim of Li, Han, E and Li (2021), Proposition 2.1: the five properties of the functionals that linear RNNs realise.

The proposition is named as it is quoted in the statement below; the paper's full text was not at hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous.network import LinearRNN, functional_norm, random_network, respond
from linmem.kernels.quadrature import panel_rule

EPS = 2.0**-52
STEPS, STEP = 160, 0.1
Model = Callable[[np.ndarray, np.ndarray], np.ndarray]  # inputs (b, K, d), times (K + 1,) -> outputs (b, K + 1)
Change = Callable[[LinearRNN], Model]


def _exact(network: LinearRNN) -> Model:
    return lambda x, times: respond(network, x, times).outputs


def _properties(network: LinearRNN, model: Model, rng: np.random.Generator) -> dict[str, float]:
    """Each property as a number, in units of the functional's norm on bounded inputs."""
    d, half = network.inputs, STEPS // 2
    norm = sum(kernel.l1_norm() for kernel in network.modes())
    times = STEP * np.arange(STEPS + 1)
    x = rng.uniform(-1, 1, (2, STEPS, d))
    a, b = rng.uniform(-1, 1, 2)
    y = model(x, times)
    future = x.copy()
    future[:, half:] = rng.uniform(-1, 1, (2, STEPS - half, d))
    mixed = model((a * x[0] + b * x[1])[None], times)[0]
    late = model(np.concatenate([np.zeros((2, half, d)), x], axis=1), STEP * np.arange(STEPS + half + 1))
    # the sign of the kernel, read backwards on the grid, and random signs
    signs = rng.choice([-1.0, 1.0], (50, STEPS, d))
    signs[0] = np.sign(network.kernel(times[:-1] + STEP / 2))[::-1]
    # convolution with the kernel by Gauss-Legendre, lag by lag
    lags, weights = panel_rule(times)
    rho = (weights[:, None] * network.kernel(lags)).reshape(STEPS, -1, d).sum(1)
    peak = 1.01 * np.abs(network.kernel(np.linspace(0, 20, 4001))).sum(1).max()
    pulses: list[float] = []
    for width in (2.0**-8, 2.0**-16, 2.0**-24):
        grid = np.concatenate([[0.0, width], np.linspace(0, 20, 81)[1:]])
        pulse = np.zeros((1, len(grid) - 1, d))
        pulse[:, 0] = 1.0
        pulses.append(float(np.abs(model(pulse, grid)).max()) / (width * peak))
    return {
        "causal": np.abs(model(future, times) - y)[:, : half + 1].max() / norm,
        "linear": np.abs(mixed - a * y[0] - b * y[1]).max() / norm,
        "time-homogeneous": np.abs(late[:, half:] - y).max() / norm,
        "convolution": np.abs(np.einsum("bkd,kd->b", x[:, ::-1], rho) - y[:, -1]).max() / norm,
        "continuous": np.abs(model(signs, times)).max() / norm,
        "regular": max(pulses),
    }


NAMES = {
    "causal": "change of H_t(x) when x changes after t",
    "linear": "|H(ax + bz) - a H(x) - b H(z)|",
    "time-homogeneous": "|H_{t+s}(x delayed by s) - H_t(x)|",
    "convolution": "|simulation - convolution with the kernel|",
    "continuous": "largest answer to inputs |x| <= 1 (a lower bound of the supremum)",
    "regular": "answer to a vanishing pulse over its width and sup|rho|_1 (a lower bound)",
}


def _functional_properties(scale: Scale, rng: np.random.Generator, change: Change = _exact) -> Evidence:
    rows: list[dict[str, object]] = []
    rounding = 0.0
    for index in range(scale.pick(quick=12, paper=200)):
        n, d = int(rng.integers(2, 13)), int(rng.integers(1, 4))
        network = random_network(n, d, rng, margin=0.5)
        # each of the steps rounds at n + 2d products; errors grow like e^{Wt}, at most by its largest norm
        growth = max(np.linalg.norm(respond(network, np.zeros((n, 40, d)), 0.25, np.eye(n)).states, 2, axis=(0, 2)))
        size = np.linalg.norm(network.c) * np.linalg.norm(network.U, 2) / functional_norm(network)
        rounding = max(rounding, 4 * STEPS * (n + 2 * d) * EPS * float(growth) ** 2 * max(1.0, float(size)))
        for name, value in _properties(network, change(network), rng).items():
            rows.append({"network": index, "n": n, "d": d, "property": name, "value": float(value)})
    table = pd.DataFrame(rows)
    worst = table.groupby("property")["value"].max()
    bound = dict.fromkeys(NAMES, rounding) | {"continuous": 1 + rounding, "regular": 1 + rounding}
    return Evidence(
        [Measurement(NAMES[name], float(worst[name]), "<=", bound[name], unit="norm of H") for name in NAMES],
        table,
        f"{table['network'].nunique()} random networks, n = 2..12, d = 1..3, inputs held for {STEP}",
    )


@claim(
    "li2021/functional-properties",
    source="li2021",
    locator="Proposition 2.1",
    kind="numerical",
    statement=r"As quoted: the functionals $H_t(x) = y(t)$ of linear RNNs $\dot h = Wh + Ux$, $y = c \cdot h$, $W$ "
    r"Hurwitz, are causal, continuous, linear, regular ($H_t(x^{(n)}) \to 0$ for bounded $x^{(n)} \to 0$ almost "
    r"everywhere) and time-homogeneous. Measured on random networks, simulated exactly for held inputs, against the "
    r"convolution with the kernel $\rho(t)^\top = c^\top e^{Wt} U$ and its norm $\sum_i \|\rho_i\|_1$.",
    assumptions=[
        r"$W$ is Hurwitz",
        r"$h = 0$ before the first input",
        r"continuity and regularity are measured on finitely many inputs: lower bounds of suprema that the convolution "
        r"with an integrable kernel bounds from above",
    ],
    expected="holds",
)
def functional_properties(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Five properties, each as the largest violation found, and the representation they follow from."""
    return _functional_properties(scale, rng)


@functional_properties.control("a tanh behind the output: not linear")
def not_linear(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check of y = tanh(c.h)."""
    return _functional_properties(scale, rng, lambda network: lambda x, t: np.tanh(_exact(network)(x, t)))


@functional_properties.control("a read-out c(t) that varies in time: not time-homogeneous")
def not_homogeneous(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check of y = (1 + sin(t)/2) c.h."""
    return _functional_properties(scale, rng, lambda network: lambda x, t: (1 + np.sin(t) / 2) * _exact(network)(x, t))


@functional_properties.control("outputs averaged with the next ones: not causal")
def not_causal(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check of (y(t_k) + y(t_{k+1}))/2."""

    def smoothed(network: LinearRNN) -> Model:
        def model(x: np.ndarray, t: np.ndarray) -> np.ndarray:
            y = _exact(network)(x, t)
            return (y + np.concatenate([y[:, 1:], y[:, -1:]], axis=1)) / 2

        return model

    return _functional_properties(scale, rng, smoothed)


@functional_properties.control("feed-through y = c.h + sum x: not regular")
def not_regular(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check with the input of the step that has just ended added to the output."""

    def through(network: LinearRNN) -> Model:
        return lambda x, t: _exact(network)(x, t) + np.pad(x.sum(-1), ((0, 0), (1, 0)))

    return _functional_properties(scale, rng, through)


@functional_properties.control("the derivative of the input added to the output: not continuous")
def not_continuous(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check with (x_k - x_{k-1})/step added to the output."""

    def differentiated(network: LinearRNN) -> Model:
        return lambda x, t: _exact(network)(x, t) + np.diff(np.pad(x.sum(-1), ((0, 0), (2, 0)))) / np.diff(t).max()

    return _functional_properties(scale, rng, differentiated)
