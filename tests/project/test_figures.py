"""Figures: the contract, bytes that depend on the table alone, tables that carry their provenance."""

import linecache
import sys
from datetime import date

import matplotlib
import pandas as pd
import pytest

from linmem import figures
from linmem.content import content_folder
from linmem.provenance import provenance, read_table, write_table
from linmem.sweep import CellChangedWarning, StoreError, cell_seed

NAMES = figures.names()
TOY = """
from pathlib import Path
from matplotlib.figure import Figure

def grid(scale):
    return [{"x": 1}, {"x": 2}]

def cell(seed, x):
    with open(Path(__file__).with_name("calls"), "a") as calls:
        calls.write("*")
    return [{"x": x, "y": seed % 7, "k": k} for k in range(2)]

def draw(table):
    figure = Figure(figsize=(3.4, 2.0))
    figure.subplots().plot(table.x, table.y)
    return figure
"""
TOY_TWIN = """
from matplotlib.figure import Figure

TABLE = "toy"

def draw(table):
    figure = Figure(figsize=(7.0, 2.0))
    figure.subplots().plot(table.y, table.x)
    return figure
"""
AUDITED = {
    "bridge_limits": "capacity",
    "bridge_report": "y",
    "bridge_stalls": "error",
    "bridge_training_time": "steps",
    "capacity_estimators": "value",
    "capacity_floor": "plain",
    "capacity_nonlinear": "value",
    "capacity_reservoirpy": "sampled",
    "charles2018_fig2": "rmse",
    "charles2018_fig2_controls": "rmse",
    "charles2018_fig3": "error",
    "charles2018_recovery": "rmse",
    "charles2018_scaling": "nodes",
    "illium2022_distance": "error",
    "illium2022_fig4": "loss",
    "illium2022_fig5": "loss",
    "illium2022_fig6": "error",
    "illium2022_fig8": "error",
    "illium2022_fig9": "error",
    "illium2022_law": "error",
    "li2021_fig1": "loss",
    "li2021_momentum": "time",
    "li2021_perturbation": "approximation",
    "li2021_plateau": "time",
    "li2021_rates": "error_low",
    "li2021_width": "construction_error",
}
REDUCED = {"illium2022_fig6", "illium2022_fig8"}  # all of the paper's grid takes hours


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_there_is_a_figure_of_each_paper():
    assert {"li2021_plateau", "charles2018_recovery", "illium2022_distance"} <= set(NAMES)


def test_tables_ship_with_provenance(name):
    table, facts = read_table(figures.shipped(name))
    assert len(table)
    assert {"linmem", "commit", "figure", "scale", "seed", "processor", "wall_seconds"} <= set(facts)
    assert facts["figure"] == figures.table_owner(name)
    assert facts["scale"] == ("reduced" if facts["figure"] in REDUCED else "paper")


def test_shipped_tables_cover_their_grid(name):
    table, facts = read_table(figures.shipped(name))
    for parameters in figures.grid(name, facts["scale"]):
        kept = {key: value for key, value in parameters.items() if key in table}
        rows = table[(table[list(kept)] == pd.Series(kept)).all(axis=1)] if kept else table
        assert len(rows), parameters


def test_a_random_cell_of_the_shipped_table_comes_out_again(name):
    today = date.today().toordinal()  # another cell each day; the message of a failure names it
    found = figures.audit(name, rng=today)
    assert found.agrees, (found.parameters, found.shipped, found.fresh)
    assert len(found.shipped) == len(found.fresh) > 0


def test_an_audit_can_fail(name):
    table, _ = read_table(figures.shipped(name))
    owner = figures.table_owner(name)
    agree = getattr(figures.load(owner), "agree", figures.tables_agree)
    column = AUDITED[owner]
    assert agree(table, table)
    assert not agree(table, table.assign(**{column: 0.5 * table[column] + 1.0}))


def test_same_table_same_bytes(name, tmp_path):
    table, _ = read_table(figures.shipped(name))
    first = figures.save(figures.draw(name, table), tmp_path / "a", name, ["pdf", "png", "svg"])
    second = figures.save(figures.draw(name, table.copy()), tmp_path / "b", name, ["pdf", "png", "svg"])
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    changed = table.iloc[: len(table) // 2]
    third = figures.save(figures.draw(name, changed), tmp_path / "c", name, ["svg"])
    assert third[0].read_bytes() != first[2].read_bytes()


def test_pdf_is_vector_with_embedded_fonts(name, tmp_path):
    table, _ = read_table(figures.shipped(name))
    pdf = figures.save(figures.draw(name, table), tmp_path, name, ["pdf"])[0].read_bytes()
    assert b"/FontFile2" in pdf  # TrueType, embedded
    assert b"/Type3" not in pdf


def test_figures_fit_a_column_or_a_page(name):
    table, _ = read_table(figures.shipped(name))
    width, height = figures.draw(name, table).get_size_inches()
    assert width in (3.4, 7.0)
    assert height <= 9.0


def test_drawing_leaves_the_users_style_alone(name):
    before = dict(matplotlib.rcParams)
    figures.draw(name, read_table(figures.shipped(name))[0])
    assert dict(matplotlib.rcParams) == before


def test_seeds_of_cells_differ_and_do_not_depend_on_order(name):
    cells = list(figures.grid(name, "paper"))
    seeds = [cell_seed(name, cell, 0) for cell in cells]
    assert len(set(seeds)) == len(cells)
    assert seeds == [cell_seed(name, dict(reversed(cell.items())), 0) for cell in cells]
    assert cell_seed(name, cells[0], 1) != seeds[0]


def test_a_computed_figure_is_resumed_from_its_store(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setattr("linmem.figures.module.content_folder", lambda name: tmp_path)
    written = figures.make("toy", tmp_path / "out", scale="quick", jobs=1)
    assert [path.name for path in written] == ["toy.parquet", "toy.pdf", "toy.png"]
    table, facts = read_table(written[0])
    assert table["x"].tolist() == [1, 1, 2, 2]
    assert len(facts["cell_seconds"]) == 2
    first = (tmp_path / "calls").read_text()
    figures.make("toy", tmp_path / "out", scale="quick", jobs=1)
    assert (tmp_path / "calls").read_text() == first  # nothing was computed again
    figures.make("toy", tmp_path / "out", scale="quick", jobs=1, fresh=True)
    assert (tmp_path / "calls").read_text() == 2 * first
    (tmp_path / "toy.py").write_text(TOY.replace("seed % 7", "seed % 5"))
    sys.modules.pop(figures.load("toy").__name__)
    linecache.checkcache()
    with pytest.warns(CellChangedWarning, match="2 finished cells in"):
        figures.make("toy", tmp_path / "out", scale="quick", jobs=1)
    (tmp_path / "toy.py").write_text(TOY + "VERSION = '2'")
    sys.modules.pop(figures.load("toy").__name__)
    with pytest.raises(StoreError, match="their results do not mix"):
        figures.make("toy", tmp_path / "out", scale="quick", jobs=1)


def test_a_figure_may_draw_the_table_of_another(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "twin.py").write_text(TOY_TWIN)
    monkeypatch.setattr("linmem.figures.module.content_folder", lambda name: tmp_path)
    assert figures.table_owner("twin") == figures.table_owner("toy") == "toy"
    assert figures.shipped("twin") == figures.shipped("toy") == tmp_path / "data" / "toy.parquet"
    assert figures.store_path("twin", "a", "quick", 0) == figures.store_path("toy", "a", "quick", 0)
    assert list(figures.grid("twin")) == list(figures.grid("toy"))
    written = figures.make("twin", tmp_path / "data", scale="quick", jobs=1)
    assert [path.name for path in written] == ["toy.parquet", "twin.pdf", "twin.png"]
    figures.make("toy", tmp_path / "data", scale="quick", jobs=1)
    assert (tmp_path / "calls").read_text() == "**"  # each of the two cells computed once for both figures
    shipped, facts = read_table(figures.shipped("twin"))
    assert facts["figure"] == "toy"
    pd.testing.assert_frame_equal(figures.compute("twin", jobs=1), shipped, check_dtype=False)
    assert figures.audit("twin", rng=0).agrees
    assert [path.name for path in figures.make("twin", tmp_path / "out")] == ["twin.pdf", "twin.png"]


def test_a_table_of_nobody_or_of_a_borrower_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("linmem.figures.module.content_folder", lambda name: tmp_path)
    (tmp_path / "lost.py").write_text(TOY_TWIN)
    with pytest.raises(ValueError, match="TABLE of lost must be one of 'lost', got 'toy'"):
        figures.table_owner("lost")
    (tmp_path / "toy.py").write_text(TOY_TWIN.replace("toy", "lost"))
    with pytest.raises(ValueError, match="TABLE of lost must name a figure with a table of its own, got 'toy'"):
        figures.shipped("lost")
    (tmp_path / "bare.py").write_text("TABLE = 'toy'\n")
    with pytest.raises(ValueError, match="must define draw, got no draw"):
        figures.load("bare")


def test_tables_keep_provenance(tmp_path):
    table = pd.DataFrame({"a": [1, 2], "b": [0.1, 0.2]})
    write_table(tmp_path / "t.parquet", table, {**provenance(), "seed": 3})
    again, facts = read_table(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(table, again)
    assert facts["seed"] == 3
    table.to_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(ValueError, match="carries no linmem provenance"):
        read_table(tmp_path / "foreign.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(ValueError, match="must be a Parquet file"):
        read_table(tmp_path / "text.parquet")


def test_bad_calls(tmp_path):
    table, _ = read_table(figures.shipped(NAMES[0]))
    with pytest.raises(ValueError, match="figure must be one of"):
        figures.draw("nothing", table)
    with pytest.raises(ValueError, match="scale must be one of"):
        figures.grid(NAMES[0], "huge")
    with pytest.raises(ValueError, match="format must be one of"):
        figures.save(figures.draw(NAMES[0], table), tmp_path, "x", ["bmp"])
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="must be a folder"):
        figures.make(NAMES[0], tmp_path / "file")


def test_a_figure_without_its_parts_is_refused(tmp_path, monkeypatch):
    (tmp_path / "half.py").write_text("def draw(table): ...\n")
    monkeypatch.setattr("linmem.figures.module.content_folder", lambda name: tmp_path)
    with pytest.raises(ValueError, match="must define grid, cell, draw, got no grid, cell"):
        figures.grid("half")
    assert content_folder("paper_figures") != tmp_path
