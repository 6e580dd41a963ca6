"""Ensembles of small recurrent networks, trained together: one tensor operation serves all of them.

E networks of one cell type, with as many layers, the same links and the same kind of read-out; their sizes may differ
(absent cells cost time, but change nothing). Gradients are written out (:mod:`linmem.trained.layers`) and hold for any
E side by side: a network that diverges does not touch the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from linmem.checks import check_choice, check_integer
from linmem.citations import cites
from linmem.trained.layers import LAYERS, Layer
from linmem.trained.packing import pack, unpack
from linmem.trained.products import elementwise_is_faster
from linmem.trained.weights import NetworkWeights, check_weights

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True, eq=False)
class Gradient:
    """Loss and gradient of every network.

    Attributes
    ----------
    loss : (network,) mean absolute error over the batch.
    networks : for each network the derivatives in the layout of its weights; both biases of a pair have the same one.
        Where the architecture has no parameter (no bias, summed read-out) it is zero.
    """

    loss: Float[np.ndarray, "network"]
    networks: list[NetworkWeights]


@cites("illium2022", "Section 4")
class Ensemble:
    """E networks, run and trained side by side with torch.

    Parameters
    ----------
    networks : their weights. Cell type, number of layers, links and kind of read-out must agree.
    dtype : "float32" or "float64".
    device : where torch computes, e.g. "cpu" or "cuda".
    products : "batched", "elementwise" or "auto", the faster one for the sizes; see :mod:`linmem.trained.products`.

    Raises
    ------
    ValueError, TypeError : if there is no network, the architectures do not agree, a weight is not finite, or torch has
        no such device.

    Notes
    -----
    A training step of T time steps and batch B costs ``O(E T B l g c^2)`` operations in ``O(T l)`` tensor calls, which
    take 20 to 40 microseconds for each time step and layer whatever E: it takes networks by the hundred to hide that.

    >>> from linmem.trained import Architecture, initial_weights
    >>> ensemble = Ensemble([initial_weights(Architecture(cells=c), rng=c) for c in (2, 3)])
    >>> ensemble.outputs(np.zeros((2, 4, 5)), np.ones((2, 4, 5), dtype=bool)).shape
    (2, 4)
    """

    def __init__(
        self,
        networks: Sequence[NetworkWeights],
        *,
        dtype: str = "float32",
        device: str = "cpu",
        products: str = "auto",
    ) -> None:
        if not networks:
            raise ValueError("networks must hold at least one network, got none; pass e.g. [initial_weights(..., 0)]")
        self.starts = [check_weights(network) for network in networks]
        kinds = {(a.cell, a.layers, a.links, a.readout) for a in (network.architecture for network in self.starts)}
        if len(kinds) > 1:
            raise ValueError(
                "the networks of an ensemble must agree in (cell, layers, links, readout), got "
                f"{sorted(kinds)}; make one ensemble for each"
            )
        self._products = check_choice("products", products, ("auto", "batched", "elementwise"))
        kind = DTYPES[check_choice("dtype", dtype, DTYPES)]
        try:
            self.device = torch.empty(0, device=device).device
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"device must be one that torch can use, got {device!r} ({error}); pass 'cpu'") from error
        self.architecture = max((n.architecture for n in self.starts), key=lambda a: a.cells)
        packed = pack(self.starts, self.architecture.cells)
        self.parameters = [torch.tensor(values, dtype=kind, device=self.device) for values, _ in packed]
        self.multiplicities = [torch.tensor(counts, dtype=kind, device=self.device) for _, counts in packed]
        self.gradients = [torch.empty_like(values) for values in self.parameters]
        self._layers: tuple[tuple[int, int], list[Layer]] | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def weights(self) -> list[NetworkWeights]:
        """The weights as they are now, in torch's layout."""
        return unpack([p.cpu().numpy() for p in self.parameters], self.starts, self.architecture.cells)

    def _made(self, slots: int, batch: int) -> list[Layer]:
        if self._layers is None or self._layers[0] != (slots, batch):
            a, kind = self.architecture, LAYERS[self.architecture.cell]
            made = [
                kind(P, G, a.cells, i == 0, slots, batch, self.elementwise(batch))
                for i, (P, G) in enumerate(zip(self.parameters[: a.layers], self.gradients, strict=False))
            ]
            self._layers = (slots, batch), made
        layers = self._layers[1]
        for layer in layers:
            layer.start()
        return layers

    def suited(self, tensor: Tensor, batch: int) -> Tensor:
        """The same tensor (..., network, any, batch) with the strides that are fastest for this ensemble."""
        if not self.elementwise(batch):
            return tensor.contiguous()
        return tensor.movedim(-3, -1).contiguous().movedim(-1, -3)

    def elementwise(self, batch: int) -> bool:
        """Which kind of products is used for this batch size: "auto" is batched on every device but the CPU."""
        if self._products != "auto" or self.device.type != "cpu":
            return self._products == "elementwise"
        _, rows, columns = max((p.shape for p in self.parameters[: self.architecture.layers]), key=lambda s: s[2])
        return elementwise_is_faster(rows, columns, batch)

    def _forward(self, layers: Sequence[Layer], x: Tensor, m: Tensor) -> Tensor:
        T, delay = x.shape[0], int(self.architecture.links == "delayed")
        for upper in layers[1:]:
            upper.reads[0].zero_()
        h = x
        masks = list(m.unbind(0))
        whole = layers[0].slots > T
        if whole:
            layers[0].all_reads[:T] = x.unsqueeze(2)
        for t in range(T):
            mask = masks[t] if t < len(masks) else None
            if not whole:
                layers[0].reads[t % layers[0].slots].copy_(x[t].unsqueeze(1))
            for i, layer in enumerate(layers):
                h = layer.forward(t, mask)
                if i + 1 < len(layers) and t + delay < T:
                    layers[i + 1].reads[(t + delay) % layer.slots].copy_(h)
        return h

    def _answers(self, h: Float[Tensor, "network cell batch"]) -> Float[Tensor, "network batch"]:
        if self.architecture.readout == "sum":
            return h.sum(dim=1)
        readout = self.parameters[-1]
        return torch.bmm(readout[:, :, :-1], h).squeeze(1) + readout[:, :, -1]

    def outputs_of(
        self, x: Float[Tensor, "time network batch"], m: Float[Tensor, "masked network 1 batch"]
    ) -> Float[Tensor, "network batch"]:
        """Answers in the engine's own layout; ``m`` (ones and zeros) covers the first ``masked`` steps only."""
        return self._answers(self._forward(self._made(2, x.shape[2]), x, m))

    def gradient_of(
        self,
        x: Float[Tensor, "time network batch"],
        m: Float[Tensor, "masked network 1 batch"],
        y: Float[Tensor, "network batch"],
        truncation: int | None = None,
    ) -> Float[Tensor, "network"]:
        """Losses; the derivatives by the packed weights go to ``gradients`` (not yet times their multiplicity)."""
        T, _, B = x.shape
        layers = self._made(T + 1, B)
        h = self._forward(layers, x, m)
        residual = self._answers(h) - y
        loss = residual.abs().mean(dim=1)
        error = residual.sign_().div_(B).unsqueeze(1)
        if self.architecture.readout == "sum":
            dh = error.expand_as(h).clone()
        else:
            self.gradients[-1][:, :, :-1] = torch.bmm(error, h.transpose(1, 2))
            self.gradients[-1][:, :, -1] = error.sum(dim=2)
            dh = torch.bmm(self.parameters[-1][:, :, :-1].transpose(1, 2), error)
        self._backward(layers, dh, list(m.unbind(0)), T, 0 if truncation is None else max(0, T - truncation))
        return loss

    def _backward(self, layers: Sequence[Layer], dh: Tensor, masks: Sequence[Tensor], T: int, earliest: int) -> None:
        """Steps ``T - 1 .. earliest`` back from dL/dh of the top layer at the last step."""
        top, delayed = len(layers) - 1, self.architecture.links == "delayed"
        # A layer's inputs at step t come from the layer below at step t, or t - 1 if delayed. When it is the turn of
        # layer i, its upper neighbour must have been at that step, and no further.
        order = range(top + 1) if delayed else range(top, -1, -1)
        last = [T - 1 - (top - i if delayed else 0) for i in range(top + 1)]  # the last step that the answer depends on
        for i, layer in enumerate(layers):
            layer.reset()
            if last[i] < earliest:
                self.gradients[i].zero_()
        for t in range(T - 1, earliest - 1, -1):
            mask = masks[t] if t < len(masks) else None
            for i in order:
                if t > last[i]:
                    continue
                layer = layers[i]
                d = dh if t == T - 1 and i == top else layer.to_states
                if i < top:
                    from_above = layers[i + 1].to_below
                    d = from_above if t == last[i] else d.add_(from_above)
                layer.backward(t, d, mask)
                layer.accumulate(t, first=t == last[i])
        for i, layer in enumerate(layers):
            if last[i] >= earliest:
                layer.finish()

    def _arranged(self, name: str, value: ArrayLike, shape: tuple[int, ...]) -> Tensor:
        array = np.asarray(value)
        if array.shape != shape:
            raise ValueError(
                f"{name} must have shape {shape} (network, batch, ...), got {array.shape}; stack one batch for each of "
                f"the {len(self)} networks along the first axis"
            )
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise ValueError(f"{name} must hold finite numbers, got dtype {array.dtype}; remove NaN and infinity")
        return torch.tensor(array, dtype=self.parameters[0].dtype, device=self.device)

    def _sequences(self, inputs: ArrayLike, mask: ArrayLike) -> tuple[Tensor, Tensor]:
        shape = np.shape(inputs)
        if len(shape) != 3 or 0 in shape:
            raise ValueError(
                f"inputs must have shape (network, batch, timesteps), got {shape}; stack one batch for each network"
            )
        x, m = (
            self._arranged(name, value, (len(self), *shape[1:])).permute(2, 0, 1)
            for name, value in (("inputs", inputs), ("mask", mask))
        )
        return x.contiguous(), m.unsqueeze(2).contiguous()

    def outputs(self, inputs: ArrayLike, mask: ArrayLike) -> Float[np.ndarray, "network batch"]:
        """Answers of all networks after the last step; the state stays zero while ``mask`` is False.

        Parameters
        ----------
        inputs : (network, batch, timesteps).
        mask : same shape, True where there is an input (right-aligned, see :class:`linmem.trained.task.Batch`).
        """
        return self.outputs_of(*self._sequences(inputs, mask)).cpu().numpy()

    def gradient(
        self, inputs: ArrayLike, mask: ArrayLike, targets: ArrayLike, truncation: int | None = None
    ) -> Gradient:
        """Mean absolute error of each network and its gradient, by backpropagation through time.

        Parameters
        ----------
        inputs, mask : as in :meth:`outputs`.
        targets : (network, batch).
        truncation : number of steps to go back from the end (None: all). The states before are taken as constants.
        """
        steps = None if truncation is None else check_integer("truncation", truncation, minimum=1)
        x, m = self._sequences(inputs, mask)
        loss = self.gradient_of(x, m, self._arranged("targets", targets, (len(self), x.shape[2])), steps)
        derivatives = [
            (g * (counts > 0)).cpu().numpy() for g, counts in zip(self.gradients, self.multiplicities, strict=True)
        ]
        networks = unpack(derivatives, self.starts, self.architecture.cells, gradient=True)
        return Gradient(loss.cpu().numpy(), networks)
