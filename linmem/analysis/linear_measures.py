"""What a report reads from the linearisation: spectrum, exact capacity, kernel and its decay; and the step response."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from jaxtyping import Float

from linmem.analysis.catalogue import row
from linmem.analysis.linear import Linearisation
from linmem.analysis.record import Row
from linmem.analysis.setting import Found, Setting
from linmem.capacity.result import MemoryCapacity

_LONGEST = 2000  # lags of the kernel
_SETTLED = 0.01
_DIGITS = 12
_EXACT_LARGEST = 1000


def measure_spectrum(setting: Setting) -> Found:
    """Eigenvalues of the linearisation: spectral radius, time constant; its exact capacity."""
    lin = setting.linear
    keys = ("kernel.radius", "kernel.time", "capacity.linear", "capacity.linear_jaeger")
    if lin is None:
        return Found(tuple(row(key, note=setting.refusal) for key in keys), {})
    values = lin.eigenvalues
    radius = float(np.abs(values).max())
    words = ", ".join(f"{x:.3g}" for x in lin.input) if len(lin.input) <= 3 else "the mean"
    rows = [
        row(
            keys[0], radius, error=f"Jacobian exact to {lin.jacobian_error:.1g}",
            note=f"at rest under the constant input {words}",
        )
    ]  # fmt: skip
    if 0 < radius < 1:
        rows.append(row(keys[1], -1 / math.log(radius), error="from the spectral radius"))
    else:
        rows.append(row(keys[1], note="no mode survives a step" if radius == 0 else "the slowest mode does not shrink"))
    tables = {"eigenvalues": pd.DataFrame({"real": np.real(values), "imaginary": np.imag(values)})}
    more, curves = _exact(setting, lin, radius)
    if curves is not None:
        tables["memory"] = curves
    return Found((*rows, *more), tables)


def _exact(setting: Setting, lin: Linearisation, radius: float) -> tuple[list[Row], pd.DataFrame | None]:
    from linmem.capacity import exact_capacity, multivariate_capacity, multivariate_curves
    from linmem.capacity.linear import reachable_part

    keys, n, d = ("capacity.linear", "capacity.linear_jaeger"), len(lin.A), lin.B.shape[1]
    if radius >= 1:
        return [
            row(key, note="the linearisation is unstable: its memory has no stationary state") for key in keys
        ], None
    if n > _EXACT_LARGEST:
        return [row(key, note=f"skipped above {_EXACT_LARGEST} states: too slow") for key in keys], None
    if not lin.B.any():
        return [row(key, note="the input does not reach the state at rest") for key in keys], None
    lags = setting.max_lag
    if d == 1:
        part = reachable_part(lin.A, lin.B[:, 0])
        found: list[MemoryCapacity] = [exact_capacity(lin.A, lin.B[:, 0], first_lag=f, reachable=part) for f in (0, 1)]
        curve = exact_capacity(lin.A, lin.B[:, 0], max_lag=lags, first_lag=0, reachable=part).curve
        frame = curve.to_frame().assign(channel=0, method="linearised")
        rows = [
            row(
                key,
                item.value,
                low=item.low,
                high=item.high,
                bound=n,
                error="bound on rounding",
                note=f"rank {item.curve.rank}",
            )
            for key, item in zip(keys, found, strict=True)
        ]
        return rows, frame
    joint = [multivariate_capacity(lin.A, lin.B, first_lag=f) for f in (0, 1)]
    rows = [
        row(
            key, item.joint, low=item.joint_low, high=item.joint_high, bound=n, error="estimate of rounding",
            note=f"all inputs together; each: {', '.join(f'{v:.3g}' for v in item.values)}",
        )
        for key, item in zip(keys, joint, strict=True)
    ]  # fmt: skip
    frame = multivariate_curves(lin.A, lin.B, lags).to_frame().rename(columns={"input": "channel"})
    return rows, frame.assign(method="linearised")


def measure_kernel(setting: Setting) -> Found:
    """Kernel c^T A^k B of the answer near rest (the norm of A^k B without one): strongest lag, decay with verdict."""
    lin, keys = setting.linear, ("kernel.peak", "kernel.decay")
    if lin is None:
        return Found(tuple(row(key, note=setting.refusal) for key in keys), {})
    count = _kernel_length(setting, lin)
    kernel = _state_kernel(lin, count) if lin.c is None else np.asarray(lin.kernel(count)).reshape(count, -1)
    rows: list[Row] = []
    tables: list[pd.DataFrame] = []
    for c in setting.channels:
        h = kernel[:, c or 0]
        frame = pd.DataFrame({"channel": c or 0, "lag": np.arange(count), "value": h, "fitted": np.nan})
        size = float(np.abs(h).max())
        if size == 0 or not np.isfinite(size):
            why = "the answer does not see this input near rest" if size == 0 else "the kernel grows without limit"
            rows.extend(row(key, channel=c, note=why) for key in keys)
            continue
        peak = int(np.abs(h).argmax())
        share = float(h[peak] ** 2 / (h**2).sum())
        rows.append(
            row(
                keys[0],
                peak,
                channel=c,
                error="exact",
                note=f"weight {h[peak]:.3g}, {100 * share:.3g} % of the kernel's energy",
            )
        )
        decay, fitted = _decay(setting, h, c)
        rows.append(decay)
        tables.append(frame.assign(fitted=fitted))
    return Found(tuple(rows), {"kernel": pd.concat(tables, ignore_index=True)} if tables else {})


def _state_kernel(lin: Linearisation, count: int) -> Float[np.ndarray, "count d"]:
    """Norm of A^k B, k = 0 .. count - 1, for each input."""
    sizes, now = np.empty((count, lin.B.shape[1])), lin.B
    for k in range(count):
        sizes[k] = np.linalg.norm(now, axis=0)
        now = lin.A @ now
    return sizes


def _kernel_length(setting: Setting, lin: Linearisation) -> int:
    """Lags until the slowest mode has fallen by twelve digits, at least 2 n + 10, at most 2000."""
    slow = _LONGEST if lin.radius >= 1 else math.ceil(_DIGITS * math.log(10) / -math.log(max(lin.radius, 1e-6)))
    return int(np.clip(slow, min(2 * setting.model.state_size + 10, _LONGEST), _LONGEST))


def measure_response(setting: Setting) -> Found:
    """Memory function of the network itself: how its answer still moves k steps after a jump of the input."""
    lin, model, key = setting.linear, setting.model, "kernel.response"
    reason = (
        setting.refusal if lin is None else "" if model.answer is not None else "no answer of its own: pass readout="
    )
    if lin is None or reason:
        return Found((row(key, note=reason),), {})
    from linmem.continuous.network.memory import measured_memory_function

    count = min(_kernel_length(setting, lin), 500)
    jump = setting.drive.values.std(axis=0)
    rows: list[Row] = []
    frame = pd.DataFrame()

    def answer(changes: np.ndarray) -> np.ndarray:
        return model.answers(model.run(lin.input + changes, initial=lin.state))

    for c in setting.channels:
        size = np.zeros(model.input_size)
        size[c or 0] = jump[c or 0]
        found = measured_memory_function(answer, count, 1.0, [size, -size])
        moving = np.flatnonzero(found.values > _SETTLED * found.values.max())
        last = int(moving[-1]) + 1 if len(moving) else None
        if c in (None, 0):
            frame = pd.DataFrame({"lag": np.arange(count), "value": found.values})
        rows.append(
            row(
                key, last, channel=c, error="lower bound: two sizes of jump",
                note=f"jumps of {jump[c or 0]:.3g} up and down from rest",
            )
        )  # fmt: skip
    return Found(tuple(rows), {"response": frame})


def _decay(
    setting: Setting, h: Float[np.ndarray, "lags"], channel: int | None
) -> tuple[Row, Float[np.ndarray, "lags"]]:
    """Row of the verdict, and the fitted law at each lag (NaN where none was fitted)."""
    from linmem.analysis.decay import decay_verdict, envelope_lags

    found = decay_verdict(h, level=setting.level, rng=setting.rng)
    lags, size, fitted = np.arange(len(h)), np.abs(h), np.full(len(h), np.nan)
    if found.verdict == "finite":
        note = f"finite: no weight beyond lag {found.support - 1}"
        return row("kernel.decay", found.support, channel=channel, error="exact up to rounding", note=note), fitted
    if found.rate is None or found.exponent is None or found.advantage is None:
        return row("kernel.decay", channel=channel, note=f"{found.verdict}: too few lags with weight to tell"), fitted
    better = f"by {abs(found.advantage.value):.2g} a point in held-out log-likelihood"
    power = found.verdict == "power law"
    law = found.exponent if power else found.rate
    if power:
        note = f"power law, as 1/(1 + k)^{law.value:.3g}, better than exponential {better}"
    else:
        note = f"by the factor {math.exp(-law.value):.3g} a step, " + (
            f"exponential, better than a power law {better}"
            if found.verdict == "exponential"
            else "if exponential; whether it is, or a power law, is inconclusive"
        )
    chosen = envelope_lags(size, found.floor)
    chosen = chosen[chosen >= int(size.argmax())]
    shape = -law.value * (np.log1p(lags) if power else lags)
    with np.errstate(under="ignore"):
        fitted = np.exp(shape + float(np.mean(np.log(size[chosen]) - shape[chosen])))
    fitted[: int(size.argmax())] = np.nan
    return (
        row(
            "kernel.decay", law.value, channel=channel, low=law.low, high=law.high, error=_interval(setting), note=note
        ),
        fitted,
    )


def _interval(setting: Setting) -> str:
    return f"{100 * setting.level:.3g} % interval"
