"""Coherence of a temporal basis with sinusoids, in a certified interval.

    mu = max over atoms psi, sup over w, of |p(w)|,     p(w) = sum_n psi[n] e^{-j w n}.

For atoms of unit length ``1 <= mu <= sqrt(N)``: the mean of |p|^2 over w is ||psi||^2 = 1 (Parseval), and |p(w)| <=
||psi||_1 <= sqrt(N). The left end is attained by canonical atoms, the right one by tones ``e^{j w n}/sqrt(N)``; a
*real* atom attains it at w = 0 and w = pi only, while a real tone ``sqrt(2/N) cos(w n + phase)`` reaches about
sqrt(N/2). The DCT, the real DFT and the Haar basis all contain the constant, so that mu = sqrt(N).

**Enclosure.** ``|p|^2`` is a real trigonometric polynomial of degree m <= N - 1 with values in [0, G], G = |p(w*)|^2
the maximum. By Bernstein's inequality ``|p|^2 - G/2``, of modulus at most G/2, has a slope of at most m G/2, and in the
sharp form of M. Riesz it stays above the cosine of frequency m through its maximum: for |w - w*| <= pi/m

    |p(w)|^2 - G/2 >= (G/2) cos(m (w - w*)),     that is     |p(w)| >= |p(w*)| cos(m (w - w*)/2).

If no point of the circle is farther than d from the grid, then ``grid maximum <= sup <= grid maximum/cos(m d/2)``. The
grid is an FFT of :data:`OVERSAMPLING` N points or more (d = pi/points); the cells whose value is large enough to hold
the maximum are then evaluated on a finer grid in the same way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike, temporal_basis

OVERSAMPLING = 16
"""Points of the FFT grid for each time step, at least."""
ZOOM = 64
"""Intervals into which a cell of that grid is cut."""
MOST_CELLS = 20_000
"""With more candidate cells than this the first enclosure (relative width below 0.5 %) is kept."""
CHUNK = 2**21
"""Numbers held at a time."""


@dataclass(frozen=True)
class Coherence:
    """Certified enclosure ``low <= mu <= high``.

    Attributes
    ----------
    low, high : the enclosure; low is |p| at ``frequency`` less the rounding error.
    frequency : radians per step, in [0, pi], where the largest value was found.
    """

    low: float
    high: float
    frequency: float


def _spectra(psi: Float[np.ndarray, "A N"], points: int) -> Float[np.ndarray, "A P"]:
    """|p(w)| at ``w = 2 pi i/points`` in [0, pi], one row for each atom."""
    return np.abs(scipy.fft.rfft(psi, n=points, axis=1))


def _zoom(
    psi: Float[np.ndarray, "A N"], atom: np.ndarray, centre: np.ndarray, spacing: float
) -> tuple[Float[np.ndarray, "C"], Float[np.ndarray, "C"]]:
    """Largest |p| of ``psi[atom]`` on ZOOM + 1 points of the cell of width ``spacing`` about each centre, and where."""
    N = psi.shape[1]
    offset = np.linspace(-0.5, 0.5, ZOOM + 1) * spacing
    fine = np.exp(-1j * np.multiply.outer(np.arange(N), offset))
    values, where = np.empty(atom.size), np.empty(atom.size)
    step = max(1, CHUNK // N)
    for begin in range(0, atom.size, step):
        cut = slice(begin, begin + step)
        turned = psi[atom[cut]] * np.exp(-1j * np.multiply.outer(centre[cut], np.arange(N)))
        found = np.abs(turned @ fine)
        best = found.argmax(axis=1)
        values[cut], where[cut] = found[np.arange(best.size), best], centre[cut] + offset[best]
    return values, where


@cites("charles2018", "coherence mu")
def spectral_peak(atoms: ArrayLike) -> Coherence:
    """Largest value of ``|sum_n psi[n] e^{-j w n}|`` over real vectors psi and all frequencies w.

    Nothing is asked of the vectors: for an orthonormal basis use :func:`coherence`. With the orthonormal temporal
    singular vectors of a low-rank input this is the coherence that its recovery depends on.

    Parameters
    ----------
    atoms : (N, R) real array whose columns are the vectors, or (L, N, R).

    Returns
    -------
    :class:`Coherence`; of relative width about 1e-6, or below 5e-3 where more than :data:`MOST_CELLS` cells are
    candidates. Rounding errors of the transforms are included.

    Raises
    ------
    ValueError : if the shape is wrong, an array is empty, or an entry is not finite.

    Cost: an FFT of 16 N to 32 N points a vector, in pieces of a few 10 MB.

    >>> tone = np.cos(0.7 * np.arange(200)) / 10  # of length about 1
    >>> peak = spectral_peak(tone[:, None])
    >>> round(peak.low, 1), round(peak.high, 1), round(peak.frequency, 2)  # sqrt(N/2) = 10
    (10.0, 10.0, 0.7)
    """
    array = check_array("atoms", atoms, shape=(None,) * (np.ndim(atoms) - 2) + (None, None))
    if array.ndim > 3 or array.size == 0:
        raise ValueError(f"atoms must have shape (N, R) or (L, N, R), not empty, got {array.shape}; reshape it")
    N = array.shape[-2]
    scale = float(np.abs(array).max())  # so that no square under- or overflows
    if scale == 0.0:
        return Coherence(0.0, 0.0, 0.0)
    psi = array.swapaxes(-1, -2).reshape(-1, N) / scale
    points = 2 ** math.ceil(math.log2(OVERSAMPLING * N))
    spacing = 2 * math.pi / points
    coarse = math.cos((N - 1) * spacing / 4)
    fine = math.cos((N - 1) * spacing / (4 * ZOOM))
    eps = float(np.finfo(float).eps)
    # Error in each value of an FFT of 2^t points (Higham 2002, Theorem 24.2), and of a sum over n with phases w n.
    norms = np.sqrt((psi**2).sum(axis=1))
    fft_error = 4 * eps * math.log2(points) * math.sqrt(points) * float(norms.max())
    ceiling = np.abs(psi).sum(axis=1) * (1 + N * eps)
    sum_error = (5 * N + 10) * eps * float(ceiling.max())

    step = max(1, CHUNK // points)
    chunks = [slice(begin, begin + step) for begin in range(0, len(psi), step)]
    peaks, frequencies = np.empty(len(psi)), np.empty(len(psi))
    for cut in chunks:
        values = _spectra(psi[cut], points)
        best = values.argmax(axis=1)
        peaks[cut], frequencies[cut] = values[np.arange(best.size), best], best * spacing
    leader = int(peaks.argmax())
    low, frequency = float(peaks[leader]) - fft_error, float(frequencies[leader])
    upper = np.minimum(ceiling, (peaks + fft_error) / coarse)

    open_atoms = np.flatnonzero(upper > low * (1 + 1e-9) + 2 * fft_error)
    atom_parts: list[np.ndarray] = []
    cell_parts: list[np.ndarray] = []
    count = 0
    for begin in range(0, open_atoms.size, step):
        chosen = open_atoms[begin : begin + step]
        row, cell = np.nonzero(_spectra(psi[chosen], points) >= low * coarse - fft_error)
        count += row.size
        if count > MOST_CELLS:
            return Coherence(scale * low, scale * float(upper.max()), frequency)
        atom_parts.append(chosen[row])
        cell_parts.append(cell)
    if count:
        atom = np.concatenate(atom_parts)
        values, where = _zoom(psi, atom, np.concatenate(cell_parts) * spacing, spacing)
        best = int(values.argmax())
        if values[best] - sum_error > low:
            low, frequency = float(values[best]) - sum_error, abs(float(where[best]))
        refined = np.zeros(len(psi))
        np.maximum.at(refined, atom, (values + sum_error) / fine)
        upper[open_atoms] = np.minimum(upper[open_atoms], np.maximum(refined[open_atoms], low))
    return Coherence(scale * low, scale * float(upper.max()), min(frequency, 2 * math.pi - frequency))


@cites("charles2018", "coherence mu")
def coherence(basis: BasisLike, N: int) -> Coherence:
    """Coherence ``mu(Psi) = max over atoms, sup over w, of |sum_n Psi[n, k] e^{-j w n}|``; 1 <= mu <= sqrt(N).

    The number of nodes that suffices for sparse recovery grows with mu^2 (Charles et al. 2018). Over the streams of a
    basis that has one matrix for each, the maximum is taken.

    Parameters
    ----------
    basis : what :func:`linmem.discrete.temporal_basis` takes.
    N : number of time steps.

    Returns
    -------
    :class:`Coherence`, a certified enclosure.

    Raises
    ------
    ValueError : if the basis is not an orthonormal basis of N steps.

    Cost: as :func:`spectral_peak` with N atoms (L N for a basis in each stream): N = 1000 takes tenths of a second.

    >>> coherence("canonical", 64).high
    1.0
    >>> round(coherence("dct", 64).low, 9)  # the constant: sqrt(64)
    8.0
    """
    Psi = temporal_basis(basis, N)
    if Psi.canonical:
        return Coherence(1.0, 1.0, 0.0)
    return spectral_peak(Psi.matrix)
