"""The pytest plugin: `pytest verification/` runs claims, and leaves other files alone."""

import pytest
from samples import HEADER, snippet

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester):
    folder = pytester.mkdir("verification")
    (folder / "good.py").write_text(HEADER + snippet("toy/good"))
    (folder / "bad.py").write_text(HEADER + snippet("toy/bad", before='raise ValueError("by the test")'))
    (folder / "helper.py").write_text("raise RuntimeError('must not be imported')\n")
    other = pytester.mkdir("elsewhere")
    (other / "claims.py").write_text(HEADER + snippet("toy/elsewhere"))
    return pytester


def run(project, *arguments):
    return project.runpytest_subprocess("-p", "no:cacheprovider", "-v", *arguments)


def test_claims_are_tests(project):
    found = run(project)
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(["*toy/good PASSED*", "*ValueError: by the test*"])
    found.stdout.no_fnmatch_line("*toy/elsewhere*")


def test_folders_are_an_option(project):
    project.makeini("[pytest]\nlinmem_claims = elsewhere\n")
    run(project).assert_outcomes(passed=1)


def test_the_seed_reaches_the_claim(project):
    draw = 'Measurement("draw", rng.random(), "in", (0.0, 1.0))'
    text = snippet("toy/seeded", draw, before="print('drawn', rng.random())")
    (project.path / "verification" / "good.py").write_text(HEADER + text)
    outputs = {
        next(line for line in run(project, "-s", "verification/good.py", *options).outlines if "drawn" in line)
        for options in ([], ["--linmem-seed", "1"])
    }
    assert len(outputs) == 2
