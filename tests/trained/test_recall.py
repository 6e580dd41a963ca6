"""Memory distance, plateau statistics and capacity of single networks whose memory is known."""

import numpy as np
import pytest
import torch

from linmem.statistics import Interval
from linmem.trained import Architecture, LayerWeights, NetworkWeights, initial_weights, to_module
from linmem.trained.plateau import first_below, plateau_statistics
from linmem.trained.recall import MemoryDistance, memory_distance
from linmem.trained.spec import TrainingSettings

SCALE = 0.01  # tanh(x) = x (1 - x^2 / 3): relative error 3e-5 at one hundredth


def shift_chain(cells: int, layers: int, links: str, answer: int | None = None) -> NetworkWeights:
    """A nilpotent chain: each layer hands its input on from cell to cell; the last cell is the next layer's input.

    Layer 0 scales x down to where tanh is linear. Read at cell ``answer`` of the top layer, or by the sum.
    """
    shift, stack = np.eye(cells, k=-1), []
    for i in range(layers):
        inputs = np.zeros((cells, 1 if i == 0 else cells))
        inputs[0, -1] = SCALE if i == 0 else 1.0
        stack.append(LayerWeights(inputs, shift, np.zeros(cells), np.zeros(cells)))
    a = Architecture("rnn", cells, layers, links, "sum" if answer is None else "linear")
    if answer is None:
        return NetworkWeights(a, tuple(stack), np.ones(cells))
    return NetworkWeights(a, tuple(stack), np.eye(cells)[answer] / SCALE)


@pytest.mark.parametrize(("cells", "layers"), [(1, 1), (4, 1), (3, 2), (2, 3)])
def test_the_distance_of_a_shift_chain_is_the_law_of_stacks(cells: int, layers: int) -> None:
    """c l - (l - 1) with links of the same step, c l with delayed ones: the nilpotent chain attains both."""
    for links, expected in (("same-step", cells * layers - (layers - 1)), ("delayed", cells * layers)):
        chain = shift_chain(cells, layers, links, answer=cells - 1)
        own = memory_distance(chain, 0.03, rng=0, max_position=expected + 3, size=400)
        assert own.value == int(own) == expected
        assert own.certain
        # the own answer is x at the last position: at any other, E|x - y| = 1/3 for independent uniform numbers
        for p, error in enumerate(own.errors, start=1):
            assert error.value < 1e-3 if p == expected else abs(error.value - 1 / 3) < 0.1
        fitted = memory_distance(chain, 0.03, rng=0, max_position=expected + 3, readout="fitted", size=400)
        assert fitted.value == expected
        # beyond, nothing better than the mean of x is known: E|x - 1/2| = 1/4, 6 standard errors of 400 samples
        assert abs(fitted.errors[-1].value - 0.25) < 6 * 0.145 / 20 + 0.01


def test_weights_and_their_module_have_the_same_distance() -> None:
    weights = shift_chain(3, 2, "same-step")
    for readout in ("own", "fitted"):
        one, two = (
            memory_distance(network, 0.03, rng=3, max_position=6, readout=readout, size=300)
            for network in (weights, to_module(weights, torch.float64))
        )
        assert [e.value for e in one.errors] == pytest.approx([e.value for e in two.errors], abs=1e-9)


def test_a_distance_at_the_edge_of_the_threshold_is_not_certain() -> None:
    sure, unsure = (Interval(0.02, 0.02 - w, 0.02 + w, 0.95, 100) for w in (0.001, 0.02))
    far = Interval(0.25, 0.24, 0.26, 0.95, 100)
    assert MemoryDistance((sure, far), 0.03, "own").certain
    assert not MemoryDistance((unsure, far), 0.03, "own").certain
    assert MemoryDistance((unsure, sure, far), 0.03, "own").certain  # only what the value rests on counts
    assert MemoryDistance((far, far), 0.03, "own").value == 0


def test_default_threshold_and_positions() -> None:
    found = memory_distance(initial_weights(Architecture(), 0), rng=0, size=100)
    assert (found.threshold, len(found.errors)) == (0.05, 6)
    assert memory_distance(initial_weights(Architecture("lstm", 2), 0), rng=0, size=100).threshold == 0.03


def test_bad_distances_are_refused() -> None:
    weights = initial_weights(Architecture(cells=2), 0)
    with pytest.raises(ValueError, match="max_position must be given for a module, got None"):
        memory_distance(torch.nn.RNN(1, 2, batch_first=True), rng=0)
    with pytest.raises(ValueError, match=r"size must be at least 3 times the number of features 3 .*, got 8"):
        memory_distance(weights, rng=0, readout="fitted", size=8)
    with pytest.raises(ValueError, match="readout must be one of 'own', 'fitted', got 'best'"):
        memory_distance(weights, rng=0, readout="best")
    with pytest.raises(ValueError, match="threshold must be > 0"):
        memory_distance(weights, 0.0, rng=0)


def test_first_window_under_a_level_by_counting() -> None:
    rng = np.random.default_rng(0)
    ends = np.cumsum(rng.integers(1, 9, 30))
    losses = rng.random((30, 4))
    losses[5, 2], losses[:, 3] = np.nan, np.inf
    steps = np.diff(ends, prepend=0)
    for window in (1, 3):
        found = first_below(ends, losses, 0.3, window)
        for network in range(4):
            expected = np.inf
            for last in range(window - 1, 30):
                chosen = slice(last - window + 1, last + 1)
                mean = np.average(losses[chosen, network], weights=steps[chosen])
                if mean < 0.3:
                    expected = ends[last]
                    break
            assert found[network] == expected
    assert first_below([], np.zeros((0, 2)), 0.3).tolist() == [np.inf, np.inf]


def test_plateau_statistics_of_a_training() -> None:
    from linmem.trained import MemoryTask, NetworkSpec, train

    spec = NetworkSpec(Architecture(cells=2), MemoryTask(1, 3, 3))
    training = train(spec, range(4), steps=40, rate=0.1, records=20, evaluation_size=10, engine="torch")
    always, never = plateau_statistics(training, 10.0), plateau_statistics(training, 1e-9)
    assert always.steps.tolist() == [2.0] * 4
    assert (always.left.value, never.left.value, never.quantile(0.5)) == (1.0, 0.0, np.inf)
    assert always.quantile(1.0) == 2.0
    assert isinstance(training.settings, TrainingSettings)


def test_bad_curves_are_refused() -> None:
    with pytest.raises(ValueError, match=r"losses must have shape \(record, network\) with 2 records, got \(2,\)"):
        first_below([1, 2], [0.1, 0.2], 0.3)
    with pytest.raises(ValueError, match="loss_steps must increase"):
        first_below([2, 1], [[0.1], [0.2]], 0.3)
    with pytest.raises(ValueError, match="window must be <= 2, got 3"):
        first_below([1, 2], [[0.1], [0.2]], 0.3, window=3)
