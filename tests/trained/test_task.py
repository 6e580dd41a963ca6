"""The memorisation task against closed forms, counting, and its own definition."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from linmem.trained.task import MemoryTask

SIGMAS = 6.0  # two-sided tail 2e-9 for a Gaussian


@given(st.floats(-3, 3))
def test_constant_predictor_error_is_the_integral(a: float) -> None:
    kinks = [a] if 0 < a < 1 else None
    integral, error = integrate.quad(lambda x: abs(x - a), 0, 1, points=kinks, epsabs=1e-13)
    assert MemoryTask(1).constant_predictor_error(a) == pytest.approx(integral, abs=error + 1e-14)


@given(st.floats(-3, 3))
def test_one_half_is_the_only_best_constant(a: float) -> None:
    # outside [0, 1] the excess is linear: |a - 1/2| - 1/4 >= 1/4
    excess = MemoryTask(1).constant_predictor_error(a) - 0.25
    assert excess >= min((a - 0.5) ** 2, 0.25) - 1e-15


def test_sampled_error_of_a_constant_matches_the_closed_form() -> None:
    n, task = 40_000, MemoryTask.definition_1(4)
    targets = task.sample(n, rng=3).targets.astype(float)
    for a in (0.5, 0.2, 1.3):
        deviations = np.abs(targets - a)
        assert abs(deviations.mean() - task.constant_predictor_error(a)) < SIGMAS * deviations.std() / np.sqrt(n)


@pytest.mark.parametrize("task", [MemoryTask.definition_1(7), MemoryTask.definition_2(7), MemoryTask.long_control(7)])
def test_target_is_the_pth_from_last_of_the_sequence_read(task: MemoryTask) -> None:
    batch = task.sample(200, rng=0)
    for x, mask, q, target in zip(batch.inputs[:, :, 0], batch.mask, batch.lengths, batch.targets, strict=True):
        sequence = x[mask]  # x_1 .. x_q in order
        assert len(sequence) == q
        assert target == sequence[(q + 1 - task.position) - 1]
        assert not x[~mask].any()
        assert mask[-q:].all()  # right-aligned


def test_lengths_are_uniform() -> None:
    n = 60_000
    lengths = MemoryTask.definition_1(2).sample(n, rng=1).lengths
    values, counts = np.unique(lengths, return_counts=True)
    assert values.tolist() == [10, 11, 12, 13, 14, 15]
    assert np.abs(counts - n / 6).max() < SIGMAS * np.sqrt(n * (1 / 6) * (5 / 6))
    assert set(MemoryTask.definition_2(2).sample(100, rng=1).lengths) == {10}


def test_numbers_are_uniform_and_uncorrelated() -> None:
    n = 40_000
    x = MemoryTask.definition_2(1).sample(n, rng=5).inputs[:, :, 0].astype(float)
    assert np.abs(x.mean(axis=0) - 0.5).max() < SIGMAS / np.sqrt(12 * n)
    correlation = np.corrcoef(x.T) - np.eye(10)
    assert np.abs(correlation).max() < SIGMAS / np.sqrt(n)


@pytest.mark.parametrize(
    ("task", "indices"),
    [
        (MemoryTask.definition_1(10), {1, 2, 3, 4, 5, 6}),  # the leak: the target is always among the first six
        (MemoryTask.definition_1(1), {10, 11, 12, 13, 14, 15}),
        (MemoryTask.definition_2(10), {1}),
        (MemoryTask.long_control(10), {21, 22, 23, 24, 25, 26}),
    ],
)
def test_which_inputs_can_be_the_target(task: MemoryTask, indices: set[int]) -> None:
    drawn = set((task.sample(2000, rng=0).lengths + 1 - task.position).tolist())
    assert drawn == indices == set(task.target_indices)


def test_draws_join() -> None:
    task, rng = MemoryTask.definition_1(3), np.random.default_rng(8)
    parts = [task.sample(n, rng) for n in (3, 1, 7)]
    whole = task.sample(11, np.random.default_rng(8))
    np.testing.assert_array_equal(np.concatenate([part.inputs for part in parts]), whole.inputs)
    np.testing.assert_array_equal(np.concatenate([part.lengths for part in parts]), whole.lengths)


@pytest.mark.parametrize(("build", "p", "low"), [(MemoryTask.definition_1, 14, 14), (MemoryTask.long_control, 33, 33)])
def test_positions_beyond_the_shortest_sequence_shift_the_lengths_and_say_so(build, p: int, low: int) -> None:
    with pytest.warns(UserWarning, match=f"shifted to {low}..{low + 5}"):
        task = build(p)
    assert (task.min_length, task.max_length) == (low, low + 5)


@pytest.mark.parametrize("build", [MemoryTask.definition_1, MemoryTask.long_control])
def test_a_stated_rule_warns_of_nothing(build) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert build(40, beyond="extend").lengths == pytest.approx(dict.fromkeys(range(40, 46), 1 / 6))
        kept = build(40, beyond="zero")
        assert (kept.min_length, kept.absent) == (build(1).min_length, "zero")
    with pytest.raises(ValueError, match="position must be <= min_length"):
        build(40, beyond="refuse")


@pytest.mark.parametrize("p", [11, 13, 15, 16, 40])
def test_targets_beyond_the_sequence_are_zero_where_that_is_the_rule(p: int) -> None:
    task, n = MemoryTask.definition_1(p, beyond="zero"), 3000
    batch = task.sample(n, rng=2)
    for x, mask, q, target in zip(batch.inputs[:, :, 0], batch.mask, batch.lengths, batch.targets, strict=True):
        assert target == (x[mask][q - p] if q >= p else 0.0)
    missing = np.mean(batch.lengths < p)
    expected = np.clip((p - 10) / 6, 0, 1)  # lengths 10 .. 15, one sixth each
    assert abs(missing - expected) <= SIGMAS * np.sqrt(expected * (1 - expected) / n)
    for a in (0.5, 0.1, -0.2):
        deviations = np.abs(batch.targets.astype(float) - a)
        tolerance = SIGMAS * deviations.std() / np.sqrt(n) + 1e-12
        assert abs(deviations.mean() - task.constant_predictor_error(a)) <= tolerance


def test_any_finite_law_of_lengths() -> None:
    n, law = 40_000, {4: 2.0, 7: 1.0, 9: 5.0}
    task = MemoryTask.with_lengths(2, law)
    values, counts = np.unique(task.sample(n, rng=4).lengths, return_counts=True)
    assert values.tolist() == [4, 7, 9]
    for q, count in zip(values, counts, strict=True):
        w = law[int(q)] / 8
        assert task.lengths[int(q)] == pytest.approx(w)
        assert abs(count - n * w) < SIGMAS * np.sqrt(n * w * (1 - w))
    assert task.target_indices == (3, 6, 8)
    assert MemoryTask.with_lengths(3, {5: 1}) == MemoryTask(3, 5, 5, (1.0,))
    assert set(MemoryTask.fixed(3, 5).sample(50, rng=0).lengths) == {5}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 10, 12, (1, 1)), r"law must have shape \(3\), got \(2,\)"),
        ((3, 10, 12, (1, -1, 1)), "law must be >= 0, and > 0 at both ends"),
        ((3, 10, 12, (0, 1, 1)), "drop lengths of probability zero at the ends"),
        ((3, 10, 12, None, "none"), "absent must be one of 'refuse', 'zero', got 'none'"),
        ((0,), "position must be >= 1, got 0"),
        ((11,), r"position must be <= min_length, got position=11 .*definition_1"),
        ((3, 10, 9), "max_length must be >= 10, got 9"),
        ((1, 0, 5), "min_length must be >= 1, got 0"),
    ],
)
def test_bad_tasks_are_refused(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MemoryTask(*arguments)


def test_bad_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="position must be <= min_length"):
        MemoryTask.definition_2(11)
    with pytest.raises(TypeError, match=r"position must be an integer, got 2\.5"):
        MemoryTask.definition_1(2.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="beyond must be one of 'extend', 'zero', 'refuse', got 'shift'"):
        MemoryTask.definition_1(12, beyond="shift")
    with pytest.raises(ValueError, match="probabilities must name at least one length"):
        MemoryTask.with_lengths(1, {})
    with pytest.raises(ValueError, match="batch_size must be >= 1, got 0"):
        MemoryTask(1).sample(0, rng=0)
    with pytest.raises(TypeError, match=r"rng must be an integer seed or a .*, got None"):
        MemoryTask(1).sample(1, rng=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="constant must be finite"):
        MemoryTask(1).constant_predictor_error(float("nan"))


def test_task_needs_no_torch() -> None:
    code = "import sys, linmem.trained.task, linmem.trained; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
