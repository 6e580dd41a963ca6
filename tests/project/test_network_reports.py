"""Memory reports of several networks in one figure: what a column holds, and when two tables agree."""

import numpy as np
import pandas as pd
import pytest

from linmem import figures
from linmem.figures.network_reports import fact, part, reports_agree

NAME = "bridge_report"
TRAINED = ("rnn", "lstm", "gru")


def column(network, **changes):
    parameters = next(cell for cell in figures.grid(NAME, "quick") if cell["network"] == network)
    return pd.DataFrame(figures.compute_cell(NAME, {**parameters, "networks": 2, **changes}))


@pytest.fixture(scope="module")
def rnn():
    return column("rnn")


@pytest.fixture(scope="module")
def reservoir():
    return column("reservoir")


def test_a_trained_rnn_is_a_delay_line(rnn):
    assert fact(rnn, "distance.own") == fact(rnn, "distance.fitted") == fact(rnn, "state_size") == 5
    curve = part(rnn, "memory", "measured")["y"].to_numpy()
    # MC = 1 - 12 E e^2, and E e^2 = pi/2 (E |e|)^2 < 0.0014 for Gaussian e; all of it is at most n = 5
    assert (curve[:5] > 0.98).all()
    assert (curve[5:] < 0.1).all()
    weights = part(rnn, "kernel", "weight")
    assert weights["x"].iloc[int(weights["y"].argmax())] == 4


@pytest.mark.parametrize("network", ["rnn", "reservoir"])
def test_panels_tell_the_same_story(network, request):
    rows = request.getfixturevalue(network)
    n = fact(rows, "state_size")
    assert len(part(rows, "spectrum")) == n
    degrees = part(rows, "degrees", "shown").set_index("x")["y"]
    assert degrees[0.0] == pytest.approx(degrees[1:].sum(), abs=1e-9)
    assert degrees[0.0] == fact(rows, "capacity.information")
    # the capacity is the curve's sum: both are jackknife means over the same blocks
    assert fact(rows, "capacity.total") == pytest.approx(part(rows, "memory", "measured")["y"].sum(), abs=1e-6)
    errors = part(rows, "errors", "fitted")
    recalled = errors["x"][errors["y"] < fact(rows, "threshold")]
    assert fact(rows, "distance.fitted") == recalled.max() if len(recalled) else fact(rows, "distance.fitted") == 0
    # the best read-outs of a linear network: MC_k falls with k, and the sum is at most n
    exact = part(rows, "memory", "linearised")["y"].to_numpy()
    assert (np.diff(exact) < 1e-9).all()
    assert exact.sum() < n + 1e-9


def test_the_read_out_of_a_reservoir_is_the_best_one(reservoir):
    own, fitted = (part(reservoir, "errors", series).set_index("x").loc[5.0] for series in ("own", "fitted"))
    assert own["low"] < fitted["high"]
    assert fitted["low"] < own["high"]
    assert (part(reservoir, "errors", "own").set_index("x")["y"].drop(5.0) > 2 * own["y"]).all()


def test_another_training_of_the_same_task_agrees(rnn):
    again = column("rnn", steps=25_000)
    assert np.abs(part(rnn, "spectrum")["x"].to_numpy() - part(again, "spectrum")["x"].to_numpy()).max() > 1e-6
    assert reports_agree(rnn, again, 5, TRAINED)
    assert not reports_agree(rnn, again, 5, ())


def test_a_reservoir_agrees_with_itself_alone(reservoir):
    shuffled = pd.concat([reservoir[reservoir["panel"] != "spectrum"], part(reservoir, "spectrum").iloc[::-1]])
    assert reports_agree(reservoir, shuffled, 5, TRAINED)
    assert not reports_agree(reservoir, reservoir.iloc[:-1], 5, TRAINED)
    assert not reports_agree(reservoir, reservoir.assign(network="rnn"), 5, TRAINED)


@pytest.mark.parametrize("network", ["rnn", "reservoir"])
@pytest.mark.parametrize(
    ("panel", "series"),
    [
        ("facts", "state_size"),
        ("facts", "distance.own"),
        ("facts", "capacity.total"),
        ("memory", "measured"),
        ("memory", "linearised"),
        ("errors", "own"),
        ("errors", "fitted"),
        ("kernel", "weight"),
        ("spectrum", "eigenvalue"),
        ("degrees", "shown"),
        ("degrees", "other"),
    ],
)
def test_every_series_is_compared(network, panel, series, request):
    rows = request.getfixturevalue(network)
    touched = (rows["panel"] == panel) & (rows["series"] == series)
    assert touched.any()
    assert reports_agree(rows, rows, 5, TRAINED)
    assert not reports_agree(rows, rows.assign(y=rows["y"].where(~touched, 0.5 * rows["y"] + 1.0)), 5, TRAINED)


def test_tables_of_other_networks_or_columns_disagree(rnn, reservoir):
    both = pd.concat([rnn, reservoir])
    assert reports_agree(both, both, 5, TRAINED)
    assert not reports_agree(both, rnn, 5, TRAINED)
    assert not reports_agree(rnn, rnn.drop(columns="low"), 5, TRAINED)
    assert np.isnan(fact(rnn, "distance.top"))
