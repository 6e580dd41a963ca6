"""Classes of one's own around a recurrent part, or with a state of their own, against their forward pass."""

import numpy as np
import pytest
import torch
from torch import nn

from linmem.analysis import state_model
from linmem.trained import Architecture, DelayedStack

TIME = 9
ROUNDING = 1e-13  # states below 1 (a few for relu), a few dozen operations of 2^-53 each a step, contracting steps


def series(inputs, batch=3, time=TIME):
    return np.random.default_rng(7).uniform(-1.0, 1.0, (batch, time, inputs))


class LastStep(nn.Module):
    """The usual class: a stack, dropout, a head on the last output."""

    def __init__(self, outputs=1):
        super().__init__()
        self.lstm = nn.LSTM(1, 4, 2, batch_first=True, dropout=0.5)
        self.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, outputs))

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1])


class Nonlinear(nn.Module):
    """Time first inside, the final state read by a small network, series without features."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 4)
        self.head = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))

    def forward(self, x):
        return self.head(self.rnn(x.t().unsqueeze(-1))[1][-1]).squeeze(-1)


class EveryStep(nn.Module):
    """Time first outside, an answer at every step, the state returned beside it."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, 4)
        self.fc = nn.Linear(4, 1)

    def forward(self, x, state=None):
        outputs, state = self.rnn(x, state)
        return self.fc(outputs), state


class Looped(nn.Module):
    """A cell in a loop, its zero state made by the module itself."""

    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(1, 3)
        self.fc = nn.Linear(3, 1)

    def forward(self, x):
        h = s = torch.zeros(len(x), 3)
        for t in range(x.shape[1]):
            h, s = self.cell(x[:, t], (h, s))
        return self.fc(h)


class DelayedHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.stack = DelayedStack(Architecture("lstm", 2, 2, "delayed"))
        self.fc = nn.Linear(2, 1)

    def forward(self, x):
        return self.fc(self.stack(x)[0])[:, -1]


@pytest.mark.parametrize(
    ("module", "form"),
    [
        (LastStep(), lambda x: x),
        (Nonlinear(), lambda x: x[:, :, 0]),
        (EveryStep(), lambda x: x.transpose(0, 1)),
        (DelayedHead(), lambda x: x),
    ],
    ids=["last step", "nonlinear head", "every step", "delayed"],
)
def test_a_class_around_one_stack_keeps_its_own_answer(module, form):
    model = state_model(module)
    x = series(model.input_size)
    module.eval().double()
    with torch.no_grad():
        found = module(form(torch.from_numpy(x)))
    found = found[0][-1] if isinstance(found, tuple) else found
    np.testing.assert_allclose(model.answers(model.run(x)[:, -1]), found.reshape(3).numpy(), atol=ROUNDING)


def test_one_of_several_outputs_is_chosen_by_a_readout():
    module = LastStep(3)
    weight, bias = module.fc[1].weight.detach()[2].double().numpy(), float(module.fc[1].bias.detach()[2])
    chosen, x = state_model(module, readout=module.fc[1].weight[2]), series(1)
    with torch.no_grad():
        found = module.eval().double()(torch.from_numpy(x))[:, 2].numpy()
    np.testing.assert_allclose(chosen.answers(chosen.run(x)[:, -1]) + bias, found, atol=ROUNDING)
    np.testing.assert_array_equal(chosen.answers(np.eye(16))[4:8], weight)


def test_a_cell_in_a_loop_is_found():
    module = Looped()
    model, x = state_model(module), series(1)
    with torch.no_grad():
        found = module(torch.from_numpy(x).float())[:, 0]
    np.testing.assert_allclose(model.answers(model.run(x)[:, -1]), found.numpy(), atol=1e-5)  # single precision
    assert model.labels == ("h1[0]", "h1[1]", "h1[2]", "s1[0]", "s1[1]", "s1[2]")


class Custom(nn.Module):
    """A network of one's own: two tensors of state in a dictionary, one with its batch axis last."""

    batch_first = True

    def __init__(self):
        super().__init__()
        self.input_size = 2
        self.inward, self.across, self.fc = nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 1)

    def forward(self, x, state=None):
        state = {"fast": torch.zeros(len(x), 3), "slow": torch.zeros(3, len(x))} if state is None else state
        fast, slow, outputs = state["fast"], state["slow"], []
        for t in range(x.shape[1]):
            fast = torch.tanh(self.inward(x[:, t]) + self.across(fast) + slow.t())
            slow = 0.9 * slow + 0.1 * fast.t()
            outputs.append(self.fc(fast))
        return torch.stack(outputs, dim=1), {"fast": fast, "slow": slow}


def test_a_module_with_a_state_of_its_own_is_run_by_it():
    module = Custom()
    model, x = state_model(module), series(2)
    assert (model.state_size, model.kind, model.layers) == (6, "module", None)
    module.double()
    with torch.no_grad():
        zero = {"fast": torch.zeros(3, 3, dtype=torch.float64), "slow": torch.zeros(3, 3, dtype=torch.float64)}
        output, state = module(torch.from_numpy(x), zero)
    states = model.run(x)
    np.testing.assert_allclose(states[:, -1], torch.cat([state["fast"], state["slow"].t()], 1), atol=ROUNDING)
    # its output is linear in the state: found by a fit to rounding, of which the conditioning takes some digits
    np.testing.assert_allclose(model.answers(states), output[:, :, 0].numpy(), atol=1e-10)
    assert torch.get_default_dtype() == torch.float32


class Odd(nn.Module):
    """Modules that break one rule each."""

    def __init__(self, fault):
        super().__init__()
        self.fault, self.line, self.count = fault, nn.Linear(1, 2), 0
        self.first = nn.Parameter(torch.ones(2))

    def forward(self, x, state=None):
        h = torch.zeros(len(x), 2) if state is None else state
        if self.fault == "first state" and state is None:
            h = self.first.expand(len(x), 2)
        if self.fault == "number":
            return self.line(x), 3
        if self.fault == "whole numbers":
            return self.line(x), torch.zeros(len(x), 2, dtype=torch.int64)
        if self.fault == "no batch":
            return self.line(x), torch.zeros(2)
        if self.fault == "flat":
            return self.line(x[:, 0]), h
        if self.fault == "nothing":
            return self.line(x)
        rows = []
        for t in range(x.shape[1]):
            self.count += 1
            h = torch.tanh(self.line(x[:, t]) + 0.5 * h)
            if self.fault == "counter":
                h = h + 0.1 * self.count
            if self.fault == "batch":
                h = h - h.mean(dim=0)
            rows.append(h)
        return torch.stack(rows, dim=1), h


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("first state", "must start from a zero state.*its initial state"),
        ("number", "must be made of tensors, got int"),
        ("whole numbers", "must be real and have one axis for the batch.*int64"),
        ("no batch", "one axis for the batch, got shape"),
        ("flat", r"outputs \(batch, time, feature\), got \(3, 2\)"),
        ("nothing", r"must return \(output, state\), got Tensor"),
        ("counter", "must carry nothing but the state"),
        ("batch", "series of a batch one by one"),
    ],
)
def test_modules_whose_state_is_not_known_are_refused_with_the_fix(fault, message):
    with pytest.raises((TypeError, ValueError), match=message) as found:
        state_model(Odd(fault))
    assert "build a linmem.analysis.StateModel" in str(found.value)
    assert torch.get_default_dtype() == torch.float32
    assert state_model(Odd("none")).state_size == 2  # the same module without the fault is taken


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.rnn, self.fc = nn.Linear(1, 3), nn.RNN(3, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x):
        return self.fc(self.rnn(self.embedding(x))[0])


class EmbeddedWithState(Embedded):
    def forward(self, x, state=None):
        outputs, state = self.rnn(self.embedding(x), state)
        return self.fc(outputs), state


def test_a_class_that_feeds_its_stack_something_else_is_run_by_its_own_state():
    module = EmbeddedWithState()
    model, x = state_model(module), series(1)
    module.double()
    with torch.no_grad():
        output, state = module(torch.from_numpy(x))
    states = model.run(x)
    np.testing.assert_allclose(states[:, -1], state[0].numpy(), atol=ROUNDING)
    np.testing.assert_allclose(model.answers(states), output[:, :, 0].numpy(), atol=1e-10)  # found by a fit


class Mixed(nn.Module):
    """The answer sees earlier outputs, which are no function of the last state."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 4, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0].mean(dim=(1, 2))


class NoState(nn.Module):
    def forward(self, x):
        return x, x[:, -1]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.GRU(1, 3, bidirectional=True), "must be causal.*bidirectional=False"),
        (nn.Sequential(nn.GRU(1, 3, bidirectional=True)), "must be causal"),
        (LastStep(3), r"must answer with one number, got outputs .*readout=module.fc.weight"),
        (Embedded(), "must read the inputs as they are.*pass its recurrent part itself"),
        (Mixed(), "must be a function of the state after the last input"),
        (NoState(), "must take its state as second argument"),
        (nn.Sequential(nn.RNN(1, 3), nn.RNN(3, 2)), r"must hold one recurrent part, got 2 in Sequential \(RNN, RNN\)"),
    ],
)
def test_bad_modules_are_refused_with_the_fix(model, message):
    with pytest.raises((TypeError, ValueError), match=message):
        state_model(model)
