"""States of models by duck typing: against networks of equal weights, cells stepped by hand, and closed forms."""

import numpy as np
import pytest
import scipy.signal
import torch

from linmem.capacity.models import TanhReservoir, collect_states, linear_system

Z = np.random.default_rng(5).uniform(-1, 1, 30)
SINGLE = 1e-5  # single precision: 30 contracting steps of sums of ten numbers below 3, each 6e-8 off


def _weights(module, layer=0):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [getattr(module, f"{name}_l{layer}").detach().double().numpy() for name in names]


def _module(kind, **options):
    torch.manual_seed(3)
    return getattr(torch.nn, kind)(1, 4, **options)


def test_reservoir_with_leak_and_bias_by_hand():
    rng = np.random.default_rng(0)
    A, C, b, a = rng.standard_normal((3, 3)), rng.standard_normal((3, 2)), rng.standard_normal(3), [0.2, 0.5, 1.0]
    series, x, expected = rng.standard_normal((20, 2)), rng.uniform(-1, 1, 3), []
    start = x.copy()
    for z in series:
        x = (1 - np.array(a)) * x + a * np.tanh(A @ x + C @ z + b)
        expected.append(x)
    np.testing.assert_allclose(TanhReservoir(A, C, b, a).run(series, start=start), expected, rtol=1e-9)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_rnn_is_the_reservoir_of_its_weights(batch_first, dtype):
    module = _module("RNN", batch_first=batch_first).to(dtype)
    W_in, W, b, c = _weights(module)
    expected = TanhReservoir(W, W_in, b + c).run(Z)
    found = collect_states(module, Z)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=SINGLE if dtype == torch.float32 else 1e-13)


def test_stacked_gru_gives_the_hidden_states_of_all_layers():
    module = _module("GRU", num_layers=2, batch_first=True).double()
    first = torch.nn.GRU(1, 4, batch_first=True).double()
    first.load_state_dict({name: value for name, value in module.state_dict().items() if name.endswith("l0")})
    with torch.no_grad():
        x = torch.tensor(Z)[None, :, None]
        below, top = first(x)[0][0], module(x)[0][0]
    np.testing.assert_allclose(collect_states(module, Z), torch.cat([below, top], 1).numpy(), atol=1e-13)


def test_lstm_gives_h_and_c_of_its_cells():
    module = _module("LSTM").double()
    cell = torch.nn.LSTMCell(1, 4).double()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in module.state_dict().items()})
    state, rows = None, []
    with torch.no_grad():
        for z in Z:
            state = cell(torch.tensor([[z]]), state)
            rows.append(torch.cat(state, 1)[0].numpy())
    np.testing.assert_allclose(collect_states(module, Z), rows, atol=1e-13)


def test_training_flags_and_gradients_are_left_alone():
    module = _module("GRU", num_layers=2, dropout=0.5)
    holder = torch.nn.ModuleList([module])
    holder.eval()
    module.train()
    first, second = collect_states(module, Z), collect_states(module, Z)
    assert np.array_equal(first, second)  # no dropout
    assert module.training
    assert not holder.training
    assert all(parameter.grad is None for parameter in module.parameters())


class Echo(torch.nn.Module):
    """A module of one's own: x <- x / 2 + z, read as x^2."""

    def forward(self, inputs, state=None):
        x = inputs.new_zeros(len(inputs), 1) if state is None else state["x"] if isinstance(state, dict) else state
        outputs = []
        for z in inputs.unbind(1):
            x = x / 2 + z
            outputs.append(x**2)
        return torch.stack(outputs, 1), x


def test_a_module_with_a_state_argument_is_stepped():
    expected = scipy.signal.lfilter([1.0], [1.0, -0.5], Z)
    np.testing.assert_allclose(collect_states(Echo(), Z)[:, 0], expected, atol=1e-14)


class Mute(torch.nn.Module):
    def forward(self, inputs):
        outputs, state = Echo()(inputs)
        return outputs, state


def test_torch_modules_that_hide_their_states_are_refused():
    with pytest.raises(TypeError, match="forward\\(inputs, state=None\\)"):
        collect_states(Mute(), Z)
    with pytest.raises(TypeError, match=r"\(output, state\)"):
        collect_states(torch.nn.Linear(1, 3), Z)
    with pytest.raises(ValueError, match="causal"):
        collect_states(_module("RNN", bidirectional=True), Z)
    with pytest.raises(ValueError, match=r"\.double\(\)"):
        collect_states(_module("RNN").half(), Z)
    with pytest.raises(ValueError, match="1 feature"):
        collect_states(_module("RNN"), np.ones((5, 2)))


class Runner:
    """An object with run(X) whose state persists: a moving sum."""

    def __init__(self):
        self.total, self.sizes = 10.0, []

    def reset(self):
        self.total = 0.0

    def run(self, X):
        sums = self.total + np.cumsum(X[:, 0])
        self.total = sums[-1]
        self.sizes.append(len(X))
        return {"sum": sums, "both": np.column_stack([sums, X])}


def test_an_object_with_run_is_copied_and_reset():
    model = Runner()
    found = collect_states(model, Z, washout=3)
    assert found.shape == (27, 3)
    np.testing.assert_allclose(found[:, 0], np.cumsum(Z)[3:], atol=1e-14)
    np.testing.assert_array_equal(found[:, 2], Z[3:])
    assert (model.total, model.sizes) == (10.0, [])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_series_may_be_a_tensor(dtype):
    series = torch.tensor([0.5, -0.25, 1.0], dtype=dtype, requires_grad=True)  # exact in eight bits
    network = TanhReservoir([[0.5]], [1.0])
    np.testing.assert_array_equal(collect_states(network, series), network.run([0.5, -0.25, 1.0]))


class Wrong:
    def __init__(self, states):
        self.states = states

    def run(self, X):
        return self.states


def test_models_and_series_of_the_wrong_kind_are_refused():
    with pytest.raises(TypeError, match=r"method run\(X\)"):
        collect_states(np.tanh, Z)
    with pytest.raises(ValueError, match="30 rows"):
        collect_states(Wrong(np.ones((29, 2))), Z)
    with pytest.raises(ValueError, match="step 4"):
        collect_states(Wrong(np.where(np.arange(30) == 4, np.nan, 1.0)), Z)
    with pytest.raises(ValueError, match="washout must be < T"):
        collect_states(Runner(), Z, washout=30)
    with pytest.raises(ValueError, match="timesteps"):
        collect_states(Runner(), np.ones((2, 3, 1)))
    with pytest.raises(ValueError, match="2 feature"):
        collect_states(TanhReservoir(np.eye(2), np.eye(2)), Z)


def test_linear_system_of_scipy():
    system = scipy.signal.dlti([[0.5, 0.1], [0.0, 0.3]], [[1.0], [2.0]], [[1.0, 0.0]], [[0.0]])
    A, C = linear_system(system)
    _, _, states = scipy.signal.dlsim(system, Z)
    x = np.zeros(2)
    for z, row in zip(Z[:-1], states[1:], strict=True):
        x = A @ x + C[:, 0] * z
        np.testing.assert_allclose(x, row, atol=1e-13)
    poles = linear_system(scipy.signal.dlti([1.0], [1.0, -0.8, 0.15]))[0]
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(poles)), [0.3, 0.5], atol=1e-14)


def test_nonlinear_models_have_no_linear_system():
    for model in (TanhReservoir([[0.5]], [1.0]), _module("RNN")):
        with pytest.raises(TypeError, match="nonlinear_memory"):
            linear_system(model)
    with pytest.raises(TypeError, match="A and C themselves"):
        linear_system(3)
    with pytest.raises(ValueError, match="to_discrete"):
        linear_system(scipy.signal.lti([1.0], [1.0, 1.0]))
