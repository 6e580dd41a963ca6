"""The decorator :func:`claim` and the :class:`Claim` it makes: statement, source, check and controls in one object."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from linmem.checks import check_choice
from linmem.citations import Source, source
from linmem.claims.evidence import Evidence, Scale, Verdict

Check = Callable[[Scale, np.random.Generator], Evidence]

KINDS = {
    "symbolic": "an identity of computer algebra, exact",
    "certified": "ball arithmetic, exact arithmetic or an optimality certificate",
    "numerical": "two independent computations agree",
    "statistical": "an interval at a stated level, with the number of samples",
}
EXPECTED = {
    "holds": Verdict.HOLDS,
    "holds with assumption": Verdict.HOLDS,
    "fails": Verdict.FAILS,
}
_ID = re.compile(r"[a-z][a-z0-9]*(/[a-z0-9]+(-[a-z0-9]+)*)")


@dataclass(frozen=True)
class Control:
    """The same check on a broken premise, which must come out as failed."""

    description: str
    check: Check

    def __call__(self, scale: Scale, rng: np.random.Generator) -> Evidence:
        return self.check(scale, rng)


@dataclass(eq=False)
class Claim:
    """A statement of a paper with the computation that checks it. Made by :func:`claim`, see there."""

    id: str
    source: str | Source
    locator: str
    kind: str
    statement: str
    check: Check
    assumptions: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    expected: str = "holds"
    figure: str | None = None
    notebook: str | None = None
    controls: list[Control] = field(default_factory=list[Control])

    def __call__(self, scale: Scale, rng: np.random.Generator) -> Evidence:
        return self.check(scale, rng)

    def control(self, description: str) -> Callable[[Check], Control]:
        """Decorator: register the same check on a broken premise. At least one is required."""
        if not description.strip():
            raise ValueError(f"a control of {self.id!r} needs a description of the broken premise, got an empty one")

        def attach(check: Check) -> Control:
            made = Control(description, check)
            self.controls.append(made)
            return made

        return attach

    @property
    def book(self) -> Source:
        """The source as an object; ``ValueError`` if the key is unknown."""
        return self.source if isinstance(self.source, Source) else source(self.source)

    @property
    def paper(self) -> str:
        """First part of the id, e.g. ``li2021``."""
        return self.id.split("/")[0]

    @property
    def notebook_name(self) -> str:
        """File name of the notebook in ``notebooks/``."""
        return self.notebook or self.id.replace("/", "_").replace("-", "_") + ".ipynb"

    @property
    def file(self) -> Path:
        """The file in which the claim is written."""
        return Path(inspect.getsourcefile(inspect.unwrap(self.check)) or "?")

    def judge(self, evidence: object) -> Verdict:
        """The verdict of evidence for this claim; an error if it is no evidence or does not fit the claim's kind."""
        if not isinstance(evidence, Evidence):
            raise TypeError(f"{self.id} must return Evidence, got {type(evidence).__name__}; return Evidence([...])")
        if self.kind == "statistical" and all(m.level is None or m.n is None for m in evidence.measurements):
            raise ValueError(
                f"{self.id} is statistical: at least one measurement must carry level and n, got none; "
                "use Measurement.from_interval"
            )
        loose = [m.name for m in evidence.measurements if m.low != m.high]
        if self.kind == "symbolic" and loose:
            raise ValueError(f"{self.id} is symbolic: measurements must be exact, got intervals for {loose}")
        return evidence.verdict


def claim(
    id: str,
    *,
    source: str | Source,
    locator: str,
    kind: str,
    statement: str,
    assumptions: Sequence[str] = (),
    depends: Sequence[str] = (),
    expected: str = "holds",
    figure: str | None = None,
    notebook: str | None = None,
) -> Callable[[Check], Claim]:
    r"""Turn a function ``(scale, rng) -> Evidence`` into a claim.

    Parameters
    ----------
    id : ``paper/name`` in lower case, words joined by dashes.
    source : key of ``linmem/sources.bib``, or a :class:`linmem.citations.Source`.
    locator : place in the source, e.g. ``"Theorem 4.1"``.
    kind : symbolic, certified, numerical or statistical.
    statement : the claim in words, with LaTeX between dollar signs.
    assumptions : what must be true for the statement to be meant.
    depends : ids of claims that this one rests on.
    expected : "holds", "holds with assumption" or "fails" (a paper's claim that does not hold).
    figure : module in ``paper_figures/`` that draws the evidence's table.
    notebook : file in ``notebooks/`` (default: from the id).

    Raises
    ------
    ValueError : for an id of another form, an unknown kind or expected verdict, an empty statement.

    >>> from linmem.claims import Evidence, Measurement, Scale, claim
    >>> @claim("doe2030/one", source="linmem", locator="-", kind="symbolic", statement="$1 = 1$")
    ... def one(scale, rng):
    ...     return Evidence([Measurement("one", 1, "==", 1)])
    >>> @one.control("two in place of one")
    ... def two(scale, rng):
    ...     return Evidence([Measurement("one", 2, "==", 1)])
    >>> one.notebook_name, one(Scale.QUICK, np.random.default_rng(0)).verdict.value
    ('doe2030_one.ipynb', 'holds')
    """
    if not _ID.fullmatch(id):
        raise ValueError(
            f"a claim id must read paper/name in lower case with dashes, got {id!r}; e.g. 'li2021/plateau'"
        )
    check_choice(f"kind of {id}", kind, KINDS)
    check_choice(f"expected of {id}", expected, EXPECTED)
    if not statement.strip() or not locator.strip():
        raise ValueError(f"{id} needs a statement and a locator, got {statement!r} and {locator!r}; quote the source")

    def make(check: Check) -> Claim:
        return Claim(
            id, source, locator, kind, statement, check, tuple(assumptions), tuple(depends), expected, figure, notebook
        )

    return make
