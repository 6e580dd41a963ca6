"""BibTeX of every source, and :func:`cite`, which prints what an object rests on.

The entries live in ``sources.bib`` beside this file. Public functions and classes that compute a formula of a paper
carry ``@cites(key, locator)``; claims carry their source. :func:`bibliography` turns both into BibTeX.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeVar

from linmem.checks import nearest

T = TypeVar("T")
_ATTRIBUTE = "__linmem_sources__"
_SHORTHAND = re.compile(r"^  shorthand = \{(.*)\},\n", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """A citable source: key, short name for tables, BibTeX entry.

    A third party that brings claims of its own passes a ``Source`` where linmem's own claims pass a key.

    >>> Source("doe2030", "Doe (2030)", "@article{doe2030, title={Memory}}").key
    'doe2030'
    """

    key: str
    name: str
    bibtex: str

    def __post_init__(self) -> None:
        if not self.key or not self.bibtex.lstrip().startswith("@") or self.key not in self.bibtex:
            raise ValueError(
                f"a source needs a key and a BibTeX entry that uses it, got key {self.key!r} and {self.bibtex[:40]!r}; "
                "write '@article{key, ...}'"
            )


@cache
def sources() -> dict[str, Source]:
    """Every source of ``sources.bib`` by key (read once).

    >>> "illium2022" in sources()
    True
    """
    text = resources.files("linmem").joinpath("sources.bib").read_text(encoding="utf-8")
    found: dict[str, Source] = {}
    for entry in re.split(r"^(?=@)", text, flags=re.MULTILINE)[1:]:
        key = entry[entry.index("{") + 1 : entry.index(",")]
        shorthand = _SHORTHAND.search(entry)
        name = shorthand.group(1) if shorthand else key
        found[key] = Source(key, name, _SHORTHAND.sub("", entry).strip())
    return found


def source(key: str) -> Source:
    """Look up a source by key; an unknown key is a ``ValueError`` that names the nearest ones.

    >>> source("li2021").name
    'Li, Han, E, Li (2021)'
    """
    known = sources()
    if key in known:
        return known[key]
    guess = nearest(key, known)
    hint = f"did you mean {', '.join(guess)}?" if guess else f"known keys: {', '.join(known)}"
    raise ValueError(f"a source must be a key of linmem/sources.bib, got {key!r}; {hint}")


def cites(key: str, locator: str = "") -> Callable[[T], T]:
    """Decorator: record that a function or class computes what ``locator`` of source ``key`` states.

    >>> @cites("li2021", "Theorem 4.1")
    ... def law(): ...
    >>> sources_of(law)
    (('li2021', 'Theorem 4.1'),)
    """

    def attach(target: T) -> T:
        setattr(target, _ATTRIBUTE, ((key, locator), *vars(target).get(_ATTRIBUTE, ())))
        return target

    return attach


def sources_of(target: object) -> tuple[tuple[str, str], ...]:
    """The (key, locator) pairs attached by :func:`cites`, in the order they are written above the object."""
    holder = target if hasattr(target, "__name__") else type(target)
    return tuple(getattr(holder, _ATTRIBUTE, ()))


def cite(target: object = "linmem") -> str:
    """BibTeX entries of what ``target`` rests on, each preceded by the place in the source; linmem itself comes last.

    Parameters
    ----------
    target : a source key, or an object of linmem (function, class or instance).

    Raises
    ------
    ValueError : for an unknown key, or an object for which no source is recorded.

    >>> print(cite("li2022").splitlines()[0])
    @article{li2022,
    """
    if isinstance(target, str):
        return source(target).bibtex
    found = sources_of(target)
    if not found:
        raise ValueError(f"no source is recorded for {target!r}; cite linmem itself with linmem.cite('linmem')")
    return bibliography(found)


def bibliography(entries: Iterable[tuple[str | Source, str]]) -> str:
    """BibTeX of several (key or source, locator) pairs, each source once, linmem last."""
    places: dict[str, list[str]] = {}
    books: dict[str, Source] = {}
    for item, locator in (*entries, ("linmem", "")):
        book = item if isinstance(item, Source) else source(item)
        books[book.key] = book
        if locator and locator not in places.setdefault(book.key, []):
            places[book.key].append(locator)
    if "linmem" in books:
        books["linmem"] = books.pop("linmem")
    return "\n\n".join(
        (textwrap.indent("; ".join(places[key]), "% ") + "\n" if places.get(key) else "") + book.bibtex
        for key, book in books.items()
    )
