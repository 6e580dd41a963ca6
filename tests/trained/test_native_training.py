"""Training by the native engine: update rules of torch.optim, numpy's stream, the torch ensemble, divergence."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from torch_networks import Reference, named

from linmem.trained import (
    Architecture,
    MemoryTask,
    Network,
    NetworkSpec,
    NetworkWeights,
    TrainingSettings,
    initial_weights,
    train,
)
from linmem.trained.native import (
    NativeTrainer,
    evaluate_native,
    instruction_sets,
    is_available,
    outputs,
    train_native,
)
from linmem.trained.native.library import engine

pytestmark = pytest.mark.skipif(not is_available(), reason="the native engine was not built")
SETS = instruction_sets()
EPS = np.finfo(np.float32).eps


def stream(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def same(a: NetworkWeights, b: NetworkWeights) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.arrays(), b.arrays(), strict=True))


@pytest.mark.parametrize("instruction_set", SETS)
def test_activations_are_accurate_everywhere(instruction_set: str) -> None:
    """Against float64, from denormals to infinity.

    The rational function is within 3.8e-8. Its value rounds at the end of p, of q, of the product and of the quotient,
    each by at most 6e-8: 2.8e-7 in all, as tanh and its units in the last place (at least 2^-24 relative) grow alike.
    Without fused multiply-adds the products inside p and q round as well: half as much again.
    """
    allowed = 3e-7 if instruction_set in ("avx512", "avx2") else 4.2e-7
    magnitudes = np.concatenate(
        [
            np.geomspace(1e-45, 1e-3, 20_000),
            np.linspace(1e-3, 10.0, 200_001),
            np.geomspace(10.0, 3.4e38, 1000),
            [0.0, np.inf],
        ]
    )
    x = np.concatenate([magnitudes, -magnitudes]).astype(np.float32)
    y, exact = np.empty_like(x), np.tanh(x.astype(np.float64))
    engine().activation(instruction_set, x, y, False)
    assert np.abs(y - exact).max() <= allowed
    assert (np.abs(y - exact) <= allowed / 6e-8 * np.spacing(np.abs(exact).astype(np.float32))).all()
    assert np.abs(y).max() <= 1.0 + 2 * EPS
    engine().activation(instruction_set, x, y, True)
    assert np.abs(y - 1.0 / (1.0 + np.exp(-np.clip(x.astype(np.float64), -700, None)))).max() <= allowed
    for logistic in (False, True):
        engine().activation(
            instruction_set, np.full(3, np.nan, np.float32), (last := np.zeros(3, np.float32)), logistic
        )
        assert np.isnan(last).all()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0.1},
        {"rate": 0.1, "schedule": "linear"},
        {"rate": 0.05, "momentum": 0.8},
        {"rate": 0.02, "optimiser": "adam", "betas": (0.8, 0.95), "epsilon": 1e-2, "schedule": "linear"},
    ],
    ids=lambda options: "-".join(options),
)
def test_updates_equal_torch_optim(cell: str, options: dict) -> None:
    steps, size, T = 8, 6, 7
    settings = TrainingSettings(steps=steps, batch_size=size, **{"schedule": "constant", **options})
    weights, rng = initial_weights(Architecture(cell, 3, 2, readout="linear"), rng=4), np.random.default_rng(5)
    x = rng.random((steps, size, T), dtype=np.float32)
    y, lengths = rng.random((steps, size), dtype=np.float32), rng.integers(2, T + 1, (steps, size))
    reference = Reference(weights)
    adam = settings.optimiser == "adam"
    if adam:
        torchs = torch.optim.Adam(reference.parameters(), betas=settings.betas, eps=settings.epsilon)
    else:
        torchs = torch.optim.SGD(reference.parameters(), momentum=settings.momentum)
    losses = []
    for k in range(steps):
        torchs.param_groups[0]["lr"] = settings.rate * (1 - k / steps if settings.schedule == "linear" else 1)
        torchs.zero_grad()
        loss = reference.loss(x[k], lengths[k], y[k])
        loss.backward()
        torchs.step()
        losses.append(loss.item())
    # Gradients agree to 1e-6 (their rounding, see test_native_gradients). Adam divides them by at least eps = 1e-2.
    # Momentum m adds 1 / (1 - m) of them. Steps of rate r move the next gradients by a Hessian whose norm is below
    # 1 / (2 r) here, so the errors grow by a factor below 1.5^8 = 26 at most.
    unit = 1e-6 / settings.epsilon if adam else 1e-6 / (1 - settings.momentum)
    allowed = 26 * steps * settings.rate * unit
    for instruction_set in SETS:
        trainer = NativeTrainer(weights, settings, timesteps=T, instruction_set=instruction_set)
        halves = [trainer.run_on(x[part], lengths[part], y[part]) for part in (slice(0, 3), slice(3, steps))]
        assert trainer.steps_done == steps
        assert halves == pytest.approx([np.mean(losses[:3]), np.mean(losses[3:])], abs=10 * allowed)
        found = named(trainer.weights)
        start, end = named(weights), reference.tensors()
        assert max(np.abs(end[name] - start[name]).max() for name in end) > 10 * allowed  # the network did move
        for name, tensor in end.items():
            np.testing.assert_allclose(found[name], tensor, rtol=0, atol=allowed, err_msg=name)


TASKS = (
    MemoryTask.definition_1(3),
    MemoryTask(2, 4, 12),
    MemoryTask.long_control(7),
    MemoryTask.with_lengths(2, {5: 0.3, 7: 0.5, 8: 0.2}),
    MemoryTask(9, 3, 10, absent="zero"),
    MemoryTask(20, 3, 10, absent="zero"),  # beyond every sequence
    MemoryTask.fixed(1, 1),
)


@pytest.mark.parametrize("size", [1, 3, 8, 20, 32])
def test_sequences_are_those_of_the_task_bit_for_bit(size: int) -> None:
    """Training on the engine's own data equals training on what MemoryTask.draw gives, to the last bit."""
    weights, steps = initial_weights(Architecture("rnn", 3), 0), 5
    settings = TrainingSettings(steps=steps, batch_size=size, rate=0.1)
    for task in TASKS:
        own, given = (NativeTrainer(weights, settings, timesteps=task.timesteps) for _ in "ab")
        x, lengths = task.draw(steps * size, stream(9))
        y = task.targets(x, lengths).reshape(steps, size)
        loss = given.run_on(x.reshape(steps, size, -1), lengths.reshape(steps, size), y)
        assert own.run(task, stream(9), 2) * 2 + own.run(task, stream(9), 3) * 3 == pytest.approx(5 * loss, rel=1e-14)
        assert same(own.weights, given.weights)
        assert not same(own.weights, weights)


def test_evaluation_is_the_error_of_the_outputs() -> None:
    weights = initial_weights(Architecture("gru", 4, 2), 1)
    for task in TASKS:
        x, lengths = task.draw(1000, stream(3))
        errors = np.abs(outputs(weights, x, lengths) - task.targets(x, lengths)).astype(np.float64)
        assert evaluate_native(weights, task, stream(3), 1000) == pytest.approx(errors.mean(), rel=1e-6)


def test_one_length_for_a_batch() -> None:
    weights, task, size = initial_weights(Architecture("rnn", 2), 0), MemoryTask(2, 3, 8), 9
    own, given = (NativeTrainer(weights, TrainingSettings(steps=1, batch_size=size), timesteps=8) for _ in "ab")
    x, lengths = task.draw(size, stream(2))
    assert len(set(lengths)) > 1
    mine = own.run(task, stream(2), 1, one_length=True)
    assert mine == given.run_on(x[None], np.full((1, size), lengths[0]), x[None, :, 8 - 2])


NETWORKS = [
    Network(NetworkSpec(Architecture(cell, 3, 2), MemoryTask.definition_1(2)), seed)
    for cell, seed in (("rnn", 0), ("lstm", 0), ("lstm", 1), ("gru", 2), ("rnn", 5))
]


def test_same_seed_same_network_alone_or_together_on_any_number_of_threads() -> None:
    settings = TrainingSettings(steps=60, records=7, evaluation_size=100)
    together = train_native(NETWORKS[::-1], settings, threads=3)
    for e, network in enumerate(NETWORKS):
        alone, place = train_native([network], settings), len(NETWORKS) - 1 - e
        np.testing.assert_array_equal(alone.losses[:, 0], together.losses[:, place])
        assert alone.errors[0] == together.errors[place]
        assert same(alone.weights[0], together.weights[place])
    finer = train_native(NETWORKS[:1], dataclasses.replace(settings, records=60))
    parts = np.split(finer.losses[:, 0], settings.record_ends[:-1])
    np.testing.assert_allclose(together.losses[:, -1], [part.mean() for part in parts], rtol=1e-13)


@pytest.mark.parametrize("instruction_set", SETS)
def test_the_first_steps_are_those_of_the_torch_engine(instruction_set: str) -> None:
    """Same weights, same sequences: both engines follow one path until rounding parts them."""
    spec, seeds = NetworkSpec(Architecture("rnn", 4), MemoryTask.definition_1(3)), [0, 1, 2]
    settings = {"steps": 60, "batch_size": 8, "rate": 0.05, "records": 60, "evaluation_size": 500}
    other = train(spec, seeds, engine="torch", dtype="float64", **settings)
    mine = train_native(
        [Network(spec, s) for s in seeds], TrainingSettings(**settings), instruction_set=instruction_set
    )
    # rounding of ~1e-6 a step; later the sign of an error near zero may differ, which moves a weight by rate / B
    np.testing.assert_allclose(mine.losses[:10], other.losses[:10], rtol=0, atol=1e-4)
    np.testing.assert_allclose(mine.losses, other.losses, rtol=0, atol=0.02)
    np.testing.assert_allclose(mine.errors, other.errors, rtol=0, atol=0.02)


def test_training_agrees_with_the_torch_engine_in_law() -> None:
    """Errors and losses of 40 networks by each engine, from different seeds: Kolmogorov-Smirnov."""
    spec, n = NetworkSpec(Architecture("rnn", 2), MemoryTask.definition_1(2)), 40
    settings = {"steps": 600, "batch_size": 8, "rate": 0.1, "records": 2, "evaluation_size": 1000}
    other = train(spec, range(n), engine="torch", **settings)
    mine = train_native([Network(spec, 1000 + e) for e in range(n)], TrainingSettings(**settings))
    assert mine.errors.min() < 0.1 < mine.errors.max()  # training is under way: the laws say something
    for a, b in zip([*mine.losses, mine.errors], [*other.losses, other.errors], strict=True):
        assert stats.ks_2samp(a, b).pvalue > 1e-4


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_one_memory_is_learnt(cell: str) -> None:
    network = Network(NetworkSpec(Architecture(cell, 2), MemoryTask(1, 4, 6)), 0)
    found = train_native([network], TrainingSettings(steps=3000, rate=0.1, records=10))
    assert found.losses[-1, 0] < 0.06 < found.losses[0, 0]
    assert found.errors[0] < 0.06


def test_divergence_is_recorded_and_stays_with_its_network() -> None:
    """A trained read-out is not bounded: at a rate far too large it grows without limit."""
    spec = NetworkSpec(Architecture("rnn", 3, readout="linear"), MemoryTask.definition_1(2))
    settings = TrainingSettings(steps=40, records=4, rate=1e38, evaluation_size=100)
    found = train_native([Network(spec, 0), Network(spec, 1)], settings)
    assert np.isnan(found.losses[-1]).all()
    assert np.isnan(found.errors).all()
    assert not any(w.largest <= 100.0 for w in found.weights)
    weights = initial_weights(spec.architecture, 0)
    trainer = NativeTrainer(weights, settings, timesteps=15)
    assert np.isnan(trainer.run(spec.task, stream(0), 40))
    done = trainer.steps_done
    assert np.isnan(trainer.run(spec.task, stream(0), 40))  # nothing more is computed
    assert trainer.steps_done == done < 40
    sane = train_native([Network(spec, 0)], dataclasses.replace(settings, rate=0.01))
    assert np.isfinite(sane.losses).all()


def test_no_steps_leave_the_weights_as_they_are() -> None:
    found = train_native(NETWORKS, TrainingSettings(steps=0, evaluation_size=50))
    assert found.losses.shape == (0, 5)
    assert np.isfinite(found.errors).all()
    for network, weights in zip(NETWORKS, found.weights, strict=True):
        assert same(weights, network.initial_weights())


def test_training_starts_from_the_weights_that_are_passed() -> None:
    start = [initial_weights(network.spec.architecture, 77) for network in NETWORKS]
    found = train_native(NETWORKS, TrainingSettings(steps=0, evaluation_size=50), weights=start)
    assert all(same(a, b) for a, b in zip(found.weights, start, strict=True))


def test_bad_input_is_refused() -> None:
    network, settings = NETWORKS[0], TrainingSettings(steps=1, evaluation_size=1)
    weights, used = network.initial_weights(), stream(0)
    used.random()
    with pytest.raises(ValueError, match="networks must not be empty"):
        train_native([], settings)
    with pytest.raises(ValueError, match="got 5 networks and 4 weights"):
        train_native(NETWORKS, settings, weights=[n.initial_weights() for n in NETWORKS[:4]])
    with pytest.raises(ValueError, match="of its architecture"):
        train_native([network], settings, weights=[NETWORKS[1].initial_weights()])
    with pytest.raises(ValueError, match="threads must be >= 1, got 0"):
        train_native([network], settings, threads=0)
    with pytest.raises(ValueError, match="dtype must be 'float32' for the native engine, got 'float64'"):
        train_native([network], TrainingSettings(dtype="float64"))
    with pytest.raises(TypeError, match="weights must be NetworkWeights, got list"):
        NativeTrainer([], settings, timesteps=3)
    trainer = NativeTrainer(weights, settings, timesteps=15)
    with pytest.raises(ValueError, match="task must have the trainer's 15 timesteps, got 35"):
        trainer.run(MemoryTask.long_control(1), stream(0), 1)
    with pytest.raises(ValueError, match="steps must be >= 1, got 0"):
        trainer.run(network.spec.task, stream(0), 0)
    with pytest.raises(
        ValueError, match=r"steps must not go beyond settings\.steps=1, where the linear rate is zero, got 2"
    ):
        trainer.run(network.spec.task, stream(0), 2)
    with pytest.raises(ValueError, match="stream must be fresh"):
        trainer.run(network.spec.task, used, 1)
    with pytest.raises(TypeError, match="stream must be a numpy Generator on Philox"):
        trainer.run(network.spec.task, np.random.default_rng(0), 1)
    with pytest.raises(ValueError, match=r"inputs must have shape \(batches, 8, 15\), got \(2, 12\)"):
        trainer.run_on(np.zeros((2, 12)), np.ones(2), np.zeros(2))
