"""Running claims: the check and its controls, each an independent task, judged by the computed verdicts.

Same seed, same result, for any number of workers: every check has a random generator of its own, derived from the
seed and the claim's id.
"""

from __future__ import annotations

import hashlib
import importlib
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from linmem.checks import check_integer
from linmem.claims.claim import KINDS, Claim
from linmem.claims.evidence import Evidence, Scale, Verdict
from linmem.claims.registry import Registry
from linmem.claims.result import CheckResult, Result
from linmem.content import FILE_PREFIX, load_file
from linmem.parallel import run_tasks


@dataclass(frozen=True)
class _Task:
    """One check, named so that a worker process can find it again. ``part`` is -1 for the claim, k for control k."""

    module: str
    file: Path
    id: str
    part: int
    scale: Scale
    seed: int


def generator(seed: int, id: str, part: int) -> np.random.Generator:
    """The random generator of one check: a function of seed, claim id and part alone."""
    digest = hashlib.sha256(f"{id}#{part}".encode()).digest()
    words = np.frombuffer(digest[:16], dtype=np.uint32)
    return np.random.default_rng(np.random.SeedSequence([seed, *map(int, words)]))


def _run_check(claim: Claim, part: int, scale: Scale, seed: int) -> CheckResult:
    check = claim.check if part < 0 else claim.controls[part].check
    description = "" if part < 0 else claim.controls[part].description
    wall, cpu = time.perf_counter(), time.process_time()
    evidence: Evidence | None = None
    verdict, error = Verdict.ERROR, ""
    try:
        evidence = check(scale, generator(seed, claim.id, part))
        verdict = claim.judge(evidence)
    except Exception:
        error = traceback.format_exc()
    return CheckResult(description, verdict, evidence, error, time.perf_counter() - wall, time.process_time() - cpu)


def _run_task(task: _Task) -> CheckResult:
    packaged = not task.module.startswith(FILE_PREFIX)
    module = importlib.import_module(task.module) if packaged else load_file(task.file)
    claim = next(value for value in vars(module).values() if isinstance(value, Claim) and value.id == task.id)
    return _run_check(claim, task.part, task.scale, task.seed)


def run(id: str | Claim, scale: str = "quick", seed: int = 0) -> Result:
    """Check one claim and its controls in this process, and return the :class:`Result`.

    Parameters
    ----------
    id : claim id, e.g. ``"li2021/plateau"``, or a :class:`Claim`.
    scale : "quick" or "paper".
    seed : non-negative integer.

    Raises
    ------
    ValueError : for an unknown id (the message names the nearest ones), scale or seed.

    Exceptions of the claim itself do not pass through: they are in ``result.check.error``.

    >>> run("illium2022/constant-predictor").verdict.value
    'holds'
    """
    found = id if isinstance(id, Claim) else Registry.load()[id]
    size, seed = Scale.of(scale), check_integer("seed", seed, minimum=0)
    check, *controls = (_run_check(found, part, size, seed) for part in range(-1, len(found.controls)))
    return Result(found, size, seed, check, tuple(controls))


def run_all(
    claims: Iterable[Claim],
    scale: str = "quick",
    seed: int = 0,
    jobs: int | None = None,
    on_start: Callable[[int], None] | None = None,
    on_check: Callable[[Claim, CheckResult], None] | None = None,
) -> list[Result]:
    """Check claims and their controls on worker processes; one that fails or dies never stops the others.

    Parameters
    ----------
    claims : what to check; the results come in the same order.
    scale, seed : as in :func:`run`.
    jobs : worker processes (default: the available cores), one BLAS and torch thread each.
    on_start : called once with the number of checks (claims and controls).
    on_check : called as each check finishes.

    Ctrl-C ends the run; what is finished is returned, checks without a result are marked as interrupted.
    """
    chosen, size, seed = list(claims), Scale.of(scale), check_integer("seed", seed, minimum=0)
    tasks = [
        _Task(c.check.__module__, c.file, c.id, part, size, seed)
        for c in _slowest_first(chosen)
        for part in range(-1, len(c.controls))
    ]
    by_id = {claim.id: claim for claim in chosen}
    done: dict[tuple[str, int], CheckResult] = {}
    if on_start:
        on_start(len(tasks))
    try:
        for index, outcome in run_tasks(_run_task, tasks, jobs):
            task = tasks[index]
            check = outcome if isinstance(outcome, CheckResult) else _failed(by_id[task.id], task.part, outcome)
            done[task.id, task.part] = check
            if on_check:
                on_check(by_id[task.id], check)
    except KeyboardInterrupt:
        pass
    interrupted = CheckResult("", Verdict.ERROR, None, "interrupted before it finished", 0.0, 0.0)
    results: list[Result] = []
    for claim in chosen:
        check = done.get((claim.id, -1), interrupted)
        controls = [
            done.get((claim.id, part), replace(interrupted, description=control.description))
            for part, control in enumerate(claim.controls)
        ]
        results.append(Result(claim, size, seed, check, tuple(controls)))
    return results


def _slowest_first(claims: Sequence[Claim]) -> list[Claim]:
    """Statistical claims take longest, symbolic ones least: in that order all workers are busy to the end."""
    order = {kind: -rank for rank, kind in enumerate(KINDS)}
    return sorted(claims, key=lambda claim: order[claim.kind])


def _failed(claim: Claim, part: int, outcome: BaseException) -> CheckResult:
    description = "" if part < 0 else claim.controls[part].description
    error = "".join(traceback.format_exception(outcome))
    return CheckResult(description, Verdict.ERROR, None, error, 0.0, 0.0)
