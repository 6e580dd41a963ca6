"""Coherence against closed forms and against the stationary points of |p|^2, which are roots of a polynomial."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.discrete.model import coherence, random_basis, spectral_peak

EPS = np.finfo(float).eps


def largest_by_roots(psi):
    """sup |p|: |p|^2 = sum_k r_k z^k, z = e^{jw}, is stationary where sum_k k r_k z^k = 0; the roots on the circle."""
    N = len(psi)
    r = np.correlate(psi, psi, "full")
    roots = np.roots((np.arange(-(N - 1), N) * r)[::-1])
    w = np.concatenate([[0.0, np.pi], np.angle(roots[np.abs(np.abs(roots) - 1) < 1e-3])])
    return np.abs(np.exp(-1j * np.multiply.outer(w, np.arange(N))) @ psi).max()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 20), st.integers(1, 4), st.integers(0, 10**6))
def test_enclosure_holds_the_largest_stationary_value(N, R, seed):
    atoms = np.random.default_rng(seed).standard_normal((N, R))
    found = spectral_peak(atoms)
    sup = max(largest_by_roots(column) for column in atoms.T)
    # |p|^2 is flat at its maximum: an error d of a root costs (N-1)^2 d^2/4; roots to 1e-6 suffice for 1e-9.
    assert found.low <= sup * (1 + 1e-9)
    assert found.high >= sup * (1 - 1e-9)
    assert 1 <= found.high / found.low <= 1 + 5e-6  # 1/cos(pi/(2 16 64)) = 1 + 1.2e-6, and rounding
    value = np.abs(np.exp(-1j * found.frequency * np.arange(N)) @ atoms).max()
    assert abs(value - found.low) <= 1e-10 * value
    assert 0 <= found.frequency <= np.pi


@pytest.mark.parametrize("N", [1, 2, 3, 8, 31, 100, 129])
def test_bases_with_a_constant_atom_attain_the_square_root_of_N(N):
    for name in ("dct", "dft", "haar"):
        found = coherence(name, N)
        assert found.low <= np.sqrt(N) * (1 + N * EPS)
        assert found.high >= np.sqrt(N) * (1 - N * EPS)
        assert found.high - found.low <= 1e-11 * np.sqrt(N)
        assert found.frequency == 0.0


@pytest.mark.parametrize("N", [1, 2, 7, 64, 100])
def test_canonical_atoms_attain_one(N):
    assert coherence(None, N).low == coherence(None, N).high == 1.0
    found = coherence(np.eye(N), N)
    assert 1 - 1e-11 <= found.low <= 1.0 <= found.high <= 1 + 2 * N * EPS


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_two_steps(a, b):
    # |a + b e^{-jw}| is largest at w = 0 or pi: |a| + |b|.
    found = spectral_peak([[a], [b]])
    assert found.low <= abs(a) + abs(b) <= found.high
    assert found.high - found.low <= 1e-10 * (abs(a) + abs(b))
    assert spectral_peak([[0.0], [0.0]]).high == 0.0


@pytest.mark.parametrize(("N", "f"), [(16, 3), (100, 21), (101, 50)])
def test_real_tones_reach_about_the_square_root_of_half_N(N, f):
    # On the grid of the DFT |p| = sqrt(N/2) exactly. Near it the other half of the tone adds at most its Dirichlet
    # kernel, sqrt(2/N)/2 / |sin w| there.
    w = 2 * np.pi * f / N
    found = spectral_peak(np.sqrt(2 / N) * np.cos(w * np.arange(N))[:, None])
    assert np.sqrt(N / 2) * (1 - 1e-9) <= found.high
    assert found.low <= np.sqrt(N / 2) + np.sqrt(0.5 / N) / np.abs(np.sin(w))
    # ... and of all real tones the constant alone reaches sqrt(N).
    assert found.high < np.sqrt(N)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 3), st.integers(0, 10**6))
def test_range_and_invariance(N, L, seed):
    basis = random_basis(N, streams=L, rng=seed)
    found = coherence(basis, N)
    # The FFT error of coherence.py: below 4 eps log2(32 N) sqrt(32 N).
    slack = 4 * EPS * np.log2(32 * N) * np.sqrt(32 * N) + 1e-13
    assert 1 - slack <= found.high
    assert found.low <= np.sqrt(N) * (1 + slack)
    each = [coherence(Psi, N) for Psi in basis.matrix]
    assert max(one.low for one in each) <= found.high
    assert found.low <= max(one.high for one in each)
    # Reversed time, changed signs, and modulation by (-1)^n leave |p| as it is up to a reflection of w.
    for changed in (basis.matrix[:, ::-1], -basis.matrix, basis.matrix * ((-1.0) ** np.arange(N))[:, None]):
        other = spectral_peak(changed)
        assert other.low <= found.high
        assert found.low <= other.high


def test_many_candidates_keep_the_first_enclosure():
    # Delays of one vector have the same |p|. It is nearly flat, and the l1 norm 1.002 is not its maximum.
    N, word = 300, np.array([1.0, 0.001, -0.001])
    found = spectral_peak(np.array([np.concatenate([np.zeros(n), word, np.zeros(N - n)]) for n in range(N)]).T)
    sup = largest_by_roots(word)
    assert found.low <= sup * (1 + 1e-9)
    assert sup * (1 - 1e-9) <= found.high <= 1.005 * sup


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: coherence(2 * np.eye(4), 4), "orthonormal"),
        (lambda: coherence("dct", 0), "N must be >= 1"),
        (lambda: coherence(np.eye(3), 4), "shape"),
        (lambda: spectral_peak([1.0, 2.0]), "shape"),
        (lambda: spectral_peak(np.ones((2, 2, 2, 2))), r"\(L, N, R\)"),
        (lambda: spectral_peak(np.empty((3, 0))), "not empty"),
        (lambda: spectral_peak([[np.inf]]), "must be finite"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
