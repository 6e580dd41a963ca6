"""One recurrent layer of E networks at once: forward and backward steps written out, for the three cell types.

The weights of a layer are one tensor P (network, row, column) with columns ``[U | W | b]``, so that all gates of a step
are ONE batched product ``P z_t`` with ``z_t = [h_{t-1}; x_t; 1]`` (network, column, batch); the gradient of everything
is ``sum_t D_t z_t^T``, D_t the derivative by the pre-activations, and ``P^T D_t`` is what goes back to ``h_{t-1}`` and
``x_t``. Written so, a step takes about half the time that automatic differentiation of the same ensemble takes.

Rows: rnn c; lstm 4 c (i, f, g, o); gru 4 c (r, z, n from the input, n from the state). ``tanh(a) = 2 sigma(2 a) - 1``
throughout: torch's vectorised sigma is five times as fast as its tanh, and as exact in absolute terms. Rows that enter
a tanh are doubled once per step, in a copy of the weights.

Masks: (network, 1, batch) of ones and zeros, at the first steps only; while it is 0 the state of the sequence stays 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from linmem.trained.products import BatchedProducts, ElementwiseProducts, room

BLOCKS = {"rnn": 1, "lstm": 4, "gru": 4}
"""Blocks of c rows in the weights of a layer."""

_tanh_backward = torch.ops.aten.tanh_backward.grad_input  # out = g (1 - y^2) in one pass
_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input  # out = g y (1 - y) in one pass


class Layer(ABC):
    """Buffers and steps of one layer of E networks with C cells and M inputs, for sequences of T steps, batch B.

    Parameters
    ----------
    weights : (network, row, column) P; read anew at each :meth:`start`.
    gradient : tensor like ``weights``, to which :meth:`finish` brings the derivatives.
    cells : C; columns are C + M + 1.
    lowest : whether nothing lies below that asks for dL/dx_t.
    slots : T + 1 to keep all steps for :meth:`backward`, 2 to go forward only.
    batch : B.
    elementwise : which kind of products, and the strides that go with it (:mod:`linmem.trained.products`).

    Attributes
    ----------
    states : list of (network, cell, batch): entry ``t % slots`` holds h_{t-1}.
    reads : list of (network, input, batch): x_t is to be written into entry ``t % slots``. ``all_reads`` is all of them
        in one tensor, the slot in front.
    to_states, to_below : (network, cell, batch) dL/dh_{t-1} and (network, input, batch) dL/dx_t after
        ``backward(t, ..)``; the lowest layer leaves out the latter.
    """

    tanh_blocks: tuple[int, ...] = ()

    def __init__(
        self, weights: Tensor, gradient: Tensor, cells: int, lowest: bool, slots: int, batch: int, elementwise: bool
    ) -> None:
        E, R, K = weights.shape
        inputs = K - 1 - cells
        self.weights, self.cells, self.slots = weights, cells, slots
        self.kept = slots if slots > 2 else 1  # sets of activations, for backward
        self._like, self._room = weights, (E, batch, elementwise)
        together = room(weights, slots, E, K, batch, elementwise)
        together[:, :, -1] = 1.0
        self.all_reads, z = together[:, :, cells : cells + inputs], list(together.unbind(0))
        self.states = [part[:, :cells] for part in z]
        self.reads = list(self.all_reads.unbind(0))
        self.scale = torch.ones_like(weights)
        for block in self.tanh_blocks:
            self.scale[:, block * cells : (block + 1) * cells] = 2.0
        self.scaled, self.plain = room(weights, 2, E, R, K, elementwise).unbind(0)
        self.minus_one = weights.new_tensor(-1.0)
        (self.delta,) = self.rooms(1, rows=R)
        (self.scratch,) = self.rooms(1, rows=cells)
        (self.to_inputs,) = self.rooms(1, rows=cells + (0 if lowest else inputs))
        self.to_states, self.to_below = self.to_inputs[:, :cells], self.to_inputs[:, cells:]
        self.before = self.made_before()
        kind = ElementwiseProducts if elementwise else BatchedProducts
        self.products = kind(self.plain, self.scaled, gradient, z, self.before, self.delta, self.to_inputs)

    def rooms(self, count: int, rows: int) -> list[Tensor]:
        """``count`` zero tensors (network, row, batch)."""
        E, batch, elementwise = self._room
        return list(room(self._like, count, E, rows, batch, elementwise).unbind(0))

    def made_before(self) -> list[Tensor]:
        """Tensors for the pre-activations of each step that is kept: all rows, unless overridden."""
        return self.rooms(self.kept, rows=self.weights.shape[1])

    def blocks(self, tensors: list[Tensor], block: int, count: int = 1) -> list[Tensor]:
        """Views of ``count`` blocks of c rows, from ``block`` on."""
        return [tensor[:, block * self.cells : (block + count) * self.cells] for tensor in tensors]

    def start(self) -> None:
        """Take the weights as they are now, and forget the states."""
        self.plain.copy_(self.weights)
        torch.mul(self.weights, self.scale, out=self.scaled)
        self.states[0].zero_()

    @abstractmethod
    def forward(self, t: int, mask: Tensor | None) -> Tensor:
        """One step: read z_t, write h_t (network, cell, batch) into z_{t+1}, and return it."""

    def reset(self) -> None:
        """Prepare for going back: nothing comes from steps after the last."""
        self.to_inputs.zero_()

    @abstractmethod
    def backward(self, t: int, dh: Tensor, mask: Tensor | None) -> None:
        """One step back: from dh = dL/dh_t, which may be spoiled, to D_t, then ``to_states`` and ``to_below``."""

    def accumulate(self, t: int, first: bool) -> None:
        """Add ``D_t z_t^T`` to the gradient, or start it if ``first``."""
        self.products.accumulate(t, first)

    def finish(self) -> None:
        """Bring the gradient to where it is wanted."""
        self.products.finish()


class TanhLayer(Layer):
    """``h' = tanh(a)``, ``a = U h + W x + b``."""

    tanh_blocks = (0,)

    def made_before(self) -> list[Tensor]:
        return [self.delta] * self.kept  # not needed any more when delta is

    def forward(self, t: int, mask: Tensor | None) -> Tensor:
        h = self.states[(t + 1) % self.slots]
        self.products.forward(t % self.slots, 0)
        torch.add(self.minus_one, self.delta.sigmoid_(), alpha=2.0, out=h)
        return h if mask is None else h.mul_(mask)

    def backward(self, t: int, dh: Tensor, mask: Tensor | None) -> None:
        _tanh_backward(dh, self.states[t + 1], grad_input=self.delta)
        if mask is not None:
            self.delta.mul_(mask)
        self.products.backward()


class LstmLayer(Layer):
    """``s' = f s + i g``, ``h' = o tanh(s')``, gates i, f, g, o in this order."""

    tanh_blocks = (2,)

    def __init__(
        self, weights: Tensor, gradient: Tensor, cells: int, lowest: bool, slots: int, batch: int, elementwise: bool
    ) -> None:
        super().__init__(weights, gradient, cells, lowest, slots, batch, elementwise)
        self.gates = self.before
        self.i, self.f, self.s, self.o = (self.blocks(self.gates, k) for k in range(4))
        self.g, self.tanh = (self.rooms(self.kept, rows=cells) for _ in range(2))
        self.memory = self.rooms(slots, rows=cells)
        (self.d_gates,) = self.rooms(1, rows=4 * cells)
        self.d_i, self.d_f, self.d_s, self.d_o = (self.blocks([self.d_gates], k)[0] for k in range(4))
        (self.d_memory,) = self.rooms(1, rows=cells)

    def start(self) -> None:
        super().start()
        self.memory[0].zero_()

    def forward(self, t: int, mask: Tensor | None) -> Tensor:
        now, after, k = t % self.slots, (t + 1) % self.slots, t % self.kept
        self.products.forward(now, k)
        self.gates[k].sigmoid_()
        g, memory, tanh = self.g[k], self.memory[after], self.tanh[k]
        torch.add(self.minus_one, self.s[k], alpha=2.0, out=g)
        torch.mul(self.f[k], self.memory[now], out=memory).addcmul_(self.i[k], g)
        if mask is not None:
            memory.mul_(mask)
        torch.mul(memory, 2.0, out=self.scratch).sigmoid_()
        torch.add(self.minus_one, self.scratch, alpha=2.0, out=tanh)
        return torch.mul(self.o[k], tanh, out=self.states[after])

    def reset(self) -> None:
        super().reset()
        self.d_memory.zero_()

    def backward(self, t: int, dh: Tensor, mask: Tensor | None) -> None:
        d = self.d_memory
        torch.mul(dh, self.tanh[t], out=self.d_o)
        torch.mul(dh, self.o[t], out=self.scratch)
        _tanh_backward(self.scratch, self.tanh[t], grad_input=self.scratch)
        d.add_(self.scratch)
        if mask is not None:
            d.mul_(mask)
        torch.mul(d, self.g[t], out=self.d_i)
        torch.mul(d, self.memory[t], out=self.d_f)
        torch.mul(d, self.i[t], out=self.d_s).mul_(4.0)  # d tanh(a) / da = 4 s (1 - s), s = sigma(2 a)
        _sigmoid_backward(self.d_gates, self.gates[t], grad_input=self.delta)
        d.mul_(self.f[t])
        self.products.backward()


class GruLayer(Layer):
    """``h' = n + z (h - n)``, ``n = tanh(a_n + r b_n)``: a_n from the input, b_n from the state."""

    tanh_blocks = (2, 3)

    def __init__(
        self, weights: Tensor, gradient: Tensor, cells: int, lowest: bool, slots: int, batch: int, elementwise: bool
    ) -> None:
        super().__init__(weights, gradient, cells, lowest, slots, batch, elementwise)
        self.gates = self.before
        self.r, self.u, self.a, self.b = (self.blocks(self.gates, k) for k in range(4))
        self.ru = self.blocks(self.gates, 0, 2)
        self.n, self.difference = (self.rooms(self.kept, rows=cells) for _ in range(2))
        (self.d_gates,) = self.rooms(1, rows=2 * cells)
        self.d_r, self.d_u = (self.blocks([self.d_gates], k)[0] for k in range(2))
        self.delta_ru = self.delta[:, : 2 * cells]
        self.delta_a, self.delta_b = (self.blocks([self.delta], k)[0] for k in (2, 3))

    def forward(self, t: int, mask: Tensor | None) -> Tensor:
        now, k = t % self.slots, t % self.kept
        h = self.states[(t + 1) % self.slots]
        self.products.forward(now, k)
        self.ru[k].sigmoid_()
        torch.addcmul(self.a[k], self.r[k], self.b[k], out=self.scratch).sigmoid_()
        n, difference = self.n[k], self.difference[k]
        torch.add(self.minus_one, self.scratch, alpha=2.0, out=n)
        torch.sub(self.states[now], n, out=difference)
        torch.addcmul(n, self.u[k], difference, out=h)
        return h if mask is None else h.mul_(mask)

    def backward(self, t: int, dh: Tensor, mask: Tensor | None) -> None:
        if mask is not None:
            dh.mul_(mask)
        torch.mul(dh, self.difference[t], out=self.d_u)
        torch.mul(dh, self.u[t], out=self.scratch)  # straight to h_{t-1}
        _tanh_backward(dh.sub_(self.scratch), self.n[t], grad_input=self.delta_a)
        torch.mul(self.delta_a, self.b[t], out=self.d_r).mul_(0.5)  # b is kept doubled
        _sigmoid_backward(self.d_gates, self.ru[t], grad_input=self.delta_ru)
        torch.mul(self.delta_a, self.r[t], out=self.delta_b)
        self.products.backward()
        self.to_states.add_(self.scratch)


LAYERS: dict[str, type[Layer]] = {"rnn": TanhLayer, "lstm": LstmLayer, "gru": GruLayer}
