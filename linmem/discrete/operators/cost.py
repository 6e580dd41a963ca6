"""Measured cost model of the representations, from which ``method="auto"`` chooses.

The predicted seconds of a pair of products (A and its adjoint, or one product with ``A^T A``) and of the build are sums
of a few terms that count what the representation does, with constants in nanoseconds that were fitted to interleaved
timings on one thread of a busy AMD EPYC (1 MiB of cache a core): median error a tenth to a third of an octave, at most
one or two. Other machines shift them together; only their ratios decide. To measure them again:
``python benchmarks/operators.py --fit``.
"""

from __future__ import annotations

import math

from linmem.checks import check_choice

METHODS = ("dense", "gemm", "nufft", "toeplitz")
STORAGE = 2**27
"""``method="auto"`` stores at most this many numbers (1 GiB) where another representation needs fewer."""
CACHE = 2**17
"""Numbers that stay in the cache of a core between two products (1 MiB)."""
SHORT = 64
"""The normal operator is built by matrix products up to this many steps, by fast transforms beyond (measured)."""

PAIR = {
    "dense": (5930.0, 0.21, 0.367),
    "gemm": (42000.0, 0.191, 0.761),
    "nufft": (99000.0, 8350.0, 49.3, 2.35),
    "toeplitz": (37500.0, 0.686, 0.0848, 1.55),
}
"""Nanoseconds of each term of a pair, in the order of :func:`pair_terms`."""
BUILD = {
    "dense": (74200.0, 20.6, 6.42),
    "gemm": (60700.0, 13.7),
    "nufft": (940000.0, 16.1),
    "toeplitz": (250000.0, 0.0334, 3.72, 756.0),
}
"""Nanoseconds of each term of the build, in the order of :func:`build_terms`."""


def storage(method: str, M: int, N: int, L: int) -> int:
    """Stored numbers."""
    return {"dense": M * N * L, "gemm": M * (N + L), "nufft": M * L + 2 * N * L, "toeplitz": (N + 1) * L * L}[method]


def _beyond(numbers: int) -> int:
    return max(numbers - CACHE, 0)


def pair_terms(method: str, M: int, N: int, L: int) -> tuple[float, ...]:
    """What a pair of products costs: a constant, multiplications, numbers read from beyond the cache, FFT points."""
    entries, kernel, points = M * N * L, (N + 1) * L * L, N * L * math.log2(2 * N)
    match check_choice("method", method, METHODS):
        case "dense":
            return 1.0, entries, _beyond(entries)
        case "gemm":
            return 1.0, entries, _beyond(M * N)
        case "nufft":
            return 1.0, L, M * L, points
        case _:
            return 1.0, kernel, _beyond(kernel), points


def build_terms(method: str, M: int, N: int, L: int) -> tuple[float, ...]:
    """What the build costs: a constant and the numbers made or the terms summed."""
    match check_choice("method", method, METHODS):
        case "dense":
            return 1.0, M * N, M * N * L
        case "gemm":
            return 1.0, M * (N + L)
        case "nufft":
            return 1.0, M * L
        case _:
            return 1.0, M * L * L * min(N, SHORT), N * L * L * math.log2(2 * N), M


def seconds(method: str, M: int, N: int, L: int, products: float) -> float:
    """Predicted time of the build and of ``products`` pairs.

    >>> seconds("toeplitz", 1200, 100, 40, products=100) < seconds("gemm", 1200, 100, 40, products=100)
    True
    """
    pair = sum(map(float.__mul__, PAIR[method], map(float, pair_terms(method, M, N, L))))
    build = sum(map(float.__mul__, BUILD[method], map(float, build_terms(method, M, N, L))))
    return 1e-9 * (build + products * pair)


def cheapest(methods: tuple[str, ...], M: int, N: int, L: int, products: float) -> str:
    """The method with the least predicted time among those that fit :data:`STORAGE`, or that needs least memory.

    >>> cheapest(("dense", "gemm", "nufft"), 120_000, 10_000, 40, products=1)
    'nufft'
    """
    fitting = [method for method in methods if storage(method, M, N, L) <= STORAGE]
    if not fitting:
        return min(methods, key=lambda method: storage(method, M, N, L))
    return min(fitting, key=lambda method: seconds(method, M, N, L, products))
