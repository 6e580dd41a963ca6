"""The torch engine: which networks share an ensemble, their data, and the training loop."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from linmem.checks import check_integer
from linmem.trained.ensemble import Ensemble
from linmem.trained.layers import BLOCKS
from linmem.trained.optimiser import Optimiser
from linmem.trained.spec import Network, TrainingSettings
from linmem.trained.weights import NetworkWeights

_CHUNK = 64  # steps of data drawn at once; no influence on the data
_NUMBERS = 2**22  # numbers drawn at once; no influence on the data
_EVALUATION_CHUNK = 512
_STATES = 2**24  # numbers in the states of one ensemble
_MERGE = 2000  # cells x networks x batch for which one ensemble more is as dear as the cells filled up (measured)


@dataclass(frozen=True, eq=False)
class Trained:
    """What an engine returns: losses (record, network) averaged over each record, and the weights."""

    losses: Float[np.ndarray, "record network"]
    weights: list[NetworkWeights]


@contextmanager
def torch_threads(count: int) -> Generator[None]:
    """Run the body with ``count`` torch threads and set the former number again, whatever happens.

    >>> before = torch.get_num_threads()
    >>> with torch_threads(1):
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """
    wanted, before = check_integer("count", count, minimum=1), torch.get_num_threads()
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def ensembles_of(networks: Sequence[Network], batch: int) -> list[list[int]]:
    """Indices of the networks that are trained in one ensemble.

    Networks that agree in cell type, layers, links, read-out and longest sequence may share one; smaller networks are
    filled up to the size of larger ones while that costs less than the tensor calls of an ensemble of their own.

    >>> from linmem.trained import Architecture, MemoryTask, NetworkSpec
    >>> small, large = (Network(NetworkSpec(Architecture(cells=c), MemoryTask(1)), seed=0) for c in (2, 3))
    >>> ensembles_of([small, large, small], batch=8)
    [[1, 0, 2]]
    """
    groups: dict[tuple[object, ...], dict[int, list[int]]] = {}
    for index, network in enumerate(networks):
        a = network.spec.architecture
        key = (a.cell, a.layers, a.links, a.readout, network.spec.task.timesteps)
        groups.setdefault(key, {}).setdefault(a.cells, []).append(index)
    found: list[list[int]] = []
    for (cell, layers, _, _, timesteps), by_size in groups.items():
        merged: list[tuple[int, list[int]]] = []
        for c in sorted(by_size, reverse=True):
            members = by_size[c]
            if merged and len(members) * (merged[-1][0] - c) * batch < _MERGE:
                merged[-1][1].extend(members)
            else:
                merged.append((c, list(members)))
        for c, members in merged:
            numbers = int(layers) * (int(timesteps) + 1) * (2 + 2 * BLOCKS[str(cell)]) * c * batch  # type: ignore[call-overload]
            most = max(1, _STATES // numbers)
            parts = -(-len(members) // most)
            found += [part.tolist() for part in np.array_split(np.array(members), parts)]
    return found


def train_with_torch(
    networks: Sequence[Network], settings: TrainingSettings, *, threads: int = 1, device: str = "cpu"
) -> Trained:
    """Train the networks as ``settings`` say; nothing is evaluated."""
    losses = np.empty((len(settings.record_ends), len(networks)))
    weights: dict[int, NetworkWeights] = {}
    with torch_threads(threads), torch.no_grad():
        for members in ensembles_of(networks, settings.batch_size):
            losses[:, members], trained = _train_ensemble([networks[i] for i in members], settings, device)
            weights.update(zip(members, trained, strict=True))
    return Trained(losses, [weights[i] for i in range(len(networks))])


def _train_ensemble(
    networks: Sequence[Network], settings: TrainingSettings, device: str
) -> tuple[Float[np.ndarray, "record network"], list[NetworkWeights]]:
    E, batch, ends = len(networks), settings.batch_size, settings.record_ends
    initial = [network.initial_weights() for network in networks]
    ensemble = Ensemble(initial, dtype=settings.dtype, device=device)
    optimiser = Optimiser(ensemble.parameters, ensemble.gradients, ensemble.multiplicities, settings)
    losses, total = np.empty((len(ends), E)), torch.zeros(E, dtype=torch.float64, device=ensemble.device)
    generators = [network.generator("training") for network in networks]
    chunk = max(1, min(_CHUNK, _NUMBERS // (E * batch * networks[0].spec.task.timesteps)))
    record, done = 0, 0
    while done < settings.steps:
        steps = min(chunk, settings.steps - done)
        x, m, y = draw_steps(networks, generators, steps, batch, ensemble)
        for k in range(steps):
            total += ensemble.gradient_of(x[k], m[k], y[k], settings.truncation)
            optimiser.step(settings.rate_at(done))
            done += 1
            if done == ends[record]:
                losses[record] = total.cpu().numpy() / (done - (ends[record - 1] if record else 0))
                total.zero_()
                record += 1
    return losses, ensemble.weights()


def draw_steps(
    networks: Sequence[Network], generators: Sequence[np.random.Generator], steps: int, batch: int, ensemble: Ensemble
) -> tuple[
    Float[Tensor, "step time network batch"],
    Float[Tensor, "step masked network 1 batch"],
    Float[Tensor, "step network batch"],
]:
    """Inputs, mask (1 or 0) of the time steps that not every sequence has, and targets, in the layout of Ensemble."""
    tasks = [network.spec.task for network in networks]
    E, T, like = len(tasks), tasks[0].timesteps, ensemble.parameters[0]
    u = np.empty((E, steps, batch, T + 1), dtype=np.float32)  # as MemoryTask.draw: first the length, then the numbers
    for part, generator in zip(u, generators, strict=True):
        generator.random(dtype=np.float32, out=part)
    lengths, targets = np.empty((E, steps, batch), dtype=np.int64), np.zeros((E, steps, batch), dtype=np.float32)
    for task in set(tasks):
        members = np.array([e for e in range(E) if tasks[e] == task])
        lengths[members] = task.lengths_from(u[members, :, :, 0])
        if task.position <= T:
            exists = lengths[members] >= task.position
            targets[members] = np.where(exists, u[members, :, :, T + 1 - task.position], np.float32(0.0))
    if ensemble.elementwise(batch):  # transposed as one matrix: far faster than axis by axis
        turned = torch.from_numpy(u).view(E, -1).t().contiguous().view(steps, batch, T + 1, E)
        x = turned[:, :, 1:].permute(0, 2, 3, 1).to(like)
    else:
        x = torch.from_numpy(u)[:, :, :, 1:].permute(1, 3, 0, 2).contiguous().to(like)
    y = torch.from_numpy(targets).permute(1, 0, 2).to(like)
    starts = ensemble.suited((T - torch.from_numpy(lengths)).permute(1, 0, 2).unsqueeze(2), batch)
    masked = T - min(task.min_length for task in tasks)
    m = torch.arange(masked)[None, :, None, None, None] >= starts[:, None]
    return x, m.to(like), y


def evaluate(
    networks: Sequence[Network],
    weights: Sequence[NetworkWeights],
    settings: TrainingSettings,
    *,
    threads: int = 1,
    device: str = "cpu",
) -> Float[np.ndarray, "network"]:
    """Mean absolute error of each network on ``evaluation_size`` sequences of its evaluation stream; NaN if not finite.

    The sequences do not depend on the engine that trained the weights.
    """
    errors = np.full(len(networks), np.nan)
    finite = [i for i, w in enumerate(weights) if np.isfinite(w.largest)]
    with torch_threads(threads), torch.no_grad():
        for chosen in ensembles_of([networks[i] for i in finite], _EVALUATION_CHUNK):
            members = [finite[i] for i in chosen]
            own = [networks[i] for i in members]
            ensemble = Ensemble([weights[i] for i in members], dtype=settings.dtype, device=device)
            generators = [network.generator("evaluation") for network in own]
            total = torch.zeros(len(own), dtype=torch.float64, device=ensemble.device)
            for start in range(0, settings.evaluation_size, _EVALUATION_CHUNK):
                size = min(_EVALUATION_CHUNK, settings.evaluation_size - start)
                x, m, y = (tensor[0] for tensor in draw_steps(own, generators, 1, size, ensemble))
                total += (ensemble.outputs_of(x, m) - y).abs().sum(dim=1, dtype=torch.float64)
            errors[members] = total.cpu().numpy() / settings.evaluation_size
    return np.where(np.isfinite(errors), errors, np.nan)
