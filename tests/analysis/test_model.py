"""State maps of systems, reservoirs and nodes against scipy's dlsim and reservoirpy's run; read-outs; runs."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from linmem.analysis import StateModel, state_model
from linmem.capacity.models import TanhReservoir, collect_states
from linmem.discrete.model.network import RandomNetwork
from linmem.trained import Architecture, initial_weights

TIME = 9
ROUNDING = 1e-13  # states below 1, a few dozen operations of 2^-53 each a step, contracting steps


def series(inputs, batch=3, time=TIME):
    return np.random.default_rng(7).uniform(-1.0, 1.0, (batch, time, inputs))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (([[0.5]],), r"must be \(A, B\).*got 1 part"),
        (([[0.5j]], [1.0]), "must be real.*Re A"),
        (([[0.5]], [1.0], [1j]), r"C must be real.*Re C, -Im C"),
        (([[0.5]], [0.0]), "B must not be all zero"),
        (([[0.5]], [1.0, 2.0]), "B must have shape"),
        (([[0.5]], [1.0], [[1.0], [2.0]]), r"C must have one row.*got 2; pass that row as readout="),
        (([[0.5]], [1.0], [1.0, 2.0]), "C must have shape"),
        (scipy.signal.StateSpace([[-1.0]], [[1.0]], [[1.0]], [[0.0]]), r"discrete-time.*to_discrete\(dt\)"),
        ("model", "got str; build a linmem.analysis.StateModel"),
        (lambda x: x, "must be a torch module.*got function"),
    ],
)
def test_bad_models_are_refused_with_the_fix(model, message):
    with pytest.raises((TypeError, ValueError), match=message):
        state_model(model)


def test_the_real_system_that_a_refusal_names_is_the_complex_one():
    generator = np.random.default_rng(1)
    A, B, C = (generator.normal(size=s) + 1j * generator.normal(size=s) for s in ((3, 3), 3, 3))
    A /= 5  # entries of variance 2/25: spectral radius near sqrt(6)/5 < 1
    model = state_model(
        (np.block([[A.real, -A.imag], [A.imag, A.real]]), np.r_[B.real, B.imag], np.r_[C.real, -C.imag])
    )
    kernel = model.answers(model.run([1.0, 0.0, 0.0, 0.0]))
    expected = [(C @ np.linalg.matrix_power(A, k) @ B).real for k in range(4)]
    np.testing.assert_allclose(kernel, expected, rtol=0, atol=1e-12)  # sums of 18 products of order 1 and less a step


def test_a_state_model_can_be_measured_as_any_other_network():
    model, x = state_model(nn.GRU(1, 3)), series(1)[0]
    np.testing.assert_array_equal(collect_states(model, x, washout=2), model.run(x)[2:])


def test_systems_run_as_dlsim_does_one_step_later():
    rng = np.random.default_rng(1)
    A, B, C, D = (
        0.3 * rng.standard_normal((4, 4)),
        rng.standard_normal((4, 2)),
        rng.standard_normal((1, 4)),
        np.ones((1, 2)),
    )
    x = series(2, batch=1, time=20)[0]
    for system in (scipy.signal.StateSpace(A, B, C, D, dt=1), scipy.signal.dlti(A, B, C, D)):
        _, outputs, states = scipy.signal.dlsim(system, np.vstack([x, np.zeros((1, 2))]))
        model = state_model(system)
        np.testing.assert_allclose(model.run(x), states[1:], atol=1e-13)
        # the direct path D u is left out, and the last row had no input
        np.testing.assert_allclose(model.answers(model.run(x))[-1], outputs[-1, 0], atol=1e-13)
        assert (model.linear, model.kind, model.state_size) == (True, "system", 4)
    np.testing.assert_array_equal(state_model((A, B, C, D)).run(x), model.run(x))
    assert state_model((A, B)).answer is None
    chosen = state_model((A, B, np.ones((2, 4))), readout=np.arange(4.0))
    np.testing.assert_array_equal(chosen.answers(np.eye(4)), np.arange(4.0))


def test_transfer_functions_are_systems_too():
    model = state_model(scipy.signal.dlti([1.0, 0.5], [1.0, -0.5, 0.06], dt=1))
    impulse = np.zeros(8)
    impulse[0] = 1.0
    expected = scipy.signal.lfilter([0.0, 1.0, 0.5], [1.0, -0.5, 0.06], np.append(impulse, 0.0))[1:]
    np.testing.assert_allclose(model.answers(model.run(impulse)), expected, atol=1e-14)


def test_linmem_networks_run_as_they_do():
    x = series(1)[0]
    reservoir = TanhReservoir([[0.5, 0.2], [0.9, 0.1]], [1.0, -0.5], bias=[0.1, 0.2], leak=[0.3, 1.0])
    np.testing.assert_allclose(state_model(reservoir).run(x), reservoir.run(x), atol=1e-15)
    network = RandomNetwork(M=6, L=2, q=0.9, seed=3)
    y = series(2)[0]
    np.testing.assert_allclose(state_model(network).run(y), network.trajectory(y), atol=1e-13)
    assert state_model(network).linear
    assert not state_model(reservoir).linear


@pytest.mark.parametrize("activation", ["tanh", "identity", "relu", "sigmoid", "softmax"])
@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_nodes_run_as_reservoirpy_does(activation, bias):
    nodes = pytest.importorskip("reservoirpy.nodes")
    node = nodes.Reservoir(8, lr=0.4, sr=0.7, bias=bias, activation=activation, rc_connectivity=0.5, seed=1)
    x = series(2)[0]
    node.run(x[:1])
    model = state_model(node)
    before = node.state["out"].copy()
    fresh = nodes.Reservoir(8, lr=0.4, W=node.W, Win=node.Win, bias=node.bias, activation=activation)
    np.testing.assert_allclose(model.run(x), fresh.run(x), atol=1e-13)
    np.testing.assert_array_equal(node.state["out"], before)
    assert (model.kind, model.linear, model.answer) == ("reservoir", activation == "identity" and bias == 0, None)


def test_nodes_that_step_otherwise_are_refused():
    nodes = pytest.importorskip("reservoirpy.nodes")
    node = nodes.Reservoir(6, seed=1)
    with pytest.raises(ValueError, match="run it on one input row first"):
        state_model(node)
    node.run(np.zeros((1, 1)))

    class Twice(type(node)):
        def _step(self, state, x):
            return super()._step(super()._step(state, x), x)

    node.__class__ = Twice
    with pytest.raises(ValueError, match="got another rule in Twice; build a linmem"):
        state_model(node)
    with pytest.raises(TypeError, match="pass the reservoir node"):
        state_model(nodes.Reservoir(6, seed=1) >> nodes.Ridge())


def test_readouts_of_every_kind_agree():
    stack, rng = nn.LSTM(1, 3, 2), np.random.default_rng(0)
    top, states = rng.standard_normal(3), rng.standard_normal((5, 12))
    whole = np.concatenate([np.zeros(3), top, np.zeros(6)])
    line = nn.Linear(3, 1).double()
    with torch.no_grad():
        line.weight[:] = torch.from_numpy(top)
    bias = float(line.bias.detach())
    for readout, shift in (
        (top, 0.0),
        (list(top), 0.0),
        (top[None], 0.0),
        (whole, 0.0),
        (torch.from_numpy(top).requires_grad_(), 0.0),
        (nn.Parameter(torch.from_numpy(whole)), 0.0),
        (line, bias),
        (nn.Sequential(line, nn.Identity()), bias),
        (lambda x: x @ whole, 0.0),
    ):
        np.testing.assert_allclose(
            state_model(stack, readout=readout).answers(states), states @ whole + shift, atol=1e-14
        )
    wide = nn.Sequential(nn.Linear(12, 4), nn.Tanh(), nn.Linear(4, 1))
    with torch.no_grad():
        expected = wide.double()(torch.from_numpy(states))[:, 0].numpy()
    np.testing.assert_allclose(state_model(stack, readout=wide).answers(states), expected, atol=1e-14)
    assert state_model(stack, readout="none").answer is None


@pytest.mark.parametrize(
    ("readout", "message"),
    [
        (
            np.ones(4),
            r"one vector of 6 entries, one for each state, or 3, one for each output of the top layer, got shape",
        ),
        (np.ones((2, 3)), "one vector of 6 entries"),
        (nn.Linear(3, 2), r"one output, got a Linear with out_features=2.*readout=head.weight\[0\]"),
        (nn.Linear(5, 1), "must be one vector of 6 entries"),
        (nn.Sequential(nn.Linear(5, 1)), r"must read the state \(6\) or the top layer \(3\), but Sequential refused"),
        (lambda x: x, r"one number for each state, \(3,\) for 3 states, got shape \(3, 6\); return one answer"),
        ("sum", "readout must be a vector, a torch module or a function of states, got 'sum'"),
        ([np.nan] * 6, "must be finite"),
    ],
)
def test_bad_readouts_are_refused_with_the_fix(readout, message):
    with pytest.raises((TypeError, ValueError), match=message):
        state_model(nn.GRU(1, 3, 2), readout=readout)


def test_a_state_model_is_taken_as_it_is():
    model = StateModel("own", 2, 1, lambda x, u: 0.5 * x + u)
    assert state_model(model) is model
    assert state_model(model, readout=[1.0, 1.0]).answers([[1.0, 2.0]]) == 3.0
    with pytest.raises(ValueError, match="gives no answer; pass readout="):
        model.answers([[1.0, 2.0]])
    with pytest.raises(ValueError, match="2 entries in the last axis"):
        state_model(model, readout=[1.0, 1.0]).answers([1.0])


@settings(max_examples=30)
@given(st.integers(1, 8), st.integers(1, 4), st.integers(0, 2**31))
def test_a_run_can_be_cut_anywhere_and_taken_up_again(cut, batch, seed):
    model = state_model(initial_weights(Architecture("gru", 3, 2, "delayed"), 0))
    rng = np.random.default_rng(seed)
    x, start = rng.uniform(-1, 1, (batch, TIME, 1)), rng.uniform(-1, 1, (batch, 6))
    whole = model.run(x, start)
    first = model.run(x[:, :cut], start)
    np.testing.assert_array_equal(whole[:, :cut], first)
    np.testing.assert_array_equal(whole[:, cut:], model.run(x[:, cut:], first[:, -1]))
    # one series alone: matrix products of another shape add in another order
    np.testing.assert_allclose(model.run(x[-1], start[-1]), whole[-1], atol=ROUNDING)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.run(np.ones((4, 2))), r"shape \(timesteps, 1\).*got \(4, 2\)"),
        (lambda m: m.run([]), "none of them 0"),
        (lambda m: m.run([1.0, np.inf]), "must be finite"),
        (lambda m: m.run([1.0], initial=[1.0]), r"initial must have shape \(2,\)"),
        (lambda m: StateModel("x", 0, 1, m.step), "state_size must be >= 1"),
        (lambda m: StateModel("x", 2, 1, 3), "step must be a function of arrays, got int"),
        (lambda m: StateModel("x", 2, 1, m.step, answer=3), "answer must be a function"),
        (lambda m: StateModel("x", 2, 1, m.step, initial=np.ones(3)), "initial must have shape"),
        (lambda m: StateModel("x", 2, 1, m.step, labels=("a",)), "labels must hold 2 names"),
        (
            lambda m: StateModel("x", 3, 1, lambda x, u: x[:, :1]).run([1.0]),
            r"step must return states of shape \(1, 3\)",
        ),
        (lambda m: StateModel("x", 1, 1, lambda x, u: 1e200 * (x + 1)).run([1.0] * 3), "at step 1; is x unstable"),
    ],
)
def test_bad_arguments_are_refused_with_the_fix(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(StateModel("two", 2, 1, lambda x, u: 0.5 * x + u))


def test_importing_loads_none_of_the_heavy_libraries():
    code = (
        "import sys, linmem.analysis as a; a.state_model; "
        "print([m for m in ('torch', 'cvxpy', 'matplotlib', 'reservoirpy', 'sympy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
