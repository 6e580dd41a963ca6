"""A loop over single torch.nn.RNN networks against the ensemble engine: microseconds per SGD step and network.

The loop draws one sequence length per batch and needs no padding, its fastest form (packed sequences of mixed lengths
are slower, see ``--packed``); the ensemble draws a length for every sequence. Data generation is inside both times.
Both are timed in one interleaved run on one thread, so that a busy machine slows both; the ratio of the medians is the
result, the times only give its scale. Nothing is written unless ``--json FILE`` is given.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from linmem.trained import Architecture, MemoryTask, NetworkSpec, torch_threads, train

SIZES = (
    (1, 75, 8),
    (3, 75, 8),
    (3, 300, 8),
    (5, 75, 8),
    (5, 300, 8),
    (5, 300, 32),
    (10, 100, 8),
)  # cells, networks, batch
POSITION, RATE = 3, 0.01


def loop_step(cells: int, batch: int, packed: bool) -> Callable[[], None]:
    """One SGD step of one network as torch users write it."""
    module = torch.nn.RNN(1, cells)
    optimiser = torch.optim.SGD(module.parameters(), lr=RATE)

    def step() -> None:
        if packed:
            lengths = torch.randint(10, 16, (batch,))
            x = torch.rand(15, batch, 1)
            sequence = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
            answer, target = module(sequence)[1][0].sum(-1), x[lengths - POSITION, torch.arange(batch), 0]
        else:
            length = int(torch.randint(10, 16, ()))
            x = torch.rand(length, batch, 1)
            answer, target = module(x)[0][-1].sum(-1), x[length - POSITION, :, 0]
        optimiser.zero_grad()
        (answer - target).abs().mean().backward()
        optimiser.step()

    return step


def measure(cells: int, networks: int, batch: int, rounds: int, packed: bool) -> dict[str, float]:
    """One row: medians over ``rounds`` interleaved rounds, in microseconds per step and network."""
    step = loop_step(cells, batch, packed)
    spec, steps, repeats = NetworkSpec(Architecture(cells=cells), MemoryTask.definition_1(POSITION)), 128, 200
    times: dict[str, list[float]] = {"loop": [], "ensemble": []}
    for _ in range(rounds + 1):
        start = time.perf_counter()
        for _ in range(repeats):
            step()
        times["loop"].append((time.perf_counter() - start) / repeats)
        start = time.perf_counter()
        train(spec, range(networks), engine="torch", steps=steps, batch_size=batch, rate=RATE, evaluation_size=1)
        times["ensemble"].append((time.perf_counter() - start) / steps / networks)
    loop, ensemble = (1e6 * float(np.median(times[key][1:])) for key in ("loop", "ensemble"))  # the first one warms up
    return {
        "cells": cells,
        "networks": networks,
        "batch": batch,
        "loop_microseconds": loop,
        "ensemble_microseconds": ensemble,
        "time_ratio": loop / ensemble,
    }


def main(arguments: Sequence[str] | None = None) -> list[dict[str, float]]:
    """Measure all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default: 7)")
    parser.add_argument("--packed", action="store_true", help="let the loop draw a length for every sequence as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be >= 1, got {options.rounds}; pass 1 or more")
    print("cells networks batch   loop [us]   ensemble [us]   loop/ensemble")
    rows: list[dict[str, float]] = []
    with torch_threads(1):
        for cells, networks, batch in SIZES:
            row = measure(cells, networks, batch, options.rounds, options.packed)
            rows.append(row)
            print(
                f"{cells:5d} {networks:8d} {batch:5d} {row['loop_microseconds']:11.0f}"
                f" {row['ensemble_microseconds']:15.2f} {row['time_ratio']:15.0f}",
                flush=True,
            )
    if options.json:
        facts = {"benchmark": "ensembles", "rounds": options.rounds, "packed": options.packed, "rows": rows}
        options.json.write_text(json.dumps(facts, indent=2))
    return rows


if __name__ == "__main__":
    main()
