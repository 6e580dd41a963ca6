"""OSM and OSM+: totals that say nothing, agreement for well-conditioned networks, enclosures that hold."""

import numpy as np
import pytest

from linmem.capacity.estimators import averaged_orthogonal_curve, krylov_matrix, orthogonal_curve
from linmem.capacity.linear import allpass_curve, exact_capacity
from linmem.capacity.systems import random_connectivity


@pytest.fixture(scope="module")
def rotation():
    return random_connectivity(30, "orthogonal", radius=0.8, rng=0)


def test_well_conditioned_network_agrees_with_the_closed_form(rotation):
    truth = allpass_curve(np.linalg.eigvals(rotation), 60)
    rng = np.random.default_rng(1)
    found = orthogonal_curve(rotation, rng.standard_normal(30), 60, columns=200)  # 0.8^200 is below rounding
    # The row space errs by rounding times the condition, and enters squared.
    assert np.abs(found.values - truth).max() < 30 * found.condition * np.finfo(float).eps
    mean = averaged_orthogonal_curve(rotation, rng.standard_normal(30), 60, rng=2, masks=5, columns=200)
    assert np.abs(mean.values - truth).max() < 30 * mean.condition * np.finfo(float).eps


def test_values_are_the_diagonal_of_the_projection(rotation):
    K = krylov_matrix(rotation, np.ones(30), 150)
    projection = K.T @ np.linalg.solve(K @ K.T, K)
    found = orthogonal_curve(rotation, np.ones(30), 149)
    assert found.values == pytest.approx(np.diag(projection), abs=1e-6)  # the normal equations square the condition


@pytest.mark.parametrize("reached", [3, 17])
def test_total_is_the_number_of_states_whatever_is_reached(reached):
    A, C = np.zeros((20, 20)), np.zeros(20)
    A[:reached, :reached] = random_connectivity(reached, "orthogonal", radius=0.8, rng=3)
    C[:reached] = np.random.default_rng(4).standard_normal(reached)
    found = orthogonal_curve(A, C, 99)
    assert found.values.sum() == pytest.approx(20, abs=1e-12)
    assert exact_capacity(A, C, first_lag=0).value == pytest.approx(reached, abs=1e-9)


def test_random_network_errs_but_its_enclosure_holds():
    A = random_connectivity(100, "normal", radius=0.9, rng=5)
    truth = allpass_curve(np.linalg.eigvals(A), 150)
    C = np.random.default_rng(6).standard_normal(100)
    single = orthogonal_curve(A, C, 150)
    mean = averaged_orthogonal_curve(A, C, 150, rng=7, masks=4)
    for found in (single, mean):
        assert np.abs(found.values - truth).max() > 0.1
        assert (found.low <= truth + 1e-11).all()  # error of the eigenvalues of a matrix of size 100
        assert (truth <= found.high + 1e-11).all()
    assert single.rank == 100
    assert (mean.high - mean.low).sum() < (single.high - single.low).sum() + 1


def test_masks_are_drawn_from_the_generator(rotation):
    curves = [averaged_orthogonal_curve(rotation, np.ones(30), 5, rng=seed, masks=2).values for seed in (8, 8, 9)]
    assert (curves[0] == curves[1]).all()
    with pytest.raises(TypeError, match="rng must be an integer seed"):
        averaged_orthogonal_curve(rotation, np.ones(30), 5, rng=None)
    with pytest.raises(ValueError, match="columns must be >= 30"):
        orthogonal_curve(rotation, np.ones(30), 5, columns=29)
