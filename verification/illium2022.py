"""Claims of Illium, Schillman, Müller, Gabor and Linnhoff-Popien (2022): how far back trained RNNs remember."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linmem.claims import Evidence, Measurement, Scale, claim

# --- the constant answer ---------------------------------------------------------------------------------------------


def _constant_evidence(density: str, constant: str) -> Evidence:
    """E|x - a| for x in [0, 1] with the given density, exactly: at ``constant``, and its minimum over all a."""
    import sympy as sp

    x, a = sp.symbols("x a", real=True)
    f, best = sp.sympify(density, locals={"x": x}), sp.Rational(constant)
    if sp.integrate(f, (x, 0, 1)) != 1:
        raise ValueError(f"density must integrate to 1 over [0, 1], got {density!r}; normalise it")
    inside = sp.expand(sp.integrate((a - x) * f, (x, 0, a)) + sp.integrate((x - a) * f, (x, a, 1)))
    # the second derivative is twice the density: one stationary point is the one minimum
    stationary = sp.solveset(sp.diff(inside, a), a, sp.Interval(0, 1))
    minimisers = [point for point in stationary if sp.diff(inside, a, 2).subs(a, point) > 0]
    least = sp.Min(*(inside.subs(a, point) for point in minimisers))
    # outside [0, 1] the error is |a - E x|, least at the ends, which belong to [0, 1]
    ends = sp.Min(inside.subs(a, 0), inside.subs(a, 1))
    return Evidence(
        [
            Measurement("error of the constant", float(inside.subs(a, best)), "==", 0.25),
            Measurement("least error over all constants", float(sp.Min(least, ends)), "==", 0.25),
            Measurement("number of stationary points in [0, 1]", len(stationary), "==", 1),
            Measurement("distance of the minimiser from 1/2", float(abs(minimisers[0] - sp.Rational(1, 2))), "==", 0),
            Measurement("least error outside [0, 1], above 1/4 by", float(ends - sp.Rational(1, 4)), ">", 0),
        ],
        note=f"E|x - a| = {sp.sstr(inside)} for a in [0, 1]",
    )


@claim(
    "illium2022/constant-predictor",
    source="illium2022",
    locator="Section 4",
    kind="symbolic",
    statement=(
        r"For $x \sim U[0,1]$ the constant answer $\frac12$ has mean absolute error $E|x-\frac12| = \frac14$, and it "
        r"is the only best constant: $E|x-a| = \frac14 + (a-\frac12)^2$ for $a \in [0,1]$, and more than $\frac14$ "
        r"outside."
    ),
)
def constant_predictor(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _constant_evidence(density="1", constant="1/2")


@constant_predictor.control("the constant 2/5 in the place of 1/2")
def constant_predictor_other_constant(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _constant_evidence(density="1", constant="2/5")


@constant_predictor.control("inputs of density 2x in the place of uniform ones")
def constant_predictor_other_law(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _constant_evidence(density="2*x", constant="1/2")


# --- the memory distance of one layer --------------------------------------------------------------------------------


def _train_task(
    seed: int, task: str, sizes: int, positions: int, network_seeds: str, steps: int, rate: float
) -> object:
    """One cell of the sweep: all networks of one task side by side; a network depends on its own seed alone."""
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

    del seed
    wanted = range(1, sizes + 1)
    if task == "definition 1":
        pairs = [(c, MemoryTask.definition_1(p)) for c in wanted for p in range(1, positions + 1)]
    else:
        pairs = [(c, MemoryTask.long_control(p)) for c in wanted for p in (c, c + 1)]
    specs = [NetworkSpec(Architecture(cells=c), definition) for c, definition in pairs]
    return train(specs, [int(item) for item in network_seeds.split()], steps=steps, rate=rate).rows()


def _distance_evidence(scale: Scale, rng: np.random.Generator, trained: bool) -> Evidence:
    """Train one-layer networks of c cells on positions p, and on long sequences for p = c, c + 1; pool over c."""
    from linmem.statistics import proportion_interval
    from linmem.sweep import Grid, run
    from linmem.trained import predicted_stall_error, single_cell_floor

    sizes, positions = scale.pick(quick=(3, 5), paper=(7, 10))
    steps, rate = scale.pick(quick=(8_000, 0.1), paper=(50_000, 0.03))
    steps = steps if trained else 0
    network_seeds = " ".join(str(seed) for seed in rng.integers(2**62, size=5))
    grid = Grid(task=["definition 1", "long control"]) * Grid(
        sizes=[sizes], positions=[positions], network_seeds=[network_seeds], steps=[steps], rate=[rate]
    )
    table = run(_train_task, grid, name="illium2022/distance-one-layer", progress=False)
    table = table.drop(columns=["sizes", "positions", "network_seeds", "steps", "rate"])
    pairs = set(zip(table["state_size"], table["position"], strict=True))
    linear = {(c, p): predicted_stall_error(int(c), int(p)) for c, p in pairs}
    table["linear_error"] = [linear[pair] for pair in zip(table["state_size"], table["position"], strict=True)]

    def solved(task: str, beyond: int, relation: str) -> Measurement:
        chosen = table[(table["task"] == task) & (table["position"] == table["state_size"] + beyond)]
        interval = proportion_interval(int(chosen["solved"].sum()), len(chosen))
        place = "n" if beyond == 0 else f"n + {beyond}"
        return Measurement.from_interval(f"solved at p = {place}, {task}", interval, relation, 0.5)

    measurements: Sequence[Measurement] = [
        solved("definition 1", 0, ">"),
        solved("definition 1", 1, "<"),
        solved("long control", 0, ">"),
        solved("long control", 1, "<"),
        Measurement("least possible error of one cell", single_cell_floor(), "in", (0.03, 0.05)),
    ]
    return Evidence(measurements, table=table, note=f"n = 1 to {sizes}, 5 networks each, {steps} steps")


@claim(
    "illium2022/distance-one-layer",
    source="illium2022",
    locator="Section 4, Figures 4 and 6",
    kind="statistical",
    statement=(
        r"The paper: “Within our result data, a one-layer network with $c = n$ cells can always memorize the "
        r"$n$th-from-last position ($p = n$) very well.” Checked: of one-layer $\tanh$ networks with $c = n$ cells and "
        r"summed outputs, trained by plain SGD, more than half memorise $p = n$ (mean absolute error below $0.03$; "
        r"below $0.05$ for $n = 1$) and fewer than half memorise $p = n + 1$, for sequences of 10 to 15 numbers and "
        r"of 30 to 35 alike."
    ),
    assumptions=[
        r"$n = 1, 2, 3$ at quick scale and $n = 1, \dots, 7$ at paper scale, pooled; 5 networks for each $n$ and $p$",
        r"default initial weights of torch, batches of 8 fresh sequences, learning rate falling linearly to zero",
        r"error on 12288 fresh sequences; one cell cannot go below $0.038$, hence its own threshold",
        r"“always” is read as “in more than half of all trainings”: no finite sample shows more than a fraction",
    ],
    depends=["illium2022/constant-predictor"],
    figure="illium2022_distance",
)
def distance_one_layer(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _distance_evidence(scale, rng, trained=True)


@distance_one_layer.control("untrained networks: the same check after no training step")
def distance_one_layer_untrained(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _distance_evidence(scale, rng, trained=False)
