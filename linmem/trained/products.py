"""The three products of a layer of many small networks, in the two ways that are fast: batched, and entry by entry.

With P (network, row, column) the weights of a layer, z (network, column, batch) what it reads and D (network, row,
batch) the derivative by its pre-activations, a training step needs ``P z``, ``P^T D`` and ``sum_t D_t z_t^T``.

- :class:`BatchedProducts`: one batched matrix product each (``torch.bmm``); a product costs 0.1 to 0.3 microseconds a
  network, however small it is.
- :class:`ElementwiseProducts`: multiplications and sums along the networks, which are the LAST axis in memory; a
  product costs 0.14 nanoseconds a multiplication, so it wins for few cells and small batches.

Which one an ensemble takes is decided by :func:`elementwise_is_faster`. Tensors look the same to everybody else: axes
(network, row, batch), only their strides differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

_AT_ONCE = 2**17  # numbers of a product held at once before they are summed; beyond, the cache is too small (measured)


def elementwise_is_faster(rows: int, columns: int, batch: int) -> bool:
    """Whether products of (rows, columns) with (columns, batch) are faster entry by entry; measured, for one thread.

    >>> elementwise_is_faster(3, 5, 8), elementwise_is_faster(20, 22, 32)
    (True, False)
    """
    return rows * columns * batch < (1200 if batch <= 16 else 1000)


def room(like: Tensor, count: int, networks: int, rows: int, batch: int, elementwise: bool) -> Tensor:
    """Zero tensor (count, network, row, batch) of the dtype and device of ``like``, with the strides that suit.

    >>> [room(torch.zeros(0), 1, 2, 3, 4, elementwise).stride() for elementwise in (False, True)]
    [(24, 12, 4, 1), (24, 1, 8, 2)]
    """
    if elementwise:
        return like.new_zeros((count, rows, batch, networks)).permute(0, 3, 1, 2)
    return like.new_zeros((count, networks, rows, batch))


class Products(ABC):
    """The products of one layer, on tensors that are given once.

    Parameters
    ----------
    weights : P; ``P^T D`` is taken with its first ``back`` columns only.
    scaled : the weights that the forward product takes.
    gradient : tensor like P, to which ``sum_t D_t z_t^T`` goes.
    z : tensors (network, column, batch), one for each step that is kept.
    before : tensors (network, row, batch) for the pre-activations, one for each step that is kept.
    delta : D.
    to_inputs : (network, back, batch), to which ``P^T D`` goes.
    """

    def __init__(
        self,
        weights: Tensor,
        scaled: Tensor,
        gradient: Tensor,
        z: Sequence[Tensor],
        before: Sequence[Tensor],
        delta: Tensor,
        to_inputs: Tensor,
    ) -> None:
        self.weights, self.scaled, self.gradient = weights, scaled, gradient
        self.z, self.before, self.delta, self.to_inputs = list(z), list(before), delta, to_inputs
        self.back = to_inputs.shape[1]

    @abstractmethod
    def forward(self, slot: int, kept: int) -> None:
        """``before[kept] = scaled z[slot]``."""

    @abstractmethod
    def backward(self) -> None:
        """``to_inputs = P^T delta``."""

    @abstractmethod
    def accumulate(self, slot: int, first: bool) -> None:
        """Add ``delta z[slot]^T`` to the gradient, or start it if ``first``."""

    @abstractmethod
    def finish(self) -> None:
        """The gradient is wanted now."""


class BatchedProducts(Products):
    """``torch.bmm``; tensors are contiguous in the order network, row, batch."""

    def __init__(
        self,
        weights: Tensor,
        scaled: Tensor,
        gradient: Tensor,
        z: Sequence[Tensor],
        before: Sequence[Tensor],
        delta: Tensor,
        to_inputs: Tensor,
    ) -> None:
        super().__init__(weights, scaled, gradient, z, before, delta, to_inputs)
        self._z_transposed = [part.transpose(1, 2) for part in self.z]
        self._weights_transposed = weights[:, :, : self.back].transpose(1, 2)

    def forward(self, slot: int, kept: int) -> None:
        torch.bmm(self.scaled, self.z[slot], out=self.before[kept])

    def backward(self) -> None:
        torch.bmm(self._weights_transposed, self.delta, out=self.to_inputs)

    def accumulate(self, slot: int, first: bool) -> None:
        if first:
            torch.bmm(self.delta, self._z_transposed[slot], out=self.gradient)
        else:
            self.gradient.baddbmm_(self.delta, self._z_transposed[slot])

    def finish(self) -> None:
        pass


class ElementwiseProducts(Products):
    """Multiplications and sums; tensors are contiguous in the order row, batch, network."""

    def __init__(
        self,
        weights: Tensor,
        scaled: Tensor,
        gradient: Tensor,
        z: Sequence[Tensor],
        before: Sequence[Tensor],
        delta: Tensor,
        to_inputs: Tensor,
    ) -> None:
        super().__init__(weights, scaled, gradient, z, before, delta, to_inputs)
        E, R, K = weights.shape
        B = delta.shape[2]
        # axes (row, batch, network) in the order of memory, with an axis of length one where a product broadcasts
        self._before = [part.permute(1, 2, 0) for part in self.before]
        self._to_inputs, D = to_inputs.permute(1, 2, 0), delta.permute(1, 2, 0)
        self._outer = [(D.unsqueeze(0), part.permute(1, 2, 0).unsqueeze(1)) for part in self.z]
        self._sum = weights.new_empty((K, R, B, E))  # sum_t D_t z_t^T before it is summed over the batch
        columns = scaled.permute(2, 1, 0).unsqueeze(2)  # (column, row, 1, network)
        rows = weights.permute(1, 2, 0)[:, : self.back].unsqueeze(2)  # (row, column, 1, network)
        self._forward = [(columns, part[1]) for part in self._outer]
        self._backward = (rows, D.unsqueeze(1))
        self._forward_parts = [list(zip(columns.unbind(0), z_t[1].unbind(0), strict=True)) for z_t in self._outer]
        self._backward_parts = list(zip(rows.unbind(0), D.unsqueeze(1).unbind(0), strict=True))
        at_once = K * R * B * E <= _AT_ONCE
        self._forward_terms = weights.new_empty((K, R, B, E)) if at_once else None
        self._backward_terms = weights.new_empty((R, self.back, B, E)) if at_once and R > 1 else None

    def forward(self, slot: int, kept: int) -> None:
        parts = self._forward_parts[slot]
        self._product(self._forward[slot], parts, self._forward_terms, self._before[kept])

    def backward(self) -> None:
        self._product(self._backward, self._backward_parts, self._backward_terms, self._to_inputs)

    def _product(
        self,
        whole: tuple[Tensor, Tensor],
        parts: Sequence[tuple[Tensor, Tensor]],
        terms: Tensor | None,
        out: Tensor,
    ) -> None:
        if terms is not None:
            torch.sum(torch.mul(*whole, out=terms), dim=0, out=out)
            return
        torch.mul(*parts[0], out=out)
        for a, b in parts[1:]:
            torch.addcmul(out, a, b, out=out)

    def accumulate(self, slot: int, first: bool) -> None:
        if first:
            torch.mul(*self._outer[slot], out=self._sum)
        else:
            self._sum.addcmul_(*self._outer[slot])

    def finish(self) -> None:
        self.gradient.copy_(self._sum.sum(dim=2).permute(2, 1, 0))
