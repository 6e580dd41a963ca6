"""How trained parameters become decay rates: directly, through exp, or through softplus.

A network trains v, and runs with the rate w = f(v) > 0:

    direct    w = v            softplus    w = log(1 + e^v)            exp    w = e^v

Only "direct" can leave the stable networks: its rate falls to v - beta, the others stay positive for every v.
|d log w/d v| is 1 for exp and sigma(v)/softplus(v) < 1 for softplus, so both move log w by at most beta.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flint import arb

from linmem.checks import check_choice
from linmem.citations import cites

RateName = Literal["direct", "exp", "softplus"]


@cites("wang2024", "stable parameterisation")
@dataclass(frozen=True)
class RateParameterisation:
    """One map v -> w. `rate` and `parameter` are inverse to each other, both on balls.

    >>> softplus = rate_parameterisation("softplus")
    >>> bool(softplus.rate(softplus.parameter(arb(2))).contains(2))
    True
    """

    name: str
    rate: Callable[[arb], arb]
    parameter: Callable[[arb], arb]

    def shifted(self, rate: arb, change: arb) -> arb | None:
        """The rate after v moves by `change`; None when it is not certainly positive (the network may be unstable)."""
        moved = self.rate(self.parameter(rate) + change)
        return moved if moved > 0 else None


def rate_parameterisation(name: str) -> RateParameterisation:
    """The parameterisation of that name; ValueError for an unknown one.

    >>> rate_parameterisation("exp").shifted(arb(1), arb(-1)).str(5, radius=False)
    '0.36788'
    """
    return _PARAMETERISATIONS[check_choice("rates", name, _PARAMETERISATIONS)]


def _same(x: arb) -> arb:
    return x


def _softplus(v: arb) -> arb:
    """log(1 + e^v), without overflow of the ball's radius for large v: v + log(1 + e^-v)."""
    return v + (-v).exp().log1p() if v > 0 else v.exp().log1p()


def _softplus_inverse(w: arb) -> arb:
    """log(e^w - 1)."""
    return w + (-(-w).exp()).log1p() if w > 1 else w.expm1().log()


_PARAMETERISATIONS = {
    "direct": RateParameterisation("direct", _same, _same),
    "exp": RateParameterisation("exp", arb.exp, arb.log),
    "softplus": RateParameterisation("softplus", _softplus, _softplus_inverse),
}
