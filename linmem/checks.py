"""Checks of what a caller passes, used at the entry of every public function.

Each check either returns the value in the type that the computation wants, or raises ``ValueError`` (wrong value) or
``TypeError`` (wrong kind of object) with three things in the message: the rule, what was received, and the fix.
"""

from __future__ import annotations

import difflib
import math
import numbers
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray


def nearest(word: str, choices: Iterable[str], count: int = 3) -> list[str]:
    """The choices that look most like ``word``, best first.

    >>> nearest("li2021/plateu", ["li2021/plateau", "charles2018/unrolling"])
    ['li2021/plateau']
    """
    return difflib.get_close_matches(word, list(choices), n=count, cutoff=0.5)


def check_finite(name: str, value: object) -> float:
    """Return ``value`` as a finite float.

    >>> check_finite("delta", 1)
    1.0
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r} of type {type(value).__name__}; pass a float")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}; replace NaN or infinity by a finite number")
    return number


def check_positive(name: str, value: object) -> float:
    """Return ``value`` as a finite float greater than zero.

    >>> check_positive("delta", -1)
    Traceback (most recent call last):
    ...
    ValueError: delta must be > 0, got -1; pass a positive number
    """
    number = check_finite(name, value)
    if number <= 0.0:
        raise ValueError(f"{name} must be > 0, got {value!r}; pass a positive number")
    return number


def check_nonnegative(name: str, value: object) -> float:
    """Return ``value`` as a finite float that is zero or greater."""
    number = check_finite(name, value)
    if number < 0.0:
        raise ValueError(f"{name} must be >= 0, got {value!r}; pass zero or a positive number")
    return number


def check_integer(name: str, value: object, minimum: int | None = None, maximum: int | None = None) -> int:
    """Return ``value`` as an int within ``[minimum, maximum]``.

    >>> check_integer("K", 3, minimum=1)
    3
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {value!r} of type {type(value).__name__}; pass an int")
    number = int(value)
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be >= {minimum}, got {number}; pass {minimum} or more")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be <= {maximum}, got {number}; pass {maximum} or less")
    return number


def check_array(
    name: str, value: ArrayLike, ndim: int | None = None, shape: Sequence[int | None] | None = None
) -> NDArray[np.float64]:
    """Return ``value`` as a finite float64 array of the asked dimension and shape (``None`` entries are free).

    >>> check_array("rates", [1, 2], ndim=1)
    array([1., 2.])
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(f"{name} must be a rectangular array of real numbers, got a ragged sequence") from error
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}; convert it to float first")
    array = array.astype(np.float64)
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {array.shape}; reshape it")
    if shape is not None and (
        array.ndim != len(shape)
        or any(want is not None and want != have for want, have in zip(shape, array.shape, strict=True))
    ):
        wanted = "(" + ", ".join("any" if want is None else str(want) for want in shape) + ")"
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}; reshape or transpose it")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[where]} at index {where}; remove NaN and infinity")
    return array


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``choices``; otherwise name the nearest ones.

    >>> check_choice("scale", "quik", ["quick", "paper"])
    Traceback (most recent call last):
    ...
    ValueError: scale must be one of 'quick', 'paper', got 'quik'; did you mean 'quick'?
    """
    options = list(choices)
    if isinstance(value, str) and value in options:
        return str(value)
    listing = ", ".join(repr(option) for option in options)
    guess = nearest(value, options, 1) if isinstance(value, str) else []
    fix = f"did you mean {guess[0]!r}?" if guess else "pass one of them"
    raise ValueError(f"{name} must be one of {listing}, got {value!r}; {fix}")


def check_generator(name: str, value: object) -> np.random.Generator:
    """Return a ``numpy.random.Generator`` from a generator or an integer seed; ``None`` is refused.

    >>> int(check_generator("rng", 0).integers(1))
    0
    """
    if isinstance(value, np.random.Generator):
        return value
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer seed or a numpy.random.Generator, got {value!r}; pass e.g. 0")
    return np.random.default_rng(check_integer(name, value, minimum=0))


def check_folder(name: str, value: str | os.PathLike[str]) -> Path:
    """Create the folder if needed and return it; refuse one that cannot be written to."""
    path = Path(value)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".linmem-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"{name} must be a folder that can be written to, got {str(path)!r} ({error.strerror}); choose another one"
        ) from error
    return path
