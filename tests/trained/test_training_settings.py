"""Settings of a training: what they mean, what is recorded of it, and which are refused."""

import dataclasses

import numpy as np
import pytest

from linmem.trained import Architecture, MemoryTask, NetworkSpec, TrainingSettings, train, train_networks

TASK = MemoryTask.definition_1(3)
SPEC = NetworkSpec(Architecture(cells=2), TASK)


def test_rate_law() -> None:
    linear, constant = TrainingSettings(steps=10, rate=0.5), TrainingSettings(steps=10, rate=0.5, schedule="constant")
    assert [linear.rate_at(k) for k in (0, 5, 9)] == pytest.approx([0.5, 0.25, 0.05])
    assert [constant.rate_at(k) for k in (0, 9)] == [0.5, 0.5]


def test_loss_records_are_means_over_their_steps() -> None:
    fine = train(SPEC, [0], steps=90, records=90, evaluation_size=10, dtype="float64")
    coarse = train(SPEC, [0], steps=90, records=4, evaluation_size=10, dtype="float64")
    assert coarse.loss_steps.tolist() == [22, 45, 67, 90]
    parts = np.split(fine.losses[:, 0], [22, 45, 67])
    np.testing.assert_allclose(coarse.losses[:, 0], [part.mean() for part in parts], rtol=1e-12)


def test_what_counts_as_solved_depends_on_the_schedule() -> None:
    specs = [NetworkSpec(Architecture(cells=c), TASK) for c in (1, 3)]
    training = train(specs, [0], engine="torch", steps=1, evaluation_size=10)
    cases = {("linear", 0.04): [True, False], ("constant", 0.055): [True, True], ("linear", np.nan): [False, False]}
    for (schedule, error), expected in cases.items():
        settings = dataclasses.replace(training.settings, schedule=schedule)
        changed = dataclasses.replace(training, settings=settings, errors=np.array([error, error]))
        assert changed.solved.tolist() == expected


def test_rows_carry_the_specification() -> None:
    row = train(SPEC, [4], steps=1, evaluation_size=10).rows()[0]
    assert {
        key: row[key]
        for key in ("cell", "cells", "layers", "state_size", "position", "min_length", "max_length", "seed")
    } == {
        "cell": "rnn",
        "cells": 2,
        "layers": 1,
        "state_size": 2,
        "position": 3,
        "min_length": 10,
        "max_length": 15,
        "seed": 4,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": -1}, "steps must be >= 0, got -1"),
        ({"rate": 0.0}, "rate must be > 0, got 0.0"),
        ({"schedule": "linaer"}, "did you mean 'linear'"),
        ({"dtype": "float16"}, "dtype must be one of 'float32', 'float64'"),
        ({"batch_size": 0}, "batch_size must be >= 1, got 0"),
        ({"threads": 0}, "threads must be >= 1, got 0"),
        ({"engine": "pytorch"}, "engine must be one of .*, got 'pytorch'; did you mean 'torch'"),
        ({"device": "abacus"}, "device must be one that torch can use, got 'abacus'"),
        ({"optimiser": "sgdm"}, "optimiser must be one of 'sgd', 'adam', got 'sgdm'"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), got 1.0"),
        ({"optimiser": "adam", "momentum": 0.5}, "momentum belongs to sgd, got 0.5 with adam"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\] must lie in \[0, 1\), got 1.0"),
        ({"truncation": 0}, "truncation must be >= 1, got 0"),
    ],
)
def test_bad_settings_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(SPEC, [0], **{"steps": 1, "evaluation_size": 10, **arguments})


def test_bad_networks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"seeds must be distinct, got 1 specs, seeds=\[1, 1\]"):
        train(SPEC, [1, 1])
    with pytest.raises(ValueError, match="must not be empty"):
        train([], [1])
    with pytest.raises(ValueError, match="seed must be >= 0, got -1"):
        train(SPEC, [-1])
    with pytest.raises(ValueError, match="networks must hold at least one network"):
        train_networks([], TrainingSettings())
    with pytest.raises(TypeError, match="architecture must be an Architecture, got 3"):
        NetworkSpec(3, TASK)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="task must be a MemoryTask, got 3"):
        NetworkSpec(Architecture(), 3)  # type: ignore[arg-type]
