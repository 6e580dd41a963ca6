"""Array shapes written in linmem's annotations are checked here, in tests only: see typechecking.py."""

import os
import sys
from collections import namedtuple

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

settings.register_profile("linmem", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("linmem")

install_import_hook("linmem", "typechecking.check_shapes")

Done = namedtuple("Done", "returncode stdout stderr")


@pytest.fixture
def call(monkeypatch, capfd, tmp_path):
    """Run the command linmem in this process, in ``cwd``; returns exit status and output."""

    def run(*arguments, cwd=tmp_path):
        from linmem import cli

        monkeypatch.chdir(cwd)
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(sys, "argv", ["linmem", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return Done(stop.value.code or 0, *capfd.readouterr())

    return run
