"""The third paper's grid through the sweep: what two processes gain, and what 19,000 networks would take.

- scaling: the same networks through ``linmem.sweep.run`` on one worker process and on two, least wall times of
  interleaved rounds; the workers have started before (their start takes one to three seconds).
- grid: a random 2 % of the full grid (tanh networks of 1 to 5 layers, 1 to 20 cells, positions 1 to 20, 5 seeds; LSTM,
  GRU and fixed-length tanh networks of 1 to 3 layers, 1 to 10 cells, positions 1 to 10, 10 seeds), trained for 50,000
  steps of 8 sequences by two processes; the wall time is multiplied by 50, and its standard error over the networks
  is given.

Wall times: nothing else should run on the machine. Nothing is written unless ``--json FILE`` is given.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from linmem.sweep import Grid, run
from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

STEPS, SHARE = 50_000, 0.02
TASKS = ("random length", "fixed length")


def train_one(
    seed: int, task: str, cell: str, layers: int, cells: int, position: int, network_seed: int, steps: int
) -> object:
    """One network; its error and the processor time of its training."""
    del seed
    make = {"random length": MemoryTask.definition_1, "fixed length": MemoryTask.definition_2}[task]
    spec = NetworkSpec(Architecture(cell, cells, layers), make(position, beyond="extend"))
    start = time.process_time()
    error = float(train(spec, [network_seed], steps=steps, rate=0.03).errors[0])
    return {"error": error, "seconds": time.process_time() - start}


def full_grid(steps: int = STEPS) -> list[dict[str, str | int]]:
    """All 19,000 networks."""
    wide = [
        ("random length", "rnn", n, c, p, s)
        for n in range(1, 6)
        for c in range(1, 21)
        for p in range(1, 21)
        for s in range(5)
    ]
    small = [("random length", "lstm"), ("random length", "gru"), ("fixed length", "rnn")]
    narrow = [
        (task, cell, n, c, p, s)
        for task, cell in small
        for n in range(1, 4)
        for c in range(1, 11)
        for p in range(1, 11)
        for s in range(10)
    ]
    names = ("task", "cell", "layers", "cells", "position", "network_seed")
    return [{**dict(zip(names, row, strict=True)), "steps": steps} for row in wide + narrow]


def timed_run(cells: Sequence[dict[str, str | int]], workers: int) -> tuple[float, np.ndarray]:
    """Wall seconds of a sweep on workers that have started, and the processor seconds of its networks."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        few = [{**cells[0], "steps": k} for k in range(1, 4 * workers + 1)]
        run(train_one, Grid.of(few), executor=pool, name="training_grid", progress=False)
        start = time.perf_counter()
        table = run(train_one, Grid.of(cells), executor=pool, name="training_grid", progress=False)
        return time.perf_counter() - start, table["seconds"].to_numpy()


def scaling(rounds: int) -> dict[str, float]:
    """Least wall times of one and of two processes."""
    chosen = [c for c in full_grid() if (c["cell"], c["layers"], c["cells"], c["task"]) == ("rnn", 1, 10, TASKS[0])]
    one, two = float("inf"), float("inf")
    for _ in range(rounds):
        one = min(one, timed_run(chosen, 1)[0])
        two = min(two, timed_run(chosen, 2)[0])
    return {"networks": len(chosen), "one_process_seconds": one, "two_processes_seconds": two, "speed_up": one / two}


def sample(rng: np.random.Generator) -> dict[str, float]:
    """The 2 % sample, extrapolated."""
    grid = full_grid()
    chosen = [grid[i] for i in rng.choice(len(grid), round(SHARE * len(grid)), replace=False)]
    wall, spent = timed_run(chosen, 2)
    factor = len(grid) / len(chosen)
    deviation = float(spent.std(ddof=1) / spent.mean() / np.sqrt(len(spent)))
    return {
        "networks": len(chosen),
        "wall_seconds": wall,
        "processor_seconds": float(spent.sum()),
        "full_grid_hours": wall * factor / 3600,
        "full_grid_hours_standard_error": deviation * wall * factor / 3600,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="interleaved rounds of the scaling (default: 2)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default: 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to FILE")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be >= 1, got {options.rounds}; pass 1 or more")
    facts = {
        "benchmark": "training_grid",
        "steps": STEPS,
        "scaling": scaling(options.rounds),
        "grid": sample(np.random.default_rng(options.seed)),
    }
    print(json.dumps(facts, indent=2))
    if options.json:
        options.json.write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
