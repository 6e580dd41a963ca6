"""Intensity maps of recoveries: what a cell shows, and when two tables agree."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from linmem.figures.recovery_map import EMPTY, MapPanel, cell_centres, draw_recovery_maps, recoveries_agree

TOL = 1e-6


@pytest.fixture
def table():
    rows = [
        {"panel": "a", "gamma": gamma, "cells": 2, "rho": rho, "streams": 3, "steps": 5, "trial": trial}
        | {"rmse": 10.0**-trial, "noise_rmse": 1e-4, "objective": 0.1, "gap": 1e-7, "iterations": 7}
        for gamma in cell_centres(2)
        for rho in cell_centres(2)
        for trial in range(3)
    ]
    return pd.DataFrame(rows)


def maps(table):
    panel = MapPanel("a", "title", "rho", lambda L, N: (np.array([0.0, 1.0]), np.array([0.0, L / N])))
    return draw_recovery_maps(table, [panel, MapPanel("b", "not there", "rho", panel.limit)], TOL)


def patches(table):
    return [patch for patch in maps(table).axes[0].patches if isinstance(patch, Rectangle)]


def test_cells_tile_the_unit_square():
    assert np.diff(cell_centres(15)) == pytest.approx(1 / 15)
    assert cell_centres(15)[0] == pytest.approx(1 / 30)


def test_colour_is_that_of_the_median(table):
    from matplotlib import colormaps

    drawn = patches(table)
    assert len(drawn) == 4
    # the median of 1, .1, .01 lies at four fifths of the scale of colours from 1e-5 to 1
    assert drawn[0].get_facecolor() == pytest.approx(colormaps["viridis"](0.8), abs=1e-12)


def test_a_missed_gap_is_hatched_and_a_missing_cell_grey(table):
    from matplotlib.colors import to_rgba

    table.loc[4, "gap"] = 1e-5
    hatched = [patch.get_hatch() is not None for patch in patches(table)]
    assert hatched == [False, True, False, False]
    fewer = table.iloc[3:]
    assert len(patches(fewer)) == 3
    assert maps(fewer).axes[0].get_facecolor() == to_rgba(EMPTY)


def test_tables_agree_as_their_certificates_allow(table):
    assert recoveries_agree(table, table.assign(iterations=8, gap=2e-7), TOL)
    assert recoveries_agree(table, table.assign(objective=0.1 * (1 + 5e-8)), TOL)
    assert not recoveries_agree(table, table.assign(objective=0.1 * (1 + 5e-7)), TOL)
    assert recoveries_agree(table, table.assign(objective=0.1 * (1 + 5e-4), gap=1e-3, rmse=1.0), TOL)
    assert recoveries_agree(table, table.assign(rmse=table.rmse * 1.9), TOL)
    assert not recoveries_agree(table, table.assign(rmse=table.rmse * 2.1), TOL)
    recovered = table.assign(rmse=1e-4)
    assert not recoveries_agree(recovered, recovered.assign(rmse=1.1e-4), TOL)
    assert not recoveries_agree(table, table.assign(noise_rmse=2e-4), TOL)
    assert not recoveries_agree(table, table.assign(panel="b"), TOL)
    assert not recoveries_agree(table, table.iloc[1:], TOL)
