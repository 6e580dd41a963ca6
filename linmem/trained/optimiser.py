"""Update rules on the packed weights of an ensemble, equal to ``torch.optim`` on the parameters they stand for.

With G the derivative by an entry, k its multiplicity (:mod:`linmem.trained.packing`) and a the learning rate:

- sgd: ``v <- mu v + G``, ``P <- P - a k v`` (v = G without momentum mu),
- adam: ``m <- b1 m + (1 - b1) G``, ``s <- b2 s + (1 - b2) G^2``,
  ``P <- P - a k (m / (1 - b1^n)) / (sqrt(s / (1 - b2^n)) + eps)`` at step n = 1, 2, ..
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from linmem.citations import cites
from linmem.trained.spec import TrainingSettings


@cites("illium2022", "Section 4, stochastic gradient descent")
class Optimiser:
    """Update rule with its memory, for the tensors of one ensemble.

    Parameters
    ----------
    parameters, gradients, multiplicities : tensors of equal shapes; parameters are changed in place.
    settings : optimiser, momentum, betas and epsilon are read.

    >>> p, g, k = torch.ones(2), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])
    >>> Optimiser([p], [g], [k], TrainingSettings()).step(rate=0.5)
    >>> p
    tensor([0.5000, 1.0000])
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        multiplicities: Sequence[Tensor],
        settings: TrainingSettings,
    ) -> None:
        self.settings, self.count = settings, 0
        self.tensors = list(zip(parameters, gradients, multiplicities, strict=True))
        self.first = [torch.zeros_like(p) for p in parameters]
        self.second = [torch.zeros_like(p) for p in parameters] if settings.optimiser == "adam" else []

    def step(self, rate: float) -> None:
        """Move the parameters by the gradients as they are now."""
        self.count += 1
        if self.settings.optimiser == "adam":
            self._adam(rate)
            return
        momentum = self.settings.momentum
        for (parameter, gradient, multiplicity), velocity in zip(self.tensors, self.first, strict=True):
            direction = velocity.mul_(momentum).add_(gradient) if momentum else gradient
            parameter.addcmul_(direction, multiplicity, value=-rate)

    def _adam(self, rate: float) -> None:
        (b1, b2), epsilon = self.settings.betas, self.settings.epsilon
        size, root = rate / (1.0 - b1**self.count), (1.0 - b2**self.count) ** 0.5
        for (parameter, gradient, multiplicity), mean, square in zip(
            self.tensors, self.first, self.second, strict=True
        ):
            mean.mul_(b1).add_(gradient, alpha=1.0 - b1)
            square.mul_(b2).addcmul_(gradient, gradient, value=1.0 - b2)
            direction = square.sqrt().div_(root).add_(epsilon).reciprocal_().mul_(mean)
            parameter.addcmul_(direction, multiplicity, value=-size)
