"""The shape of the project: import direction, file lengths, a light import."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "cvxpy", "sympy", "matplotlib", "pandas", "flint")


def python(code, *arguments):
    return subprocess.run(
        [sys.executable, *arguments, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )


def lint_imports(settings):
    code = "from importlinter.cli import lint_imports_command as command; command()"
    arguments = [sys.executable, "-c", code, "--no-cache", "--config", str(settings)]
    return subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT)


def test_imports_run_one_way_without_circles():
    done = lint_imports(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


def test_the_import_contract_can_fail(tmp_path):
    bottom = '    "linmem.checks : linmem.version",\n'
    settings = (ROOT / "pyproject.toml").read_text()
    assert settings.count(bottom) == 1
    upside_down = settings.replace(bottom, "").replace("layers = [\n", "layers = [\n" + bottom)
    (tmp_path / "pyproject.toml").write_text(upside_down)
    done = lint_imports(tmp_path / "pyproject.toml")
    assert done.returncode == 1
    assert "1 kept, 1 broken" in done.stdout


@pytest.mark.parametrize("folder", ["linmem", "verification", "paper_figures", "tests", "benchmarks", "docs"])
def test_no_file_is_too_long(folder):
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert lengths
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > 400} == {}


def test_import_is_light():
    code = f"import sys, linmem; print([m for m in {HEAVY} if m in sys.modules])"
    assert python(code).stdout.strip() == "[]"


def test_import_is_fast():
    # importtime counts microseconds spent in the import system: least of three runs, so that load does not matter
    def total():
        report = python("import linmem", "-X", "importtime").stderr
        line = next(line for line in report.splitlines() if line.rsplit("|", 1)[1].strip() == "linmem")
        return int(line.split("|")[1])

    assert min(total() for _ in range(3)) < 300_000


@pytest.mark.parametrize("module", ["kernels", "statistics", "claims", "discrete", "trained.task"])
def test_subjects_do_not_load_what_they_do_not_use(module):
    libraries = ("torch", "cvxpy", "sympy", "matplotlib")
    code = f"import sys, linmem.{module}; print([m for m in {libraries} if m in sys.modules])"
    assert python(code).stdout.strip() == "[]"


def test_submodules_load_on_first_use():
    assert python("import linmem; print(linmem.kernels.__name__, 'claims' in dir(linmem))").stdout.split() == [
        "linmem.kernels",
        "True",
    ]
    with pytest.raises(subprocess.CalledProcessError):
        python("import linmem; linmem.nothing")
