"""The command, as a user types it: exit statuses, messages, files. Runs go through real worker processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from samples import HEADER, snippet

import linmem
from linmem.claims import Registry

ROOT = Path(__file__).resolve().parents[2]


def test_the_installed_command():
    command = Path(sys.executable).with_name("linmem")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["linmem", linmem.__version__]
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    text = subprocess.run([command, "--help"], capture_output=True, text=True, check=True, env=environment).stdout
    assert all(name in text for name in ("claims", "verify", "figures", "cite"))


def test_listing_as_json(call):
    listed = json.loads(call("claims", "--json").stdout)
    assert [item["id"] for item in listed] == list(Registry.load().claims)
    promised = {"id", "source", "locator", "kind", "expected", "controls", "notebook", "figure"}
    assert all(promised <= set(item) for item in listed)
    assert all(item["controls"] for item in listed)


def test_listing_is_filtered(call, tmp_path):
    of_paper = json.loads(call("claims", "--json", "--paper", "li2021").stdout)
    assert {item["id"].split("/")[0] for item in of_paper} == {"li2021"}
    of_kind = json.loads(call("claims", "--json", "--kind", "symbolic").stdout)
    assert {item["kind"] for item in of_kind} == {"symbolic"}
    by_verdict = call("claims", "--json", "--verdict", "fails", cwd=tmp_path)
    assert all(item["expected"] == "fails" for item in json.loads(by_verdict.stdout))
    assert "filtering by the expected verdict" in by_verdict.stderr


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "good.py").write_text(HEADER + snippet("toy/base") + snippet("toy/good", depends=["toy/base"]))
    (folder / "bad.py").write_text(HEADER + snippet("toy/bad", 'Measurement("error", 9.0, "<", 2.0)'))
    (folder / "loose.py").write_text(HEADER + snippet("toy/loose", control='Measurement("error", 1.0, "<", 2.0)'))
    (folder / "empty.py").write_text("x = 1\n")
    return folder


def test_verify_green(call, suite, tmp_path):
    done = call("verify", suite / "good.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 claims as expected" in done.stdout
    assert (tmp_path / "build" / "report" / "index.html").is_file()
    assert json.loads((tmp_path / "build" / "report" / "claims.json").read_text())["green"] is True
    listed = json.loads(call("claims", suite / "good.py", "--json", "--verdict", "holds", cwd=tmp_path).stdout)
    assert {"toy/base", "toy/good"} <= {item["id"] for item in listed}


@pytest.mark.parametrize(("name", "reason"), [("bad", "the verdict is fails"), ("loose", "it must fail")])
def test_verify_red(call, suite, tmp_path, name, reason):
    done = call("verify", suite / f"{name}.py", "--report", tmp_path / "r")
    assert done.returncode == 1
    assert reason in done.stdout
    assert json.loads((tmp_path / "r" / "claims.json").read_text())["green"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "li2021/plateu"], "did you mean li2021/plateau"),
        (["verify", "--scale", "huge"], "scale must be one of 'quick', 'paper', got 'huge'"),
        (["figures", "li2021_plateu"], "did you mean 'li2021_plateau'"),
        (["figures", "--scale", "huge"], "scale must be one of"),
        (["cite", "li2o21"], "did you mean li2021"),
        (["cite", "linmem.kernels.PowerLow"], "did you mean 'PowerLaw'"),
        (["claims", "--paper", "li2012"], "paper must be one of"),
        (["claims", "--kind", "symbolical"], "did you mean 'symbolic'"),
        (["claims", "nowhere/"], "existing file or folder"),
    ],
)
def test_wrong_calls_are_one_line_with_exit_status_2(call, arguments, message):
    done = call(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_report_folder_that_cannot_be_written_to(call, suite, tmp_path):
    (tmp_path / "file").write_text("")
    done = call("verify", suite / "good.py", "--report", tmp_path / "file")
    assert done.returncode == 2
    assert "must be a folder that can be written to" in done.stderr


def test_a_file_without_claims(call, suite):
    done = call("verify", suite / "empty.py")
    assert done.returncode == 2
    assert "no claims in" in done.stderr


def test_cite_a_claim_a_source_and_an_object(call):
    assert "@inproceedings{li2021" in call("cite", "li2021/plateau").stdout
    assert call("cite", "charles2017").stdout.startswith("@article{charles2017")
    assert "@software{linmem" in call("cite").stdout
    assert "@article{amelunxen2014" in call("cite", "linmem.discrete.statistical_dimension").stdout
