"""Claims: statements of papers as executable checks with evidence, verdicts and controls."""

from linmem.claims.claim import EXPECTED, KINDS, Claim, Control, claim
from linmem.claims.evidence import RELATIONS, Evidence, Measurement, Scale, Verdict
from linmem.claims.registry import Registry, RegistryError
from linmem.claims.result import CheckResult, ControlResult, Result
from linmem.claims.runner import run, run_all

__all__ = [
    "EXPECTED",
    "KINDS",
    "RELATIONS",
    "CheckResult",
    "Claim",
    "Control",
    "ControlResult",
    "Evidence",
    "Measurement",
    "Registry",
    "RegistryError",
    "Result",
    "Scale",
    "Verdict",
    "claim",
    "run",
    "run_all",
]
