// One network at a time: data, passes, updates. Compiled once per instruction set, with its own name for the table.
// Nothing here or in the headers may come from the standard library's templates (see engine.hpp).
#include "network.hpp"
#include "random.hpp"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

namespace {

// A batch in the layout of the passes: (step, sample), longest sequences first, padded to whole blocks with sequences
// of length zero, which are masked at all steps.
template <int W> struct Batch {
  static constexpr float kUnit = 1.0f / 16777216.0f;
  int padded;
  float *inputs, *targets;
  int32_t *lengths, *drawn, *order, *places;  // order: the sequence in each place
  uint32_t* numbers;

  Batch(const Shape& s, int lanes, Arena& arena) {
    padded = (s.batch + lanes - 1) / lanes * lanes;
    inputs = arena.take<float>(size_t(s.timesteps + 3) * padded);
    targets = arena.take<float>(padded);
    lengths = arena.take<int32_t>(padded);
    drawn = arena.take<int32_t>(padded);
    order = arena.take<int32_t>(padded);
    places = arena.take<int32_t>(s.timesteps + 2);
    numbers = arena.take<uint32_t>(size_t(s.batch + 4) * (s.timesteps + 1) + 16);
  }

  // Sorts the sequences by length, which is in `drawn`.
  void sort(const Shape& s, int count) {
    const int T = s.timesteps;
    for (int i = 0; i <= T + 1; ++i) places[i] = 0;
    for (int b = 0; b < count; ++b) ++places[T + 1 - drawn[b]];
    for (int i = 1; i <= T; ++i) places[i] += places[i - 1];
    for (int b = 0; b < count; ++b) {
      const int place = places[T - drawn[b]]++;
      order[place] = b;
      lengths[place] = drawn[b];
    }
    for (int b = count; b < padded; ++b) order[b] = lengths[b] = 0;
  }

  // Asks for sequences begin .. begin+count-1 of the stream; each uses timesteps + 1 numbers, the first for its length.
  void ask(const Shape& s, Supply& supply, uint64_t begin, int count) {
    supply.ask(begin * (s.timesteps + 1), size_t(count) * (s.timesteps + 1), s.layers * s.timesteps);
  }

  // Takes what was asked for.
  void draw(const Shape& s, const Task& task, Supply& supply, uint64_t begin, int count) {
    const int T = s.timesteps, span = task.longest - task.shortest + 1;
    const uint32_t* u = supply.take(begin * (T + 1));
    for (int b = 0; b < count; ++b) {
      const float first = float(int32_t(u[size_t(b) * (T + 1)])) * kUnit;
      int more = 0;
      if (task.law) {
        while (more < span - 1 && task.law[more] <= double(first)) ++more;
      } else {  // the product may be rounded up to span
        const int whole = int(first * float(span));
        more = whole < span ? whole : span - 1;
      }
      drawn[b] = task.one_length && b ? drawn[0] : task.shortest + more;
    }
    sort(s, count);
    spread(u + 1, T, count);
    for (int b = 0; b < count; ++b)
      targets[b] = task.position > lengths[b] ? 0.0f : inputs[size_t(T - task.position) * padded + b];
  }

  // Numbers (sample, 1 + step) to inputs (step, sample), in tiles of four by four; the last ones go beyond the edges.
  INLINE void spread(const uint32_t* numbers, int T, int count) const {
    typedef int32_t I4 __attribute__((vector_size(16), aligned(4), may_alias));
    using V = F<4>;
    for (int t = 0; t < T; t += 4) {
      for (int b = 0; b < count; b += 4) {
        V row[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          const uint32_t* from = numbers + size_t(order[b + i]) * (T + 1) + t;
          row[i] = __builtin_convertvector(*reinterpret_cast<const I4*>(from), V) * kUnit;
        }
        const V low01 = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
        const V low23 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
        const V high01 = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
        const V high23 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
        V* to = reinterpret_cast<V*>(inputs + size_t(t) * padded + b);
        const int stride = padded / 4;
        to[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
        to[stride] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
        to[2 * stride] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
        to[3 * stride] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
      }
    }
  }

  void copy(const Shape& s, const Data& data, int64_t first, int count) {
    const int T = s.timesteps;
    for (int b = 0; b < count; ++b) drawn[b] = data.lengths[first + b];
    sort(s, count);
    for (int b = 0; b < count; ++b) {
      const float* x = data.inputs + size_t(first + order[b]) * T;
      targets[b] = data.targets ? data.targets[first + order[b]] : 0.0f;
      for (int t = 0; t < T; ++t) inputs[size_t(t) * padded + b] = t < T - lengths[b] ? 0.0f : x[t];
    }
  }
};

template <int CELL, int W, int NV> struct Runner {
  using V = F<W>;
  static constexpr int kLanes = W * NV;

  Shape shape;
  Arena arena;
  Network<CELL, W, NV> network;
  Batch<W> batch;
  float* gradient;

  Runner(const Shape& s, void* work)
      : shape(s), arena{static_cast<char*>(work)}, network(s, arena), batch(s, kLanes, arena) {
    gradient = arena.template take<float>(parameter_count(s));
    if (work) __builtin_memset(work, 0, arena.used);  // what is masked must be finite
  }

  // Runs the samples block by block; use(v-th vector, first sample, output, error) sees every vector of them.
  template <class Use> INLINE void blocks(int count, bool backward, Supply& supply, Use use) {
    for (int first = 0; first < count; first += kLanes) {
      network.set_lengths(batch.lengths + first);
      const V* x = reinterpret_cast<const V*>(batch.inputs + first);
      network.forward(x, batch.padded / W, supply);
      for (int v = 0; v < NV; ++v) {
        const V target = *reinterpret_cast<const V*>(batch.targets + first + v * W);
        use(v, first + v * W, network.output(v), target);
      }
      if (backward) network.backward(x, batch.padded / W);
    }
  }

  // Mean absolute error of the batch in place; its gradient in `gradient`.
  double differentiate(Supply& supply) {
    for (size_t i = 0, n = parameter_count(shape); i < n; ++i) gradient[i] = 0.0f;
    double total = 0.0;
    const float share = 1.0f / shape.batch;
    blocks(shape.batch, true, supply, [&](int v, int first, V y, V target) {
      const V error = y - target;
      V size = error < 0.0f ? -error : error;
      V sign = error == error ? (error < 0.0f ? splat<V>(-share) : splat<V>(share)) : error;
      sign = keep<W>(sign, error != 0.0f);
      if (first + W > shape.batch) {
        for (int i = 0; i < W; ++i)
          if (first + i >= shape.batch) size[i] = sign[i] = 0.0f;
      }
      network.dout[v] = sign;
      total += sum<W>(size);
    });
    return total / shape.batch;
  }
};

void descend(const Rule& rule, const Parameters& p, const float* g, size_t n, int64_t step) {
  const double rate = rule.horizon ? rule.rate * (1.0 - double(step) / double(rule.horizon)) : rule.rate;
  float *w = p.values, *m = p.first, *s = p.second;
  const float* scale = p.scale;
  if (rule.method == kSgd) {
    const float r = float(rate);
    for (size_t i = 0; i < n; ++i) w[i] -= r * scale[i] * g[i];
  } else if (rule.method == kMomentum) {
    const float r = float(rate), keep = float(rule.momentum);
    for (size_t i = 0; i < n; ++i) {
      m[i] = keep * m[i] + g[i];
      w[i] -= r * scale[i] * m[i];
    }
  } else {
    const float b1 = float(rule.beta1), b2 = float(rule.beta2), epsilon = float(rule.epsilon);
    const double decay1 = 1.0 - __builtin_pow(rule.beta1, double(step + 1));
    const double decay2 = 1.0 - __builtin_pow(rule.beta2, double(step + 1));
    const float r = float(rate / decay1), root = float(1.0 / __builtin_sqrt(decay2));
    for (size_t i = 0; i < n; ++i) {
      m[i] += (1.0f - b1) * (g[i] - m[i]);
      s[i] = b2 * s[i] + (1.0f - b2) * g[i] * g[i];
      w[i] -= r * scale[i] * m[i] / (__builtin_sqrtf(s[i]) * root + epsilon);
    }
  }
}

constexpr uint64_t kNoKey[2] = {0, 0};

template <int CELL, int W, int NV> struct Entry {
  using R = Runner<CELL, W, NV>;
  using V_t = F<W>;

  static size_t workspace(const Shape& s) { return R(s, nullptr).arena.used; }

  static int64_t train(const Shape& s, const Task& task, const Data* data, const Rule& rule, const Parameters& p,
                       void* work, int64_t first, int64_t count, double* loss) {
    R run(s, work);
    const Philox stream(task.key);
    const size_t n = parameter_count(s);
    Supply supply{stream, run.batch.numbers};
    run.network.bind(p.values, run.gradient);
    *loss = 0.0;
    if (!data) run.batch.ask(s, supply, uint64_t(first) * s.batch, s.batch);
    for (int64_t k = 0; k < count; ++k) {
      if (data) {
        run.batch.copy(s, *data, k * s.batch, s.batch);
      } else {
        run.batch.draw(s, task, supply, uint64_t(first + k) * s.batch, s.batch);
        if (k + 1 < count) run.batch.ask(s, supply, uint64_t(first + k + 1) * s.batch, s.batch);
      }
      run.network.transpose();
      const double error = run.differentiate(supply);
      *loss += error;
      if (!(error <= 1e300)) return k + 1;
      descend(rule, p, run.gradient, n, first + k);
    }
    return count;
  }

  static double gradient(const Shape& s, const Data& data, const float* values, float* out, void* work) {
    R run(s, work);
    run.network.bind(values, run.gradient);
    run.batch.copy(s, data, 0, s.batch);
    run.network.transpose();
    const Philox stream(kNoKey);
    Supply supply{stream, nullptr};
    const double loss = run.differentiate(supply);
    for (size_t i = 0, n = parameter_count(s); i < n; ++i) out[i] = run.gradient[i];
    return loss;
  }

  static void outputs(const Shape& s, const Data& data, const float* values, float* out, void* work) {
    R run(s, work);
    run.network.bind(values, nullptr);
    run.batch.copy(s, data, 0, s.batch);
    const Philox stream(kNoKey);
    Supply supply{stream, nullptr};
    run.blocks(s.batch, false, supply, [&](int, int first, V_t y, V_t) {
      for (int i = 0; i < W && first + i < s.batch; ++i) out[run.batch.order[first + i]] = y[i];
    });
  }

  static double evaluate(const Shape& s, const Task& task, const float* values, int64_t count, void* work) {
    R run(s, work);
    const Philox stream(task.key);
    Supply supply{stream, run.batch.numbers};
    run.network.bind(values, nullptr);
    double total = 0.0;
    for (int64_t first = 0; first < count; first += s.batch) {
      const int size = int(count - first < s.batch ? count - first : s.batch);
      run.batch.ask(s, supply, uint64_t(first), size);
      run.batch.draw(s, task, supply, uint64_t(first), size);
      run.blocks(size, false, supply, [&](int, int sample, V_t y, V_t target) {
        const V_t error = y - target;
        for (int i = 0; i < W && sample + i < size; ++i) total += __builtin_fabsf(error[i]);
      });
    }
    return total;
  }
};

// Vectors and blocks for the batch at hand: whole registers where the batch fills them.
#if defined(__AVX512F__)
#define BY_BATCH(CELL, call) \
  (s.batch <= 8 ? Entry<CELL, 8, 1>::call : s.batch <= 16 ? Entry<CELL, 16, 1>::call : Entry<CELL, 16, 2>::call)
#elif defined(__AVX__)
#define BY_BATCH(CELL, call) \
  (s.batch <= 8 ? Entry<CELL, 8, 1>::call : s.batch <= 16 ? Entry<CELL, 8, 2>::call : Entry<CELL, 8, 4>::call)
#else
#define BY_BATCH(CELL, call) (s.batch <= 8 ? Entry<CELL, 4, 2>::call : Entry<CELL, 4, 4>::call)
#endif
#define BY_SHAPE(call) \
  (s.cell == kTanh ? BY_BATCH(kTanh, call) : s.cell == kLstm ? BY_BATCH(kLstm, call) : BY_BATCH(kGru, call))

size_t workspace(const Shape& s) { return BY_SHAPE(workspace(s)); }
int64_t train(const Shape& s, const Task& task, const Data* data, const Rule& rule, const Parameters& p, void* work,
              int64_t first, int64_t count, double* loss) {
  return BY_SHAPE(train(s, task, data, rule, p, work, first, count, loss));
}
double gradient(const Shape& s, const Data& data, const float* values, float* out, void* work) {
  return BY_SHAPE(gradient(s, data, values, out, work));
}
void outputs(const Shape& s, const Data& data, const float* values, float* out, void* work) {
  BY_SHAPE(outputs(s, data, values, out, work));
}
double evaluate(const Shape& s, const Task& task, const float* values, int64_t count, void* work) {
  return BY_SHAPE(evaluate(s, task, values, count, work));
}

#if defined(__AVX512F__)
constexpr int kWidest = 16;
#elif defined(__AVX__)
constexpr int kWidest = 8;
#else
constexpr int kWidest = 4;
#endif

int64_t fused_operations(int64_t rounds) {
  constexpr int kChains = 12;  // more than latency times throughput, fewer than registers
  volatile float half = 0.5f;
  F<kWidest> sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = splat<F<kWidest>>(half);
  const F<kWidest> factor = splat<F<kWidest>>(half);
  for (int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) sums[i] = sums[i] * factor + factor;
  float total = 0.0f;
  for (int i = 0; i < kChains; ++i) total += sum<kWidest>(sums[i]);
  half = total;  // so that nothing above is left out
  return rounds * kChains * kWidest * 2;
}

void activation(const float* x, float* y, size_t count, int sigmoid) {
  constexpr int W = kWidest;
  for (size_t i = 0; i < count; i += W) {
    F<W> v{};
    for (int j = 0; j < W && i + j < count; ++j) v[j] = x[i + j];
    v = sigmoid ? vlogistic<W>(v) : vtanh<W>(v);
    for (int j = 0; j < W && i + j < count; ++j) y[i + j] = v[j];
  }
}

}  // namespace

namespace linmem {
extern const Kernel JOIN(kernel_, LINMEM_ISA);
const Kernel JOIN(kernel_, LINMEM_ISA) = {TEXT(LINMEM_ISA), workspace, train, gradient, outputs, evaluate,
                                       activation, fused_operations};
}  // namespace linmem
