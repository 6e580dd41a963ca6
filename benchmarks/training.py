"""Training many small networks: microseconds per step and network, four ways, on one thread.

- loop: single ``torch.nn.RNN``, ``LSTM`` or ``GRU`` networks as torch users train them, with one sequence length for a
  batch and no padding, its fastest form (packed sequences of mixed lengths are slower, see ``--packed``);
- autograd: an ensemble of batched weights, differentiated by torch (``baddbmm``, one graph for all networks);
- torch: linmem's torch engine, whose gradients are written out;
- native: linmem's compiled engine, one network at a time, where it was built.

All but the loop draw a length for every sequence. Data generation is inside every time; what an engine does once for a
training is not (0.4 ms a network for torch; a training has tens of thousands of steps). The four are timed in
interleaved rounds, by the processor time of this process, and the LEAST time of each is given, so that other work on
the machine disturbs little; the ratios are the result, the times only give their scale.

The share of the peak counts the multiplications and additions of the matrix products (forward, backward, gradient) at
the steps that sequences have, 12.5 on average, against a loop of fused multiply-adds on registers timed in the same
rounds; padding, tanh, data and updates are overhead. Nothing is written unless ``--json FILE`` is given.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from linmem.trained import Architecture, MemoryTask, NetworkSpec, torch_threads, train
from linmem.trained.native import instruction_sets
from linmem.trained.native.library import engine as compiled

SIZES = (
    ("rnn", 1, 5, 1000, 32),
    ("rnn", 1, 20, 200, 32),
    ("rnn", 3, 10, 200, 32),
    ("lstm", 1, 5, 300, 32),
    ("gru", 1, 5, 300, 32),
    ("rnn", 1, 5, 300, 8),
    ("rnn", 1, 20, 200, 8),
    ("rnn", 3, 10, 200, 8),
    ("rnn", 1, 1, 300, 8),
    ("rnn", 1, 3, 300, 8),
    ("rnn", 1, 10, 200, 8),
)  # cell, layers, cells, networks, batch
POSITION, RATE, SHORTEST, LONGEST = 3, 0.01, 10, 15
MODULES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
COLUMNS = ("loop", "autograd", "torch", "native")
PEAK_ROUNDS = 100_000


def loop_step(cell: str, layers: int, cells: int, batch: int, packed: bool) -> Callable[[], None]:
    """One SGD step of one network as torch users write it."""
    module = MODULES[cell](1, cells, layers)
    optimiser = torch.optim.SGD(module.parameters(), lr=RATE)

    def step() -> None:
        if packed:
            lengths = torch.randint(SHORTEST, LONGEST + 1, (batch,))
            x = torch.rand(LONGEST, batch, 1)
            sequence = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
            state = module(sequence)[1]
            answer = (state[0] if isinstance(state, tuple) else state)[-1].sum(-1)
            target = x[lengths - POSITION, torch.arange(batch), 0]
        else:
            length = int(torch.randint(SHORTEST, LONGEST + 1, ()))
            x = torch.rand(length, batch, 1)
            answer, target = module(x)[0][-1].sum(-1), x[length - POSITION, :, 0]
        optimiser.zero_grad()
        (answer - target).abs().mean().backward()
        optimiser.step()

    return step


def autograd_step(cell: str, layers: int, cells: int, networks: int, batch: int) -> Callable[[], None]:
    """One SGD step of an ensemble in the obvious form: batched weights, masked steps, autograd."""
    a, k = Architecture(cell, cells, layers), 1 / math.sqrt(cells)
    rows = a.gates * cells

    def uniform(*shape: int) -> Tensor:
        return torch.empty(networks, *shape).uniform_(-k, k).requires_grad_()

    stack = [
        (uniform(rows, a.inputs(i)), uniform(rows, cells), uniform(rows, 1), uniform(rows, 1)) for i in range(layers)
    ]
    used = [[w for j, w in enumerate(layer) if j < 3 or cell == "gru"] for layer in stack]
    weights = [w for layer in used for w in layer]

    def advance(layer: tuple[Tensor, ...], x: Tensor, h: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        W, U, b, d = layer
        drive = W * x + b if x.shape[1] == 1 else torch.baddbmm(b, W, x)
        if cell == "gru":
            (r, z, n), (r_h, z_h, n_h) = drive.chunk(3, 1), torch.baddbmm(d, U, h).chunk(3, 1)
            n = torch.tanh(n + torch.sigmoid(r + r_h) * n_h)
            return n + torch.sigmoid(z + z_h) * (h - n), s
        drive = torch.baddbmm(drive, U, h)
        if cell == "rnn":
            return torch.tanh(drive), s
        i, f, g, o = drive.chunk(4, 1)
        s = torch.sigmoid(f) * s + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(s), s

    def step() -> None:
        x = torch.rand(LONGEST, networks, 1, batch)
        lengths = torch.randint(SHORTEST, LONGEST + 1, (networks, 1, batch))
        zero = torch.zeros(networks, cells, batch)
        states = [(zero, zero)] * layers
        for t in range(LONGEST):
            below = x[t]
            for i, layer in enumerate(stack):
                h, s = advance(layer, below, *states[i])
                if t < LONGEST - SHORTEST:
                    read = (t >= LONGEST - lengths).float()
                    h, s = h * read, s * read
                states[i], below = (h, s), h
        loss = (below.sum(1, keepdim=True) - x[LONGEST - POSITION]).abs().mean(2).sum()
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            torch._foreach_add_(weights, gradients, alpha=-RATE)

    return step


def operations(cell: str, layers: int, cells: int, batch: int) -> float:
    """Floating-point operations of the matrix products of one training step."""
    rows, total = Architecture(cell).gates * cells, 0
    for layer in range(layers):
        inputs = cells if layer else 1
        total += 2 * rows * (2 * (inputs + cells) + cells + (inputs if layer else 0))
    task = MemoryTask(POSITION, SHORTEST, LONGEST)
    return total * batch * sum(length * share for length, share in task.lengths.items())


def seconds(run: Callable[[], None]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def measure(
    cell: str, layers: int, cells: int, networks: int, batch: int, rounds: int, packed: bool
) -> dict[str, str | float]:
    """One row: least processor time over ``rounds`` interleaved rounds, in microseconds per step and network."""
    loop = loop_step(cell, layers, cells, batch, packed)
    autograd = autograd_step(cell, layers, cells, networks, batch)
    spec = NetworkSpec(Architecture(cell, cells, layers), MemoryTask.definition_1(POSITION))

    def repeated(step: Callable[[], None], times: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(times):
                step()

        return run

    def engine(name: str, steps: int, members: int) -> Callable[[], None]:
        def run() -> None:
            train(
                spec,
                range(members),
                engine=name,
                steps=steps,
                batch_size=batch,
                rate=RATE,
                evaluation_size=1,
                records=1,
            )

        return run

    usable = instruction_sets()
    ways = {
        "loop": (repeated(loop, 40), repeated(loop, 0), 40.0),
        "autograd": (repeated(autograd, 3), repeated(autograd, 0), 3.0 * networks),
        "torch": (engine("torch", 40, networks), engine("torch", 0, networks), 40.0 * networks),
    }
    if usable:  # one network after the other: their number changes nothing
        ways["native"] = (engine("native", 10_000, 2), engine("native", 0, 2), 20_000.0)
        ways["peak"] = (lambda: compiled().fused_operations(usable[0], PEAK_ROUNDS), repeated(loop, 0), 1.0)
    spent = dict.fromkeys(ways, (math.inf, math.inf))
    for _ in range(rounds + 1):  # the first round warms up, and is no minimum
        spent = {
            name: (min(spent[name][0], seconds(run)), min(spent[name][1], seconds(setup)))
            for name, (run, setup, _) in ways.items()
        }
    least = {name: 1e6 * (spent[name][0] - spent[name][1]) / count for name, (_, _, count) in ways.items()}
    row: dict[str, str | float] = {"cell": cell, "layers": layers, "cells": cells, "networks": networks, "batch": batch}
    row |= {f"{name}_microseconds": least[name] for name in COLUMNS if name in ways}
    row["autograd_over_torch"] = least["autograd"] / least["torch"]
    if usable:
        speed = compiled().fused_operations(usable[0], 1) * PEAK_ROUNDS / least["peak"]  # a microsecond
        row |= {
            "loop_over_native": least["loop"] / least["native"],
            "autograd_over_native": least["autograd"] / least["native"],
            "torch_over_native": least["torch"] / least["native"],
            "native_share_of_peak": operations(cell, layers, cells, batch) / least["native"] / speed,
        }
    return row


def main(arguments: Sequence[str] | None = None) -> list[dict[str, str | float]]:
    """Measure all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default: 7)")
    parser.add_argument("--packed", action="store_true", help="let the loop draw a length for every sequence as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be >= 1, got {options.rounds}; pass 1 or more")
    print("microseconds per step and network")
    print("cell layers cells networks batch " + "".join(f"{name:>10}" for name in COLUMNS))
    rows: list[dict[str, str | float]] = []
    with torch_threads(1):
        for cell, layers, cells, networks, batch in SIZES:
            row = measure(cell, layers, cells, networks, batch, options.rounds, options.packed)
            rows.append(row)
            times = "".join(f"{row.get(f'{name}_microseconds', math.nan):10.2f}" for name in COLUMNS)
            print(f"{cell:4} {layers:6d} {cells:5d} {networks:8d} {batch:5d} {times}", flush=True)
    if options.json:
        facts = {
            "benchmark": "training",
            "instruction_set": (instruction_sets() or ["none"])[0],
            "rounds": options.rounds,
            "packed": options.packed,
            "rows": rows,
        }
        options.json.write_text(json.dumps(facts, indent=2))
    return rows


if __name__ == "__main__":
    main()
