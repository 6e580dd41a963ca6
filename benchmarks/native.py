"""Three ways to train small networks, in microseconds of CPU time per SGD step and network, on one thread.

- loop: ``torch.nn`` modules one by one, one sequence length per batch and no padding, its fastest form;
- ensemble: the torch engine, many networks at once;
- native: the native engine, one network at a time.

Data generation is inside all times; what the native engine does once for a network (a millisecond) is not. The three
are timed in one interleaved run; each time is the least of the rounds, and the ratios are the result. The share of the
peak counts the multiplications and additions of the matrix products (forward, backward, gradient) at the steps that
sequences have, 12.5 on average, against a loop of fused multiply-adds on registers timed in the same rounds; padding,
tanh, data and updates are overhead. Nothing is written unless ``--json FILE`` is given.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from linmem.trained import Architecture, MemoryTask, Network, NetworkSpec, TrainingSettings, torch_threads, train
from linmem.trained.native import NativeTrainer, instruction_sets
from linmem.trained.native.library import engine

SIZES = (
    ("rnn", 1, 5, 32, 1000),
    ("rnn", 1, 20, 32, 200),
    ("rnn", 3, 10, 32, 200),
    ("lstm", 1, 5, 32, 500),
    ("gru", 1, 5, 32, 500),
    ("rnn", 1, 5, 8, 1000),
    ("rnn", 1, 20, 8, 200),
    ("rnn", 3, 10, 8, 200),
)  # cell, layers, cells, batch, networks of the ensemble
TASK, RATE = MemoryTask.definition_1(3), 0.01
MODULES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
PEAK_ROUNDS = 100_000


def loop_step(cell: str, layers: int, cells: int, batch: int) -> Callable[[], None]:
    """One SGD step of one network as torch users write it."""
    module = MODULES[cell](1, cells, layers)
    optimiser = torch.optim.SGD(module.parameters(), lr=RATE)

    def step() -> None:
        length = int(torch.randint(10, 16, ()))
        x = torch.rand(length, batch, 1)
        optimiser.zero_grad()
        (module(x)[0][-1].sum(-1) - x[length - TASK.position, :, 0]).abs().mean().backward()
        optimiser.step()

    return step


def operations(cell: str, layers: int, cells: int, batch: int) -> float:
    """Floating-point operations of the matrix products of one training step."""
    rows, total = {"rnn": 1, "lstm": 4, "gru": 3}[cell] * cells, 0
    for layer in range(layers):
        inputs = cells if layer else 1
        total += 2 * rows * (2 * (inputs + cells) + cells + (inputs if layer else 0))
    return total * batch * sum(length * share for length, share in TASK.lengths.items())


def timed(call: Callable[[], object]) -> float:
    """CPU seconds of the call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def measure(
    cell: str, layers: int, cells: int, batch: int, networks: int, rounds: int, instruction_set: str
) -> dict[str, str | int | float]:
    """One row: least times over interleaved rounds."""
    step, spec = loop_step(cell, layers, cells, batch), NetworkSpec(Architecture(cell, cells, layers), TASK)
    settings = TrainingSettings(steps=2000, batch_size=batch, rate=RATE)
    repeats, short = 60, {"steps": 16, "batch_size": batch, "rate": RATE, "evaluation_size": 1}

    def ensemble() -> None:
        train(spec, range(networks), engine="torch", **short)

    def native() -> float:
        network = Network(spec, 0)
        trainer = NativeTrainer(
            network.initial_weights(), settings, timesteps=TASK.timesteps, instruction_set=instruction_set
        )
        stream = network.generator("training")
        return timed(lambda: trainer.run(TASK, stream, settings.steps))

    best = dict.fromkeys(("loop", "ensemble", "native", "peak"), float("inf"))
    for _ in range(rounds):
        seconds = {
            "loop": timed(lambda: [step() for _ in range(repeats)]) / repeats,
            "ensemble": timed(ensemble) / short["steps"] / networks,
            "native": min(native() for _ in range(5)) / settings.steps,
            "peak": timed(lambda: engine().fused_operations(instruction_set, PEAK_ROUNDS)),
        }
        best = {name: min(best[name], seconds[name]) for name in best}
    peak = engine().fused_operations(instruction_set, 1) * PEAK_ROUNDS / best["peak"]
    return {
        "cell": cell,
        "layers": layers,
        "cells": cells,
        "batch": batch,
        "networks": networks,
        **{f"{name}_microseconds": 1e6 * best[name] for name in ("loop", "ensemble", "native")},
        "loop_ratio": best["loop"] / best["native"],
        "ensemble_ratio": best["ensemble"] / best["native"],
        "peak_gigaflops": 1e-9 * peak,
        "peak_share": operations(cell, layers, cells, batch) / best["native"] / peak,
    }


def main(arguments: Sequence[str] | None = None) -> list[dict[str, str | int | float]]:
    """Measure all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: 5)")
    parser.add_argument("--instruction-set", default=None, help="of the native engine (default: the fastest)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be >= 1, got {options.rounds}; pass 1 or more")
    usable = instruction_sets()
    chosen = options.instruction_set or (usable[0] if usable else "")
    if chosen not in usable:
        parser.error(f"--instruction-set must be one of {usable}, got {chosen!r}; none: build linmem with a compiler")
    print(f"instruction set {chosen}\n cell l  c  B    loop   ensemble  native [us]  /loop  /ensemble  share of peak")
    rows: list[dict[str, str | int | float]] = []
    with torch_threads(1):
        for size in SIZES:
            row = measure(*size, options.rounds, chosen)
            rows.append(row)
            print(
                f"{row['cell']:>5} {row['layers']} {row['cells']:2d} {row['batch']:2d} {row['loop_microseconds']:7.0f}"
                f" {row['ensemble_microseconds']:10.2f} {row['native_microseconds']:12.2f} {row['loop_ratio']:6.0f}"
                f" {row['ensemble_ratio']:10.1f} {row['peak_share']:14.0%}",
                flush=True,
            )
    if options.json:
        facts = {"benchmark": "native", "rounds": options.rounds, "instruction_set": chosen, "rows": rows}
        options.json.write_text(json.dumps(facts, indent=2))
    return rows


if __name__ == "__main__":
    main()
