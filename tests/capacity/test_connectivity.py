"""Connectivity matrices and masks against what defines each kind: spectra, moments, counts, singular values."""

import numpy as np
import pytest

from linmem.capacity.systems import (
    CONNECTIVITIES,
    MASKS,
    haar_orthogonal,
    random_connectivity,
    random_mask,
)
from linmem.statistics import mean_interval, proportion_interval

RANDOM = [kind for kind in CONNECTIVITIES if kind not in ("cyclic", "delay")]


@pytest.mark.parametrize("kind", [kind for kind in CONNECTIVITIES if kind != "delay"])
@pytest.mark.parametrize("N", [1, 7, 60])
def test_spectral_radius(kind, N):
    A = random_connectivity(N, kind, radius=0.7, density=1.0 if kind == "sparse" else None, rng=3)
    # Eigenvalues of two differently scaled matrices: rounding times eigenvalue condition, far below 1e4 here.
    assert np.abs(np.linalg.eigvals(A)).max() == pytest.approx(0.7, rel=1e-11)


@pytest.mark.parametrize("kind", RANDOM)
def test_a_seed_is_a_generator_and_another_seed_another_matrix(kind):
    A = random_connectivity(20, kind, rng=5)
    assert np.array_equal(A, random_connectivity(20, kind, rng=np.random.default_rng(5)))
    assert not np.array_equal(A, random_connectivity(20, kind, rng=6))


def test_ring_and_delay_line():
    ring = random_connectivity(6, "cyclic", radius=0.5)
    assert np.array_equal(np.linalg.matrix_power(ring, 6), 0.5**6 * np.eye(6))
    delay = random_connectivity(6, "delay", radius=0.5)
    assert np.array_equal(np.linalg.matrix_power(delay, 5), 0.5**5 * np.outer(np.eye(6)[5], np.eye(6)[0]))
    assert not np.linalg.matrix_power(delay, 6).any()


def test_orthogonal_matrices_have_the_moments_of_haar_measure():
    # E tr Q = E det Q = 0 and E (tr Q)^2 = E tr(Q^2) = 1; without the signs of R, det Q = (-1)^(N-1) always.
    Q = np.array([haar_orthogonal(5, seed) for seed in range(3000)])
    assert np.abs(Q.transpose(0, 2, 1) @ Q - np.eye(5)).max() < 1e-14
    trace = np.trace(Q, axis1=1, axis2=2)
    for values, mean in (
        (trace, 0),
        (np.linalg.det(Q), 0),
        (trace**2, 1),
        (np.trace(Q @ Q, axis1=1, axis2=2), 1),
    ):
        assert mean in mean_interval(values, level=0.999)


def test_laws_of_the_entries():
    # Fourth moment over squared second: 3 for the normal law, 9/5 for the uniform one.
    for kind, kurtosis in (("normal", 3.0), ("uniform", 1.8)):
        A = random_connectivity(100, kind, rng=1)
        A = A / A.std()
        assert kurtosis in mean_interval(A.ravel() ** 4, level=0.999)
        assert 0.0 in mean_interval(A.ravel(), level=0.999)
    assert 0.15 in proportion_interval(
        np.count_nonzero(random_connectivity(100, "sparse", density=0.15, rng=1)), 100**2, level=0.999
    )


@pytest.mark.parametrize(
    ("N", "density", "condition"), [(40, 0.1, 10.0), (60, 0.3, 1e4), (25, 1.0, 1.0), (30, 0.01, 3.0)]
)
def test_sparse_conditioned(N, density, condition):
    A = random_connectivity(N, "sparse-conditioned", density=density, condition=condition, rng=2)
    s = np.linalg.svd(A, compute_uv=False)
    # Rotations keep singular values up to some hundred roundings of the largest one.
    assert np.allclose(s / s[0], np.geomspace(1, 1 / condition, N), rtol=0, atol=1e-13)
    filled = np.count_nonzero(A)
    assert max(N, density * N * N) <= filled <= max(N, density * N * N + N)  # a rotation fills at most N more


@pytest.mark.parametrize("kind", MASKS)
def test_masks(kind):
    C = random_mask(200, kind, scale=2.0, rng=0)
    assert C.shape == (200,)
    assert C.any()
    assert np.array_equal(C, 2.0 * random_mask(200, kind, rng=0))
    if kind in ("sign", "alternating", "constant"):
        assert np.array_equal(np.abs(C), np.full(200, 2.0))
    if kind in ("normal", "uniform", "sign"):
        moment = {"normal": 4.0, "uniform": 4.0 / 3.0, "sign": 4.0}[kind]
        values = random_mask(20000, kind, scale=2.0, rng=1) ** 2
        assert moment in mean_interval(values, level=0.999) or np.all(values == moment)
    count = 1 if kind in ("alternating", "constant") else 3
    assert random_mask(200, kind, inputs=count, rng=0).shape == (200, count)


def test_particular_masks():
    assert np.array_equal(random_mask(3, "unit"), [1, 0, 0])
    assert np.array_equal(random_mask(3, "unit", inputs=2), np.eye(3)[:, :2])
    assert np.array_equal(random_mask(3, "alternating"), [1, -1, 1])
    thin = random_mask(50, "sparse", inputs=400, density=1e-9, rng=0)
    assert np.array_equal(np.count_nonzero(thin, axis=0), np.ones(400))  # one entry is always left
    assert 0.3 in proportion_interval(
        np.count_nonzero(random_mask(30000, "sparse", density=0.3, rng=0)), 30000, level=0.999
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "norml", "rng": 0}, "did you mean 'normal'"),
        ({"kind": "normal", "density": 0.1, "rng": 0}, "leave it out"),
        ({"kind": "sparse", "condition": 3.0, "rng": 0}, "leave it out"),
        ({"kind": "sparse", "density": 1.5, "rng": 0}, "density must be <= 1, got 1.5"),
        ({"kind": "sparse-conditioned", "condition": 0.5, "rng": 0}, "condition must be >= 1, got 0.5"),
        ({"kind": "normal", "radius": 0.0, "rng": 0}, "radius must be > 0"),
        ({"kind": "sparse", "density": 1e-9, "rng": 0}, "must leave a cycle.*pass density 0.2"),
    ],
)
def test_refused_connectivity(options, message):
    with pytest.raises(ValueError, match=message):
        random_connectivity(10, **options)


def test_random_kinds_ask_for_a_seed():
    with pytest.raises(TypeError, match="integer seed"):
        random_connectivity(4)
    with pytest.raises(TypeError, match="integer seed"):
        random_mask(4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "alternating", "inputs": 2}, "has one input, got inputs=2"),
        ({"kind": "unit", "inputs": 9}, "inputs must be <= 4, got 9"),
        ({"kind": "unit", "density": 0.5}, "leave it out"),
        ({"kind": "sparse", "density": 2.0, "rng": 0}, "density must be <= 1"),
        ({"kind": "ones"}, "kind must be one of"),
    ],
)
def test_refused_mask(options, message):
    with pytest.raises(ValueError, match=message):
        random_mask(4, **options)
