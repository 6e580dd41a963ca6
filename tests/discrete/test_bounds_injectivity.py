"""Certified rank against exact ranks, mpmath entries and singular values."""

import mpmath
import numpy as np
import pytest

from linmem.discrete.bounds import enclose_operator, injectivity
from linmem.discrete.model import RandomNetwork
from linmem.discrete.operators import sequence_operator
from linmem.intervals import bounds


def test_enclosure_holds_the_entries_computed_by_mpmath():
    network, N = RandomNetwork(6, 2, q=0.9, seed=3), 4
    A = enclose_operator(network, N)
    with mpmath.workdps(50):
        for h in range(3):
            for n in range(N):
                power = (mpmath.mpf(network.q) * mpmath.exp(1j * mpmath.mpf(float(network.frequencies[h])))) ** (
                    N - 1 - n
                )
                for l in range(2):
                    entry = power * mpmath.mpc(complex(network.modes[h, l]))
                    for row, value in ((h, entry.real), (3 + h, entry.imag)):
                        low, high = bounds(A[row, n * 2 + l])
                        assert low <= value <= high
                        assert high - low < 1e-15


@pytest.mark.parametrize(("M", "L", "N"), [(12, 2, 6), (14, 2, 6), (10, 2, 6), (2, 3, 5), (8, 1, 4)])
@pytest.mark.parametrize("spectrum", ["iid", "haar"])
def test_rank_and_smallest_singular_value(M, L, N, spectrum):
    network = RandomNetwork(M, L, spectrum, seed=M + L)
    found = injectivity(network, N)
    A = sequence_operator(network, N).columns(np.arange(N * L))
    s = np.linalg.svd(A, compute_uv=False)
    assert found.rank == np.linalg.matrix_rank(A) == min(M, N * L)
    # ||X||_F <= sqrt(rank) / s_min, so the bound is within that factor of the singular value.
    assert s[-1] / np.sqrt(found.rank) * (1 - 1e-6) <= found.smallest_singular_value <= s[-1] * (1 + 1e-12)
    if found.kernel is None:
        assert M >= N * L
    else:
        assert np.linalg.norm(found.kernel) == pytest.approx(1.0, abs=1e-14)
        assert found.kernel_error < 1e-8
        S = np.ones((N, L))
        difference = network.simulate(S + found.kernel) - network.simulate(S)
        assert np.linalg.norm(difference) < 1e-12


def test_equal_angles_are_not_certified():
    # Two modes with one angle and one stream: A^T has rank 2, whatever Z is, but 4 columns.
    network = RandomNetwork(4, 1, spectrum=[1.0, 1.0], seed=0)
    with pytest.raises(ValueError, match="rank of A must be certain"):
        injectivity(network, 4)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="N must be >= 1"):
        injectivity(RandomNetwork(4, 1, seed=0), 0)
