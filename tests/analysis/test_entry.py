"""What a report takes from a caller: tensors of any device, and models that cannot be run refused with the fix."""

import numpy as np
import pytest
import torch

from linmem.analysis import StateModel
from linmem.analysis.entry import on_host, ready_model
from linmem.report import memory_report

SHIFT = (np.eye(2, k=-1), [1.0, 0.0])


class OnDevice:
    """A tensor that numpy cannot read before it has been detached and brought to the host, as on a GPU."""

    def __init__(self, tensor, steps=("detach", "cpu")):
        self.tensor, self.steps = tensor, steps

    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def detach(self):
        return OnDevice(self.tensor, self.steps[1:])

    def cpu(self):
        assert not self.steps[1:]
        return self.tensor


def test_tensors_are_brought_to_the_host():
    x = torch.arange(3.0, dtype=torch.float16, requires_grad=True)
    assert on_host(x).dtype == np.float64
    assert on_host(OnDevice(torch.arange(3.0))).tolist() == [0.0, 1.0, 2.0]
    assert on_host(torch.tensor([1, 2])).dtype == np.int64
    text = "normal"
    assert on_host(text) is text


def test_systems_and_series_on_a_device_give_the_report_of_their_numbers():
    series = np.random.default_rng(0).normal(size=21_000)
    system = tuple(OnDevice(torch.tensor(part)) for part in SHIFT)
    there = memory_report(system, OnDevice(torch.tensor(series)), parts=["distance", "spectrum"])
    here = memory_report(SHIFT, series, parts=["distance", "spectrum"])
    assert there.rows == here.rows


@pytest.mark.parametrize(
    ("model", "kind", "match"),
    [
        ("model.pt", TypeError, r"pass linmem\.analysis\.load_model"),
        (torch.nn.LSTM(1, 2).state_dict(), TypeError, "a dict of weights"),
        (torch.nn.LSTM, TypeError, "pass an instance"),
        (StateModel("m", 2, 1, lambda x, u: x[:, :1]), ValueError, r"shape \(3, 2\).*got \(3, 1\)"),
        (StateModel("m", 2, 1, lambda x, u: x * np.nan), ValueError, "must be finite"),
        (StateModel("m", 2, 1, lambda x, u: torch.tensor(x)), ValueError, "got a torch tensor"),
        (StateModel("m", 2, 1, lambda x, u: x.astype(str)), ValueError, "must return real numbers"),
        (StateModel("m", 2, 1, lambda x, u: x @ np.ones((3, 2))), ValueError, "must work on rows.*raised ValueError"),
        (StateModel("m", 2, 1, lambda x, u: x, answer=lambda x: x), ValueError, r"got shape \(3, 2\)"),
    ],
)
def test_models_that_cannot_be_run_are_refused(model, kind, match):
    with pytest.raises(kind, match=match):
        ready_model(model)


class Confused(torch.nn.Module):
    """Gives its input back as its state, whose size is then that of the batch."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Linear(4, 3)

    def forward(self, x, state=None):
        return x, {"h": x}


def test_what_torch_cannot_run_is_refused():
    with pytest.raises(ValueError, match=r"build a linmem\.analysis\.StateModel"):
        ready_model(Confused())


@pytest.mark.parametrize(
    ("options", "kind", "match"),
    [
        ({"parts": "state"}, TypeError, r"pass \['state'\]"),
        ({"parts": []}, ValueError, "one part or more"),
        ({"progress": 3}, TypeError, "progress must be a function"),
        ({"name": 3}, TypeError, "name must be a string"),
        ({"inputs": None}, TypeError, "or a series, got None"),
    ],
)
def test_options_are_checked(options, kind, match):
    with pytest.raises(kind, match=match):
        memory_report(SHIFT, **options)


@pytest.mark.parametrize(("size", "threads"), [(4, 1), (257, 2)])
def test_small_networks_are_measured_on_one_thread(size, threads):
    before, found = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        memory_report(
            (np.eye(size, k=-1), np.eye(size)[0]),
            parts=["spectrum"],
            progress=lambda *_: found.append(torch.get_num_threads()),
        )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(found) == {threads}
