// The two matrix products of a recurrent layer, blocked for registers. The samples of a batch are the lanes: a value
// of a cell is NV vectors. They are computed one by one, so that one can use the time in which another waits, or by
// twos, where there are few registers. Sums over lanes are taken once, at the end of a gradient.
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
  static constexpr int kGroup = kRegisters == 32 || NV == 1 ? 1 : 2;  // vectors computed at once
  static constexpr int kRows = kRegisters == 32 ? 20 : kGroup == 1 ? 12 : 6;
  static constexpr int kOuterRows = kRegisters == 32 ? 5 : 4;
  static constexpr int kOuterColumns = kRegisters == 32 ? 5 : 3;

  // One term of a product: weights (k, row) with `stride` rows, values of k cells.
  struct Term {
    const float* weights;
    int stride, count;
    const V* values;
  };

  template <int R> static INLINE void accumulate(const Term& term, V (&sums)[R][kGroup]) {
    const float* w = term.weights;
    const V* x = term.values;
    for (int k = term.count; k > 0; --k, w += term.stride, x += NV) {
#pragma GCC unroll 32
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int u = 0; u < kGroup; ++u) sums[r][u] += x[u] * w[r];
      }
    }
  }

  template <int R> static INLINE void block(const float* bias, bool add, const Term& a, const Term& b, V* out) {
    V sums[R][kGroup];
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int u = 0; u < kGroup; ++u) sums[r][u] = bias ? splat<V>(bias[r]) : add ? out[r * NV + u] : V{};
    }
    accumulate<R>(a, sums);
    accumulate<R>(b, sums);
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int u = 0; u < kGroup; ++u) out[r * NV + u] = sums[r][u];
    }
  }

  template <int R, class... A> static INLINE void dispatch(int rows, A... arguments) {
    if constexpr (R > 0) {
      if (rows == R) return block<R>(arguments...);
      dispatch<R - 1>(rows, arguments...);
    }
  }

  // One group of vectors of each cell: out[row] = sum_k a.weights[k][row] a.values[k] + the same of b, and bias[row] if
  // given, else out[row] as it was if `add`.
  static __attribute__((noinline)) void multiply(int rows, const float* bias, bool add, const Term& first,
                                                 const Term& second, V* out) {
    Term a = first, b = second;
    for (int blocks = (rows + kRows - 1) / kRows; blocks > 0; --blocks) {
      const int n = (rows + blocks - 1) / blocks;
      dispatch<kRows>(n, bias, add, a, b, out);
      rows -= n;
      if (bias) bias += n;
      a.weights += n;
      b.weights += n;
      out += n * NV;
    }
  }

  template <int R, int K, bool TOTALS>
  static INLINE void outer_block(const V* d, int d_stride, const V* z, int z_stride, const int* first, int steps,
                                 float* out, int stride, float* bias) {
    V sums[R * (K + TOTALS)] = {};  // (k, row), then (row)
    for (int v = 0; v < NV; ++v) {
      const V *from = d + size_t(first[v]) * d_stride + v, *with = z + size_t(first[v]) * z_stride + v;
      for (int t = first[v]; t < steps; ++t, from += d_stride, with += z_stride) {
        V column[K ? K : 1];
#pragma GCC unroll 8
        for (int k = 0; k < K; ++k) column[k] = with[k * NV];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          const V row = from[r * NV];
          if constexpr (TOTALS) sums[R * K + r] += row;
#pragma GCC unroll 8
          for (int k = 0; k < K; ++k) sums[k * R + r] += row * column[k];
        }
      }
    }
    add_sums<R * (K + TOTALS)>(sums, [&](int i) INLINE_LAMBDA -> float& {
      return i < R * K ? out[i / R * stride + i % R] : bias[i - R * K];
    });
  }

  // place(i) += sum over the lanes of vector i, for all N; uses the vectors up
  template <int N, class Place> static INLINE void add_sums(V* v, Place place, int done = 0) {
    constexpr int n = N < W ? N : W;
    const V total = sums<W, n>(v);
    float values[W];
    __builtin_memcpy(values, &total, sizeof total);
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) place(done + i) += values[reversed<W>(i)];
    if constexpr (N > W) add_sums<N - W>(v + W, place, done + W);
  }

  template <int R, int K, bool TOTALS, class... A> static INLINE void outer_columns(int columns, A... a) {
    if (columns == K) return outer_block<R, K, TOTALS>(a...);
    if constexpr (K > (TOTALS ? 0 : 1)) outer_columns<R, K - 1, TOTALS>(columns, a...);
  }
  template <int R, int K, bool TOTALS, class... A> static INLINE void outer_rows(int rows, int columns, A... a) {
    if (rows == R) return outer_columns<R, K, TOTALS>(columns, a...);
    if constexpr (R > 1) outer_rows<R - 1, K, TOTALS>(rows, columns, a...);
  }

  // out[k][row] += sum over lanes and steps of d[step][row] z[step][k]; vector v counts from step first[v] on
  static __attribute__((noinline)) void outer(int rows, int columns, const V* d, int d_stride, const V* z, int z_stride,
                                              const int* first, int steps, float* out) {
    const int stride = rows;
    for (int blocks = (rows + kOuterRows - 1) / kOuterRows; blocks > 0; --blocks) {
      const int n = (rows + blocks - 1) / blocks;
      int left = columns, done = 0;
      for (int parts = (columns + kOuterColumns - 1) / kOuterColumns; parts > 0; --parts) {
        const int m = (left + parts - 1) / parts;
        outer_rows<kOuterRows, kOuterColumns, false>(n, m, d, d_stride, z + done * NV, z_stride, first, steps,
                                                     out + done * stride, stride, (float*)nullptr);
        left -= m;
        done += m;
      }
      rows -= n;
      d += n * NV;
      out += n;
    }
  }

  // bias[row] += sum over lanes and steps of d[step][row]; at the same time outer() for one column z, if given
  static __attribute__((noinline)) void outer_bias(int rows, const V* d, int d_stride, const V* z, int z_stride,
                                                   const int* first, int steps, float* out, float* bias) {
    for (int blocks = (rows + kOuterRows - 1) / kOuterRows; blocks > 0; --blocks) {
      const int n = (rows + blocks - 1) / blocks;
      outer_rows<kOuterRows, 1, true>(n, z ? 1 : 0, d, d_stride, z, z_stride, first, steps, out, 0, bias);
      rows -= n;
      d += n * NV;
      bias += n;
      if (out) out += n;
    }
  }
};

}  // namespace
