"""Architectures of the networks that are trained: cell type, size, links between layers, read-out, initial law.

A network has l layers of c cells and one input. Layer i of a stack reads the states of layer i - 1, either of the SAME
step (``torch.nn.RNN`` with ``num_layers``) or of the step before (``links="delayed"``). The answer is read from the top
layer after the last input: the SUM of its c outputs (Illium et al. 2022, Section 4; nothing to train), or a linear
function of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from linmem.checks import check_choice, check_integer
from linmem.citations import cites

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
LINKS = ("same-step", "delayed")
READOUTS = ("sum", "linear")
INITIALISATIONS = ("torch", "orthogonal")


@cites("illium2022", "Sections 2 and 4")
@dataclass(frozen=True)
class Architecture:
    """A stack of ``layers`` recurrent layers of ``cells`` cells, read by a sum or a linear function.

    The layers, with torch's gate conventions (sigma is the logistic function, * the product of entries):

    - rnn: ``h' = tanh(W x + b + U h + d)``
    - lstm: ``i, f, g, o = sigma, sigma, tanh, sigma of (W x + b + U h + d)``, ``s' = f * s + i * g``,
      ``h' = o * tanh(s')``
    - gru: ``r, z = sigma(W x + b + U h + d)``, ``n = tanh(W_n x + b_n + r * (U_n h + d_n))``,
      ``h' = (1 - z) * n + z * h``

    Parameters
    ----------
    cell : "rnn" (tanh), "lstm" or "gru".
    cells : c, cells in each layer (n in the paper's parameter counts).
    layers : l, number of layers.
    links : "same-step" (a layer reads what the layer below has just computed, as in torch) or "delayed" (what it had
        computed one step earlier).
    readout : "sum" of the top layer's outputs, as in the paper, or "linear" (weights and bias, trained).
    bias : False leaves out every bias of the layers (``bias=False`` of torch); a linear read-out keeps its own.
    initialisation : "torch" or "orthogonal", see :func:`linmem.trained.weights.initial_weights`.

    Raises
    ------
    ValueError, TypeError : for an unknown word, a size below 1, or a ``bias`` that is no bool.

    >>> Architecture("lstm", cells=5).parameter_count
    140
    >>> Architecture(cells=5, layers=2).state_variables
    10
    """

    cell: str = "rnn"
    cells: int = 1
    layers: int = 1
    links: str = "same-step"
    readout: str = "sum"
    bias: bool = True
    initialisation: str = "torch"

    def __post_init__(self) -> None:
        check_choice("cell", self.cell, GATES)
        check_integer("cells", self.cells, minimum=1)
        check_integer("layers", self.layers, minimum=1)
        check_choice("links", self.links, LINKS)
        check_choice("readout", self.readout, READOUTS)
        check_choice("initialisation", self.initialisation, INITIALISATIONS)
        if not isinstance(self.bias, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"bias must be True or False, got {self.bias!r}; pass a bool")

    @property
    def gates(self) -> int:
        """Number of gates g: the rows of every weight matrix are g c (rnn 1, lstm 4, gru 3)."""
        return GATES[self.cell]

    def inputs(self, layer: int) -> int:
        """Number of inputs m of ``layer`` = 0, .., l - 1: one for the lowest, c above.

        >>> Architecture(cells=4, layers=2).inputs(0), Architecture(cells=4, layers=2).inputs(1)
        (1, 4)
        """
        return 1 if check_integer("layer", layer, 0, self.layers - 1) == 0 else self.cells

    @property
    def parameter_count(self) -> int:
        """Parameters as the paper counts them, one bias vector a layer: the sum over layers of ``g (m n + n^2 + n)``.

        A linear read-out adds n + 1. Without bias the last n of each layer is missing.
        """
        return self._count(bias_vectors=1)

    @property
    def torch_parameter_count(self) -> int:
        """The same with torch's two bias vectors a layer: ``g (m n + n^2 + 2 n)``, as the module's tensors hold.

        >>> Architecture(cells=3).parameter_count, Architecture(cells=3).torch_parameter_count
        (15, 18)
        """
        return self._count(bias_vectors=2)

    def _count(self, bias_vectors: int) -> int:
        n, vectors = self.cells, bias_vectors if self.bias else 0
        layers = sum(self.gates * (self.inputs(i) * n + n * n + vectors * n) for i in range(self.layers))
        return layers + (n + 1 if self.readout == "linear" else 0)

    @property
    def linear_distance(self) -> int:
        """Largest position that a LINEAR stack of this shape can recall exactly: ``c l - (l - 1)``; ``c l`` if delayed.

        In the backward shift s = z^{-1} a layer has the transfer function ``(I - s U)^{-1} W``: numerators of degree at
        most c - 1, denominator ``det(I - s U)`` of constant term 1; a delayed link multiplies by s. Recalling
        ``x_{t-(p-1)}`` means numerator = ``s^{p-1}`` times denominator, so p - 1 is at most the numerator's degree,
        ``l (c - 1)``, and l - 1 more with delayed links. Chains that shift attain it. Trained tanh stacks follow it;
        lstm and gru layers are no linear layers, and for an lstm it is no bound.

        >>> [Architecture(cells=3, layers=2, links=links).linear_distance for links in ("same-step", "delayed")]
        [5, 6]
        """
        return self.cells * self.layers - (self.layers - 1 if self.links == "same-step" else 0)

    @property
    def state_variables(self) -> int:
        """Numbers that the network carries from step to step: ``c l``, twice that for lstm (outputs and cells).

        No network of n state variables can recall more than n positions with worst-case error below 1/2, if the
        sequence may stop at any of n consecutive steps.
        """
        return self.cells * self.layers * (2 if self.cell == "lstm" else 1)
