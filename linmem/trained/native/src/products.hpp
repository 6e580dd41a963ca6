// The two matrix products of a recurrent layer, blocked for registers. The samples of a batch are the lanes: a value
// of a cell is NV vectors. Sums over lanes are taken once, at the end of a gradient.
#pragma once
#include "vector.hpp"

namespace {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif

template <int W, int NV> struct Products {
  using V = F<W>;
  static constexpr int kSub = NV < 2 ? NV : 2;  // vectors held at once
  static constexpr int kRows = kRegisters == 32 ? 12 : 6;
  static constexpr int kOuterRows = kRegisters == 32 ? 5 : 4;
  static constexpr int kOuterColumns = kRegisters == 32 ? 5 : 3;

  // One term of a product: weights (k, row) with `stride` rows, values of k cells.
  struct Term {
    const float* weights;
    int stride, count;
    const V* values;
  };

  template <int R, int SUB> static INLINE void accumulate(const Term& term, int v, V (&sums)[R][SUB]) {
    const float* w = term.weights;
    const V* x = term.values + v;
    for (int k = term.count; k > 0; --k, w += term.stride, x += NV) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int n = 0; n < SUB; ++n) sums[r][n] += x[n] * w[r];
      }
    }
  }

  template <int R, int SUB>
  static INLINE void block(int vectors, const float* bias, const Term& a, const Term& b, V* out) {
    for (int v = 0; v < vectors; v += SUB) {
      V sums[R][SUB];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const V start = bias ? splat<V>(bias[r]) : V{};
#pragma GCC unroll 2
        for (int n = 0; n < SUB; ++n) sums[r][n] = start;
      }
      accumulate<R, SUB>(a, v, sums);
      accumulate<R, SUB>(b, v, sums);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int n = 0; n < SUB; ++n) out[r * NV + v + n] = sums[r][n];
      }
    }
  }

  template <int R, int SUB, class... A> static INLINE void dispatch(int rows, A... arguments) {
    if constexpr (R > 0) {
      if (rows == R) return block<R, SUB>(arguments...);
      dispatch<R - 1, SUB>(rows, arguments...);
    }
  }

  template <int SUB>
  static __attribute__((noinline)) void run(int vectors, int rows, const float* bias, Term a, Term b, V* out) {
    for (int blocks = (rows + kRows - 1) / kRows; blocks > 0; --blocks) {
      const int n = (rows + blocks - 1) / blocks;
      dispatch<kRows, SUB>(n, vectors, bias, a, b, out);
      rows -= n;
      if (bias) bias += n;
      a.weights += n;
      b.weights += n;
      out += n * NV;
    }
  }

  // out[row] = bias[row] + sum_k a.weights[k][row] a.values[k] + the same of b; `half`: for half of the vectors
  static INLINE void multiply(bool half, int rows, const float* bias, const Term& a, const Term& b, V* out) {
    if constexpr (NV == 2) {
      if (half) return run<1>(1, rows, bias, a, b, out);
    }
    run<kSub>(half && NV > 1 ? NV / 2 : NV, rows, bias, a, b, out);
  }

  template <int R, int K, bool TOTALS>
  static INLINE void outer_block(const V* d, int d_stride, const V* z, int z_stride, int half_steps, int steps,
                                 float* out, int stride, float* bias) {
    V sums[R][K ? K : 1] = {}, totals[R] = {};
    const auto add = [&](int v) INLINE_LAMBDA {
      V column[K ? K : 1];
#pragma GCC unroll 8
      for (int k = 0; k < K; ++k) column[k] = z[k * NV + v];
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const V row = d[r * NV + v];
        if constexpr (TOTALS) totals[r] += row;
#pragma GCC unroll 8
        for (int k = 0; k < K; ++k) sums[r][k] += row * column[k];
      }
    };
    int t = 0;
    if constexpr (NV > 1)
      for (; t < half_steps; ++t, d += d_stride, z += z_stride)
        for (int v = 0; v < NV / 2; ++v) add(v);
    for (; t < steps; ++t, d += d_stride, z += z_stride)
      for (int v = 0; v < NV; ++v) add(v);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int k = 0; k < K; ++k) out[k * stride + r] += sum<W>(sums[r][k]);
      if constexpr (TOTALS) bias[r] += sum<W>(totals[r]);
    }
  }

  template <int R, int K, bool TOTALS, class... A> static INLINE void outer_columns(int columns, A... a) {
    if (columns == K) return outer_block<R, K, TOTALS>(a...);
    if constexpr (K > (TOTALS ? 0 : 1)) outer_columns<R, K - 1, TOTALS>(columns, a...);
  }
  template <int R, int K, bool TOTALS, class... A> static INLINE void outer_rows(int rows, int columns, A... a) {
    if (rows == R) return outer_columns<R, K, TOTALS>(columns, a...);
    if constexpr (R > 1) outer_rows<R - 1, K, TOTALS>(rows, columns, a...);
  }

  // out[k][row] += sum over steps and lanes of d[step][row] z[step][k]; half the vectors in the first half_steps steps
  static __attribute__((noinline)) void outer(int rows, int columns, const V* d, int d_stride, const V* z, int z_stride,
                                              int half_steps, int steps, float* out) {
    const int stride = rows;
    for (int blocks = (rows + kOuterRows - 1) / kOuterRows; blocks > 0; --blocks) {
      const int n = (rows + blocks - 1) / blocks;
      int left = columns, done = 0;
      for (int parts = (columns + kOuterColumns - 1) / kOuterColumns; parts > 0; --parts) {
        const int m = (left + parts - 1) / parts;
        outer_rows<kOuterRows, kOuterColumns, false>(n, m, d, d_stride, z + done * NV, z_stride, half_steps, steps,
                                                     out + done * stride, stride, (float*)nullptr);
        left -= m;
        done += m;
      }
      rows -= n;
      d += n * NV;
      out += n;
    }
  }

  // bias[row] += sum over steps and lanes of d[step][row]; at the same time outer() for one column z, if given
  static __attribute__((noinline)) void outer_bias(int rows, const V* d, int d_stride, const V* z, int z_stride,
                                                   int half_steps, int steps, float* out, float* bias) {
    for (int blocks = (rows + kOuterRows - 1) / kOuterRows; blocks > 0; --blocks) {
      const int n = (rows + blocks - 1) / blocks;
      outer_rows<kOuterRows, 1, true>(n, z ? 1 : 0, d, d_stride, z, z_stride, half_steps, steps, out, 0, bias);
      rows -= n;
      d += n * NV;
      bias += n;
      if (out) out += n;
    }
  }
};

}  // namespace
