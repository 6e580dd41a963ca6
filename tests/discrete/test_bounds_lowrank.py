"""Statistical dimension of the nuclear norm: Monte Carlo, limits, known bounds, recovery by a Gaussian map."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from linmem.discrete.bounds import (
    nuclear_dimension_sampled,
    nuclear_distance,
    nuclear_prediction,
    nuclear_statistical_dimension,
    rank_limit,
)
from linmem.statistics import mean_interval


def _sizes(draw, largest=200):
    N, L = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    return N, L


def _orthonormal(n, R, rng):
    return np.linalg.qr(rng.standard_normal((n, R)))[0]


def _distance(G, U, V, tau):
    """dist^2(G, tau d||S||_*) at S = U V^T: its tangent part against tau U V^T, the rest against the spectral ball."""
    rest = (G - U @ (U.T @ G)) @ (np.eye(len(V)) - V @ V.T)
    tangent = G - rest
    excess = np.maximum(np.linalg.svd(rest, compute_uv=False) - tau, 0.0)
    return float(((tangent - tau * U @ V.T) ** 2).sum() + (excess**2).sum())


@pytest.mark.parametrize(("N", "L", "R", "scale"), [(60, 30, 3, 0.6), (30, 60, 1, 0.8), (40, 40, 8, 0.3)])
def test_distance_against_monte_carlo(N, L, R, scale):
    rng = np.random.default_rng(N + R)
    U, V = _orthonormal(N, R, rng), _orthonormal(L, R, rng)
    tau = scale * (math.sqrt(N) + math.sqrt(L))
    J = nuclear_distance(tau, R, N, L)
    share = (J - R * (N + L - R + tau**2)) / (N * L)
    # ||G||^2 and <U V^T, G> have known means; subtracting multiples of them makes the interval narrow.
    samples = []
    for _ in range(600):
        G = rng.standard_normal((N, L))
        control = share * ((G**2).sum() - N * L) - 2 * tau * float((U * (G @ V)).sum())
        samples.append(_distance(G, U, V, tau) - control)
    # Next order of the law of real Gaussian matrices (Jonsson 1982): the sum of f over the squared singular values
    # exceeds its limit by (f(a) + f(b)) / 4 - (mean of f under the arcsine law on [a, b]) / 2, then O(1/N).
    low, high = (math.sqrt(N - R) - math.sqrt(L - R)) ** 2, (math.sqrt(N - R) + math.sqrt(L - R)) ** 2

    def f(x):
        return max(math.sqrt(max(x, 0.0)) - tau, 0.0) ** 2

    arcsine = quad(lambda angle: f((low + high) / 2 + (high - low) / 2 * math.cos(angle)), 0, math.pi)[0] / math.pi
    next_order = (f(low) + f(high)) / 4 - arcsine / 2
    assert abs(next_order) > 0.5  # so that the test sees this order
    found = mean_interval(samples, level=0.999)
    assert found.low - 0.2 <= J + next_order <= found.high + 0.2


@pytest.mark.parametrize(("N", "L", "R"), [(5, 4, 1), (4, 6, 2), (3, 3, 2)])
def test_sampled_dimension_against_the_projection_onto_the_cone(N, L, R):
    rng = np.random.default_rng(R)
    U, V = _orthonormal(N, R, rng), _orthonormal(L, R, rng)
    grid = np.linspace(0, 6, 61)
    samples = []
    for _ in range(200):
        G = rng.standard_normal((N, L))
        samples.append(min(_distance(G, U, V, tau) for tau in grid))
    direct = mean_interval(samples, level=0.999)
    found = nuclear_dimension_sampled(R, N, L, samples=4000, level=0.999, rng=0)
    # dist^2 is convex in tau with second derivative <= 2 min(N, L): the grid errs by at most min(N, L) (step / 2)^2.
    assert found.low <= direct.high
    assert direct.low - min(N, L) * 0.05**2 <= found.high


@pytest.mark.parametrize(("N", "L"), [(7, 1), (1, 5), (6, 4), (5, 5)])
def test_full_rank_leaves_a_half_space(N, L):
    R = min(N, L)
    found = nuclear_dimension_sampled(R, N, L, samples=2000, level=0.999, rng=N)
    assert N * L - 0.5 in found  # the descent cone of a norm with one subgradient is a half-space
    assert nuclear_statistical_dimension(R, N, L) == N * L
    assert nuclear_dimension_sampled(0, N, L, rng=0).value == nuclear_statistical_dimension(0, N, L) == 0.0


@pytest.mark.parametrize("R", [1, 3, 8, 20])
def test_limiting_law_is_within_one_percent_at_the_size_of_the_paper(R):
    exact = nuclear_dimension_sampled(R, 100, 40, samples=100, level=0.999, rng=R)
    value = nuclear_statistical_dimension(R, 100, 40)
    assert 0.99 * value <= exact.low
    assert exact.high <= 1.01 * value


@given(st.data())
def test_dimension_lies_between_one_and_three_times_the_parameters(data):
    N, L = _sizes(data.draw)
    R = data.draw(st.floats(0.01, 1.0)) * min(N, L)
    parameters = R * (N + L - R)
    value = nuclear_statistical_dimension(R, N, L)
    # At most 3 R (N + L - R): Chandrasekaran et al. (2012), Proposition 3.11. A descent cone holds the tangent space.
    assert parameters * (1 - 1e-12) <= value <= 3 * parameters * (1 + 1e-12)
    assert value <= N * L * (1 + 1e-12)
    assert value == pytest.approx(nuclear_statistical_dimension(R, L, N), rel=1e-12)


def test_bound_of_three_is_reached_at_vanishing_rank_of_a_square_matrix():
    # tau -> 2 sqrt n in R (2n + tau^2) = 6 R n; Oymak and Hassibi (2010), weak threshold.
    ratios = [nuclear_statistical_dimension(1, n, n) / (2 * n - 1) for n in (10**2, 10**4, 10**6, 10**8)]
    assert all(b > a for a, b in itertools.pairwise(ratios))
    assert 2.99 < ratios[-1] < 3.0


@given(st.data())
def test_minimum_grows_with_the_rank_and_is_below_every_other_scale(data):
    N, L = _sizes(data.draw)
    R = data.draw(st.floats(0.001, 0.99)) * min(N, L)
    value = nuclear_statistical_dimension(R, N, L)
    assert value < nuclear_statistical_dimension(min(1.01 * R, min(N, L)), N, L)
    tau = data.draw(st.floats(0, 1.5)) * (math.sqrt(N) + math.sqrt(L))
    assert value <= nuclear_distance(tau, R, N, L) * (1 + 1e-12)


@given(st.data())
def test_distance_at_the_ends(data):
    N, L = _sizes(data.draw)
    R = data.draw(st.floats(0, 1)) * min(N, L)
    assert nuclear_distance(0.0, R, N, L) == pytest.approx(N * L, rel=1e-10)  # E ||G||^2
    tau = 1.01 * (math.sqrt(N) + math.sqrt(L))
    assert nuclear_distance(tau, R, N, L) == pytest.approx(R * (N + L - R + tau**2), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_limit_inverts_the_dimension(data):
    N, L = _sizes(data.draw)
    M = data.draw(st.floats(0.01, 1.0)) * N * L
    # brentq stops at 1e-12 in R; the slope d delta / d R <= N + L + tau^2 < 5e3 for these sizes.
    assert nuclear_statistical_dimension(rank_limit(M, N, L), N, L) == pytest.approx(M, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_prediction_solves_the_state_evolution(data):
    N, L = data.draw(st.integers(4, 100)), data.draw(st.integers(4, 100))
    M = max(2, round(data.draw(st.floats(0.1, 0.9)) * N * L))
    R = data.draw(st.floats(0.05, 0.9)) * rank_limit(M, N, L)
    penalty = data.draw(st.floats(0.05, 1.0)) * (math.sqrt(N) + math.sqrt(L))
    found = nuclear_prediction(R, N, L, M, penalty)
    tau, h = found.threshold, 1e-5 * found.threshold
    J = nuclear_distance(tau, R, N, L)
    slope = (nuclear_distance(tau + h, R, N, L) - nuclear_distance(tau - h, R, N, L)) / (2 * h)
    freedom = J - tau * slope / 2  # the divergence of the proximal map, here from the slope of J
    noise = math.sqrt(1 + found.error)
    assert noise**2 == pytest.approx(1 + noise**2 * J / M, rel=1e-9)
    # Central differences of J, of curvature below N + L, err by less than 1e-6 of N L.
    assert tau * noise * (1 - freedom / M) == pytest.approx(penalty, rel=1e-5, abs=1e-5 * tau * noise * N * L / M)
    delta = nuclear_statistical_dimension(R, N, L)
    assert found.error >= delta / (M - delta) * (1 - 1e-9)
    assert R < found.rank <= min(N, L) + 1e-6


def _recovered(A, b, S, lam, steps=200):
    """FISTA on min 1/2 ||b - A vec S||^2 + lam ||S||_*, started at the truth: the minimiser is near and unique."""
    step, t = 1 / np.linalg.norm(A, 2) ** 2, 1.0
    x = y = S.ravel()
    for _ in range(steps):
        U, s, Vt = np.linalg.svd((y - step * (A.T @ (A @ y - b))).reshape(S.shape), full_matrices=False)
        new = ((U * np.maximum(s - lam * step, 0.0)) @ Vt).ravel()
        if float((y - new) @ (new - x)) > 0:
            t = 1.0
        following = 0.5 * (1 + math.sqrt(1 + 4 * t * t))
        y, x, t = new + (t - 1) / following * (new - x), new, following
    gradient = (A.T @ (b - A @ x)).reshape(S.shape)
    assert np.linalg.norm(gradient, 2) <= lam * (1 + 1e-3)  # optimal: the gradient lies in the dual ball ...
    assert float((gradient * x.reshape(S.shape)).sum()) >= lam * np.linalg.norm(
        x.reshape(S.shape), "nuc"
    ) - 1e-3 * lam * np.linalg.norm(x - S.ravel())  # ... at the face of x
    return x


@pytest.mark.parametrize(("R", "M"), [(1, 85), (2, 100)])
def test_prediction_against_recovery_with_a_gaussian_map(R, M):
    N, L, sigma = 12, 10, 1e-3
    penalty = 0.5 * (math.sqrt(N) + math.sqrt(L))
    ratios = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        S = math.sqrt(N * L) * _orthonormal(N, R, rng) @ _orthonormal(L, R, rng).T  # singular values 11 >> te sqrt N
        A = rng.standard_normal((M, N * L)) / math.sqrt(M)
        e = rng.standard_normal(M)
        e *= sigma * math.sqrt(M) / np.linalg.norm(e)
        x = _recovered(A, A @ S.ravel() + e, S, penalty * sigma)
        ratios.append(((x - S.ravel()) ** 2).sum() / (M * sigma**2))
    interval = mean_interval(ratios, level=0.999)
    prediction = nuclear_prediction(R, N, L, M, penalty).error
    # The law is asymptotic; its relative error here is of the order of that of the dimension, 1 / (N + L).
    assert interval.low * (1 - 1 / (N + L)) <= prediction <= interval.high * (1 + 1 / (N + L))
    assert interval.width < prediction  # the interval says something


def test_prediction_is_infinite_beyond_the_limit():
    assert nuclear_prediction(rank_limit(300, 30, 20) + 0.1, 30, 20, 300, 3.0).error == math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nuclear_statistical_dimension(5, 10, 4), r"R must be <= min\(N, L\) = 4"),
        (lambda: nuclear_statistical_dimension(-1, 10, 4), "R must be >= 0"),
        (lambda: nuclear_statistical_dimension(1, 0, 4), "N must be >= 1"),
        (lambda: nuclear_distance(math.nan, 1, 10, 4), "tau must be finite"),
        (lambda: nuclear_dimension_sampled(1, 10, 4, samples=1, rng=0), "samples must be >= 2"),
        (lambda: rank_limit(41, 10, 4), "M must be <= N L = 40"),
        (lambda: rank_limit(0, 10, 4), "M must be > 0"),
        (lambda: nuclear_prediction(1, 10, 4, 20, 0.0), "penalty must be > 0"),
        (lambda: nuclear_prediction(1, 10, 4, 0, 1.0), "M must be >= 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
