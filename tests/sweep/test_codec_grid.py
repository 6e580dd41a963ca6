"""Parameters and results as text, exactly: keys, seeds, stores, exports; and the grids that they come in."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from linmem.sweep import CellsFailed, Grid, Store, cell_seed, export_store, import_store, run
from linmem.sweep.codec import cell_key, decode_rows, encode_rows, plain_parameters

NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name != "seed")
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.none() | st.booleans() | st.integers(-(2**80), 2**80) | FLOATS | st.text(max_size=12)
PARAMETERS = st.dictionaries(NAMES, VALUES, max_size=5)
DTYPES = (hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), hnp.floating_dtypes())
ARRAYS = hnp.arrays(
    st.one_of(*DTYPES, hnp.complex_number_dtypes(), hnp.unicode_string_dtypes(max_len=4)),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
RESULTS = st.dictionaries(st.text(max_size=8), VALUES | st.floats() | ARRAYS, max_size=4)


def bits(value):
    return struct.pack("<d", value) if isinstance(value, float) else value


def same(left, right):
    if isinstance(left, np.ndarray):
        return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())
    if isinstance(left, float) and math.isnan(left):
        return math.isnan(right)
    return type(left) is type(right) and bits(left) == bits(right)


def same_rows(left, right):
    return [*left] == [*right] and all(same(left[name], right[name]) for name in left)


@settings(max_examples=15)
@given(cells=st.lists(PARAMETERS, min_size=1, max_size=4, unique_by=lambda p: cell_key("f", "1", 0, p)))
def test_parameters_come_back_from_store_and_export(tmp_path_factory, cells):
    folder = tmp_path_factory.mktemp("round")
    calls = []

    def cell(seed, **parameters):
        calls.append(parameters)
        return {"seed": seed}

    table = run(cell, Grid.of(cells), folder / "a.db", name="f", include_parameters=False)
    assert all(same_rows(got, put) for got, put in zip(calls, cells, strict=True))
    assert table["seed"].tolist() == [cell_seed("f", parameters, 0) for parameters in cells]
    export_store(folder / "a.db", folder / "a.parquet")
    assert import_store(folder / "a.parquet", folder / "b.db") == len(cells)
    assert import_store(folder / "a.parquet", folder / "b.db") == 0
    with Store(folder / "a.db") as first, Store(folder / "b.db") as second:
        assert first.records() == second.records()
    calls.clear()
    again = run(cell, Grid.of(cells), folder / "b.db", name="f", include_parameters=False)
    assert calls == []
    assert again["seed"].tolist() == table["seed"].tolist()


@given(parameters=PARAMETERS, seed=st.integers(0, 2**70), data=st.data())
def test_keys_and_seeds_do_not_depend_on_the_order_of_names(parameters, seed, data):
    shuffled = dict(data.draw(st.permutations(list(parameters.items()))))
    assert cell_key("f", "1", seed, parameters) == cell_key("f", "1", seed, shuffled)
    assert cell_seed("f", parameters, seed) == cell_seed("f", shuffled, seed)


@given(left=VALUES, right=VALUES)
def test_keys_tell_all_values_apart(left, right):
    equal = cell_key("f", "1", 0, {"x": left}) == cell_key("f", "1", 0, {"x": right})
    assert equal == same(left, right)


def test_keys_tell_types_and_zeros_apart():
    values = [1, 1.0, True, "1", 0, 0.0, -0.0, False, None, "None", 5e-324, 1e-323, 2**53, 2.0**53, 0.1 + 0.2, 0.3]
    assert len({cell_key("f", "1", 0, {"x": value}) for value in values}) == len(values)
    keys = {cell_key(*key, {}) for key in (("f", "1", 0), ("g", "1", 0), ("f", "2", 0), ("f", "1", 1))}
    assert len(keys) == 4
    assert len(Grid(x=values)) == len(values)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_parameters_are_finite(value):
    with pytest.raises(ValueError, match=r"parameter x must be finite, got -?(nan|inf); use None or a string"):
        Grid(x=[1.0, value])


@pytest.mark.parametrize("value", [[1], {"a": 1}, np.zeros(2), 1j, b"1", object()])
def test_parameters_are_scalars(value):
    with pytest.raises(TypeError, match="parameter x must be a plain scalar"):
        Grid(x=[value])


def test_numpy_scalars_are_plain():
    given = {"a": np.int8(3), "b": np.float32(0.5), "c": np.bool_(True), "d": np.str_("s"), "e": np.float64(-0.0)}
    plain = {"a": 3, "b": 0.5, "c": True, "d": "s", "e": -0.0}
    assert same_rows(plain_parameters(given), plain)
    assert same_rows(decode_rows(encode_rows(given))[0], plain)


@given(rows=st.lists(RESULTS, max_size=3))
def test_results_come_back(rows):
    back = decode_rows(encode_rows(rows))
    assert len(back) == len(rows)
    assert all(same_rows(put, got) for put, got in zip(rows, back, strict=True))


def test_results_in_a_table(tmp_path):
    def cell(seed, k):
        return [{"row": j, "x": np.arange(j), "y": math.inf if j else math.nan} for j in range(k)]

    for _ in range(2):
        table = run(cell, Grid(k=[0, 1, 2]), tmp_path / "rows.db", name="rows")
        assert table["k"].tolist() == [1, 2, 2]
        assert table["row"].tolist() == [0, 0, 1]
        assert [len(x) for x in table["x"]] == [0, 0, 1]
        assert np.isnan(table["y"][0])
        assert table["y"][2] == math.inf


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ({"x": {"y": 1}}, "result 'x' must be a scalar or a numeric array, got dict"),
        ({"x": [1, 2]}, "result 'x' must be a scalar or a numeric array, got list"),
        ({"x": np.array([object()])}, "result 'x' must be a scalar or a numeric array, got ndarray"),
        ({"x": object()}, "got object; give each part a name"),
        (1.0, "a cell must return a flat dict or a list of them, got float"),
        (None, "got NoneType"),
        ("text", "got str"),
        ([1.0], "got a list of float"),
    ],
)
def test_results_that_are_not_flat_fail_their_cell_only(result, problem):
    with pytest.raises(CellsFailed, match="1 of 2 cells failed") as caught:
        run(lambda seed, k: result if k else {"x": 0}, Grid(k=[0, 1]), name="nested")
    assert problem in caught.value.failures[0][1]
    assert caught.value.table["x"].tolist() == [0]


def test_products_unions_and_filters():
    grid = Grid(a=[1, 2], b="xyz"[:2].split("|")) * Grid(c=np.arange(3))
    assert len(grid) == 6
    assert next(iter(grid)) == {"a": 1, "b": "xy", "c": 0}
    assert [cell["c"] for cell in grid] == [0, 1, 2, 0, 1, 2]
    both = grid.where(lambda a, b, c: a == c) + Grid(d=[None])
    assert list(both) == [{"a": 1, "b": "xy", "c": 1}, {"a": 2, "b": "xy", "c": 2}, {"d": None}]
    assert Grid.of(grid) is grid
    assert list(Grid.of(list(both))) == list(both)
    assert len(Grid()) == len(Grid(a=[1]).where(lambda a: False)) == 0
    assert repr(both) == "Grid(3 cells, axes a, b, c, d)"
    assert len(run(lambda seed: {}, Grid(), name="nothing")) == 0


def test_a_grid_is_not_changed_through_its_cells():
    grid = Grid(a=[1])
    next(iter(grid))["a"] = 2
    assert list(grid) == [{"a": 1}]


@pytest.mark.parametrize(
    ("make", "error", "problem"),
    [
        (lambda: Grid(a=[1, 2, 1]), ValueError, r"must differ, got \{'a': 1\} twice"),
        (lambda: Grid(a=[1]) + Grid(a=[np.int64(1)]), ValueError, "must differ"),
        (lambda: Grid(a=[1], b=[2]) * Grid(b=[3]), ValueError, r"different axes, got \['b'\] in both; rename one"),
        (lambda: Grid(a=[]), ValueError, "axis a must hold at least one value, got none"),
        (lambda: Grid(a="xyz"), TypeError, r"axis a must be a list of values, got 'xyz'; write \['xyz'\]"),
        (lambda: Grid(a=3), TypeError, "axis a must be a list of values, got 3"),
        (lambda: Grid(seed=[1]), ValueError, "must not be named 'seed'"),
        (lambda: Grid.of([{"seed": 1}]), ValueError, "must not be named 'seed'"),
        (lambda: Grid.of([{1: 1}]), TypeError, "parameter names must be strings, got 1"),
    ],
)
def test_bad_grids(make, error, problem):
    with pytest.raises(error, match=problem):
        make()
