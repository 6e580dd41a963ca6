"""pytest plugin: collects claims, so that ``pytest verification/`` checks them.

A Python file that lies in a folder named ``verification`` (or in one named by the ini option ``linmem_claims``) and
that holds claims becomes a collector; every claim is one test, which passes if its verdict is the expected one and
every control failed. The option ``--linmem-scale`` sets the scale, ``--linmem-seed`` the seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from linmem.claims import Claim


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("linmem", "claims of linmem")
    group.addoption("--linmem-scale", default="quick", choices=["quick", "paper"], help="scale of the claims")
    group.addoption("--linmem-seed", default=0, type=int, help="seed of the claims")
    parser.addini("linmem_claims", "names of folders that hold claims", type="args", default=["verification"])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    folders: list[str] = parent.config.getini("linmem_claims")
    inside = any(part in folders for part in file_path.parent.parts)
    if file_path.suffix != ".py" or file_path.name.startswith("_") or not inside:
        return None
    if b"@claim" not in file_path.read_bytes():
        return None
    return ClaimFile.from_parent(parent, path=file_path)


class ClaimFailed(Exception):
    """A claim did not come out as expected."""


class ClaimFile(pytest.File):
    """A file of claims."""

    def collect(self) -> Iterator[ClaimItem]:
        from linmem.claims import Registry

        for claim in Registry.load([self.path]).below(self.path):
            item: ClaimItem = ClaimItem.from_parent(self, name=claim.id, claim=claim)
            yield item


class ClaimItem(pytest.Item):
    """One claim with its controls."""

    def __init__(self, *, claim: Claim, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.claim = claim

    def runtest(self) -> None:
        from linmem.claims import run

        scale, seed = (str(self.config.getoption(f"--linmem-{option}")) for option in ("scale", "seed"))
        result = run(self.claim, scale, int(seed))
        if not result.as_expected:
            errors = [check.error for check in (result.check, *result.controls) if check.error]
            raise ClaimFailed("\n".join([str(result), *errors]))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ClaimFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        line = self.claim.check.__code__.co_firstlineno - 1 if hasattr(self.claim.check, "__code__") else None
        return self.path, line, self.claim.id
