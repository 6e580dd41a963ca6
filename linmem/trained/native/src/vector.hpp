// Vectors of W floats (GCC/Clang vector extensions), tanh and the logistic function on them.
#pragma once
#include <cstdint>

namespace {

template <int W> struct Lanes {
  typedef float F __attribute__((vector_size(4 * W), may_alias));
  typedef int32_t I __attribute__((vector_size(4 * W), may_alias));
};
template <int W> using F = typename Lanes<W>::F;
template <int W> using I = typename Lanes<W>::I;

#define INLINE inline __attribute__((always_inline))
#define INLINE_LAMBDA __attribute__((always_inline))

template <class V> INLINE V splat(float x) { return x - V{}; }

template <int W> INLINE float sum(F<W> v) {
  if constexpr (W == 1) {
    return v[0];
  } else {
    struct { F<W / 2> low, high; } half;
    __builtin_memcpy(&half, &v, sizeof v);
    return sum<W / 2>(half.low + half.high);
  }
}
template <> INLINE float sum<2>(F<2> v) { return v[0] + v[1]; }

template <int... I> struct Indices {};
template <int N, int... I> struct UpTo : UpTo<N - 1, N - 1, I...> {};
template <int... I> struct UpTo<0, I...> { using Type = Indices<I...>; };

// In every 2 S lanes: S sums of halves of a, then S of b.
template <int W, int S, int... I> INLINE F<W> fold(F<W> a, F<W> b, Indices<I...>) {
  return __builtin_shufflevector(a, b, (I & S ? W + I - S : I)...) +
         __builtin_shufflevector(a, b, (I & S ? W + I : I + S)...);
}

// One vector of the sums over the lanes of each of N <= W vectors, which are used up; that of vector i is in lane
// reversed<W>(i).
template <int W, int N, int S = W / 2> INLINE F<W> sums(F<W>* v) {
  if constexpr (S == 0) {
    return v[0];
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < (N + 1) / 2; ++i)
      v[i] = fold<W, S>(v[2 * i], v[2 * i + 1 < N ? 2 * i + 1 : 2 * i], typename UpTo<W>::Type());
    return sums<W, (N + 1) / 2, S / 2>(v);
  }
}

template <int W> constexpr int reversed(int i) {
  if constexpr (W == 1) return 0;
  else return i % 2 * (W / 2) + reversed<W / 2>(i / 2);
}

template <int W> INLINE F<W> keep(F<W> v, I<W> mask) { return (F<W>)((I<W>)v & mask); }

// The lesser and the greater, the second argument if that is NaN. Compilers make a comparison and a blend of the plain
// form, as its rule for NaN and signed zeros is none of the standard's; x86 has one instruction with exactly this rule.
#ifdef __AVX__
template <class V> INLINE V vmin(V a, V b) {
  asm("vminps %2, %1, %0" : "=v"(a) : "v"(a), "v"(b));
  return a;
}
template <class V> INLINE V vmax(V a, V b) {
  asm("vmaxps %2, %1, %0" : "=v"(a) : "v"(a), "v"(b));
  return a;
}
#else
template <class V> INLINE V vmin(V a, V b) { return a < b ? a : b; }
template <class V> INLINE V vmax(V a, V b) { return a > b ? a : b; }
#endif

// tanh(x) = x p(x^2) / q(x^2) for |x| <= 8.6, constant beyond; p, q of degree 5 and 3 with least relative error, 3.8e-8
// (the linearised fit with Lawson's weights; then the last bits of the coefficients chosen for the least error in
// float32). With rounding 2.9e-7, or 5 units in the last place; without fused multiply-adds 3.6e-7, or 6 units.
// NaN stays NaN: vmin and vmax let it pass.
template <int W> INLINE F<W> vtanh(F<W> x) {
  using V = F<W>;
  x = vmax(splat<V>(-8.6f), vmin(splat<V>(8.6f), x));
  const V s = x * x;
  V p = s * 2.01277692e-11f + -1.34941169e-08f;
  p = p * s + 9.50044614e-06f;
  p = p * s + 0.00294592814f;
  p = p * s + 0.129425064f;
  p = p * s + 1.0f;
  V q = s * 0.000231600396f + 0.0238657966f;
  q = q * s + 0.462758064f;
  q = q * s + 1.0f;
  return p * x / q;
}

template <int W> INLINE F<W> vlogistic(F<W> x) { return vtanh<W>(x * 0.5f) * 0.5f + 0.5f; }

}  // namespace
