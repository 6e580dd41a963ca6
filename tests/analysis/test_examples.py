"""The examples: trained networks, a reservoir, and the Legendre network against the delay that it approximates."""

import numpy as np
import pytest

from linmem.analysis import EXAMPLES, example, legendre_system, linearise
from linmem.trained.native.library import is_available

X = np.random.default_rng(3).uniform(-1.0, 1.0, (2, 7, 1))


@pytest.mark.skipif(not is_available(), reason="training with torch takes a minute")
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_trained_examples_answer_with_position_5(name):
    model = example(name)
    x = np.random.default_rng(11).random((4000, 12, 1))
    error = np.abs(model.answers(model.run(x)[:, -1]) - x[:, -5, 0])
    # trained errors are .005-.012 (24 trainings); .03 is what counts as solved, and the mean of 4000 is known to .0005
    assert error.mean() < 0.03
    kernel = np.abs(linearise(model).kernel(10))
    assert kernel.argmax() == 4
    assert (model.kind, model.cells) == (name, 5)


def test_the_reservoir_is_orthogonal_and_forgets():
    model = example("reservoir", seed=4)
    rest = linearise(model, 0.0)  # at rest all slopes are 1
    np.testing.assert_allclose(rest.A.T @ rest.A, 0.95**2 * np.eye(50), atol=1e-13)
    assert linearise(model).stable
    np.testing.assert_array_equal(example("reservoir", 4).run(X), model.run(X))
    assert (example("reservoir", 5).run(X) != model.run(X)).any()


def test_the_state_space_model_recalls_its_delay():
    model = example("ssm")
    t = np.arange(400.0)
    slow = np.sin(2 * np.pi * t / 40)
    found = model.answers(model.run(slow))[100:]
    # this sine turns by 1 % of its size in 1/16 step: the delay is 12 steps, and not 12.5 less the hold of a whole step
    np.testing.assert_allclose(found, np.sin(2 * np.pi * (t[100:] - 12) / 40), atol=0.01)


@pytest.mark.parametrize("order", [1, 2, 7])
def test_the_legendre_network_is_the_pade_approximation_of_a_delay(order):
    """Its continuous matrices, by scipy's logm from the discrete ones, have the approximant's transfer function."""
    from scipy.interpolate import pade
    from scipy.linalg import logm
    from scipy.special import factorial

    window = 3.0 * order  # all rates below pi a step, where logm inverts expm
    A, B, C = legendre_system(order, window, window)
    a = np.real(logm(A))
    b = np.linalg.solve(A - np.eye(order), a @ B)
    series = (-1.0) ** np.arange(2 * order) / factorial(np.arange(2 * order))
    below, above = pade(series, order, order - 1)[::-1]
    for s in (0.1j, 0.7j, 0.3 + 1.1j):
        found = C @ np.linalg.solve(s * np.eye(order) - a, b)
        np.testing.assert_allclose(
            found, above(s * window) / below(s * window), rtol=1e-7
        )  # logm and pade lose half of the digits


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: example("lstn"), "name must be one of.*did you mean 'lstm'"),
        (lambda: example("rnn", seed=-1), "seed must be >= 0"),
        (lambda: legendre_system(0, 1.0, 1.0), "order must be >= 1"),
        (lambda: legendre_system(2, 1.0, 2.0), "delay must be <= window = 1.0, got 2.0"),
    ],
)
def test_bad_examples_are_refused(call, message):
    assert set(EXAMPLES) == {"rnn", "lstm", "gru", "reservoir", "ssm"}
    with pytest.raises((TypeError, ValueError), match=message):
        call()
