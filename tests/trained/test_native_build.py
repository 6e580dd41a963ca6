"""The compiled module where there is a compiler, and a package that works where there is none."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from linmem.trained.native import choose_engine, instruction_sets, is_available

ROOT = Path(__file__).resolve().parents[2]
FALSE = shutil.which("false")

# Run in the unpacked wheel, without the site's .pth files, so that no editable install comes first.
WITHOUT_ENGINE = """
import sys, warnings
wheel, site = sys.argv[1:]
sys.path[:0] = [wheel]
sys.path.append(site)
import linmem
assert linmem.__file__.startswith(wheel), linmem.__file__
from linmem.content import content_folder
assert list(content_folder("verification").glob("*.py"))
assert list(content_folder("paper_figures").glob("data/*.parquet"))
from linmem.trained import Architecture, MemoryTask, Network, NetworkSpec, TrainingSettings, train
from linmem.trained.native import choose_engine, instruction_sets, is_available, train_native
assert not is_available() and instruction_sets() == ()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert [choose_engine(), choose_engine()] == ["torch", "torch"]
assert [w.category for w in caught] == [RuntimeWarning] and "no C++ compiler" in str(caught[0].message)
spec = NetworkSpec(Architecture(cells=2), MemoryTask(1))
assert train(spec, seeds=[0, 1], steps=20, evaluation_size=100).losses.shape == (20, 2)
for call in (lambda: choose_engine("native"), lambda: train_native([Network(spec, 0)], TrainingSettings(steps=1))):
    try:
        call()
    except RuntimeError as error:
        assert "install GCC or Clang and reinstall linmem, or use the torch engine" in str(error)
    else:
        raise AssertionError("the engine is absent and was used")
print("passed")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built with a compiler that fails at everything."""
    pytest.importorskip("scikit_build_core")
    if FALSE is None:
        pytest.skip("no command false to stand for a broken compiler")
    folder = tmp_path_factory.mktemp("wheel")
    environment = {k: v for k, v in os.environ.items() if k != "LINMEM_NATIVE"} | {"CC": FALSE, "CXX": FALSE}
    code = f"from scikit_build_core.build import build_wheel; build_wheel({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_a_wheel_without_a_compiler_is_pure_python(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "linmem/_content/verification/illium2022.py" in names
    assert any(name.startswith("linmem/_content/paper_figures/data/") for name in names)
    assert {name.split("/")[0] for name in names if not name.startswith("linmem-")} == {"linmem"}
    assert not [name for name in names if name.endswith((".so", ".cpp", ".hpp", ".pyc"))]
    assert {"linmem/py.typed", "linmem/sources.bib"} <= set(names)
    entry_points = next(name for name in names if name.endswith("entry_points.txt"))
    text = zipfile.ZipFile(wheel).read(entry_points).decode()
    assert "linmem=linmem.cli:main" in text.replace(" ", "")
    assert "[pytest11]" in text


def test_without_the_engine_torch_takes_over(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    arguments = [sys.executable, "-S", "-c", WITHOUT_ENGINE, str(tmp_path), sysconfig.get_path("purelib")]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split()[-1] == "passed"


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler on this machine")
def test_with_a_compiler_the_engine_is_there():
    """A build that fails falls back silently: this is where a broken build shows (LINMEM_NATIVE=1 says why)."""
    assert is_available()
    assert choose_engine() == choose_engine("native") == "native"
    assert instruction_sets()[-1] in ("sse2", "generic")
    if Path("/proc/cpuinfo").exists() and " avx2 " in Path("/proc/cpuinfo").read_text():
        assert "avx2" in instruction_sets()


def test_bad_engine_is_refused():
    with pytest.raises(ValueError, match="engine must be one of 'auto', 'native', 'torch', got 'nativ'; did you mean"):
        choose_engine("nativ")
