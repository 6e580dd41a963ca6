"""Memory of linear networks in ball arithmetic of many digits, by definition: covariance by doubling, then solved."""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat

from linmem.intervals import precision

BITS = 800


def to_balls(array):
    """The array, taken as the dyadic rationals that it holds."""
    rows = np.atleast_2d(np.asarray(array, dtype=float))
    return arb_mat([[arb(float(entry)) for entry in row] for row in rows])


def stack(blocks):
    """A matrix from a nested list of matrices."""
    rows = [
        [block[i, j] for block in line for j in range(block.ncols())] for line in blocks for i in range(line[0].nrows())
    ]
    return arb_mat(rows)


def covariance(A, Q, doublings=12):
    """sum_j A^j Q (A^j)^T over 2^doublings terms."""
    G, P = Q, A
    for _ in range(doublings):
        G, P = G + P * G * P.transpose(), P * P
    return G


def memories(A, targets, G, scale, lags):
    """(c^T G^-1 c) / scale for the columns c of A^tau targets cut to the size of G; rows tau, columns targets."""
    n, out = G.nrows(), []
    inverse = G.inv()
    for _ in range(lags + 1):
        row = []
        for i in range(targets.ncols()):
            c = arb_mat([[targets[k, i]] for k in range(n)])
            row.append(float(((c.transpose() * inverse * c)[0, 0] / scale[i]).mid()))
        out.append(row)
        targets = A * targets
    return np.array(out)


def input_memory(A, C, lags, Sigma=None):
    """(lags + 1, d) memory of d inputs of covariance Sigma."""
    with precision(BITS):
        C = np.asarray(C, dtype=float)
        S = np.eye(C.shape[1]) if Sigma is None else np.asarray(Sigma, dtype=float)
        A_, C_, S_ = to_balls(A), to_balls(C), to_balls(S)
        G = covariance(A_, C_ * S_ * C_.transpose())
        return memories(A_, C_ * S_, G, [S_[i, i] for i in range(C.shape[1])], lags)


def filtered_memory(A, C, F, g, h, lags):
    """(lags + 1,) memory under z_t = h^T s_t, s_t = F s_{t-1} + g e_t."""
    with precision(BITS):
        N, r = len(A), len(F)
        A_, C_, F_, g_, h_ = to_balls(A), to_balls(C).transpose(), to_balls(F), to_balls(g).transpose(), to_balls(h)
        both = stack([[A_, C_ * h_ * F_], [arb_mat(r, N), F_]])
        drive = stack([[C_ * h_ * g_], [g_]])
        Gamma = covariance(both, drive * drive.transpose())
        output = stack([[arb_mat(1, N), h_]]).transpose()
        target = Gamma * output
        variance = (output.transpose() * target)[0, 0]
        G = arb_mat([[Gamma[i, j] for j in range(N)] for i in range(N)])
        return memories(both, target, G, [variance], lags)[:, 0]


def noisy_memory(A, C, W, V, lags):
    """((lags + 1,) memory, sum over all lags) with state noise W and read-out noise V."""
    with precision(BITS):
        A_, C_ = to_balls(A), to_balls(C).transpose()
        G_z = covariance(A_, C_ * C_.transpose())
        G = G_z + covariance(A_, to_balls(W)) + to_balls(V)
        share = G.inv() * G_z
        total = sum((share[i, i] for i in range(len(A))), arb(0))
        return memories(A_, C_, G, [arb(1)], lags)[:, 0], float(total.mid())
