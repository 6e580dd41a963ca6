"""Maps of trained networks: what a panel shows, where the line stands, what an audit compares."""

import numpy as np
import pandas as pd
import pytest

from linmem import figures
from linmem.figures.distance_map import draw_distance_maps, map_grid, trainings_agree

KEYS = ["cell", "layers", "cells", "position", "network_seed"]


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    networks = [
        {"cell": kind, "layers": layers, "cells": c, "position": p, "network_seed": seed}
        for seed in range(3)
        for kind, layers in (("rnn", 1), ("rnn", 2), ("gru", 1))
        for c in (1, 2, 3)
        for p in range(1, 7)
    ]
    return pd.DataFrame(networks).assign(error=rng.uniform(0, 0.25, len(networks)), solved=False, diverged=False)


def panels(figure):
    return {axes.get_title(): axes for axes in figure.axes if axes.get_title() and axes.get_visible()}


@pytest.mark.parametrize(("statistic", "reduce"), [("mean", np.mean), ("std", lambda x: np.std(x, ddof=1))])
def test_a_panel_shows_the_statistic_over_networks(table, statistic, reduce):
    with figures.style():
        drawn = panels(draw_distance_maps(table, statistic, rows=2))
    assert set(drawn) == {"RNN, 1 layer", "RNN, 2 layers", "GRU, 1 layer"}
    values = drawn["RNN, 2 layers"].images[0].get_array()
    for c, p in ((1, 1), (2, 6), (3, 4)):
        own = table.query("cell == 'rnn' and layers == 2 and cells == @c and position == @p")["error"]
        assert values[c - 1, p - 1] == pytest.approx(reduce(own.to_numpy()), rel=1e-12)


def test_the_line_stands_behind_the_limit_of_linear_stacks(table):
    drawn = panels(draw_distance_maps(table))
    for title, limits in (("RNN, 1 layer", [1, 2, 3]), ("RNN, 2 layers", [1, 3, 5])):
        x, y = drawn[title].lines[-1].get_data()
        assert list(x[::2]) == list(x[1::2]) == [limit + 0.5 for limit in limits]
        assert list(y) == [0.5, 1.5, 1.5, 2.5, 2.5, 3.5]


def test_what_a_partial_table_lacks_is_left_out(table):
    missing = table.query("not (cells == 2 and position == 3)")
    values = panels(draw_distance_maps(missing))["RNN, 1 layer"].images[0].get_array()
    assert np.argwhere(np.isnan(np.ma.filled(values, np.nan))).tolist() == [[1, 2]]
    assert set(panels(draw_distance_maps(table.query("cell == 'gru'")))) == {"GRU, 1 layer"}
    with pytest.raises(ValueError, match="statistic must be one of 'mean', 'std', got 'median'"):
        draw_distance_maps(table, "median")


def test_the_grid_covers_every_network_once_with_the_steps_of_its_layers():
    cells = map_grid([("rnn", 1, 2), ("rnn", 3, 2)], positions=7, seeds=2, steps=(10, 20), rate=0.1)
    found = [(c["layers"], p, c["network_seed"]) for c in cells for p in range(c["first"], c["last"] + 1)]
    assert sorted(found) == [(layers, p, seed) for layers in (1, 3) for p in range(1, 8) for seed in range(2)]
    assert {(c["layers"], c["steps"]) for c in cells} == {(1, 10), (3, 20)}


def test_an_audit_forgives_single_networks_but_no_other_network(table):
    one_off = table.assign(error=table["error"].where(table.index != 5, 0.9))
    assert trainings_agree(table, one_off.sample(frac=1.0, random_state=0), KEYS)
    assert not trainings_agree(table, table.assign(error=table["error"] + 0.011), KEYS)
    assert not trainings_agree(table, table.assign(network_seed=table["network_seed"] + 1), KEYS)
    assert not trainings_agree(table, table.iloc[1:], KEYS)
