"""States of a network on any input series, step by step in float64 with numpy: what a read-out could use.

Written straight from the equations of :class:`~linmem.trained.architecture.Architecture`, one step of all layers at a
time, and so independent of both training engines.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import expit

from linmem.checks import check_array, check_choice
from linmem.trained.weights import LayerWeights, NetworkWeights, check_weights


def collect_states(
    weights: NetworkWeights, inputs: ArrayLike, part: str = "all"
) -> Float[np.ndarray, "timesteps states"] | Float[np.ndarray, "series timesteps states"]:
    """State after each input, starting from zero.

    Parameters
    ----------
    weights : the network.
    inputs : (timesteps,) one series, or (series, timesteps) several, each from zero.
    part : "all" (outputs h of all layers, lowest first, then its cells s likewise for an lstm: all state variables),
        "outputs" (h of all layers) or "top" (h of the top layer, what the read-out sees).

    Returns
    -------
    (timesteps, states), or (series, timesteps, states). Row t is the state after input t was read.

    Raises
    ------
    ValueError, TypeError : if ``weights`` are no finite NetworkWeights, or the inputs are not finite or have no step.

    Cost: ``O(timesteps l g c^2 series)``, and some 10 l microseconds a step for the loop.

    >>> from linmem.trained import Architecture, initial_weights
    >>> network = initial_weights(Architecture("lstm", cells=2, layers=3), rng=0)
    >>> collect_states(network, [0.5, 0.1]).shape, collect_states(network, [0.5, 0.1], "top").shape
    ((2, 12), (2, 2))
    """
    a = check_weights(weights).architecture
    chosen = check_choice("part", part, ("all", "outputs", "top"))
    given = np.asarray(inputs)
    x = check_array("inputs", inputs, ndim=2 if given.ndim == 2 else 1)
    if 0 in x.shape:
        raise ValueError(f"inputs must have at least one step, got shape {x.shape}; pass a longer series")
    series = np.atleast_2d(x)
    layers = [LayerWeights(*(array.astype(np.float64) for array in layer.arrays)) for layer in weights.layers]
    h = [np.zeros((len(series), a.cells)) for _ in layers]
    s = [np.zeros((len(series), a.cells)) for _ in layers]
    found: list[np.ndarray] = []
    for now in series.T[:, :, None]:
        below, before = now, list(h)
        for i, layer in enumerate(layers):
            if i > 0:
                below = before[i - 1] if a.links == "delayed" else h[i - 1]
            h[i], s[i] = layer_step(a.cell, layer, below, h[i], s[i])
        kept = {"top": h[-1:], "outputs": h, "all": [*h, *s] if a.cell == "lstm" else h}[chosen]
        found.append(np.concatenate(kept, axis=1))
    states = np.stack(found, axis=1)
    return states if given.ndim == 2 else states[0]


def layer_step(
    cell: str,
    layer: LayerWeights,
    x: Float[np.ndarray, "series inputs"],
    h: Float[np.ndarray, "series c"],
    s: Float[np.ndarray, "series k"],
) -> tuple[Float[np.ndarray, "series c"], Float[np.ndarray, "series k"]]:
    """Outputs h and cells s of one layer after one step; ``cell`` is "rnn", "relu" (rnn with relu), "lstm" or "gru".

    Only an lstm reads and changes s; for others it may be of any width.

    >>> unit = LayerWeights(*(np.array(a) for a in ([[1.0]], [[2.0]], [0.0], [-0.5])))
    >>> layer_step("relu", unit, np.ones((1, 1)), np.ones((1, 1)), np.zeros((1, 1)))[0].tolist()
    [[2.5]]
    """
    from_input = x @ layer.weight_ih.T + layer.bias_ih
    from_state = h @ layer.weight_hh.T + layer.bias_hh
    if cell == "rnn":
        return np.tanh(from_input + from_state), s
    if cell == "relu":
        return np.maximum(from_input + from_state, 0.0), s
    if cell == "lstm":
        i, f, g, o = np.split(from_input + from_state, 4, axis=1)
        s = expit(f) * s + expit(i) * np.tanh(g)
        return expit(o) * np.tanh(s), s
    (r, z, n), (r_h, z_h, n_h) = (np.split(part, 3, axis=1) for part in (from_input, from_state))
    update = expit(z + z_h)
    return (1 - update) * np.tanh(n + expit(r + r_h) * n_h) + update * h, s


def answers(weights: NetworkWeights, inputs: ArrayLike) -> Float[np.ndarray, "series"]:
    """The network's answers after the last step of sequences of one length, (series, timesteps).

    >>> from linmem.trained import Architecture, initial_weights
    >>> answers(initial_weights(Architecture(cells=3), rng=0), [[0.1, 0.2], [0.3, 0.4]]).shape
    (2,)
    """
    x = check_array("inputs", inputs, ndim=2)
    top = collect_states(weights, x, "top")[:, -1]
    return top @ weights.readout_weight.astype(np.float64) + weights.readout_bias
