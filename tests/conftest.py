"""Array shapes written in linmem's annotations are checked here, in tests only: see typechecking.py."""

import os

from hypothesis import settings
from jaxtyping import install_import_hook

settings.register_profile("linmem", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("linmem")

install_import_hook("linmem", "typechecking.check_shapes")
