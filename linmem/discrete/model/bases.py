"""Temporal bases Psi: a sequence is ``S = Psi C`` with an orthonormal N x N matrix, the same or one for each stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_choice, check_integer

NAMES = ("canonical",)


@dataclass(frozen=True, eq=False)
class TemporalBasis:
    """An orthonormal basis of the sequences of N steps, columns = atoms; time and atoms run along the second last axis.

    Attributes
    ----------
    N : number of time steps, and of atoms.
    name : "canonical" for the identity, or what the basis is.
    stored : the matrix, (N, N) or one for each stream (L, N, N); None for the canonical basis.
    """

    N: int
    name: str
    stored: Float[np.ndarray, "..."] | None = None

    @property
    def canonical(self) -> bool:
        """Whether Psi is the identity."""
        return self.name == "canonical"

    @property
    def per_stream(self) -> bool:
        """Whether each stream has a basis of its own."""
        return self.stored is not None and self.stored.ndim == 3

    @property
    def matrix(self) -> Float[np.ndarray, "..."]:
        """Psi as an array, (N, N) or (L, N, N)."""
        return np.eye(self.N) if self.stored is None else self.stored

    def synthesis(self, C: Float[np.ndarray, "... N L"]) -> Float[np.ndarray, "... N L"]:
        """``S = Psi C``; leading axes are a batch. The result may share memory with C if the basis is canonical."""
        if self.stored is None:
            return C
        return np.einsum("lnk,...kl->...nl", self.stored, C) if self.stored.ndim == 3 else self.stored @ C

    def analysis(self, S: Float[np.ndarray, "... N L"]) -> Float[np.ndarray, "... N L"]:
        """``C = Psi^T S``, the inverse of :meth:`synthesis`."""
        if self.stored is None:
            return S
        return np.einsum("lnk,...nl->...kl", self.stored, S) if self.stored.ndim == 3 else self.stored.T @ S


BasisLike = str | ArrayLike | TemporalBasis | None


def temporal_basis(basis: BasisLike, N: int, L: int | None = None) -> TemporalBasis:
    """The basis that a user's argument names.

    Parameters
    ----------
    basis : None or "canonical", an orthonormal (N, N) matrix (columns = atoms) for all streams, an (L, N, N) array with
        one for each stream, or a :class:`TemporalBasis`.
    N, L : time steps and streams; L is needed for (L, N, N) arrays only.

    Raises
    ------
    ValueError : if the name is unknown, a shape is wrong, or the columns are not orthonormal to ``100 N eps`` in every
        entry of Psi^T Psi - I: a matrix orthogonalised in double precision satisfies this, one typed in with a few
        digits does not.

    >>> temporal_basis("canonical", 3).canonical
    True
    """
    size = check_integer("N", N, minimum=1)
    if isinstance(basis, TemporalBasis):
        if size != basis.N or (basis.per_stream and L is not None and len(basis.matrix) != L):
            raise ValueError(
                f"basis must be for N = {size} steps and {L} streams, got shape {basis.matrix.shape}; make another"
            )
        return basis
    if basis is None:
        return TemporalBasis(size, "canonical")
    if isinstance(basis, str):
        return TemporalBasis(size, check_choice("basis", basis, NAMES))
    ndim = 3 if np.ndim(basis) == 3 else 2
    Psi = check_array("basis", basis, shape=((L,) if ndim == 3 else ()) + (size, size))
    error = float(np.abs(np.swapaxes(Psi, -1, -2) @ Psi - np.eye(size)).max())
    if error > 100 * size * np.finfo(float).eps:
        raise ValueError(
            f"basis must be orthonormal (columns = atoms), got max|Psi^T Psi - I| = {error:.3g}; "
            "orthogonalise it first, for example with numpy.linalg.qr"
        )
    return TemporalBasis(size, "matrix", Psi)
