"""Discovery: claims are found in folders (like tests) and behind the entry point ``linmem.claims``."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from linmem.checks import nearest
from linmem.claims.claim import Claim
from linmem.content import content_folder, load_file, python_files


class RegistryError(ValueError):
    """Claims that do not fit together: the message names the file, the rule and the fix."""


@dataclass(frozen=True)
class Registry:
    """Claims by id, in the order of their files, every rule checked.

    >>> "li2021/plateau" in Registry.load().claims
    True
    """

    claims: dict[str, Claim]

    @classmethod
    def load(cls, paths: Sequence[str | Path] = (), installed: bool = True) -> Registry:
        """Collect claims and check them.

        Parameters
        ----------
        paths : further files or folders, besides linmem's own ``verification/``.
        installed : whether linmem's own claims and those of entry points ``linmem.claims`` are included.

        Raises
        ------
        RegistryError : a file that cannot be imported, a duplicate id, a missing control, an unknown source or
            dependency, a circle of dependencies.
        """
        modules: dict[Path, ModuleType] = {}
        folders = [content_folder("verification")] if installed else []
        for path in (*folders, *map(Path, paths)):
            if not path.exists():
                raise RegistryError(f"claims must be in an existing file or folder, got {str(path)!r}; check the path")
            for file in python_files(path):
                modules.setdefault(file, _import(file))
        extra = [_entry(point.value) for point in entry_points(group="linmem.claims")] if installed else []
        return cls.of(claim for module in (*modules.values(), *extra) for claim in _claims(module))

    @classmethod
    def of(cls, claims: Iterable[Claim]) -> Registry:
        """Check claims given one by one (see :meth:`load` for the errors)."""
        found: dict[str, Claim] = {}
        for claim in claims:
            other = found.setdefault(claim.id, claim)
            if other is not claim:
                raise RegistryError(
                    f"claim ids must be unique, got {claim.id!r} in {other.file} and again in {claim.file}; rename one"
                )
        for claim in found.values():
            _check(claim, found)
        _check_circles(found)
        return cls(found)

    def __iter__(self) -> Iterator[Claim]:
        return iter(self.claims.values())

    def __len__(self) -> int:
        return len(self.claims)

    def __getitem__(self, id: str) -> Claim:
        """The claim of that id; an unknown id is a ``ValueError`` that names the nearest ones."""
        if id in self.claims:
            return self.claims[id]
        guess = nearest(id, self.claims)
        hint = f"did you mean {', '.join(guess)}?" if guess else "see `linmem claims` for all ids"
        raise ValueError(f"unknown claim {id!r}; {hint}")

    def below(self, path: Path) -> list[Claim]:
        """The claims written in that file or below that folder."""
        root = path.resolve()
        return [claim for claim in self if root in (claim.file.resolve(), *claim.file.resolve().parents)]

    def with_dependencies(self, ids: Iterable[str]) -> list[Claim]:
        """The claims of these ids and all that they rest on, dependencies first."""
        order: dict[str, Claim] = {}

        def visit(id: str) -> None:
            claim = self[id]
            for parent in claim.depends:
                if parent not in order:
                    visit(parent)
            order[id] = claim

        for id in ids:
            visit(id)
        return list(order.values())


def _import(file: Path) -> ModuleType:
    try:
        return load_file(file)
    except Exception as error:
        raise RegistryError(f"{file} could not be imported: {type(error).__name__}: {error}; mend the file") from error


def _entry(value: str) -> ModuleType:
    try:
        return importlib.import_module(value)
    except Exception as error:
        raise RegistryError(
            f"entry point linmem.claims = {value!r} could not be imported: {type(error).__name__}: {error}; "
            "it must name a module"
        ) from error


def _claims(module: ModuleType) -> list[Claim]:
    return [value for value in vars(module).values() if isinstance(value, Claim)]


def _check(claim: Claim, known: dict[str, Claim]) -> None:
    if not claim.controls:
        raise RegistryError(f"{claim.file}: {claim.id} has no control; add one with @{_name(claim)}.control('...')")
    try:
        _ = claim.book
    except ValueError as error:
        raise RegistryError(f"{claim.file}: {claim.id}: {error}") from error
    for parent in claim.depends:
        if parent not in known:
            guess = nearest(parent, known, 1)
            hint = f"did you mean {guess[0]!r}?" if guess else "name an existing claim"
            raise RegistryError(f"{claim.file}: {claim.id} depends on the unknown claim {parent!r}; {hint}")


def _name(claim: Claim) -> str:
    return getattr(claim.check, "__name__", "claim")


def _check_circles(claims: dict[str, Claim]) -> None:
    done: set[str] = set()

    def visit(id: str, path: tuple[str, ...]) -> None:
        if id in path:
            circle = " -> ".join((*path[path.index(id) :], id))
            raise RegistryError(f"{claims[id].file}: dependencies must not form a circle, got {circle}; remove one")
        if id not in done:
            for parent in claims[id].depends:
                visit(parent, (*path, id))
            done.add(id)

    for id in claims:
        visit(id, ())
