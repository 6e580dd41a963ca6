"""Networks from files, against the modules that were saved; nothing in a file is run."""

import json
import os
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from linmem.analysis import legendre_system, linearise, load_model, state_model
from linmem.analysis.tensors import safetensors_arrays
from linmem.trained import Architecture, DelayedStack

X = np.random.default_rng(3).uniform(-1.0, 1.0, (2, 7, 1))
KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def same(found, module, **options):
    """Both networks have the same states and answers, exactly: the same numbers in the same formulas."""
    expected = state_model(module, **options)
    states = expected.run(X)
    np.testing.assert_array_equal(found.run(X), states)
    np.testing.assert_array_equal(found.answers(states), expected.answers(states))
    assert found.labels == expected.labels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("layers", "bias"), [(1, True), (3, False)])
def test_stacks_are_told_apart_by_their_shapes(tmp_path, kind, layers, bias):
    module = KINDS[kind](1, 4, layers, bias=bias)
    torch.save(module.state_dict(), tmp_path / "model.pt")
    found = load_model(tmp_path / "model.pt")
    same(found, module)
    assert (found.kind, found.parameters) == (kind, sum(p.numel() for p in module.parameters()))


class Headed(nn.Module):
    def __init__(self, outputs=1):
        super().__init__()
        self.body = nn.ModuleDict({"lstm": nn.LSTM(1, 3, 2, batch_first=True)})
        self.fc = nn.Linear(3, outputs)

    def forward(self, x):
        return self.fc(self.body["lstm"](x)[0][:, -1])


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: {"epoch": 3, "model_state_dict": d}])
def test_a_module_with_a_head_from_a_checkpoint(tmp_path, wrap):
    module = Headed()
    torch.save(wrap(module.state_dict()), tmp_path / "model.pth")
    found = load_model(str(tmp_path / "model.pth"))
    expected = state_model(module)
    np.testing.assert_array_equal(found.run(X), expected.run(X))
    # the module's own answer goes through torch's Linear: a sum of 3 products in another order
    np.testing.assert_allclose(found.answers(found.run(X)), expected.answers(found.run(X)), atol=1e-15)
    without = load_model(tmp_path / "model.pth", {"head": None})
    np.testing.assert_array_equal(without.answers(np.eye(12)), [0.0] * 3 + [1.0] * 3 + [0.0] * 6)


def test_a_spec_chooses_one_of_several_outputs(tmp_path):
    module = Headed(3)
    torch.save(module.state_dict(), tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"head 'fc' must have one output, got 3; choose one by spec=..output"):
        load_model(tmp_path / "model.pt")

    def answer(k):
        head = nn.Linear(3, 1)
        with torch.no_grad():
            head.weight[:], head.bias[:] = module.fc.weight[k : k + 1], module.fc.bias[k : k + 1]
        return head

    stack = module.body["lstm"]
    same(load_model(tmp_path / "model.pt", {"output": 2, "name": "mine"}), stack, readout=answer(2))
    (tmp_path / "model.json").write_text('{"output": 2, "cell": "lstm", "stack": "body.lstm", "head": "fc"}')
    same(load_model(tmp_path / "model.pt"), stack, readout=answer(2))
    (tmp_path / "other.json").write_text('{"output": 1}')
    same(load_model(tmp_path / "model.pt", tmp_path / "other.json"), stack, readout=answer(1))


def test_relu_delayed_links_and_cells(tmp_path):
    path = tmp_path / "model.pt"
    relu = nn.RNN(1, 4, nonlinearity="relu")
    torch.save(relu.state_dict(), path)
    same(load_model(path, {"nonlinearity": "relu"}), relu)
    delayed = DelayedStack(Architecture("gru", 3, 2, "delayed"))
    torch.save(delayed.state_dict(), path)
    with pytest.raises(ValueError, match=r"do not say how they read each other; pass spec=..links.: .delayed"):
        load_model(path)
    same(load_model(path, {"links": "delayed"}), delayed)
    assert load_model(path, {"links": "same-step"}).links == "same-step"
    cell = nn.LSTMCell(1, 3, bias=False)
    torch.save(cell.state_dict(), path)
    same(load_model(path), cell)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_precision_in_both_formats(tmp_path, dtype):
    module = nn.GRU(1, 3).to(dtype)
    torch.save(module.state_dict(), tmp_path / "model.pt")
    same(load_model(tmp_path / "model.pt"), module)
    # written by the definition of the format: little-endian length, JSON header, raw numbers
    names = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64"}
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for key, tensor in module.state_dict().items():
        raw = tensor.contiguous().view(torch.uint8).numpy().tobytes()
        header[key] = {
            "dtype": names[dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    head = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + body)
    same(load_model(tmp_path / "model.safetensors"), module)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        (10**6).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"no",
        (53).to_bytes(8, "little") + b'{"a": {"dtype":"I64","shape":[1],"data_offsets":[0,8]}}'[:53] + bytes(8),
        (54).to_bytes(8, "little") + b'{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,99]}}'[:54] + bytes(8),
    ],
)
def test_broken_safetensors_are_refused(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="path must be a safetensors file of real numbers"):
        safetensors_arrays(tmp_path / "model.safetensors")


def test_offsets_outside_the_file_are_refused(tmp_path):
    head = json.dumps({"a": {"dtype": "F64", "shape": [2], "data_offsets": [-16, 0]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + bytes(16))
    with pytest.raises(ValueError, match="a lies outside the file"):
        safetensors_arrays(tmp_path / "model.safetensors")


def test_systems_from_an_archive(tmp_path):
    A, B, C = legendre_system(4, 8.0, 4.0)
    np.savez(tmp_path / "system.npz", A=A, B=B, C=C)
    found = load_model(tmp_path / "system.npz")
    np.testing.assert_array_equal(linearise(found).kernel(5), linearise((A, B, C)).kernel(5))
    assert found.name == "system.npz"
    np.savez(tmp_path / "system.npz", A=A)
    with pytest.raises(ValueError, match=r"must hold A and B, got \['A'\]"):
        load_model(tmp_path / "system.npz")
    np.savez(tmp_path / "system.npz", A=np.array([{"code": 1}], dtype=object), B=B)
    with pytest.raises(ValueError, match="archive of arrays"):
        load_model(tmp_path / "system.npz")


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("save", [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing, protocol=2))])
def test_code_in_a_file_is_not_run(tmp_path, save):
    save({"weight_hh_l0": Trap(tmp_path / "ran")}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"must hold a state_dict.*torch.save\(module.state_dict\(\), path\)"):
        load_model(tmp_path / "model.pt")
    assert not (tmp_path / "ran").exists()


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save(torch.nn.LSTM(1, 3), tmp_path / "whole.pt")
    with pytest.raises(ValueError, match=r"holds a whole module.*save it by"):
        load_model(tmp_path / "whole.pt")
    (tmp_path / "text.pt").write_bytes(b"hello")
    with pytest.raises(ValueError, match="must hold a state_dict"):
        load_model(tmp_path / "text.pt")


@pytest.mark.parametrize(
    ("thing", "spec", "message"),
    [
        (lambda: nn.RNN(1, 2), None, r"must hold a state_dict \(tensors only\)"),
        (lambda: {"epoch": 3}, None, "got dict without one"),
        (lambda: torch.zeros(3), None, "got Tensor without one"),
        (lambda: nn.Linear(1, 2).state_dict(), None, "weights of a torch RNN, LSTM or GRU, got no weight_hh"),
        (lambda: nn.GRU(1, 2, bidirectional=True).state_dict(), None, "must run one way, got 'weight_ih_l0_reverse'"),
        (lambda: nn.LSTM(1, 3, proj_size=2).state_dict(), None, "no projection, got 'weight_hr_l0'.*state_model"),
        (lambda: {"weight_ih_l0": torch.zeros(4, 1)}, None, "layer 0 must have weight_ih and weight_hh"),
        (
            lambda: {"weight_ih_l0": torch.zeros(4, 1), "weight_hh_l0": torch.zeros(4, 2)},
            None,
            "1, 3 or 4 times as many",
        ),
        (lambda: {"weight_ih_l0": torch.zeros(5, 1), "weight_hh_l0": torch.zeros(4, 4)}, None, "must fit each other"),
        (
            lambda: nn.RNN(1, 2).state_dict(),
            {"cell": "lstm"},
            "cell must be 'rnn' for a weight_hh of 2 x 2, got 'lstm'",
        ),
        (lambda: nn.RNN(1, 2).state_dict(), {"celll": "rnn"}, "got 'celll'; did you mean 'cell'"),
        (lambda: nn.GRU(1, 2).state_dict(), {"nonlinearity": "relu"}, "'relu' belongs to an rnn, got a gru"),
        (lambda: nn.GRU(1, 2).state_dict(), {"nonlinearity": "sin"}, "must be one of 'tanh', 'relu'"),
        (lambda: nn.Sequential(nn.GRU(1, 2), nn.Linear(2, 1)).state_dict(), {"output": 1}, "output must be <= 0"),
        (
            lambda: nn.Sequential(nn.Linear(1, 2), nn.GRU(2, 3), nn.Linear(3, 1)).state_dict(),
            None,
            "one linear head at most, got.*if the stack reads the inputs themselves",
        ),
        (
            lambda: nn.ModuleDict({"one": nn.GRU(1, 2), "two": nn.RNN(1, 2)}).state_dict(),
            None,
            r"one recurrent part, got \['one', 'two'\]; choose one by spec",
        ),
        (
            lambda: nn.ModuleDict({"one": nn.GRU(1, 2), "two": nn.RNN(1, 2)}).state_dict(),
            {"stack": "tow"},
            "stack must be one of 'one', 'two', got 'tow'; did you mean 'two'",
        ),
    ],
)
def test_bad_files_are_refused_with_the_fix(tmp_path, thing, spec, message):
    torch.save(thing(), tmp_path / "model.pt")
    with pytest.raises((TypeError, ValueError), match=message):
        load_model(tmp_path / "model.pt", spec)


def test_parts_are_chosen_by_name(tmp_path):
    both = nn.ModuleDict({"one": nn.GRU(1, 2), "two": nn.RNN(1, 2)})
    torch.save(both.state_dict(), tmp_path / "model.pt")
    same(load_model(tmp_path / "model.pt", {"stack": "two"}), both["two"])


def test_bad_paths_and_specs_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_model(tmp_path / "none.pt")
    (tmp_path / "model.txt").write_text("")
    with pytest.raises(ValueError, match=r"the ending of path must be one of '.pt'.*got '.txt'"):
        load_model(tmp_path / "model.txt")
    torch.save(nn.RNN(1, 2).state_dict(), tmp_path / "model.pt")
    for content, kind in (("{", ValueError), ("[]", TypeError)):
        (tmp_path / "model.json").write_text(content)
        with pytest.raises(kind, match="spec must be a JSON"):
            load_model(tmp_path / "model.pt")
    with pytest.raises(ValueError, match="spec must be a JSON file"):
        load_model(tmp_path / "model.pt", tmp_path / "none.json")
    (tmp_path / "broken.pt").write_bytes(b"PK")
    with pytest.raises(ValueError, match="must hold a state_dict"):
        load_model(tmp_path / "broken.pt")
