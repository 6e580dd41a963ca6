"""Train any torch module on a memorisation task, as one network.

The module reads (batch, time, 1) and returns (batch, time, features), alone or as the first item of a tuple, as
``torch.nn.RNN(batch_first=True)`` does. Its answer is the sum of the features after the last input. Sequences of one
length are run together, so that nothing is padded and the module needs to know nothing of lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from linmem.checks import check_generator
from linmem.citations import cites
from linmem.trained.distance import solved_threshold
from linmem.trained.spec import TrainingSettings
from linmem.trained.task import MemoryTask

MakeOptimiser = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


@dataclass(frozen=True, eq=False)
class ModuleTraining:
    """What the training of one module leaves; the module itself holds the trained weights.

    Attributes
    ----------
    loss_steps : (record,) number of steps done at the end of each record.
    losses : (record,) training loss averaged over the steps of each record.
    error : mean absolute error on fresh sequences; NaN if not finite.
    diverged : whether the error or a parameter is not finite.
    settings : how it was trained.
    """

    loss_steps: Int[np.ndarray, "record"]
    losses: Float[np.ndarray, "record"]
    error: float
    diverged: bool
    settings: TrainingSettings

    @property
    def solved(self) -> bool:
        """Error below the threshold for more than one cell: 0.03, or 0.06 at a constant rate."""
        return self.error < solved_threshold(2, self.settings.schedule)


def module_answers(
    module: nn.Module, sequences: Float[np.ndarray, "batch timesteps"], lengths: Int[np.ndarray, "batch"]
) -> Float[Tensor, "batch"]:
    """Answers to right-aligned sequences, each of which is the last ``lengths[i]`` entries of its row.

    >>> module = torch.nn.GRU(1, 3, batch_first=True)
    >>> module_answers(module, np.zeros((2, 4), dtype=np.float32), np.array([4, 2])).shape
    torch.Size([2])
    """
    found: list[Tensor] = []
    order: list[np.ndarray] = []
    for q in np.unique(lengths):
        chosen = np.flatnonzero(lengths == q)
        inputs = torch.tensor(sequences[chosen, sequences.shape[1] - q :, None])
        found.append(last_features(module, inputs).sum(dim=-1))
        order.append(chosen)
    answers = torch.cat(found)
    return answers[torch.tensor(np.argsort(np.concatenate(order)), device=answers.device)]


def last_features(module: nn.Module, inputs: Float[Tensor, "batch time 1"]) -> Float[Tensor, "batch features"]:
    """What the module gives out after the last of its inputs, which are moved to its device and dtype."""
    if not isinstance(module, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}; pass e.g. torch.nn.RNN(1, 3)")
    moved = inputs.to(next(module.parameters(), torch.zeros(0)))
    outputs = module(moved)
    top = outputs[0] if isinstance(outputs, tuple) else outputs
    if not isinstance(top, Tensor) or top.ndim != 3 or top.shape[:2] != moved.shape[:2]:
        got = tuple(top.shape) if isinstance(top, Tensor) else type(top).__name__
        raise ValueError(
            f"module must map {tuple(moved.shape)} (batch, time, 1) to (batch, time, features), alone or first in a "
            f"tuple, got {got}; build torch modules with batch_first=True"
        )
    return top[:, -1]


@cites("illium2022", "Section 4")
def train_module(
    module: nn.Module,
    task: MemoryTask,
    rng: np.random.Generator | int,
    settings: TrainingSettings | None = None,
    optimiser: MakeOptimiser | None = None,
) -> ModuleTraining:
    """Train ``module`` in place on fresh sequences of ``task``; loss ``mean |target - sum of features|``.

    Parameters
    ----------
    module : see the module's head; it is put into training mode, and into evaluation mode for the final error.
    task : what is to be recalled.
    rng : generator or seed of the sequences. Initial weights are the module's own.
    settings : as for ensembles; ``dtype`` is the module's own and ``truncation`` must be None.
    optimiser : makes a torch optimiser of the parameters, in place of the one that the settings name; its rate is
        set at every step all the same.

    Raises
    ------
    TypeError, ValueError : for a module without parameters or of another convention, or for truncation.

    Cost: a forward and backward pass for each length that occurs in a batch, at every step: one to three orders of
    magnitude more than a network costs in an ensemble.

    >>> trained = train_module(torch.nn.RNN(1, 2, batch_first=True), MemoryTask(1, 3, 4), 0, TrainingSettings(steps=5))
    >>> trained.losses.shape
    (5,)
    """
    generator, options = check_generator("rng", rng), settings or TrainingSettings()
    if not isinstance(module, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}; pass e.g. torch.nn.RNN(1, 3)")
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("module must have parameters to train, got none; unfreeze or add a layer")
    if options.truncation is not None:
        raise ValueError(f"truncation must be None here, got {options.truncation}; detach inside the module instead")
    rule = (optimiser or _rule(options))(parameters)
    ends = options.record_ends
    losses, total, record = np.empty(len(ends)), 0.0, 0
    module.train()
    for k in range(options.steps):
        numbers, lengths = task.draw(options.batch_size, generator)
        for group in rule.param_groups:
            group["lr"] = options.rate_at(k)
        rule.zero_grad()
        answers = module_answers(module, numbers, lengths)
        loss = (answers - torch.tensor(task.targets(numbers, lengths)).to(answers)).abs().mean()
        loss.backward()
        rule.step()
        total += float(loss.detach())
        if k + 1 == ends[record]:
            losses[record], total = total / (ends[record] - (ends[record - 1] if record else 0)), 0.0
            record += 1
    error = _error(module, task, generator, options.evaluation_size)
    finite = np.isfinite(error) and all(bool(torch.isfinite(p).all()) for p in parameters)
    return ModuleTraining(np.array(ends, dtype=np.int64), losses, error if finite else np.nan, not finite, options)


def _rule(settings: TrainingSettings) -> MakeOptimiser:
    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        if settings.optimiser == "adam":
            return torch.optim.Adam(parameters, lr=settings.rate, betas=settings.betas, eps=settings.epsilon)
        return torch.optim.SGD(parameters, lr=settings.rate, momentum=settings.momentum)

    return make


def _error(module: nn.Module, task: MemoryTask, generator: np.random.Generator, size: int) -> float:
    module.eval()
    total = 0.0
    with torch.no_grad():
        for start in range(0, size, 1024):
            numbers, lengths = task.draw(min(1024, size - start), generator)
            answers = module_answers(module, numbers, lengths).cpu().numpy().astype(np.float64)
            with np.errstate(over="ignore"):
                total += float(np.abs(answers - task.targets(numbers, lengths)).sum())
    return total / size
