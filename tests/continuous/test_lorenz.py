"""The Lorenz-96 functional: its field, its order, its linear limit, the law of its input, fading memory."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.stats import kstest

from linmem.continuous.learning import Lorenz96, fading_memory, lorenz96_data, ornstein_uhlenbeck


def field(x, drive, forcing):
    """The equation, site by site."""
    K = len(x)
    return np.array(
        [(x[(k + 1) % K] - x[k - 2]) * x[k - 1] - x[k] + forcing + (drive if k == 0 else 0.0) for k in range(K)]
    )


def test_states_against_an_independent_integration():
    system, step = Lorenz96(7, 3, forcing=2.0, coupling=0.8), 0.2
    rng = np.random.default_rng(0)
    u, start = rng.standard_normal((2, 11)), rng.standard_normal((2, 7))
    found = system.states(u, step, start, substeps=64)
    for i in range(2):
        x = start[i]
        for n in range(10):
            # one sample interval at a time: the polygon has kinks
            leg = solve_ivp(
                lambda t, y, i=i, n=n: field(y, 0.8 * (u[i, n] + t / step * (u[i, n + 1] - u[i, n])), 2.0),
                (0, step),
                x,
                method="DOP853",
                rtol=1e-12,
                atol=1e-12,
            )
            x = leg.y[:, -1]
            # Runge-Kutta with h = .2/64: h^4 * t times derivatives of order 10 = 1e-10 * 2 * 10, solver 1e-11
            assert np.abs(found[i, n + 1] - x).max() < 1e-8


def test_order_four():
    system = Lorenz96(8, 2, forcing=4.0)
    rng = np.random.default_rng(1)
    u, start = rng.standard_normal((1, 9)), 4.0 + rng.standard_normal((1, 8))
    exact = system.states(u, 0.2, start, substeps=128)[:, -1]
    errors = [np.abs(system.states(u, 0.2, start, substeps=s)[:, -1] - exact).max() for s in (4, 8, 16)]
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 4, atol=0.4)


def test_small_inputs_follow_the_linearisation():
    """xi = X - F obeys d xi/dt = M xi + A u e_0, up to A^2."""
    K, F, step = 9, 0.85, 0.2
    M = np.array([field(row, 0.0, F) - field(np.full(K, F), 0.0, F) for row in F + 1e-6 * np.eye(K)]).T * 1e6
    rates = np.linalg.eigvals(M).real
    system = Lorenz96(K, 2, F, 1e-5)
    assert system.linear_rate == pytest.approx(-rates.max(), abs=1e-5)
    u = np.ones((1, 21))
    exact = np.linalg.solve(M, (expm(M * 4.0) - np.eye(K)) @ np.eye(K)[0]) * 1e-5
    np.testing.assert_allclose(system.states(u, step)[0, -1] - F, exact, atol=1e-8)


def test_fading_memory_below_the_threshold_and_chaos_above():
    quiet = fading_memory(Lorenz96(20, 10), pairs=8, steps=500, rng=0)
    assert quiet.rate.low > 0
    assert quiet.distances.shape == (8, 500)
    assert (quiet.distances[:, -1] < 1e-3 * quiet.distances[:, 0]).all()
    chaos = fading_memory(Lorenz96(20, 10, forcing=8.0), pairs=8, steps=500, rng=0)
    assert chaos.rate.high < 0
    assert (chaos.distances[:, -1] > chaos.distances[:, 0]).all()


def test_the_threshold_is_eight_ninths():
    below, above = (Lorenz96(3600, 0, forcing).linear_rate for forcing in (8 / 9 - 1e-3, 8 / 9 + 1e-3))
    assert above < 0 < below


def test_rate_of_a_linear_ring_is_found():
    """Tiny spread without input: the distance decays at the linear rate in the end, up to the first transient."""
    system = Lorenz96(8, 2, forcing=0.85, coupling=0.0)
    found = fading_memory(system, pairs=4, steps=500, rng=3, spread=1e-3)
    tail = np.log(found.distances[:, 300] / found.distances[:, 400]) / (100 * 0.2)
    np.testing.assert_allclose(tail, system.linear_rate, rtol=1e-2)


def test_ornstein_uhlenbeck_has_its_law():
    path = ornstein_uhlenbeck(4000, 30, 0.2, rng=5, correlation_time=0.5)
    for column in (0, 29):
        assert kstest(path[:, column], "norm").pvalue > 1e-3
    for lag in (1, 3):
        correlation = np.mean(path[:, 10] * path[:, 10 + lag])
        # the variance of a product of two unit Gaussians is at most 2: four standard errors
        assert correlation == pytest.approx(np.exp(-lag * 0.2 / 0.5), abs=4 * np.sqrt(2 / 4000))


def test_data_are_causal_standardised_and_reproducible():
    data = lorenz96_data(8, 2, sequences=4, steps=60, rng=7)
    again = lorenz96_data(8, 2, sequences=4, steps=60, rng=7)
    np.testing.assert_array_equal(data.outputs, again.outputs)
    u = data.inputs[..., 0].copy()
    y = (data.system.states(u, data.step)[:, :, 2] - 0.85) / data.scale
    np.testing.assert_allclose(y, data.outputs[..., 0], atol=1e-12)
    u[:, 30:] += 1.0
    changed = (data.system.states(u, data.step)[:, :, 2] - 0.85) / data.scale
    np.testing.assert_array_equal(changed[:, :30], y[:, :30])
    assert np.abs(changed[:, 31:] - y[:, 31:]).max() > 1e-3
    test = lorenz96_data(8, 2, sequences=4, steps=60, rng=8, scale=data.scale)
    assert test.scale == data.scale
    assert data.outputs.std() == pytest.approx(1, abs=1e-12)


def test_a_washout_drops_the_start_of_one_longer_run():
    long = lorenz96_data(8, 2, sequences=2, steps=50, rng=1, scale=1.0)
    late = lorenz96_data(8, 2, sequences=2, steps=30, rng=1, washout=20, scale=1.0)
    np.testing.assert_array_equal(late.outputs, long.outputs[:, 20:])
    np.testing.assert_array_equal(late.inputs, long.inputs[:, 20:])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Lorenz96(3, 0), "sites must be >= 4"),
        (lambda: Lorenz96(8, 8), "output must be <= 7"),
        (lambda: Lorenz96(8, 0, forcing=-1.0), "forcing must be > 0"),
        (lambda: lorenz96_data(8, 2, 2, 20, 0, coupling=0.0), "output must vary"),
        (lambda: lorenz96_data(8, 2, 2, 20, 0, step=-0.2), "step must be > 0"),
        (lambda: Lorenz96(8, 2).states(np.full((1, 50), 1e4), 1.0, substeps=1), "raise substeps"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
