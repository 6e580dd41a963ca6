"""The reachable part against constructions with known dimension and eigenvalues, plain and turned by a rotation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag

from linmem.capacity.linear.krylov import kalman_rank
from linmem.capacity.linear.reachable import controllable_eigenvalues, reachable_part
from linmem.capacity.systems import CONNECTIVITIES, haar_orthogonal, random_connectivity, random_mask


def _turned(A, C, seed=0):
    Q = haar_orthogonal(len(A), seed)
    return Q @ A @ Q.T, Q @ C


def _blocks(n, first=0.9, second=0.9, seed=0):
    """Two random blocks of n states; the input enters the first."""
    A = block_diag(random_connectivity(n, radius=first, rng=seed), random_connectivity(n, radius=second, rng=seed + 1))
    return A, np.r_[random_mask(n, rng=seed + 2), np.zeros(n)]


def _swap(n):
    """Two equal halves with equal input: only the sum of the halves is reached."""
    P, Q = random_connectivity(n, rng=1), random_connectivity(n, rng=2)
    c = random_mask(n, rng=3)
    return np.block([[P, Q], [Q, P]]) / 2, np.r_[c, c]


def _copies(n):
    """The same block twice, driven by multiples of the same input: a copy is no new dimension."""
    A, c = random_connectivity(n, rng=1), random_mask(n, rng=3)
    return block_diag(A, A), np.r_[c, 2 * c]


JORDAN = 0.5 * np.eye(10) + np.eye(10, k=1)
NILPOTENT = block_diag(np.eye(3, k=-1), np.eye(4, k=-1))
FIRST = np.eye(40)[0]

CASES = {  # A, C, reachable dimension
    "unreached block of equal size": (*_blocks(20), 20),
    "unreached block that is louder": (*_blocks(20, 0.1, 0.95), 20),
    "unreached block that is softer": (*_blocks(20, 0.95, 0.1), 20),
    "100 states": (*_blocks(50), 50),
    "symmetry": (*_swap(20), 20),
    "copies": (*_copies(20), 20),
    "repeated eigenvalues": (np.diag(np.repeat(np.linspace(-0.9, 0.9, 20), 2)), np.ones(40), 20),
    "three eigenvalues": (np.diag(np.repeat([0.9, 0.5, -0.3], 5)), np.ones(15), 3),
    "identity": (0.5 * np.eye(6), np.arange(1.0, 7.0), 1),
    "Jordan block, entered in the middle": (JORDAN, np.eye(10)[4], 5),
    "Jordan blocks of one eigenvalue": (
        block_diag(JORDAN[:2, :2], JORDAN[:3, :3]),
        np.array([0.0, 1, 0, 0, 1]),
        3,
    ),
    "nilpotent blocks": (NILPOTENT, np.array([1.0, 0, 0, 1, 0, 0, 0]), 4),
    "delay line, entered in the middle": (np.eye(12, k=-1), np.eye(12)[5], 7),
    "no dynamics": (np.zeros((3, 3)), np.ones(3), 1),
    "one state": (np.array([[0.5]]), np.ones(1), 1),
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_dimension_and_invariance(name, turned):
    A, C, n = CASES[name]
    if turned:
        A, C = _turned(A, C)
    part = reachable_part(A, C)
    assert part.dimension == n
    assert part.margin > 1e6  # decided by a factor of a million, whichever way
    B = part.basis
    assert np.abs(B.T @ B - np.eye(n)).max() < 1e-13
    # Rounding moves invariant subspaces by N 2^-52 / separation; the separation is above 1e-3 in all cases.
    assert np.linalg.norm(C - B @ part.C) < 1e-10 * np.linalg.norm(C)
    assert np.linalg.norm(A @ B - B @ part.A) < 1e-10
    response = [C]
    for _ in range(2 * n):
        response.append(A @ response[-1])
    reduced = [part.C]
    for _ in range(2 * n):
        reduced.append(part.A @ reduced[-1])
    assert np.allclose(np.array(reduced) @ B.T, response, rtol=0, atol=1e-9 * np.abs(response).max())


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "Jordan" not in name and case[2] <= 20])
def test_exact_rank_agrees_where_the_structure_is_exact(name):
    A, C, n = CASES[name]
    assert kalman_rank(A, C) == n


@pytest.mark.parametrize("kind", CONNECTIVITIES)
@pytest.mark.parametrize("N", [10, 70])
def test_what_is_reached_is_not_reduced(kind, N):
    A = random_connectivity(N, kind, density=0.3 if kind == "sparse" else None, rng=1)
    C = random_mask(N, "unit" if kind == "delay" else "normal", rng=2)
    assert kalman_rank(A, C) == N
    part = reachable_part(A, C)
    assert np.array_equal(part.A, A)
    assert np.array_equal(part.C, C)
    assert np.array_equal(part.basis, np.eye(N))
    assert part.margin > 1e6


HARD = {  # controllable, although small numbers occur on the way
    "weak chain": (np.diag(np.linspace(-0.9, 0.9, 20)) + 0.01 * np.eye(20, k=-1), FIRST[:20]),
    "weights over twenty orders": (np.diag([1.0, 1e-20, 1.0], -1), FIRST[:4]),
    "mask over twenty orders": (np.diag([0.5, 0.3]), np.array([1.0, 1e-20])),
    "geometric eigenvalues": (np.diag(0.9 * 0.9 ** np.arange(100)), np.ones(100)),
    "eigenvalues 1e-9 apart": (np.diag([0.5, 0.5 + 1e-9, 0.3]), np.ones(3)),
}


@pytest.mark.parametrize("name", HARD)
def test_small_entries_are_not_rounding_errors(name):
    A, C = HARD[name]
    part = reachable_part(A, C)
    assert part.dimension == len(A) == kalman_rank(A, C)
    assert part.margin > 1e3


def test_rounded_structure_is_reduced_although_the_floats_are_controllable():
    A, C = _turned(*_blocks(10))
    assert kalman_rank(A, C) == 20
    assert reachable_part(A, C).dimension == 10
    assert reachable_part(A, C, tolerance=0.0).dimension == 20
    assert reachable_part(A, C, modes=False).dimension == 20  # rounding errors grow along what is not reached


@settings(max_examples=40)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**31), st.floats(0.05, 0.98), st.floats(0.05, 0.98))
def test_hidden_blocks_are_found(n, rest, seed, first, second):
    rng = np.random.default_rng(seed)
    A = block_diag(random_connectivity(n, radius=first, rng=rng), random_connectivity(rest, radius=second, rng=rng))
    A[:n, n:] = rng.standard_normal((n, rest)) * 0.3
    C = np.r_[random_mask(n, "sign", rng=rng), np.zeros(rest)]
    turned = reachable_part(*_turned(A, C, rng))
    exact = reachable_part(A, C)
    if min(turned.margin, exact.margin) > 1e3:  # else the block itself is near an uncontrollable one
        assert turned.dimension == exact.dimension == kalman_rank(A, C)


def test_clear_decisions_on_degenerate_integer_pairs_are_exact():
    # Few distinct entries: zero rows, equal columns, nilpotent parts, repeated eigenvalues. The margin has to tell.
    rng, clear = np.random.default_rng(0), 0
    for _ in range(200):
        N, d, density = int(rng.integers(2, 13)), int(rng.integers(1, 3)), rng.choice([0.1, 0.2, 0.4])
        A = np.where(rng.random((N, N)) < density, rng.choice([-2.0, -1.0, 1.0, 2.0], (N, N)), 0.0)
        if rng.random() < 0.3:
            A = A + A.T
        C = np.where(rng.random((N, d)) < 0.5, rng.choice([-1.0, 1.0], (N, d)), 0.0) + 2 * np.eye(N, d)
        part = reachable_part(A, C)
        if part.margin > 1e4:
            clear += 1
            assert part.dimension == kalman_rank(A, C)
    assert clear > 190


def test_several_inputs():
    rng = np.random.default_rng(0)
    A, C = np.diag(np.repeat(np.linspace(-0.9, 0.9, 8), 5)), rng.standard_normal((40, 3))
    for d in (1, 2, 3):
        for pair in ((A, C[:, :d]), _turned(A, C[:, :d])):
            part = reachable_part(*pair)
            assert part.dimension == 8 * d
            assert part.C.shape == (8 * d, d)
    same = np.c_[C[:, 0], C[:, 0]]  # the same input twice
    assert reachable_part(random_connectivity(40, rng=1), same).dimension == 40
    assert reachable_part(A, same).dimension == 8


def test_eigenvalues_of_the_reachable_part():
    values = np.array([0.9, 0.7, -0.5, 0.2])
    A, C = _turned(np.diag(np.repeat(values, 3)), np.ones(12))
    assert np.allclose(controllable_eigenvalues(A, C), values, rtol=0, atol=1e-13)  # A is symmetric: N 2^-52
    A, C = _turned(*_blocks(20, 0.1, 0.95))
    expected = np.linalg.eigvals(random_connectivity(20, radius=0.1, rng=0))
    found = controllable_eigenvalues(A, C)
    distance = np.abs(np.subtract.outer(found, expected))
    assert distance.min(axis=0).max() < 1e-11  # conditions of these eigenvalues below 1e3
    assert distance.min(axis=1).max() < 1e-11
    assert np.all(np.diff(np.abs(found)) <= 1e-15)
    # A Jordan block of 3 beside one of 2: three times the eigenvalue, each off by about the cube root of rounding.
    triple = controllable_eigenvalues(*CASES["Jordan blocks of one eigenvalue"][:2])
    assert triple.shape == (3,)
    assert np.abs(triple - 0.5).max() < 1e-4
    whole = random_connectivity(30, rng=0)
    part = reachable_part(whole, random_mask(30, rng=1))
    assert part.values is not None
    assert np.prod(part.values) == pytest.approx(np.linalg.det(whole), rel=1e-10)


def test_states_without_a_path_from_the_input_are_left_out_exactly():
    A, C = _blocks(5, 0.1, 0.95)
    part = reachable_part(A[::-1, ::-1], C[::-1])
    assert part.dimension == 5
    assert not part.basis[:5].any()
    assert np.array_equal(part.A, A[:5, :5][::-1, ::-1])


@pytest.mark.parametrize(("a", "c"), [(-900, 0), (0, -900), (-1000, 900), (800, -1000)])
def test_scale_does_not_matter(a, c):
    A, C = _turned(*_blocks(6))
    part, scaled = reachable_part(A, C), reachable_part(np.ldexp(A, a), np.ldexp(C, c))
    assert np.array_equal(scaled.A, np.ldexp(part.A, a))
    assert np.array_equal(scaled.C, np.ldexp(part.C, c))
    assert np.array_equal(scaled.basis, part.basis)


def test_refused():
    with pytest.raises(ValueError, match="tolerance must be >= 0, got -1"):
        reachable_part(np.eye(2), [1, 1], tolerance=-1.0)
    with pytest.raises(ValueError, match="zero"):
        reachable_part(np.eye(2), [0, 0])
    with pytest.raises(ValueError, match="square"):
        controllable_eigenvalues(np.ones((2, 3)), [1, 1])
