// What the binding and the kernels share. Plain data only: kernels are compiled once per instruction set, and nothing
// with external linkage may be instantiated in more than one of them.
#pragma once
#include <cstddef>
#include <cstdint>

namespace linmem {

enum Cell : int32_t { kTanh = 0, kLstm = 1, kGru = 2 };

struct Shape {
  int32_t cell, layers, cells, batch, timesteps;
  int32_t delayed;     // 1: layer l reads layer l-1 as it was one step before
  int32_t truncation;  // gradients flow through the last `truncation` steps only
};

// Sequences of the memorisation task from numpy's Philox stream with this key (random.hpp).
struct Task {
  int32_t position, shortest, longest;
  int32_t one_length;  // 1: the whole batch has the length of its first sequence
  const double* law;   // cumulative probabilities of the lengths but the longest; null: all equally likely
  uint64_t key[2];
};

// Given sequences, right-aligned: inputs (count, timesteps), lengths and targets (count).
struct Data {
  const float* inputs;
  const int32_t* lengths;
  const float* targets;
};

enum Method : int32_t { kSgd = 0, kMomentum = 1, kAdam = 2 };

struct Rule {
  int32_t method;
  double rate;
  int64_t horizon;  // rate (1 - k / horizon) at step k; 0: constant
  double momentum, beta1, beta2, epsilon;
};

// Parameters of one network, in the order of each layer's: input weights (input, row), recurrent weights (cell, row),
// biases (row); at the end read-out weights (cell) and read-out bias. Rows: tanh: cells; LSTM: i, f, g, o;
// GRU: input weights n, r, z; recurrent weights r, z, n; biases n of the input, r, z, n of the recurrence.
struct Parameters {
  float* values;
  const float* scale;  // every step is multiplied by this: number of torch's bias vectors; 0 where nothing is trained
  float *first, *second;  // state of momentum and Adam
};

struct Kernel {
  const char* name;
  size_t (*workspace)(const Shape&);  // bytes, to be aligned to 64
  // Steps first .. first+count-1 on the task, or on `data` (count batches) if given. Stops after a loss that is not
  // finite. Returns the number of steps done; *loss is the sum of their mean absolute errors.
  int64_t (*train)(const Shape&, const Task&, const Data*, const Rule&, const Parameters&, void* work, int64_t first,
                   int64_t count, double* loss);
  double (*gradient)(const Shape&, const Data&, const float* values, float* gradient, void* work);
  void (*outputs)(const Shape&, const Data&, const float* values, float* outputs, void* work);
  double (*evaluate)(const Shape&, const Task&, const float* values, int64_t count, void* work);
  void (*activation)(const float* x, float* y, size_t count, int sigmoid);
  // Fused multiply-adds on registers alone, for the peak rate; returns the number of operations (two for each lane).
  int64_t (*fused_operations)(int64_t rounds);
};

struct Sizes {  // rows of a layer's weights; the recurrent ones begin at row `offset`
  int rows, input_rows, recurrent_rows, offset;
};

inline constexpr Sizes sizes(int cell, int cells) {
  return cell == kTanh   ? Sizes{cells, cells, cells, 0}
         : cell == kLstm ? Sizes{4 * cells, 4 * cells, 4 * cells, 0}
                         : Sizes{4 * cells, 3 * cells, 3 * cells, cells};
}

static inline size_t layer_parameters(const Shape& s, int layer) {
  const Sizes r = sizes(s.cell, s.cells);
  return size_t(layer ? s.cells : 1) * r.input_rows + size_t(s.cells) * r.recurrent_rows + r.rows;
}

static inline size_t parameter_count(const Shape& s) {
  size_t n = s.cells + 1;
  for (int l = 0; l < s.layers; ++l) n += layer_parameters(s, l);
  return n;
}

}  // namespace linmem
