"""The command linmem analyze: files it writes, networks it takes, calls it refuses."""

import numpy as np
import pytest
import torch

from linmem.analysis import linearise
from linmem.report import MemoryReport


def test_an_example_is_reported_and_written(call, tmp_path):
    done = call("analyze", "--example", "ssm", "--json", "a.json", "--html", "sub/a.html", "--plot", "a.png")
    assert done.returncode == 0, done.stderr
    assert "Memory of Legendre state-space model" in done.stdout
    assert "memory capacity" in done.stdout
    report = MemoryReport.from_json((tmp_path / "a.json").read_text())
    assert report.facts["kind"] == "system"
    assert report.value("capacity.linear") == 16
    assert report.violations == ()
    assert (tmp_path / "sub" / "a.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert all(name in done.stdout for name in ("a.json", "a.html", "a.png"))


def test_a_state_dict_is_reported_with_its_own_weights(call, tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = torch.nn.RNN(1, 3)
    torch.save(module.state_dict(), tmp_path / "net.pt")
    done = call("analyze", "net.pt", "--json", "net.json", "--inputs", "normal", "--seed", "4")
    assert done.returncode == 0, done.stderr
    report = MemoryReport.from_json((tmp_path / "net.json").read_text())
    assert report.facts["state_size"] == 3
    assert report.facts["inputs"] == "normal"
    assert report.facts["seed"] == 4
    assert report.value("kernel.radius") == pytest.approx(linearise(module, 0.0).radius, abs=1e-6)


def test_matrices_are_reported_and_reasons_are_given(call, tmp_path):
    np.savez(tmp_path / "line.npz", A=np.eye(3, k=-1), B=np.array([1.0, 0.0, 0.0]))
    done = call("analyze", "line.npz")
    assert done.returncode == 0, done.stderr
    assert "not measured" in done.stdout
    assert "readout" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "pass a file or --example, got neither"),
        (("net.pt", "--example", "rnn"), "got both"),
        (("--example", "transformer"), "must be one of"),
        (("--example", "ssm", "--spec", "a.json"), "--spec belongs to a file"),
        (("--example", "ssm", "--plot", "a.jpg"), "--plot must end in"),
        (("--example", "ssm", "--inputs", "gaussian"), "inputs must be one of"),
        (("--example", "ssm", "--budget", "huge"), "budget must be one of"),
        (("missing.pt",), "missing.pt"),
    ],
)
def test_wrong_calls_end_with_one_line_and_status_two(call, arguments, message):
    done = call("analyze", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
