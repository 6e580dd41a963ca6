"""The commands `linmem sweep` and the sweep behind `linmem figures`, as a user types them."""

import signal
import subprocess
import sys

import pandas as pd
import pytest
from processes import heed_interrupts

from linmem import cli_sweep
from linmem.sweep import Grid, run

FILE = """
def grid(scale):
    return [{"x": k} for k in range(6 if scale == "quick" else 12)]

def cell(seed, x):
    if x == 3:
        raise ValueError("three")
    return {"y": x * x}
"""


def write(tmp_path, text=FILE):
    path = tmp_path / "squares.py"
    path.write_text(text)
    return path


def forget(path):
    """Files are imported once in a process; a user starts a new one after an edit."""
    import linecache
    import sys

    from linmem.content import load_file

    sys.modules.pop(load_file(path).__name__)
    linecache.checkcache()


def test_run_fail_mend_retry(call, tmp_path):
    path = write(tmp_path)
    done = call("sweep", "run", path, "--store", "s.sweep", "--jobs", 1)
    assert done.returncode == 1
    assert "1 of 6 cells failed, first {'x': 3}: ValueError: three" in done.stderr
    assert 'raise ValueError("three")' in done.stderr
    done = call("sweep", "status", "s.sweep")
    assert done.returncode == 0
    assert "6 of 6 cells (1 failed), finished" in done.stdout
    assert call("sweep", "run", path, "--store", "s.sweep", "--jobs", 1).returncode == 1  # failures stay known
    forget(path)
    write(tmp_path, FILE.replace("x == 3", "x == 33"))
    done = call("sweep", "run", path, "--store", "s.sweep", "--jobs", 1, "--retry-failed")
    assert done.returncode == 0
    assert "6 cells, 6 rows" in done.stdout
    assert "5 finished cells in s.sweep were computed by another text of the cell function" in done.stderr
    forget(path)


def test_another_version_and_a_fresh_start(call, tmp_path, monkeypatch):
    path = write(tmp_path, FILE.replace("x == 3", "x == 33"))
    assert call("sweep", "run", path, "--store", "s.sweep", "--jobs", 1).returncode == 0
    forget(path)
    write(tmp_path, FILE.replace("x == 3", "x == 33").replace("x * x", "-x") + "\nVERSION = '2'\n")
    done = call("sweep", "run", path, "--store", "s.sweep", "--jobs", 1)
    assert done.returncode == 2
    assert "holds version '1', this sweep is version '2'" in done.stderr
    asked = []
    monkeypatch.setattr(cli_sweep.typer, "confirm", lambda question, abort: asked.append((question, abort)))
    assert call("sweep", "run", path, "--store", "s.sweep", "--jobs", 1, "--fresh").returncode == 0
    assert asked == [("Forget all finished cells in s.sweep?", True)]
    assert call("sweep", "run", path, "--store", "s.sweep", "--jobs", 1, "--fresh", "--yes").returncode == 0
    assert len(asked) == 1
    forget(path)


def test_export_import_check(call, tmp_path):
    path = write(tmp_path, FILE.replace("x == 3", "x == 33"))
    assert call("sweep", "run", path, "--store", "s.sweep", "--scale", "paper", "--jobs", 1).returncode == 0
    assert call("sweep", "export", "s.sweep", "s.parquet", "--no-times").returncode == 0
    assert len(pd.read_parquet(tmp_path / "s.parquet")) == 12
    assert "12 cells added" in call("sweep", "import", "s.parquet", "t.sweep").stdout
    assert "0 cells added" in call("sweep", "import", "s.parquet", "t.sweep").stdout
    assert call("sweep", "export", "t.sweep", "t.parquet", "--no-times").returncode == 0
    assert (tmp_path / "s.parquet").read_bytes() == (tmp_path / "t.parquet").read_bytes()
    assert "12 rows, all intact" in call("sweep", "check", "t.sweep").stdout
    assert "0 damaged rows removed" in call("sweep", "check", "t.sweep", "--drop").stdout
    forget(path)


def test_wrong_calls(call, tmp_path):
    (tmp_path / "text.sweep").write_text("this is no store, and long enough to be read as one" * 10)
    (tmp_path / "half.py").write_text("def grid(scale): return []\n")
    for arguments, message in (
        (["status", "nowhere.sweep"], "does not exist"),
        (["status", "text.sweep"], "damaged or no store"),
        (["check", "nowhere.sweep"], "does not exist"),
        (["run", "nowhere.py", "--store", "s"], "file must be a Python file"),
        (["run", "half.py", "--store", "s"], "must define grid(scale) and cell(seed, ...), got no cell"),
        (["import", "text.sweep", "s.sweep"], "must be a Parquet file"),
        (["run", write(tmp_path), "--store", "s.sweep", "--cluster", "tcp://127.0.0.1:9"], "running Dask scheduler"),
    ):
        done = call("sweep", *arguments)
        assert done.returncode == 2, (arguments, done)
        assert message in done.stderr, (arguments, done)
        assert "Traceback" not in done.stderr


def test_results_must_not_change_a_parameter(tmp_path):
    with pytest.raises(ValueError, match="got another 'x'; rename the result"):
        run(lambda seed, x: {"x": x + 1}, Grid(x=[1]), name="clash")
    table = run(lambda seed, x: {"x": x, "y": 2 * x}, Grid(x=[1, 2]), name="echo")
    assert table.to_dict("list") == {"x": [1, 2], "y": [2, 4]}


def test_ctrl_c_says_that_finished_cells_are_kept(tmp_path, until, count, patience):
    text = "import time\ndef grid(scale): return [{'x': k} for k in range(2000)]\n"
    path = write(tmp_path, text + "def cell(seed, x):\n    time.sleep(0.02)\n    return {'y': x}\n")
    command = [sys.executable, "-m", "linmem.cli", "sweep", "run", path, "--store", tmp_path / "s.sweep", "--jobs", "1"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
    until(lambda: count(tmp_path / "s.sweep") >= 20)
    child.send_signal(signal.SIGINT)
    _, message = child.communicate(timeout=patience)
    assert child.returncode == 130
    assert message.strip() == "interrupted; what is finished is kept"
    assert 20 <= count(tmp_path / "s.sweep") < 2000
