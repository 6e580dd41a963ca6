"""Torch modules as state maps, against torch's own forward pass: stacks, cells, classes of one's own."""

import numpy as np
import pytest
import torch
from torch import nn

from linmem.analysis import state_model
from linmem.trained import Architecture, DelayedStack, initial_weights, to_module
from linmem.trained import collect_states as trained_states
from linmem.trained.states import answers as trained_answers

TIME = 9
ROUNDING = 1e-13  # states below 1 (a few for relu), a few dozen operations of 2^-53 each a step, contracting steps


def series(inputs, batch=3, time=TIME):
    return np.random.default_rng(7).uniform(-1.0, 1.0, (batch, time, inputs))


STACKS = [
    *((nn.RNN, {"nonlinearity": name}) for name in ("tanh", "relu")),
    (nn.LSTM, {}),
    (nn.GRU, {}),
]


def by_torch(module, x):
    """(batch, time, n) states of a torch stack in double precision, one step at a time."""
    module, rows, state = module.double().eval(), [], ()
    axis = 1 if getattr(module, "batch_first", True) else 0
    for t in range(x.shape[1]):
        step = torch.from_numpy(x[:, t]).unsqueeze(axis)
        with torch.no_grad():
            _, after = module(step, *state)
        state = (after,)
        parts = after if isinstance(after, tuple) else (after,)
        rows.append(torch.cat([block for part in parts for block in part], dim=1).numpy())
    return np.stack(rows, axis=1)


@pytest.mark.parametrize(("kind", "options"), STACKS)
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(("inputs", "bias"), [(1, True), (2, False)])
def test_stacks_run_as_torch_does(kind, options, layers, batch_first, inputs, bias):
    torch.manual_seed(layers)
    module = kind(inputs, 4, layers, batch_first=batch_first, bias=bias, **options)
    model, x = state_model(module), series(inputs)
    n = 4 * layers * (2 if kind is nn.LSTM else 1)
    assert (model.state_size, model.input_size, model.layers, model.cells) == (n, inputs, layers, 4)
    assert model.parameters == sum(p.numel() for p in module.parameters())
    expected = by_torch(module, x)
    np.testing.assert_allclose(model.run(x), expected, atol=ROUNDING)
    top = expected[:, :, 4 * (layers - 1) : 4 * layers].sum(axis=2)
    np.testing.assert_allclose(model.answers(expected), top, atol=ROUNDING)


@pytest.mark.parametrize(
    "cell",
    [nn.RNNCell(2, 3), nn.RNNCell(2, 3, nonlinearity="relu"), nn.LSTMCell(2, 3), nn.GRUCell(2, 3, bias=False)],
    ids=["rnn", "relu", "lstm", "gru"],
)
def test_cells_run_as_torch_does(cell):
    model, x = state_model(cell), series(2)
    state, double = None, cell.double()
    for t in range(TIME):
        with torch.no_grad():
            state = double(torch.from_numpy(x[:, t]), *(() if state is None else (state,)))
    parts = state if isinstance(state, tuple) else (state,)
    np.testing.assert_allclose(model.run(x)[:, -1], torch.cat(parts, dim=1).numpy(), atol=ROUNDING)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("links", ["same-step", "delayed"])
@pytest.mark.parametrize("readout", ["sum", "linear"])
def test_trained_weights_and_their_modules_are_one_network(cell, links, readout):
    weights = initial_weights(Architecture(cell, 3, 2, links, readout), rng=5)
    model, x = state_model(weights), series(1)
    # float32 weights are taken to float64 before anything is computed, in both
    np.testing.assert_allclose(model.run(x), trained_states(weights, x[:, :, 0]), atol=ROUNDING)
    np.testing.assert_allclose(model.answers(model.run(x)[:, -1]), trained_answers(weights, x[:, :, 0]), atol=ROUNDING)
    module = to_module(weights)
    assert isinstance(module, DelayedStack) == (links == "delayed")
    np.testing.assert_array_equal(state_model(module).run(x), model.run(x))
    assert model.links == links
    with torch.no_grad():
        top = module.double()(torch.from_numpy(x))[0].numpy()
    np.testing.assert_allclose(model.run(x)[:, :, 3:6], top, atol=ROUNDING)


def test_labels_name_layers_from_1_and_cells_from_0():
    model = state_model(nn.LSTM(1, 2, num_layers=2))
    assert model.labels == ("h1[0]", "h1[1]", "h2[0]", "h2[1]", "s1[0]", "s1[1]", "s2[0]", "s2[1]")
    assert state_model(nn.LSTM(1, 3, proj_size=2)).labels == ("h1[0]", "h1[1]", "s1[0]", "s1[1]", "s1[2]")


@pytest.mark.parametrize("layers", [1, 2])
def test_projected_lstm_runs_as_torch_does(layers):
    module = nn.LSTM(2, 4, layers, proj_size=3)
    model, x = state_model(module), series(2)
    expected = by_torch(module, x)
    assert model.state_size == 7 * layers
    np.testing.assert_allclose(model.run(x), expected, atol=ROUNDING)
    np.testing.assert_allclose(
        model.answers(expected), expected[:, :, 3 * layers - 3 : 3 * layers].sum(axis=2), atol=ROUNDING
    )


def test_weights_that_are_not_finite_are_refused():
    module = nn.RNN(1, 2)
    with torch.no_grad():
        module.weight_hh_l0[0, 1] = torch.nan
    with pytest.raises(ValueError, match="weights must be finite, got nan"):
        state_model(module)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision_is_taken_to_double_and_the_module_is_left_alone(dtype):
    module = nn.LSTM(1, 3, 2, dropout=0.4).to(dtype).train()
    model, twin = state_model(module), nn.LSTM(1, 3, 2).double()
    twin.load_state_dict({name: value.double() for name, value in module.state_dict().items()})
    np.testing.assert_allclose(model.run(series(1)), by_torch(twin, series(1)), atol=ROUNDING)
    assert module.weight_hh_l0.dtype == dtype
    assert module.training
    assert module.weight_hh_l0.requires_grad


def test_wrapped_and_parametrised_stacks_are_taken_as_well():
    lstm, x = nn.LSTM(1, 3), series(1)
    compiled = nn.Sequential()  # torch.compile holds the module it was given under this name
    compiled._orig_mod = lstm
    np.testing.assert_array_equal(state_model(compiled).run(x), state_model(lstm).run(x))
    normed = torch.nn.utils.parametrizations.weight_norm(nn.LSTM(1, 3), "weight_hh_l0")
    model = state_model(normed)
    np.testing.assert_allclose(model.run(x), by_torch(normed, x), atol=ROUNDING)
    assert (model.labels[3], model.kind, model.layers) == ("s1[0]", "lstm", 1)


def test_modules_that_cannot_be_copied_are_refused_with_the_fix():
    with pytest.raises(ValueError, match=r"can be copied to the CPU, got LSTM.*load its weights into a new one"):
        state_model(nn.LSTM(1, 3, device="meta"))
