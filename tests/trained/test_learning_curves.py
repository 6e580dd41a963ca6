"""Windows, hitting times and comparison of learning curves."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linmem.figures.learning_curves import KEYS, curves, curves_agree, hitting_steps, log_windows, train_curves


def _table(times, steps=(100, 200, 400, 800)):
    """Curves at .25 that drop to .01 at a step."""
    rows = [("rnn", 0.01, 1, seed, s, 0.01 if s >= t else 0.25) for seed, t in enumerate(times) for s in steps]
    return pd.DataFrame(rows, columns=[*KEYS, "loss"])


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 100), st.integers(0, 2**32 - 1))
def test_windows_keep_the_mean_over_all_steps(lengths, count, seed):
    ends = np.cumsum(lengths)
    losses = np.random.default_rng(seed).random((len(ends), 3))
    last, means = log_windows(ends, losses, count)
    assert len(last) <= count
    assert set(last) <= set(ends)
    assert last[-1] == ends[-1]
    whole = np.average(losses, axis=0, weights=lengths)
    # sums of at most 60 numbers in [0, 1] times steps, rounded to double: far inside 1e-12
    np.testing.assert_allclose(np.average(means, axis=0, weights=np.diff(last, prepend=0)), whole, rtol=1e-12)


def test_windows_grow_in_proportion_to_the_steps_done():
    ends = np.arange(50, 50_001, 50)
    last, _ = log_windows(ends, np.zeros((len(ends), 1)), count=80)
    ratio = last[1:] / last[:-1]
    step = (50_000 / 50) ** (1 / 79)
    late = last[:-1] >= 5_000  # where the records, of 50 steps, are fine against the windows
    assert abs(np.log(ratio[late]) / np.log(step) - 1).max() < 2 * 50 / 5_000 / np.log(step)
    assert len(last) > 50


@pytest.mark.parametrize(
    ("ends", "losses"), [([], np.zeros((0, 1))), ([2, 1], np.zeros((2, 1))), ([1, 2], np.zeros(2))]
)
def test_bad_curves_are_refused(ends, losses):
    with pytest.raises(ValueError, match="pass training"):
        log_windows(ends, losses)


def test_a_window_with_a_loss_that_is_not_finite_spoils_no_other_network():
    losses = np.full((4, 2), 0.25)
    losses[2:, 0] = np.nan
    _, means = log_windows([1, 2, 3, 4], losses, count=4)
    assert np.isnan(means[-1, 0])
    assert (means[:, 1] == 0.25).all()


def test_steps_to_a_level():
    found = hitting_steps(_table([100, 400, 1_000]), level=0.05)
    assert found["steps"].tolist() == [100.0, 400.0, np.inf]


def test_curves_of_a_training_name_network_and_window():
    training = train_curves("rnn", 2, [3, 5], steps=400, batch_size=4, rate=0.02, cells=2)
    table = pd.DataFrame(curves(training))
    assert set(table.columns) == {*KEYS, "loss"}
    assert table.groupby("network_seed")["step"].apply(list).tolist() == [[50, 100, 150, 200, 250, 300, 350, 400]] * 2
    assert training.settings.schedule == "constant"
    # a window of one record; differences of sums of up to 8 losses times 50 steps
    np.testing.assert_allclose(table.loc[table["network_seed"] == 5, "loss"], training.losses[:, 1], rtol=1e-12)


def test_agreement_is_judged_by_medians():
    table = _table([200, 200, 200])
    assert curves_agree(table, table.sample(frac=1.0, random_state=0))
    assert curves_agree(table, _table([200, 200, 800]))  # one network that went elsewhere
    assert not curves_agree(table, _table([400, 400, 400]))  # all of them twice as late
    assert not curves_agree(table, table.assign(loss=table["loss"] + 0.02))
    assert not curves_agree(table, table.iloc[:-1])
    assert not curves_agree(table, table.assign(network_seed=table["network_seed"] + 1))
