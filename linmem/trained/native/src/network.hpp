// Forward and backward pass of one network over one block of samples: NV vectors of W lanes.
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
  static constexpr int kGroup = P::kGroup;

  struct Layer {
    const float *input, *recurrent, *bias;  // weights as in Parameters
    float *input_t, *recurrent_t;           // transposed: (row, cell)
    float *d_input, *d_recurrent, *d_bias;  // gradient
    V* h;                                   // (step + 1, cell), zero where a vector begins
    V* gates;                               // (step, row): LSTM i, f, g, o; GRU n, r, z, recurrent part of n
    V *c, *tanh_c;                          // LSTM: (step + 1, cell), (step, cell)
    V* d;                                   // (step, row): derivatives by the rows
    V *d_h, *d_c;                           // (cell): derivatives by the states of the step that comes next
  };

  Shape shape;
  Sizes rows;
  Layer layers[kMaxLayers];
  const float* readout;
  float* d_readout;
  V dout[NV];     // derivative of the loss by the output
  M starts[NV];   // first step of each sample
  int first[NV];  // first step of each vector, that of the longest sequence of its group; ascending

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
      layer.d = arena.take<V>(T * r);
      layer.d_h = arena.take<V>(n);
      layer.d_c = arena.take<V>(CELL == kLstm ? n : 0);
    }
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

  // The lengths of the block's samples, longest first.
  void set_lengths(const int32_t* lengths) {
    for (int v = 0; v < NV; ++v) {
      starts[v] = shape.timesteps - *reinterpret_cast<const M*>(lengths + v * W);
      first[v] = shape.timesteps - lengths[v / kGroup * kGroup * W];
    }
  }

  // States of all layers. A layer follows the one it reads by one step, so that all can be computed side by side: work
  // of one fills the time in which another waits for its last step. So does making numbers of the next batch.
  void forward(const V* x, int x_stride, Supply& supply) {
    const int T = shape.timesteps, L = shape.layers, lag = shape.delayed ? 0 : 1;
    for (int l = 0; l < L; ++l)
      for (int v = 0; v < NV; ++v)
        for (int j = 0; j < shape.cells; ++j) {
          const size_t i = (size_t(first[v]) * shape.cells + j) * NV + v;
          layers[l].h[i] = V{};
          if constexpr (CELL == kLstm) layers[l].c[i] = V{};
        }
    for (int now = first[0]; now < T + (L - 1) * lag; ++now)
      for (int l = 0; l < L; ++l) {
        const int t = now - l * lag;
        if (t < first[0] || t >= T) continue;
        for (int v = 0; v < NV && first[v] <= t; v += kGroup) step(l, t, v, source(l, t, x, x_stride) + v);
        supply.make_part();
      }
  }

  // use(index, vector of the group) for each of n / NV cells
  template <class Use> static INLINE void each(int n, Use use) {
    for (int i = 0; i < n; i += NV)
      for (int u = 0; u < kGroup; ++u) use(i + u, u);
  }

  // The group of vectors from v on of layer l's states after step t. What has not begun stays zero.
  INLINE void step(int l, int t, int v, const V* read) {
    const Layer& layer = layers[l];
    const int c = shape.cells, n = c * NV;
    M on[kGroup];
    for (int u = 0; u < kGroup; ++u) on[u] = starts[v + u] <= t;
    const V* before = layer.h + size_t(t) * n + v;
    V* h = layer.h + size_t(t + 1) * n + v;
    const Term from_below{layer.input, rows.input_rows, l ? c : 1, read};
    const Term from_past{layer.recurrent, rows.recurrent_rows, t > first[v] ? c : 0, before};
    if constexpr (CELL == kTanh) {
      P::multiply(c, layer.bias, false, from_below, from_past, h);
      each(n, [&](int i, int u) INLINE_LAMBDA { h[i] = keep<W>(vtanh<W>(h[i]), on[u]); });
    } else if constexpr (CELL == kLstm) {
      V* a = layer.gates + size_t(t) * 4 * n + v;
      P::multiply(4 * c, layer.bias, false, from_below, from_past, a);
      const V* cell_before = layer.c + size_t(t) * n + v;
      V *cell = layer.c + size_t(t + 1) * n + v, *squashed = layer.tanh_c + size_t(t) * n + v;
      each(n, [&](int i, int u) INLINE_LAMBDA {
        const V in = vlogistic<W>(a[i]), forget = vlogistic<W>(a[n + i]);
        const V g = vtanh<W>(a[2 * n + i]), out = vlogistic<W>(a[3 * n + i]);
        a[i] = in;
        a[n + i] = forget;
        a[2 * n + i] = g;
        a[3 * n + i] = out;
        cell[i] = keep<W>(forget * cell_before[i] + in * g, on[u]);
        squashed[i] = vtanh<W>(cell[i]);
        h[i] = keep<W>(out * squashed[i], on[u]);
      });
    } else {
      V* a = layer.gates + size_t(t) * 4 * n + v;
      const Term none{nullptr, 0, 0, nullptr};
      Term tail_below = from_below, tail_past = from_past;
      tail_below.weights += c;
      tail_past.weights += 2 * c;
      P::multiply(c, layer.bias, false, from_below, none, a);
      P::multiply(2 * c, layer.bias + c, false, tail_below, from_past, a + n);
      P::multiply(c, layer.bias + 3 * c, false, none, tail_past, a + 3 * n);
      each(n, [&](int i, int u) INLINE_LAMBDA {
        const V reset = vlogistic<W>(a[n + i]), update = vlogistic<W>(a[2 * n + i]);
        const V fresh = vtanh<W>(a[i] + reset * a[3 * n + i]);
        a[i] = fresh;
        a[n + i] = reset;
        a[2 * n + i] = update;
        h[i] = keep<W>(fresh + update * (before[i] - fresh), on[u]);
      });
    }
  }

  INLINE V output(int v) const {
    const V* h = layers[shape.layers - 1].h + size_t(shape.timesteps) * shape.cells * NV + v;
    V y = splat<V>(readout[shape.cells]);
    for (int j = 0; j < shape.cells; ++j) y += h[j * NV] * readout[j];
    return y;
  }

  // Adds the gradient of the block to that of the batch; `dout` is set, forward() has run. Here a layer follows the one
  // that reads it.
  void backward(const V* x, int x_stride) {
    const int T = shape.timesteps, L = shape.layers, c = shape.cells, n = c * NV, lag = shape.delayed ? 0 : 1;
    for (int l = 0; l < L; ++l)
      for (int i = 0; i < n; ++i) {
        layers[l].d_h[i] = V{};
        if constexpr (CELL == kLstm) layers[l].d_c[i] = V{};
      }
    const Layer& top = layers[L - 1];
    const V* h = top.h + size_t(T) * n;
    for (int j = 0; j < c; ++j) {
      V product{};
      for (int v = 0; v < NV; ++v) {
        top.d_h[j * NV + v] = dout[v] * readout[j];
        product += dout[v] * h[j * NV + v];
      }
      d_readout[j] += sum<W>(product);
    }
    for (int v = 0; v < NV; ++v) d_readout[c] += sum<W>(dout[v]);

    // Gradients flow through the steps from begin on; from past_begin on the states before may differ from zero.
    const int cut = T > shape.truncation ? T - shape.truncation : 0;
    int begin[NV], past_begin[NV];
    for (int v = 0; v < NV; ++v) {
      begin[v] = first[v] > cut ? first[v] : cut;
      past_begin[v] = first[v] < cut ? cut : first[v] + 1;
    }
    for (int now = T - 1; now >= begin[0] - (L - 1) * lag; --now)
      for (int l = 0; l < L; ++l) {  // the lower one takes what the one above has left before that leaves more
        const int t = now + (L - 1 - l) * lag;
        if (t >= T) continue;
        for (int v = 0; v < NV && begin[v] <= t; v += kGroup) step_back(l, t, v, begin[v]);
      }
    for (int l = 0; l < L; ++l) gradients(l, x, x_stride, begin, past_begin);
  }

  // The group of vectors from v on at step t: derivatives by layer l's rows, and from them those by its states one step
  // before and by the states it reads, where gradients flow.
  INLINE void step_back(int l, int t, int v, int begin) {
    const Layer& layer = layers[l];
    const int c = shape.cells;
    V* d = layer.d + size_t(t) * rows.rows * NV + v;
    deltas(layer, t, v, d);
    const Term none{nullptr, 0, 0, nullptr};
    if (t > begin) {
      const Term back{layer.recurrent_t, c, rows.recurrent_rows, d + size_t(rows.offset) * NV};
      P::multiply(c, nullptr, CELL == kGru, back, none, layer.d_h + v);
    }
    if (l && t - shape.delayed >= begin) {
      const Term back{layer.input_t, c, rows.input_rows, d};
      P::multiply(c, nullptr, true, back, none, layers[l - 1].d_h + v);
    }
  }

  INLINE void deltas(const Layer& layer, int t, int v, V* d) {
    const int c = shape.cells, n = c * NV;
    M on[kGroup];
    for (int u = 0; u < kGroup; ++u) on[u] = starts[v + u] <= t;
    V* d_h = layer.d_h + v;
    if constexpr (CELL == kTanh) {
      const V* h = layer.h + size_t(t + 1) * n + v;
      each(n, [&](int i, int u) INLINE_LAMBDA {
        const V e = keep<W>(d_h[i], on[u]);
        d[i] = e - e * h[i] * h[i];
      });
    } else if constexpr (CELL == kLstm) {
      const V *a = layer.gates + size_t(t) * 4 * n + v, *squashed = layer.tanh_c + size_t(t) * n + v;
      const V* before = layer.c + size_t(t) * n + v;
      V* d_c = layer.d_c + v;
      each(n, [&](int i, int u) INLINE_LAMBDA {
        const V in = a[i], forget = a[n + i], g = a[2 * n + i], out = a[3 * n + i], s = squashed[i];
        const V e = keep<W>(d_h[i], on[u]), cell = keep<W>(d_c[i], on[u]) + e * out * (1.0f - s * s);
        d[i] = cell * g * (in - in * in);
        d[n + i] = cell * before[i] * (forget - forget * forget);
        d[2 * n + i] = cell * in * (1.0f - g * g);
        d[3 * n + i] = e * s * (out - out * out);
        d_c[i] = cell * forget;
      });
    } else {
      const V *a = layer.gates + size_t(t) * 4 * n + v, *before = layer.h + size_t(t) * n + v;
      each(n, [&](int i, int u) INLINE_LAMBDA {
        const V fresh = a[i], reset = a[n + i], update = a[2 * n + i], e = keep<W>(d_h[i], on[u]);
        const V inner = e * (1.0f - update) * (1.0f - fresh * fresh);
        d[i] = inner;
        d[n + i] = inner * a[3 * n + i] * (reset - reset * reset);
        d[2 * n + i] = e * (before[i] - fresh) * (update - update * update);
        d[3 * n + i] = inner * reset;
        d_h[i] = e * update;
      });
    }
  }

  INLINE void gradients(int l, const V* x, int x_stride, const int* begin, const int* past_begin) {
    const Layer& layer = layers[l];
    const int c = shape.cells, n = c * NV, R = rows.rows * NV, T = shape.timesteps;
    const int other = rows.rows - rows.input_rows;
    const V* read = source(l, 0, x, x_stride);
    P::outer(rows.recurrent_rows, c, layer.d + size_t(rows.offset) * NV, R, layer.h, n, past_begin, T,
             layer.d_recurrent);
    if (l) P::outer(rows.input_rows, c, layer.d, R, read, n, begin, T, layer.d_input);
    P::outer_bias(rows.input_rows, layer.d, R, l ? nullptr : read, l ? n : x_stride, begin, T,
                  l ? nullptr : layer.d_input, layer.d_bias);
    if (other)
      P::outer_bias(other, layer.d + size_t(rows.input_rows) * NV, R, nullptr, 0, begin, T, nullptr,
                    layer.d_bias + rows.input_rows);
  }
};

}  // namespace
