"""How wrong the plain sampled memory curve is: the bias of the in-sample squared correlation, lag by lag and in total.

Least squares fits chance. Let phi_t be the whitened state, ``e_t = z_{t-tau} - a . phi_t`` the error of the best
read-out. On n rows the in-sample value exceeds MC_tau, to first order in 1/n and for Gaussian input, by

    E |mean of phi_t e_t|^2 = (1/n) sum_h tr(A^h) E[e_0 e_h],

since ``E[phi_0 . phi_h] = tr(A^h)`` in any coordinates. With the all-pass function of the eigenvalues,
``B(z) = prod_j (z - conj l_j)/(1 - l_j z) = sum_m b_m z^m``, the residual is a moving average of white noise with
weights b_tau, .., b_0. So ``E[e_0 e_h] = sum_i b_i b_{i+h}`` over i + h <= tau, and

    W_tau = sum_{m <= tau} b_m (N b_m + 2 sum_{h=1}^{m} tr(A^h) b_{m-h}),    bias_tau = W_tau / n.

If states a few steps apart are little correlated (tr(A^h) << N), this is ``(N/n)(1 - MC_tau)``: the familiar floor N/n
at lags without memory. Over all lags up to M it sums to

    (1/n) (N (M + 1 - N) - 2 sum_{h >= 1} tr(A^h)^2),

so slow states (eigenvalues of one sign near 1) inflate the total less than (M - N) N/n says, and may even deflate it.

Two ways of cutting the series are in use. *common*: every lag uses the same n = T - max_lag rows; the above holds.
*padded*: lag tau has products over T - tau rows, but states and inputs are normalised by sums over all T (the published
code of Ballarin et al. does this). With f = 1 - tau/T,

    E value = f^2 MC_tau + (f/T) (W_tau + (1 - f) N MC_tau):

a loss of about 2 (tau/T) MC_tau, and a floor of (N/T)(1 - tau/T).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.signal import fftconvolve

from linmem.capacity.estimators.sampling import check_series
from linmem.capacity.linear import allpass_coefficients, allpass_curve
from linmem.checks import check_choice, check_integer
from linmem.citations import cites

ROWS = ("common", "padded")


@cites("ballarin2024", "published code, mc_sample_floor_effect.m")
def plain_curve(states: ArrayLike, inputs: ArrayLike, max_lag: int) -> Float[np.ndarray, "lags"]:
    """The plain estimate ``b^T S^{-1} b / g``, bias and all, with the rows cut as *padded*.

    ``S = sum_t x_t x_t^T`` and ``g = sum_t z_t^2`` over all T rows, ``b = sum_t x_t z_{t-tau}`` over the T - tau rows
    that have a z_{t-tau}. Nothing is centred. For measuring, use :func:`linmem.capacity.estimators.sampled_curve`.

    Parameters
    ----------
    states : (T, N) row t is the state after input t was read.
    inputs : (T,) input series.
    max_lag : largest lag, 0 <= max_lag < T.

    Raises
    ------
    ValueError : if T <= N or T <= max_lag, or the inputs are all zero.

    Cost: T N (N + max_lag) flops.

    >>> z = np.array([1.0, -1.0, 1.0, 1.0])
    >>> plain_curve(z[:, None], z, 1)
    array([1.    , 0.0625])
    """
    X, z, _ = check_series(states, inputs)
    T, N = X.shape
    max_lag = check_integer("max_lag", max_lag, minimum=0)
    if max(N, max_lag) >= T:
        raise ValueError(f"T must exceed N = {N} and max_lag = {max_lag}, got T = {T}; simulate a longer series")
    power = float(z @ z)
    if power == 0.0:
        raise ValueError("inputs must not be all zero; pass a random input series")
    Q, _ = np.linalg.qr(X)
    padded = np.concatenate([np.zeros(max_lag), z])
    # Row i of the windows holds padded[i .. i + T - 1] = z_{t - (max_lag - i)}, zero before the series begins.
    lagged = np.lib.stride_tricks.sliding_window_view(padded, T)[::-1]
    values = np.empty(max_lag + 1)
    for start in range(0, max_lag + 1, 64):
        block = np.ascontiguousarray(lagged[start : start + 64])
        values[start : start + 64] = ((block @ Q) ** 2).sum(axis=1)
    return values / power


@cites("linmem", "bias of the sampled memory curve")
def sampling_bias(
    eigenvalues: ArrayLike, length: int, max_lag: int, *, rows: str = "common"
) -> Float[np.ndarray, "lags"]:
    """Expected plain estimate minus MC_tau at the lags 0 .. max_lag, to first order in N/T.

    Parameters
    ----------
    eigenvalues : (N,) eigenvalues of A (of its reachable part), modulus < 1.
    length : T, number of rows of the series, > max_lag.
    max_lag : largest lag.
    rows : "common" (n = T - max_lag rows for all lags, as ``SampledCurve.plain``) or "padded" (as :func:`plain_curve`).

    Returns
    -------
    (max_lag + 1,) bias; its sum over the lags is the inflation of the total.

    Raises
    ------
    ValueError : if length <= max_lag, a modulus is not below 1, or ``rows`` is unknown.

    Cost: that of the exact curve.

    >>> ring = 0.5 * np.exp(2j * np.pi * np.arange(10) / 10)
    >>> bias = sampling_bias(ring, length=1000, max_lag=100, rows="padded")
    >>> round(float(bias[50]), 6)  # (10/1000) (1 - 50/1000)
    0.0095
    """
    check_choice("rows", rows, ROWS)
    T = check_integer("length", length, minimum=1)
    max_lag = check_integer("max_lag", max_lag, minimum=0, maximum=T - 1)
    values = np.asarray(eigenvalues, dtype=np.complex128)
    N = len(values)
    b = np.real(allpass_coefficients(values, max_lag))
    n = T - max_lag if rows == "common" else T
    t = traces(values, max_lag) * (1 - np.arange(max_lag + 1) / T)
    t[0] = 0.0
    W = np.cumsum(b * (N * b + 2 * fftconvolve(t, b)[: max_lag + 1]))
    if rows == "common":
        return W / n
    MC, f = allpass_curve(values, max_lag), 1 - np.arange(max_lag + 1) / T
    return (f * f - 1) * MC + f / T * (W + (1 - f) * N * MC)


def traces(eigenvalues: ArrayLike, max_power: int) -> Float[np.ndarray, "powers"]:
    """``tr(A^h) = sum_j l_j^h`` for h = 0 .. max_power, of a real matrix with these eigenvalues.

    >>> traces([0.5, -0.5], 2)
    array([2. , 0. , 0.5])
    """
    values = np.asarray(eigenvalues, dtype=np.complex128)
    power, found = np.ones_like(values), np.empty(check_integer("max_power", max_power, minimum=0) + 1)
    for h in range(len(found)):
        found[h] = power.sum().real
        power = power * values
    return found
