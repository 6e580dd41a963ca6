"""Claim of Wang, Li and Li (2024): the memory function, measured from Heaviside responses.

The definition is stated as it is quoted below; the paper's full text was not at hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous.network import (
    LinearRNN,
    measured_memory_function,
    memory_function,
    random_network,
    respond,
    sign_directions,
    to_module,
)
from linmem.kernels import ComplexExponentialSum, ExponentialSum

STEP, DURATION = 0.1, 8.0
Model = Callable[[np.ndarray], np.ndarray]  # (batch, time, d) -> (batch, time)
Change = Callable[[Model], Model]
Form = Callable[[LinearRNN, np.ndarray], np.ndarray]


def _unchanged(model: Model) -> Model:
    return model


def _simulation(network: LinearRNN, step: float) -> Model:
    return lambda x: respond(network, x, step).outputs[:, 1:]


def _module(network: LinearRNN, step: float) -> Model:
    module = to_module(network, step)

    def run(x: np.ndarray) -> np.ndarray:
        return module(next(module.parameters()).new_tensor(x))[0].detach().numpy()[..., 0]

    return run


def _networks(scale: Scale, rng: np.random.Generator) -> dict[str, LinearRNN]:
    networks = {
        "two inputs, one of them oscillating": LinearRNN.from_kernel(
            ExponentialSum([1.0, -2.0], [0.5, 2.0]), ComplexExponentialSum([0.75 + 0.5j], [0.25 + 2.0j])
        )
    }
    for index in range(scale.pick(quick=4, paper=60)):
        networks[f"random {index}"] = random_network(int(rng.integers(3, 9)), 1 + index % 4, rng, margin=0.4)
    return networks


def _memory(
    scale: Scale, rng: np.random.Generator, change: Change = _unchanged, form: Form = memory_function
) -> Evidence:
    rows: list[dict[str, object]] = []
    curves: list[pd.DataFrame] = []
    for name, network in _networks(scale, rng).items():
        # (y(t + D) - y(t))/D is the mean of rho.x over the step: it misses the middle by D^2/24 max |rho''|_1
        bend = LinearRNN(network.W, network.W @ network.W @ network.U, network.c)
        curvature = 1.01 * np.abs(bend.kernel(np.linspace(0, DURATION, 4001))).sum(1).max()
        signs = sign_directions(network.inputs)
        for step in (STEP, STEP / 2):
            count = round(DURATION / step)
            limit = step**2 / 24 * curvature
            for method, source in (("simulation", _simulation), ("torch module", _module)):
                found = measured_memory_function(change(source(network, step)), count, step, signs, lead=2)
                exact = form(network, found.times)
                error = float(np.abs(found.values - exact).max())
                rows.append({"network": name, "method": method, "step": step, "error": error, "share": error / limit})
                if step == STEP and method == "simulation":
                    curves.append(
                        pd.DataFrame({"network": name, "t": found.times, "measured": found.values, "closed": exact})
                    )
            random = rng.standard_normal((64, network.inputs))
            model = change(_simulation(network, step))
            sampled = measured_memory_function(model, count, step, random, lead=2).values
            exact = form(network, step * (np.arange(count) + 0.5))
            ratio = float(np.max(sampled / (exact + limit)))
            rows.append({"network": name, "method": "random x", "step": step, "share": ratio})
    table = pd.DataFrame(rows)
    share = table.groupby("method")["share"].max()
    pairs = table[table["method"] == "simulation"].pivot(index="network", columns="step", values="error")
    orders = np.log2(pairs[STEP] / pairs[STEP / 2])
    return Evidence(
        [
            Measurement(
                "largest deviation of the simulated response from |rho|_1, over its bound",
                share["simulation"],
                "<=",
                1.0,
            ),
            Measurement("the same for a torch module", share["torch module"], "<=", 1.0),
            Measurement("order of the deviation in the step, median", float(orders.median()), "in", (1.8, 2.2)),
            Measurement(
                "random directions x: largest response over |rho|_1 (a lower bound of the supremum)",
                share["random x"],
                "<=",
                1.0,
            ),
        ],
        pd.concat(curves, ignore_index=True),
        f"{len(pairs)} networks, d = 1..4, steps {STEP} and {STEP / 2}",
    )


@claim(
    "wang2024/memory-function",
    source="wang2024",
    locator="memory function",
    kind="numerical",
    statement=r"As quoted: the memory function of a functional is $M(H)(t) = \sup_{x \ne 0} "
    r"\frac{|\frac{d}{dt} H_t(u^x)|}{|x|_\infty}$ with the Heaviside inputs $u^x(t) = x\,1_{t \ge 0}$. In the linear "
    r"case $M(H)(t) = |\rho(t)|_1 = \sum_i |\rho_i(t)|$. Checked for the linear case: difference quotients of "
    r"Heaviside responses, from exact simulation and from a torch module, against $|c^\top e^{Wt} U|_1$. The supremum "
    r"is attained at sign vectors, all of which are tried; random $x$ only bound it from below.",
    assumptions=[
        r"linear functionals with $W$ Hurwitz, $d \le 4$ inputs",
        r"a difference over a step $D$ is the mean of $\rho \cdot x$ over the step, so it may miss its middle by "
        r"$D^2 \max|\rho''|_1/24$, and no more",
    ],
    depends=["li2021/functional-properties"],
    expected="holds",
)
def memory(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Heaviside responses in all sign directions, two steps, two implementations, against the closed form."""
    return _memory(scale, rng)


@memory.control("a ramp in place of the Heaviside input")
def memory_ramp(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check with the running integral of the input."""
    return _memory(scale, rng, lambda model: lambda x: model(STEP * np.cumsum(x, axis=1)))


@memory.control("an undeclared feed-through y = c.h + sum x: a delta in the kernel")
def memory_feedthrough(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check with the input added to the output."""
    return _memory(scale, rng, lambda model: lambda x: model(x) + x.sum(-1))


@memory.control("the largest input in place of the sum over inputs, |rho|_inf for |rho|_1")
def memory_maximum(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check against max_i |rho_i|."""
    return _memory(scale, rng, form=lambda network, t: np.abs(network.kernel(t)).max(-1))
