// Forward and backward pass of one network over one block of samples: NV vectors of W lanes, layer after layer.
#pragma once
#include "engine.hpp"
#include "products.hpp"
#include "random.hpp"

namespace {

using namespace linmem;

constexpr int kMaxLayers = 64;

struct Arena {  // hands out aligned parts of the workspace; with base = null it only counts
  char* base;
  size_t used = 0;
  template <class T> T* take(size_t count) {
    T* part = base ? reinterpret_cast<T*>(base + used) : nullptr;
    used += (count * sizeof(T) + 63) / 64 * 64;
    return part;
  }
};

template <int CELL, int W, int NV> struct Network {
  using V = F<W>;
  using M = I<W>;
  using P = Products<W, NV>;
  using Term = typename P::Term;

  struct Layer {
    const float *input, *recurrent, *bias;  // weights as in Parameters
    float *input_t, *recurrent_t;           // transposed: (row, cell)
    float *d_input, *d_recurrent, *d_bias;  // gradient
    V* h;                                   // (step + 1, cell), zero at the first step
    V* gates;                               // (step, row): LSTM i, f, g, o; GRU n, r, z, recurrent part of n
    V *c, *tanh_c;                          // LSTM: (step + 1, cell), (step, cell)
  };

  Shape shape;
  Sizes rows;
  Layer layers[kMaxLayers];
  const float* readout;
  float* d_readout;
  V *d, *rest, *above, *below;  // (step, row); (cell); (step, cell) twice
  M* active;                    // (step, vector): all ones where the sample has begun
  V dout[NV];                   // derivative of the loss by the output

  Network(const Shape& s, Arena& arena) : shape(s), rows(sizes(CELL, s.cells)) {
    const size_t T = s.timesteps, n = size_t(s.cells) * NV, r = size_t(rows.rows) * NV;
    for (int l = 0; l < s.layers; ++l) {
      Layer& layer = layers[l];
      layer.input_t = arena.take<float>(l ? size_t(rows.input_rows) * s.cells : 0);
      layer.recurrent_t = arena.take<float>(size_t(rows.recurrent_rows) * s.cells);
      layer.h = arena.take<V>((T + 1) * n);
      layer.gates = arena.take<V>(CELL == kTanh ? 0 : T * r);
      layer.c = arena.take<V>(CELL == kLstm ? (T + 1) * n : 0);
      layer.tanh_c = arena.take<V>(CELL == kLstm ? T * n : 0);
    }
    d = arena.take<V>(T * r);
    rest = arena.take<V>(n);
    above = arena.take<V>(T * n);
    below = arena.take<V>(T * n);
    active = arena.take<M>(T * NV);
  }

  void bind(const float* values, float* gradient) {
    const int c = shape.cells;
    for (int l = 0; l < shape.layers; ++l) {
      Layer& layer = layers[l];
      const size_t n_input = size_t(l ? c : 1) * rows.input_rows, n_recurrent = size_t(c) * rows.recurrent_rows;
      layer.input = values;
      layer.recurrent = values + n_input;
      layer.bias = layer.recurrent + n_recurrent;
      values = layer.bias + rows.rows;
      if (gradient) {
        layer.d_input = gradient;
        layer.d_recurrent = gradient + n_input;
        layer.d_bias = layer.d_recurrent + n_recurrent;
        gradient = layer.d_bias + rows.rows;
      }
    }
    readout = values;
    d_readout = gradient;
  }

  void transpose() {
    const int c = shape.cells;
    for (int l = 0; l < shape.layers; ++l) {
      Layer& layer = layers[l];
      for (int k = 0; k < c; ++k)
        for (int r = 0; r < rows.recurrent_rows; ++r)
          layer.recurrent_t[r * c + k] = layer.recurrent[k * rows.recurrent_rows + r];
      if (l)
        for (int k = 0; k < c; ++k)
          for (int r = 0; r < rows.input_rows; ++r) layer.input_t[r * c + k] = layer.input[k * rows.input_rows + r];
    }
  }

  // What layer l reads at step t: inputs with a stride of their own, or the states of the layer below.
  INLINE const V* source(int l, int t, const V* x, int x_stride) const {
    if (l == 0) return x + size_t(t) * x_stride;
    return layers[l - 1].h + size_t(shape.delayed ? t : t + 1) * shape.cells * NV;
  }

  // States of all layers for steps begin .. timesteps-1; samples have all begun from step `masked` on.
  // The second half of the vectors has not begun before step `split`: products leave it out there, masks make it zero.
  // Between the steps numbers of the next batch are made.
  void forward(const V* x, int x_stride, int begin, int split, int masked, Supply& supply) {
    for (int l = 0; l < shape.layers; ++l) {
      const Layer layer = layers[l];
      const int c = shape.cells, n = c * NV, inputs = l ? c : 1;
      V* h = layer.h + size_t(begin) * n;
      for (int i = 0; i < n; ++i) h[i] = V{};
      if constexpr (CELL == kLstm)
        for (int i = 0; i < n; ++i) layer.c[size_t(begin) * n + i] = V{};
      for (int t = begin; t < shape.timesteps; ++t, h += n) {
        const Term from_below{layer.input, rows.input_rows, inputs, source(l, t, x, x_stride)};
        const Term from_past{layer.recurrent, rows.recurrent_rows, c, h};
        step(layer, t, t < split, from_below, from_past, h + n);
        supply.make_part();
        if (CELL != kLstm && t < masked)
          for (int j = 0; j < c; ++j)
            for (int v = 0; v < NV; ++v) h[n + j * NV + v] = keep<W>(h[n + j * NV + v], active[t * NV + v]);
        if (CELL == kLstm && t < masked) {  // zero cell, zero output
          V* cell = layer.c + size_t(t + 1) * n;
          for (int j = 0; j < c; ++j)
            for (int v = 0; v < NV; ++v) {
              const int i = j * NV + v;
              cell[i] = keep<W>(cell[i], active[t * NV + v]);
              h[n + i] = keep<W>(h[n + i], active[t * NV + v]);
            }
        }
      }
    }
  }

  INLINE void step(const Layer& layer, int t, bool half, const Term& from_below, const Term& from_past, V* h) {
    const int c = shape.cells, n = c * NV;
    if constexpr (CELL == kTanh) {
      P::multiply(half, c, layer.bias, from_below, from_past, h);
      for (int i = 0; i < n; ++i) h[i] = vtanh<W>(h[i]);
    } else if constexpr (CELL == kLstm) {
      V* a = layer.gates + size_t(t) * 4 * n;
      P::multiply(half, 4 * c, layer.bias, from_below, from_past, a);
      const V* before = layer.c + size_t(t) * n;
      V *cell = layer.c + size_t(t + 1) * n, *squashed = layer.tanh_c + size_t(t) * n;
      for (int i = 0; i < n; ++i) {
        const V in = vlogistic<W>(a[i]), forget = vlogistic<W>(a[n + i]);
        const V g = vtanh<W>(a[2 * n + i]), out = vlogistic<W>(a[3 * n + i]);
        a[i] = in;
        a[n + i] = forget;
        a[2 * n + i] = g;
        a[3 * n + i] = out;
        cell[i] = forget * before[i] + in * g;
        squashed[i] = vtanh<W>(cell[i]);
        h[i] = out * squashed[i];
      }
    } else {
      V* a = layer.gates + size_t(t) * 4 * n;
      const Term none{nullptr, 0, 0, nullptr};
      Term tail_below = from_below, tail_past = from_past;
      tail_below.weights += c;
      tail_past.weights += 2 * c;
      P::multiply(half, c, layer.bias, from_below, none, a);
      P::multiply(half, 2 * c, layer.bias + c, tail_below, from_past, a + n);
      P::multiply(half, c, layer.bias + 3 * c, none, tail_past, a + 3 * n);
      const V* before = from_past.values;
      for (int i = 0; i < n; ++i) {
        const V reset = vlogistic<W>(a[n + i]), update = vlogistic<W>(a[2 * n + i]);
        const V fresh = vtanh<W>(a[i] + reset * a[3 * n + i]);
        a[i] = fresh;
        a[n + i] = reset;
        a[2 * n + i] = update;
        h[i] = fresh + update * (before[i] - fresh);
      }
    }
  }

  INLINE V output(int v) const {
    const V* h = layers[shape.layers - 1].h + size_t(shape.timesteps) * shape.cells * NV + v;
    V y = splat<V>(readout[shape.cells]);
    for (int j = 0; j < shape.cells; ++j) y += h[j * NV] * readout[j];
    return y;
  }

  // Adds the gradient of the block to that of the batch; `dout` is set, forward() has run.
  void backward(const V* x, int x_stride, int begin, int split, int masked) {
    const int T = shape.timesteps, c = shape.cells, n = c * NV, R = rows.rows * NV;
    begin = begin > T - shape.truncation ? begin : T - shape.truncation;
    for (int l = shape.layers - 1; l >= 0; --l) {
      const Layer layer = layers[l];
      const bool top = l == shape.layers - 1;
      for (int i = 0; i < n; ++i) rest[i] = V{};
      if constexpr (CELL == kLstm)
        for (int i = 0; i < n; ++i) below[i] = V{};  // derivative by the cell, until the layer below needs the room
      if (top) {
        const V* h = layer.h + size_t(T) * n;
        for (int j = 0; j < c; ++j) {
          V product{};
          for (int v = 0; v < NV; ++v) {
            rest[j * NV + v] = dout[v] * readout[j];
            product += dout[v] * h[j * NV + v];
          }
          d_readout[j] += sum<W>(product);
        }
        for (int v = 0; v < NV; ++v) d_readout[c] += sum<W>(dout[v]);
      }
      V* delta = d + size_t(T - 1) * R;
      for (int t = T - 1; t >= begin; --t, delta -= R) {
        if (!top) {
          const V* e = above + size_t(t) * n;
          for (int i = 0; i < n; ++i) rest[i] += e[i];
        }
        deltas(layer, t, t < masked, delta);
        if (t > begin) past(layer, t, t < split, delta);
      }
      if (l > 0) {
        for (int t = begin; t < T; ++t) {
          const int s = shape.delayed ? t - 1 : t;
          if (s < begin) continue;
          const Term back{layer.input_t, c, rows.input_rows, d + size_t(t) * R};
          P::multiply(t < split, c, nullptr, back, Term{nullptr, 0, 0, nullptr}, below + size_t(s) * n);
        }
        if (shape.delayed)
          for (int i = 0; i < n; ++i) below[size_t(T - 1) * n + i] = V{};
      }
      gradients(l, x, x_stride, begin, split > begin ? split - begin : 0);
      V* swap = above;
      above = below;
      below = swap;
    }
  }

  // delta = derivative by the rows, from rest = derivative by the states of step t
  INLINE void deltas(const Layer& layer, int t, bool masked, V* delta) {
    const int c = shape.cells, n = c * NV;
    if (masked)
      for (int j = 0; j < c; ++j)
        for (int v = 0; v < NV; ++v) {
          const M on = active[t * NV + v];
          rest[j * NV + v] = keep<W>(rest[j * NV + v], on);
          if constexpr (CELL == kLstm) below[j * NV + v] = keep<W>(below[j * NV + v], on);
        }
    if constexpr (CELL == kTanh) {
      const V* h = layer.h + size_t(t + 1) * n;
      for (int i = 0; i < n; ++i) delta[i] = rest[i] - rest[i] * h[i] * h[i];
    } else if constexpr (CELL == kLstm) {
      const V *a = layer.gates + size_t(t) * 4 * n, *squashed = layer.tanh_c + size_t(t) * n;
      const V* before = layer.c + size_t(t) * n;
      for (int i = 0; i < n; ++i) {
        const V in = a[i], forget = a[n + i], g = a[2 * n + i], out = a[3 * n + i], u = squashed[i], e = rest[i];
        const V cell = below[i] + e * out * (1.0f - u * u);
        delta[i] = cell * g * (in - in * in);
        delta[n + i] = cell * before[i] * (forget - forget * forget);
        delta[2 * n + i] = cell * in * (1.0f - g * g);
        delta[3 * n + i] = e * u * (out - out * out);
        below[i] = cell * forget;
      }
    } else {
      const V *a = layer.gates + size_t(t) * 4 * n, *before = layer.h + size_t(t) * n;
      for (int i = 0; i < n; ++i) {
        const V fresh = a[i], reset = a[n + i], update = a[2 * n + i], e = rest[i];
        const V inner = e * (1.0f - update) * (1.0f - fresh * fresh);
        delta[i] = inner;
        delta[n + i] = inner * a[3 * n + i] * (reset - reset * reset);
        delta[2 * n + i] = e * (before[i] - fresh) * (update - update * update);
        delta[3 * n + i] = inner * reset;
        rest[i] = e * update;
      }
    }
  }

  // rest = derivative by the states of step t - 1 through the recurrence
  INLINE void past(const Layer& layer, int t, bool half, const V* delta) {
    const int c = shape.cells;
    const Term back{layer.recurrent_t, c, rows.recurrent_rows, delta + size_t(rows.offset) * NV};
    const Term none{nullptr, 0, 0, nullptr};
    if constexpr (CELL == kGru) {
      V* through = below + size_t(t) * c * NV;  // not in use until the layer below is served
      P::multiply(half, c, nullptr, back, none, through);
      for (int i = 0; i < c * NV; ++i) rest[i] += through[i];
    } else {
      P::multiply(half, c, nullptr, back, none, rest);
    }
  }

  INLINE void gradients(int l, const V* x, int x_stride, int begin, int half_steps) {
    const Layer& layer = layers[l];
    const int c = shape.cells, n = c * NV, R = rows.rows * NV, steps = shape.timesteps - begin;
    const V* delta = d + size_t(begin) * R;
    const V* read = source(l, begin, x, x_stride);
    P::outer(rows.recurrent_rows, c, delta + size_t(rows.offset) * NV, R, layer.h + size_t(begin) * n, n, half_steps,
             steps, layer.d_recurrent);
    if (l) P::outer(rows.input_rows, c, delta, R, read, n, half_steps, steps, layer.d_input);
    P::outer_bias(rows.input_rows, delta, R, l ? nullptr : read, l ? n : x_stride, half_steps, steps,
                  l ? nullptr : layer.d_input, layer.d_bias);
    if (rows.rows > rows.input_rows)
      P::outer_bias(rows.rows - rows.input_rows, delta + size_t(rows.input_rows) * NV, R, nullptr, 0, half_steps, steps,
                    nullptr, layer.d_bias + rows.input_rows);
  }
};

}  // namespace
