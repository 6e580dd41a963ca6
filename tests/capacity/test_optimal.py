"""The best recall of one lag by any linear network: closed form for one state, no random network does better."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, optimize

from linmem.capacity.linear.optimal import _missed, optimal_linear_recall


@pytest.mark.parametrize("tau", range(1, 7))
def test_one_state_recall_in_closed_form(tau: int) -> None:
    # B = (z - a)/(1 - a z): sum_{m > tau} b_m^2 = (1 - a^2) a^{2 tau}, greatest at a^2 = tau/(tau + 1)
    assert optimal_linear_recall(1, tau, starts=5) == pytest.approx(tau**tau / (tau + 1) ** (tau + 1), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 3), st.integers(0, 2), st.integers(0, 2**31))
def test_no_random_linear_network_recalls_better(n: int, extra: int, seed: int) -> None:
    """Squared correlation of the best read-out by a Lyapunov equation, at lags n, n+1, n+2."""
    tau = n + extra
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, n))
    A *= rng.uniform(0.3, 0.95) / np.abs(np.linalg.eigvals(A)).max()
    C = rng.normal(size=n)
    G = linalg.solve_discrete_lyapunov(A, np.outer(C, C))
    recalled = np.linalg.matrix_power(A, tau) @ C
    correlation = recalled @ np.linalg.solve(G, recalled)
    # the solve loses cond(G) eps; draws that lose more than half the digits say nothing
    if (loss := np.linalg.cond(G) * np.finfo(float).eps) < 1e-8:
        assert correlation <= OPTIMA[n, tau] + 1e-9 + loss


OPTIMA = {(n, n + k): optimal_linear_recall(n, n + k, starts=8) for n in (2, 3) for k in (0, 1, 2)}


def test_recall_grows_with_states_and_falls_with_lag() -> None:
    assert OPTIMA[2, 2] > OPTIMA[2, 3] > OPTIMA[2, 4]
    assert OPTIMA[2, 3] < OPTIMA[3, 3] < optimal_linear_recall(4, 3) == 1.0
    assert OPTIMA[2, 3] > optimal_linear_recall(1, 3)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="lag must be >= 0, got -1"):
        optimal_linear_recall(1, -1)


@pytest.mark.parametrize(("n", "tau"), [(3, 40), (5, 25)])
def test_far_beyond_n_a_few_starts_do_what_eighty_do(n: int, tau: int) -> None:
    def random_starts() -> Iterator[float]:
        rng = np.random.default_rng(1)
        for _ in range(80):
            start = np.sort(rng.uniform(0.0, rng.uniform(0.5, 3.0), n))[::-1]
            yield optimize.minimize(_missed, start, args=(tau,), method="BFGS", jac=True, options={"gtol": 1e-9}).fun

    assert optimal_linear_recall(n, tau, starts=6) > 1.0 - min(random_starts()) - 1e-6
