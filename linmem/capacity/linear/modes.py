"""Modes that an input does not excite (Popov, Belevitch, Hautus), and what rounding errors can do to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from jaxtyping import Bool, Complex, Float
from scipy import linalg

from linmem.capacity.linear.staircase import TINY, Part, clearness, norm_bound

_CLEAR = 1e-6  # shares above this are reached whatever rounding did; noise above it decides nothing
_SLACK = 1e3  # an invariant subspace is accepted if it leaks at most this many tolerances
_SAME = 1e-8  # eigenvalues this close, relative to the norm of A, may be one repeated eigenvalue


def drop_modes(part: Part) -> Part:
    """Leave out the modes that C does not excite, until none is left; each step is checked by its residual."""
    while True:
        single, several, clear, values = _silent_modes(part)
        if single.shape[1] + several.shape[1] == 0:
            return replace(part, margin=min(part.margin, clear), values=values)
        choices = (_complement(part, W) for W in (np.hstack([single, several]), single))
        basis = next((B for B in choices if B is not None), None)
        if basis is None:
            return part  # eigenvectors too uncertain to decide anything
        part = part.restrict(basis, clear)


def _complement(part: Part, W: Complex[np.ndarray, "n k"]) -> Float[np.ndarray, "n m"] | None:
    """Orthonormal basis of what is orthogonal to W, if it holds C and is invariant under A, up to rounding."""
    if W.shape[1] == 0:
        return None
    whole, sizes, _ = linalg.svd(np.hstack([np.real(W), np.imag(W)]), full_matrices=True)
    rank = int(np.count_nonzero(sizes > _CLEAR * sizes[0]))
    U, B = whole[:, :rank], whole[:, rank:]
    leak = float(np.linalg.norm(U.T @ part.A @ B)) / max(norm_bound(part.A), TINY)
    reach = float((np.linalg.norm(U.T @ part.C, axis=0) / np.maximum(np.linalg.norm(part.C, axis=0), TINY)).max())
    return B if B.shape[1] and max(leak, reach) <= _SLACK * part.tolerance else None


def _eigenvectors(
    A: Float[np.ndarray, "n n"], both: bool
) -> tuple[Complex[np.ndarray, "n"], Complex[np.ndarray, "n n"], Complex[np.ndarray, "n n"]]:
    """Eigenvalues, left and right eigenvectors (unit columns); the left ones twice unless ``both``."""
    if np.array_equal(A, A.T):
        values, vectors = np.linalg.eigh(A)
        V = vectors.astype(np.complex128)
        return values.astype(np.complex128), V, V
    found = cast("Sequence[np.ndarray]", linalg.eig(A, left=True, right=both))
    parts = [np.asarray(item, dtype=np.complex128) for item in found]
    return parts[0], parts[1], parts[-1]


def _silent_modes(
    part: Part,
) -> tuple[Complex[np.ndarray, "n k"], Complex[np.ndarray, "n m"], float, Complex[np.ndarray, "n"]]:
    """Left eigenvectors w with ``w^H C = 0`` up to rounding; sums of those of one eigenvalue; margin; eigenvalues."""
    C = part.C / np.maximum(np.linalg.norm(part.C, axis=0), TINY)
    values, left, right = _eigenvectors(part.A, both=False)
    shares = np.linalg.norm(left.conj().T @ C, axis=1)
    near = np.abs(np.subtract.outer(values, values)) <= _SAME * norm_bound(part.A)
    if shares.min() > _CLEAR and near.sum(axis=1).max() <= C.shape[1]:  # an eigenvalue is excited at most d times
        return left[:, :0], left[:, :0], clearness(float(shares.min()), len(left) * part.tolerance), values
    values, left, right = _eigenvectors(part.A, both=True)
    shares = np.linalg.norm(left.conj().T @ C, axis=1)
    same, noise = _rounding(part, C, values, left, right)
    known = noise <= _CLEAR
    silent = (shares <= noise) & known
    sums, clear = [left[:, :0]], float((shares / np.maximum(noise, TINY))[known & ~silent].min(initial=math.inf))
    done = silent | ~known
    for i in np.flatnonzero(same.sum(axis=1) > C.shape[1]):
        group = np.flatnonzero(same[i] & ~done)
        if done[i] or len(group) <= C.shape[1]:
            continue
        done[group] = True
        space, sizes, _ = linalg.svd(left[:, group], full_matrices=False)
        space = space[:, sizes > 1e-3]  # a Jordan block has one eigenvector, however often LAPACK returns it
        turn, sizes, _ = linalg.svd(space.conj().T @ C, full_matrices=True)
        sizes = np.r_[sizes, np.zeros(max(0, space.shape[1] - len(sizes)))]
        quiet = sizes <= noise[group].max()
        sums.append(space @ turn[:, quiet])
        clear = min(clear, float(sizes[~quiet].min(initial=math.inf)) / max(float(noise[group].max()), TINY))
    return left[:, silent], np.hstack(sums), clear, values


def _rounding(
    part: Part,
    C: Float[np.ndarray, "n d"],
    values: Complex[np.ndarray, "n"],
    left: Complex[np.ndarray, "n n"],
    right: Complex[np.ndarray, "n n"],
) -> tuple[Bool[np.ndarray, "n n"], Float[np.ndarray, "n"]]:
    """What relative errors ``tolerance`` in the entries of A and C can do, to first order.

    Which eigenvalues l_i they can make equal, and by how much they change ``||w_i^H C||``. Errors E and D move l_i by
    ``w_i^H E v_i / w_i^H v_i`` and ``w_i^H C`` by ``w_i^H E y_i + w_i^H D``, where
    ``y_i = sum_j v_j (w_j^H C) / (w_j^H v_j) / (l_i - l_j)``, j over the eigenvalues that stay apart from l_i.
    """
    size, magnitude = np.abs(left), np.abs(part.A)
    overlap = np.einsum("ij,ij->j", left.conj(), right)
    overlap = np.where(np.abs(overlap) > TINY, overlap, TINY)
    shift = part.tolerance * np.einsum("ij,ij->j", size, magnitude @ np.abs(right)) / np.abs(overlap)
    gaps = np.subtract.outer(values, values)
    same = np.abs(gaps) <= np.add.outer(shift, shift)
    weights = (left.conj().T @ C) / overlap[:, None]
    total = np.zeros(len(values))
    with np.errstate(over="ignore", invalid="ignore"):  # a defective A: nothing is known then, and NaN says so
        inverse = np.where(same, 0.0, 1.0 / np.where(same, 1.0, gaps))
        for k in range(C.shape[1]):
            y = right @ (inverse * weights[:, k]).T  # column i is y_i
            total += np.einsum("ji,ji->i", size, magnitude @ np.abs(y) + np.abs(C[:, k : k + 1]))
    return same, part.tolerance * total
