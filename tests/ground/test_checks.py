"""Every check says the rule, the value received and the fix."""

import numpy as np
import pytest

from linmem import checks


@pytest.mark.parametrize(
    ("call", "error", "parts"),
    [
        (lambda: checks.check_positive("rate", -1.0), ValueError, ["rate must be > 0", "got -1.0", "positive"]),
        (lambda: checks.check_positive("rate", 0), ValueError, ["rate must be > 0", "got 0"]),
        (lambda: checks.check_positive("rate", float("nan")), ValueError, ["rate must be finite", "got nan"]),
        (lambda: checks.check_positive("rate", "1"), TypeError, ["rate must be a real number", "got '1'", "float"]),
        (lambda: checks.check_positive("rate", True), TypeError, ["got True of type bool"]),
        (lambda: checks.check_nonnegative("t", -1), ValueError, ["t must be >= 0", "got -1"]),
        (lambda: checks.check_integer("K", 1.0), TypeError, ["K must be an integer", "got 1.0"]),
        (lambda: checks.check_integer("K", 0, minimum=1), ValueError, ["K must be >= 1", "got 0"]),
        (lambda: checks.check_integer("K", 9, maximum=8), ValueError, ["K must be <= 8", "got 9"]),
        (lambda: checks.check_array("S", [[1, 2]], ndim=1), ValueError, ["1 dimension", "got shape (1, 2)"]),
        (lambda: checks.check_array("S", [1, 2], shape=(None, 2)), ValueError, ["(any, 2)", "got (2,)"]),
        (lambda: checks.check_array("S", [1, np.inf]), ValueError, ["S must be finite", "inf at index (1,)"]),
        (lambda: checks.check_array("S", ["a"]), TypeError, ["S must hold real numbers", "got dtype"]),
        (lambda: checks.check_array("S", [1j]), TypeError, ["S must hold real numbers", "complex"]),
        (lambda: checks.check_array("S", [[1], [1, 2]]), TypeError, ["rectangular"]),
        (lambda: checks.check_choice("scale", "x", ["quick"]), ValueError, ["one of 'quick'", "got 'x'"]),
        (lambda: checks.check_generator("rng", None), TypeError, ["rng must be an integer seed", "got None"]),
        (lambda: checks.check_generator("rng", -1), ValueError, ["rng must be >= 0"]),
    ],
)
def test_messages(call, error, parts):
    with pytest.raises(error) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def test_good_values_pass_in_the_type_of_the_computation():
    assert isinstance(checks.check_positive("rate", np.float32(2)), float)
    assert isinstance(checks.check_integer("K", np.int64(2)), int)
    array = checks.check_array("S", [[1, 2]], shape=(1, None))
    assert array.dtype == np.float64
    generator = np.random.default_rng(0)
    assert checks.check_generator("rng", generator) is generator


def test_arrays_are_copied():
    given = np.ones(2)
    checks.check_array("S", given)[0] = 5.0
    assert given[0] == 1.0


def test_folder(tmp_path):
    assert checks.check_folder("out", tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="out must be a folder that can be written to"):
        checks.check_folder("out", tmp_path / "file")
