"""Temporal bases Psi: a sequence is ``S = Psi C`` with an orthonormal N x N matrix, the same or one for each stream.

The named bases, columns = atoms, n = 0..N-1 the time step (oldest first), k = 0..N-1 the atom:

- "canonical": the identity.
- "dct": ``Psi[n, k] = sqrt((2 - [k = 0])/N) cos(pi k (2 n + 1)/(2 N))`` (DCT-II).
- "dft": the real Fourier basis in the order of rising frequency: ``1/sqrt(N)``, then ``sqrt(2/N) cos(2 pi f n/N)`` and
  ``sqrt(2/N) sin(2 pi f n/N)`` for f = 1, 2, .. < N/2, then ``(-1)^n/sqrt(N)`` if N is even.
- "haar": Haar wavelets: the constant, then for each step of a bisection of 0..N-1 (coarse to fine, from left to right)
  the difference of the means of its two parts, normalised. A part of m steps is halved into ceil(m/2) and floor(m/2)
  (Girardi and Sweldens 1997), so that any N is served; for N a power of two these are the classical Haar wavelets.

Up to :data:`DENSE_STEPS` steps a product with the stored matrix is faster than any fast transform; beyond it "dct" and
"dft" are applied by FFT, O(N log N) a stream, and "haar" by its O(N log N) non-zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import sparse

from linmem.checks import check_array, check_choice, check_generator, check_integer
from linmem.citations import cites

NAMES = ("canonical", "dct", "dft", "haar")
DENSE_STEPS = 128
"""The named bases are applied as a stored matrix up to this many steps (measured for 1 to 40 streams)."""


def _haar_matrix(N: int) -> sparse.csr_array:
    """The Haar basis of N steps as a sparse matrix with N (log2 N + 1) non-zeros or a few more."""
    rows, columns, entries = [np.arange(N)], [np.zeros(N, dtype=np.intp)], [np.full(N, N**-0.5)]
    begin, end, atom = np.array([0]), np.array([N]), 1
    while (wide := end - begin > 1).any():
        begin, end = begin[wide], end[wide]
        middle = (begin + end + 1) // 2
        left, right = middle - begin, end - middle
        for start, count, height in (
            (begin, left, np.sqrt(right / (left * (left + right)))),
            (middle, right, -np.sqrt(left / (right * (left + right)))),
        ):
            offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            rows.append(np.repeat(start, count) + offset)
            columns.append(np.repeat(atom + np.arange(count.size), count))
            entries.append(np.repeat(height, count))
        atom += middle.size
        begin, end = np.stack([begin, middle], axis=1).ravel(), np.stack([middle, end], axis=1).ravel()
    where = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array((np.concatenate(entries), where), shape=(N, N))


def _sparse_product(matrix: sparse.csr_array, X: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """``matrix @ X`` along the second last axis of X."""
    moved = np.moveaxis(X, -2, 0)
    return np.moveaxis((matrix @ moved.reshape(len(moved), -1)).reshape(moved.shape), 0, -2)


def _dft_analysis(S: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    N = S.shape[-2]
    spectrum = scipy.fft.rfft(S, axis=-2, norm="ortho")
    C = np.empty_like(S, dtype=np.float64)
    C[..., 0, :] = spectrum[..., 0, :].real
    paired = spectrum[..., 1 : (N + 1) // 2, :]
    C[..., 1 : N - 1 + N % 2 : 2, :] = np.sqrt(2.0) * paired.real
    C[..., 2 : N - 1 + N % 2 : 2, :] = -np.sqrt(2.0) * paired.imag
    if N % 2 == 0:
        C[..., -1, :] = spectrum[..., -1, :].real
    return C


def _dft_synthesis(C: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    N = C.shape[-2]
    spectrum = np.zeros((*C.shape[:-2], N // 2 + 1, C.shape[-1]), dtype=np.complex128)
    spectrum[..., 0, :] = C[..., 0, :]
    paired = spectrum[..., 1 : (N + 1) // 2, :]
    paired.real = np.sqrt(0.5) * C[..., 1 : N - 1 + N % 2 : 2, :]
    paired.imag = -np.sqrt(0.5) * C[..., 2 : N - 1 + N % 2 : 2, :]
    if N % 2 == 0:
        spectrum[..., -1, :] = C[..., -1, :]
    return scipy.fft.irfft(spectrum, n=N, axis=-2, norm="ortho")


def _stream_products(Psi: Float[np.ndarray, "L N N"], X: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """``Psi[l] @ X[..., l]`` for every stream l."""
    L, N, _ = Psi.shape
    product = Psi @ np.moveaxis(X, -1, 0).reshape(L, -1, N).swapaxes(1, 2)
    return np.moveaxis(product.swapaxes(1, 2).reshape(L, *X.shape[:-1]), 0, -1)


@dataclass(frozen=True, eq=False)
class TemporalBasis:
    """An orthonormal basis of the sequences of N steps, columns = atoms; time and atoms run along the second last axis.

    Users make one with :func:`temporal_basis` or :func:`random_basis`.

    Attributes
    ----------
    N : number of time steps, and of atoms.
    name : "canonical", "dct", "dft" or "haar", or what the basis is.
    stored : the matrix, (N, N) or one for each stream (L, N, N); None for the named bases.

    Raises
    ------
    ValueError : if the name is unknown and nothing is stored, a shape is wrong, or the columns are not orthonormal to
        ``100 N eps`` in every entry of Psi^T Psi - I: a matrix orthogonalised in double precision satisfies this, one
        typed in with a few digits does not.
    """

    N: int
    name: str
    stored: Float[np.ndarray, "..."] | None = None

    def __post_init__(self) -> None:
        N = check_integer("N", self.N, minimum=1)
        if self.stored is None:
            check_choice("basis", self.name, NAMES)
            return
        Psi = check_array("basis", self.stored, shape=(*(None,) * (np.ndim(self.stored) - 2), N, N))
        if Psi.ndim > 3 or Psi.size == 0:
            raise ValueError(
                f"basis must have shape (N, N) or (L, N, N) with L >= 1, got {Psi.shape}; pass one matrix for all "
                "streams, or one for each"
            )
        error = float(np.abs(np.swapaxes(Psi, -1, -2) @ Psi - np.eye(N)).max())
        if error > 100 * N * np.finfo(float).eps:
            raise ValueError(
                f"basis must be orthonormal (columns = atoms), got max|Psi^T Psi - I| = {error:.3g}; "
                "orthogonalise it first, for example with numpy.linalg.qr"
            )
        object.__setattr__(self, "stored", Psi)

    @property
    def canonical(self) -> bool:
        """Whether Psi is the identity."""
        return self.stored is None and self.name == "canonical"

    @property
    def per_stream(self) -> bool:
        """Whether each stream has a basis of its own."""
        return self.stored is not None and self.stored.ndim == 3

    @cached_property
    def matrix(self) -> Float[np.ndarray, "..."]:
        """Psi as an array, (N, N) or (L, N, N); made when first asked for."""
        if self.stored is not None:
            return self.stored
        if self.name == "haar":
            return self._haar.toarray()
        eye = np.eye(self.N)
        if self.name == "dct":
            return np.asarray(scipy.fft.idct(eye, axis=0, norm="ortho"))
        return _dft_synthesis(eye) if self.name == "dft" else eye

    @cached_property
    def _haar(self) -> sparse.csr_array:
        return _haar_matrix(self.N)

    @cached_property
    def _haar_transposed(self) -> sparse.csr_array:
        return sparse.csr_array(self._haar.T)

    @property
    def _fast(self) -> bool:
        return self.stored is None and self.N > DENSE_STEPS

    def synthesis(self, C: Float[np.ndarray, "... N L"]) -> Float[np.ndarray, "... N L"]:
        """``S = Psi C``; leading axes are a batch. The result may share memory with C if the basis is canonical."""
        if self.canonical:
            return C
        if self._fast:
            if self.name == "dct":
                return np.asarray(scipy.fft.idct(C, axis=-2, norm="ortho"))
            return _dft_synthesis(C) if self.name == "dft" else _sparse_product(self._haar, C)
        return _stream_products(self.matrix, C) if self.per_stream else self.matrix @ C

    def analysis(self, S: Float[np.ndarray, "... N L"]) -> Float[np.ndarray, "... N L"]:
        """``C = Psi^T S``, the inverse of :meth:`synthesis`."""
        if self.canonical:
            return S
        if self._fast:
            if self.name == "dct":
                return np.asarray(scipy.fft.dct(S, axis=-2, norm="ortho"))
            return _dft_analysis(S) if self.name == "dft" else _sparse_product(self._haar_transposed, S)
        return _stream_products(self.matrix.swapaxes(1, 2), S) if self.per_stream else self.matrix.T @ S


BasisLike = str | ArrayLike | TemporalBasis | None


@cites("charles2018", "sparsity basis Psi")
def temporal_basis(basis: BasisLike, N: int, L: int | None = None) -> TemporalBasis:
    """The basis that a user's argument names.

    Parameters
    ----------
    basis : None or "canonical", "dct", "dft" (real Fourier), "haar" (any N), an orthonormal (N, N) matrix (columns =
        atoms) for all streams, an (L, N, N) array with one for each stream, or a :class:`TemporalBasis`.
    N, L : time steps and streams; L is compared with the first axis of (L, N, N) arrays.

    Raises
    ------
    ValueError : if the name is unknown, a shape is wrong, or the columns are not orthonormal (see
        :class:`TemporalBasis`).
    TypeError : if the basis is not made of real numbers.

    Cost: O(1) for a name (its matrix is made when it is first needed), N^3 a matrix for the test of an array.

    >>> temporal_basis("haar", 4).matrix.round(2)
    array([[ 0.5 ,  0.5 ,  0.71,  0.  ],
           [ 0.5 ,  0.5 , -0.71,  0.  ],
           [ 0.5 , -0.5 ,  0.  ,  0.71],
           [ 0.5 , -0.5 ,  0.  , -0.71]])
    """
    size = check_integer("N", N, minimum=1)
    if basis is None:
        return TemporalBasis(size, "canonical")
    if isinstance(basis, str):
        return TemporalBasis(size, check_choice("basis", basis, NAMES))
    if isinstance(basis, TemporalBasis):
        found = basis
        if size != found.N:
            raise ValueError(f"basis must be for N = {size} steps, got one for N = {found.N}; make another")
    else:
        ndim = 3 if np.ndim(basis) == 3 else 2
        found = TemporalBasis(size, "matrix", check_array("basis", basis, shape=(None,) * (ndim - 2) + (size, size)))
    if found.per_stream and L is not None and len(found.matrix) != L:
        raise ValueError(f"basis must have one matrix for each of L = {L} streams, got {len(found.matrix)}; pass {L}")
    return found


def random_basis(N: int, *, streams: int | None = None, rng: np.random.Generator | int) -> TemporalBasis:
    """Haar-distributed random orthonormal basis: ``Psi = Q sign(diag R)`` of the QR decomposition of a Gaussian matrix.

    Parameters
    ----------
    N : time steps.
    streams : None for one basis that all streams share, or L for one in each stream, drawn independently.
    rng : seed or generator.

    Raises
    ------
    ValueError : if a size is not positive.

    Source: Mezzadri (2007), "How to generate random matrices from the classical compact groups". Cost: O(N^3) a basis.

    >>> Psi = random_basis(4, streams=3, rng=0).matrix
    >>> Psi.shape, bool(np.allclose(Psi[1].T @ Psi[1], np.eye(4)))
    ((3, 4, 4), True)
    """
    size = check_integer("N", N, minimum=1)
    shape = () if streams is None else (check_integer("streams", streams, minimum=1),)
    Q, R = np.linalg.qr(check_generator("rng", rng).standard_normal((*shape, size, size)))
    signs = np.where(np.diagonal(R, axis1=-2, axis2=-1) < 0.0, -1.0, 1.0)
    return TemporalBasis(size, "random", Q * signs[..., None, :])
