"""Memory reports of networks whose memory is known: delay lines, leaks, hidden states, trained weights."""

import dataclasses
import json
from html import escape

import numpy as np
import pandas as pd
import pytest
import torch

from linmem.analysis import StateModel, linearise
from linmem.analysis.catalogue import QUANTITIES, row
from linmem.analysis.drive import draw_drive, sample_states
from linmem.analysis.measures import measure_information
from linmem.analysis.record import Row
from linmem.analysis.setting import Setting, budget_of
from linmem.capacity import multivariate_capacity, random_connectivity
from linmem.report import MemoryReport, compare, memory_report
from linmem.trained import from_module

DELAY = (np.eye(4, k=-1), [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0])  # holds four inputs, answers the third


MEASURED = ("state", "distance", "capacity", "spectrum", "information")


@pytest.fixture(scope="module")
def delay() -> MemoryReport:
    return memory_report(DELAY)


@pytest.fixture(scope="module")
def leak() -> MemoryReport:
    return memory_report(([[0.8]], [1.0], [0.36]), parts=[*MEASURED, "kernel"])


def test_a_delay_line_reaches_every_bound_and_passes_none(delay):
    value = delay.value
    assert value("distance.own") == 3
    assert value("distance.fitted") == value("capacity.linear") == value("state.rank") == 4
    assert value("kernel.peak") == 2
    assert delay.row("kernel.decay").note.startswith("finite")
    for key in ("capacity.total", "capacity.information"):
        found = delay.row(key)
        assert found.low <= 4 <= found.high + 0.02  # bias of second order in 1/T, T = 20,000
        assert found.bound == 4
        assert found.slack == pytest.approx(4 - found.value)
    assert delay.violations == ()
    # uniform numbers: what the best constant leaves, E|x - 1/2| = 1/4; interval of 20,000 numbers
    beyond = delay.row("distance.next_error")
    assert abs(beyond.value - 0.25) < 6 * np.sqrt(1 / 48) / np.sqrt(20_000)
    assert any("used up" in sentence for sentence in delay.sentences)


def test_a_leak_has_the_memory_curve_of_its_closed_form(leak):
    """``MC_k = (1 - a^2) a^(2k)``; three half widths of Student's interval leave 5e-6 of error a lag."""
    table = leak.tables["memory"]
    exact = 0.36 * 0.64 ** np.arange(1000)
    for method in ("measured", "linearised"):
        rows = table[table["method"] == method]
        off = np.abs(rows["value"] - exact[rows["lag"]])
        assert (off <= 3 * (rows["high"] - rows["low"]) / 2 + 1e-9).all()
    assert leak.value("kernel.radius") == pytest.approx(0.8)
    assert leak.value("kernel.time") == pytest.approx(-1 / np.log(0.8))
    decay = leak.row("kernel.decay")
    assert decay.low <= -np.log(0.8) <= decay.high
    assert "exponential" in decay.note


def test_distances_do_not_change_with_the_coordinates_of_the_state():
    generator = np.random.default_rng(3)
    A, B = random_connectivity(5, "normal", radius=0.7, rng=3), generator.normal(size=5)
    T = np.eye(5) + 0.3 * generator.normal(size=(5, 5))
    pairs = ((A, B), (T @ A @ np.linalg.inv(T), T @ B))
    one, two = (memory_report(pair, parts=MEASURED) for pair in pairs)
    for key in ("distance.fitted", "state.rank"):
        assert one.value(key) == two.value(key)
    for key in ("capacity.total", "capacity.information", "capacity.linear", "distance.next_error", "kernel.radius"):
        assert one.value(key) == pytest.approx(two.value(key), abs=1e-6)


def test_a_module_and_its_weights_have_the_same_report():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = torch.nn.GRU(1, 3, num_layers=2, batch_first=True)
    one, two = (memory_report(network, parts=MEASURED) for network in (module, from_module(module)))
    assert one.value("distance.top") is not None
    for key in (
        "distance.own",
        "distance.top",
        "distance.fitted",
        "capacity.total",
        "kernel.radius",
        "capacity.information",
    ):
        assert one.value(key) == pytest.approx(two.value(key), abs=1e-6)
    assert one.violations == two.violations == ()


class Hidden:
    """Answers with the input of nine steps ago, and declares one state variable that holds nothing of it."""

    def __init__(self) -> None:
        self.past: list[np.ndarray] = []

    def step(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        if self.past and len(self.past[-1]) != len(u):
            self.past = []
        self.past = [*self.past[-9:], u]
        return u

    def answer(self, x: np.ndarray) -> np.ndarray:
        return self.past[0][:, 0] if len(self.past[0]) == len(x) else x[:, 0]


def test_a_state_that_is_not_declared_breaks_a_bound():
    hidden = Hidden()
    report = memory_report(StateModel("hidden", 1, 1, hidden.step, answer=hidden.answer), parts=["distance"])
    assert report.value("distance.own") == 10
    assert [found.key for found in report.violations] == ["distance.own"]
    assert "violated" in report.sentences[-1]


def test_bounds_are_left_out_where_their_premise_fails():
    signs = memory_report(DELAY, "rademacher", parts=MEASURED)
    assert signs.value("distance.fitted") == 4
    assert signs.row("distance.fitted").bound is None
    assert "few values" in signs.row("distance.fitted").note
    assert signs.row("capacity.total").bound == 4  # white all the same
    noise = np.random.default_rng(0).normal(size=21_000)
    series = np.convolve(noise, [1.0, 0.9, 0.8])[: len(noise)]
    smooth = memory_report(DELAY, series, parts=MEASURED)
    assert smooth.row("distance.fitted").bound is None
    assert smooth.row("capacity.total").bound is None
    assert "correlated" in smooth.row("capacity.information").note
    assert not any("What limits it" in sentence for sentence in smooth.sentences)
    white = memory_report(DELAY, noise, parts=MEASURED)
    assert "What limits it is its size" in " ".join(white.sentences)
    assert white.row("capacity.total").bound == white.row("distance.fitted").bound == 4
    assert white.facts["threshold"] == pytest.approx(0.12 * np.abs(noise - np.median(noise)).mean(), rel=0.02)


def test_several_inputs_are_measured_one_by_one():
    generator = np.random.default_rng(5)
    A, B = random_connectivity(4, "normal", radius=0.5, rng=5), generator.normal(size=(4, 2))
    report = memory_report((A, B), rng=2, parts=MEASURED)
    exact = multivariate_capacity(A, B, first_lag=0)
    for i in range(2):
        found = report.row(f"capacity.total[{i}]")
        # capacity beyond the last lag, 0.5^36, is nothing; three half widths as above
        assert abs(found.value - exact.values[i]) < 3 * (found.high - found.low) / 2
        assert f"(input {i})" in found.quantity
    assert report.row("capacity.total").low <= 4 <= report.row("capacity.total").high + 0.02
    assert report.value("capacity.linear") == pytest.approx(4)
    assert "one input" in report.row("capacity.information").note
    assert report.violations == ()
    assert set(report.tables["errors"]["channel"]) == {0, 1}


def test_the_trace_of_the_start_falls_as_the_slowest_mode():
    """a^W for the mode a: of two pasts, one ended W steps ago in zero, one is stationary; 63 joins, factor 1.5."""
    model = StateModel("leak", 1, 1, lambda x, u: 0.99 * x + u)
    sample = sample_states(model, draw_drive("normal", 20_300, 1, rng=0), washout=300)
    assert 0.99**300 / 1.5 < sample.forgetting < 1.5 * 0.99**300
    keeps = memory_report(StateModel("sum", 1, 1, lambda x, u: x + u), "normal", parts=MEASURED)
    assert keeps.value("state.forgetting") > 0.1
    assert any("does not forget" in sentence for sentence in keeps.sentences)
    assert keeps.value("kernel.radius") is None or keeps.value("kernel.radius") >= 1 - 1e-6


def test_states_are_those_of_one_long_run_after_a_forgotten_start():
    model = StateModel("tanh", 2, 1, lambda x, u: np.tanh(0.5 * x[:, ::-1] + u), answer=lambda x: x[:, 0])
    drive = draw_drive("normal", 1_100, 1, rng=4)
    sample = sample_states(model, drive, washout=100, chunks=7)
    long = model.run(drive.values)[100:]
    assert np.abs(sample.states - long).max() < 0.5**90  # a contraction by 1/2 a step
    assert sample.answers == pytest.approx(sample.states[:, 0])
    assert sample.lagged(0, 3) == pytest.approx(drive.values[97:-3, 0])


def test_parts_that_are_too_slow_say_so():
    model = StateModel("two", 2, 1, lambda x, u: 0.5 * x + u * [1.0, 2.0])
    sample = sample_states(model, draw_drive("normal", 1_000, 1, rng=0), washout=50)
    small = dataclasses.replace(budget_of("quick"), information_states=1)
    setting = Setting(model, sample, None, "no rest", 0.1, small, 0.95, np.random.default_rng(0))
    found = measure_information(setting)
    assert all(item.skipped and "skipped above 1 states" in item.note for item in found.rows)


def test_same_seed_same_report_and_json_returns_all_of_it(delay):
    steps = []
    again = memory_report(DELAY, rng=0, progress=lambda part, number, parts: steps.append((part, number, parts)))
    facts = {**again.facts, "seconds": delay.facts["seconds"]}
    assert dataclasses.replace(again, facts=facts).to_json() == delay.to_json()
    assert [number for _, number, _ in steps] == list(range(1, steps[0][2] + 1))
    back = MemoryReport.from_json(delay.to_json())
    assert back.rows == delay.rows
    assert back.sentences == delay.sentences
    assert back.to_json() == delay.to_json()
    for name, table in delay.tables.items():
        assert np.array_equal(back.tables[name].to_numpy(object)[0], table.to_numpy(object)[0]) or table.isna().any(
            axis=None
        )
    assert json.loads(delay.to_json())["facts"]["name"] == delay.facts["name"]


def test_page_text_and_frame_show_every_quantity(delay):
    frame, page, text = delay.to_frame(), delay._repr_html_(), str(delay)
    assert list(frame.index) == [item.key for item in delay.rows]
    assert frame.loc["capacity.linear", "basis"] == "linmem/capacity-closed-form"
    for item in delay.rows:
        assert item.quantity in text
        assert f"<b>{escape(item.quantity).replace('&#x27;', '&#39;')}</b>" in page
    assert "src=" not in page
    assert "<script" not in page
    assert page.startswith('<div class="linmem">')
    assert "not measured" in text


def test_the_page_of_plots_has_six_panels_of_seven_by_nine_inches(delay, leak):
    figure = delay.plot()
    assert figure.get_size_inches().tolist() == [7.0, 9.0]
    axes = [found for part in figure.subfigs for found in part.axes]
    assert [found.get_title(loc="left")[0] for found in axes] == list("abcdef")
    both = compare(delay, leak)
    frame = both.to_frame()
    assert frame.loc["distance.fitted", "first"] == 4
    assert bool(frame.loc["capacity.total", "apart"])  # 4 against 1
    page = both.to_html()
    assert page.startswith("<!doctype html>")
    assert page.count('id="axes_') == 6


def test_a_report_can_be_given_a_name():
    report = memory_report(DELAY, parts=["state"], name="four steps")
    assert report.facts["name"] == "four steps"
    assert "four steps" in str(report)
    assert repr(report) == "<MemoryReport of four steps: 5 quantities; print() shows them>"
    assert "four steps and four steps" in repr(compare(report, report))
    assert memory_report(DELAY, parts=["state"]).facts["name"] == "linear system"


def test_steps_and_positions_are_marked_by_whole_numbers(delay):
    axes = [found for part in delay.plot().subfigs for found in part.axes]
    for panel in "abcf":
        ticks = axes["abcdef".index(panel)].get_xticks()
        np.testing.assert_array_equal(ticks, np.round(ticks))


def test_equal_curves_of_structured_inputs_are_both_seen(delay):
    table = delay.tables["structured"]
    half = table[table["structure"] == table["structure"].iloc[0]]
    twice = pd.concat([half, half.assign(structure="tones")], ignore_index=True)
    figure = dataclasses.replace(delay, tables={**delay.tables, "structured": twice}).plot()
    axes = [found for part in figure.subfigs for found in part.axes][5]
    figure.draw_without_rendering()
    first, second = (c.lines[0] for c in axes.containers)
    gap = second.get_transform().transform([[1.0, 0.5]]) - first.get_transform().transform([[1.0, 0.5]])
    assert gap[0, 0] == pytest.approx(2 * figure.dpi / 72)  # points
    assert gap[0, 1] == pytest.approx(0)
    assert first.get_linestyle() != second.get_linestyle()


def test_a_network_that_holds_less_than_its_size_says_why():
    fades = (0.3 * np.eye(12, k=-1), np.eye(12)[0])
    report = memory_report(fades, parts=["structured"])
    found = report.row("structured.sparse")
    assert found.value < 12
    assert "condition number 6e+05, its columns coherence 0 " in found.note  # 0.3^-11 = 564,500
    assert report.row("structured.any").bound == 12
    assert 0 < report.value("structured.any") < 12


def test_reports_on_different_inputs_are_not_compared(delay):
    with pytest.raises(ValueError, match="same inputs"):
        compare(delay, memory_report(DELAY, "normal", parts=["state"]))
    with pytest.raises(TypeError, match="must be a MemoryReport"):
        compare(delay, None)


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        ((DELAY, "gaussian"), {}, "inputs must be one of"),
        ((DELAY, np.zeros(30_000)), {}, "must vary"),
        ((DELAY, np.arange(100.0)), {}, "at least"),
        ((DELAY, np.zeros((30_000, 2))), {}, "1 input"),
        ((DELAY,), {"parts": ["memory"]}, "parts must be one of"),
        ((DELAY,), {"budget": "slow"}, "budget must be one of"),
        ((DELAY,), {"threshold": -1.0}, "threshold must be > 0"),
        ((DELAY,), {"level": 2.0}, "level must lie"),
        ((([[2.0]], [1.0]),), {}, r"spectral radius .* must be < 1"),
        ((StateModel("grows", 1, 1, lambda x, u: 10 * x + u),), {}, "diverges"),
    ],
)
def test_bad_calls_are_refused_with_the_fix(arguments, options, match):
    with pytest.raises(ValueError, match=match):
        memory_report(*arguments, **options)


def test_bad_json_rows_and_keys_are_refused():
    with pytest.raises(ValueError, match="must be JSON"):
        MemoryReport.from_json("{")
    with pytest.raises(ValueError, match="must hold a report"):
        MemoryReport.from_json("{}")
    with pytest.raises(ValueError, match="must begin with one of"):
        Row("memory", "memory", "")
    with pytest.raises(ValueError, match="must be finite"):
        Row("state.size", "", "", value=float("nan"))
    with pytest.raises(ValueError, match=r"see state\.size"):
        row("state.sise")
    assert all(key.partition(".")[0] and quantity and meaning for key, (quantity, meaning, _) in QUANTITIES.items())


def test_the_fixed_point_is_at_the_mean_of_the_input():
    model = StateModel("leak", 1, 1, lambda x, u: 0.5 * x + u, linear=True)
    report = memory_report(model, "uniform01", parts=["spectrum"])
    assert "0.5" in report.row("kernel.radius").note
    assert linearise(model, 0.5).state == pytest.approx([1.0])
