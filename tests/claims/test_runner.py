"""Runs on real worker processes: verdicts, errors and lost workers, and results that do not depend on the workers."""

import numpy as np
import pytest
from samples import HEADER, snippet

from linmem.claims import Registry, Verdict, run, run_all
from linmem.claims.runner import generator

NAN = 'Measurement("error", float("nan"), "<", 2.0)'
RANDOM = 'Measurement("draw", rng.random(), "in", (0.0, 1.0))'
SUITE = (
    snippet("toy/true"),
    snippet("toy/false", 'Measurement("error", 3.0, "<", 2.0, 2.5, 3.5)'),
    snippet("toy/straddles", 'Measurement("error", 2.0, "<", 2.0, 1.5, 2.5)'),
    snippet("toy/loose-control", control='Measurement("error", 1.0, "<", 2.0)'),
    snippet("toy/open-control", control='Measurement("error", 2.0, "<", 2.0, 1.5, 2.5)'),
    snippet("toy/not-finite", NAN),
    snippet("toy/not-finite-control", control=NAN),
    snippet("toy/raises", before='raise ZeroDivisionError("by the test")'),
    snippet("toy/dies", before="os._exit(3)"),
    snippet("toy/known-to-fail", 'Measurement("error", 3.0, "<", 2.0)', expected="fails"),
    snippet("toy/wrongly-expected", expected="fails"),
    snippet("toy/random", RANDOM, 'Measurement("draw", rng.random(), ">", 1.0)'),
    snippet("toy/no-samples", kind="statistical"),
    snippet("toy/not-exact", 'Measurement("m", 1.0, "<", 2.0, 0.9, 1.1)', kind="symbolic"),
    snippet("toy/no-evidence", before="return 1.0"),
)
GREEN = {"toy/true", "toy/known-to-fail", "toy/random"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    path = tmp_path_factory.mktemp("suite") / "claims.py"
    path.write_text(HEADER + "".join(SUITE))
    return Registry.load([path], installed=False)


@pytest.fixture(scope="module")
def results(registry):
    return {result.claim.id: result for result in run_all(registry, jobs=2)}


def test_every_claim_has_a_result_in_order(registry, results):
    assert list(results) == list(registry.claims)


def test_what_is_green(results):
    assert {id for id, result in results.items() if result.as_expected} == GREEN


@pytest.mark.parametrize(
    ("id", "verdict", "problem"),
    [
        ("toy/false", Verdict.FAILS, "the verdict is fails, expected: holds"),
        ("toy/straddles", Verdict.INCONCLUSIVE, "the verdict is inconclusive"),
        ("toy/loose-control", Verdict.HOLDS, "came out as holds, it must fail"),
        ("toy/open-control", Verdict.HOLDS, "came out as inconclusive, it must fail"),
        ("toy/not-finite", Verdict.ERROR, "must be finite, got nan"),
        ("toy/not-finite-control", Verdict.HOLDS, "came out as error"),
        ("toy/raises", Verdict.ERROR, "ZeroDivisionError: by the test"),
        ("toy/dies", Verdict.ERROR, "the worker process died"),
        ("toy/wrongly-expected", Verdict.HOLDS, "the verdict is holds, expected: fails"),
        ("toy/no-samples", Verdict.ERROR, "must carry level and n"),
        ("toy/not-exact", Verdict.ERROR, "measurements must be exact"),
        ("toy/no-evidence", Verdict.ERROR, "must return Evidence, got float"),
    ],
)
def test_what_is_red_and_why(results, id, verdict, problem):
    assert results[id].verdict is verdict
    assert any(problem in line for line in results[id].problems)


def test_the_traceback_names_the_line(results):
    assert 'raise ZeroDivisionError("by the test")' in results["toy/raises"].check.error
    with pytest.raises(RuntimeError, match="by the test"):
        _ = results["toy/raises"].evidence


def test_same_seed_same_result_for_any_number_of_workers(registry, results):
    claim = registry["toy/random"]
    draws = {run_all([claim], jobs=jobs)[0].evidence.measurements[0].value for jobs in (1, 2)}
    draws |= {run(claim).evidence.measurements[0].value, results["toy/random"].evidence.measurements[0].value}
    assert len(draws) == 1
    assert run(claim, seed=1).evidence.measurements[0].value not in draws


def test_generators_differ_between_checks():
    keys = [(seed, id, part) for seed in (0, 1) for id in ("a/b", "a/c") for part in (-1, 0, 1)]
    draws = {tuple(generator(*key).integers(2**32, size=2)) for key in keys}
    assert len(draws) == len(keys)
    assert np.array_equal(generator(0, "a/b", 0).random(3), generator(0, "a/b", 0).random(3))


def test_interrupt_keeps_what_is_finished(registry):
    seen = []

    def stop(claim, check):
        seen.append(claim.id)
        if len(seen) == 2:
            raise KeyboardInterrupt

    results = run_all([registry["toy/true"], registry["toy/random"]], jobs=1, on_check=stop)
    checks = [check for result in results for check in (result.check, *result.controls)]
    assert sum("interrupted" in check.error for check in checks) == 2
    assert sum(check.verdict in (Verdict.HOLDS, Verdict.FAILS) for check in checks) == 2


def test_bad_calls(registry):
    with pytest.raises(ValueError, match="scale must be one of"):
        run_all(registry, scale="huge")
    with pytest.raises(ValueError, match="seed must be >= 0"):
        run("illium2022/constant-predictor", seed=-1)
    with pytest.raises(ValueError, match="did you mean illium2022/constant-predictor"):
        run("illium2022/constant-predict")
    with pytest.raises(ValueError, match="jobs must be >= 1"):
        run_all(registry, jobs=0)
