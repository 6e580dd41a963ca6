// Python module linmem.trained.native._engine: arrays in and out, the kernel of this machine, no GIL while it runs.
// Callers check what the numbers mean (linmem/trained/native/*.py); here only what memory safety needs is checked.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>

#include "engine.hpp"
#include "kernels.hpp"  // written by CMake: LINMEM_KERNELS(X) is X(name) for every kernel, best first

namespace nb = nanobind;
using namespace nb::literals;

namespace linmem {
#define DECLARE(name) extern const Kernel kernel_##name;
LINMEM_KERNELS(DECLARE)
}  // namespace linmem

namespace {

using namespace linmem;
using Floats = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Inputs = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Constants = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Doubles = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Integers = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using ShapeNumbers = std::array<int32_t, 7>;

bool runs_here(const std::string& name) {
#if defined(__x86_64__) || defined(__i386__)
  if (name == "avx512")
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && runs_here("avx2");
  if (name == "avx2")
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#endif
  return name == "sse2" || name == "generic";
}

std::vector<const Kernel*> usable() {
  std::vector<const Kernel*> found;
#define COLLECT(name) \
  if (runs_here(#name)) found.push_back(&kernel_##name);
  LINMEM_KERNELS(COLLECT)
  return found;
}

const Kernel& kernel_of(const std::string& name) {
  for (const Kernel* kernel : usable())
    if (name == kernel->name) return *kernel;
  throw nb::value_error(("no instruction set " + name + " here").c_str());
}

void require(bool condition, const char* rule) {
  if (!condition) throw nb::value_error(rule);
}

Shape shape_of(const ShapeNumbers& n) {
  const Shape s{n[0], n[1], n[2], n[3], n[4], n[5], n[6]};
  require(s.cell >= kTanh && s.cell <= kGru && s.layers >= 1 && s.layers <= 64 && s.cells >= 1 && s.cells <= 4096 &&
              s.batch >= 1 && s.batch <= 1 << 20 && s.timesteps >= 1 && s.timesteps <= 1 << 20 && s.truncation >= 1,
          "shape out of range");
  return s;
}

struct Workspace {
  void* memory;
  explicit Workspace(size_t bytes) : memory(::operator new(bytes, std::align_val_t(64))) {}
  ~Workspace() { ::operator delete(memory, std::align_val_t(64)); }
};

Data data_of(const Shape& s, const Inputs& inputs, const Integers& lengths, const Constants* targets, size_t count) {
  require(inputs.shape(0) == count && inputs.shape(1) == size_t(s.timesteps) && lengths.shape(0) == count &&
              (!targets || targets->shape(0) == count),
          "inputs, lengths and targets must fit the shape");
  for (size_t i = 0; i < count; ++i)
    require(lengths.data()[i] >= 1 && lengths.data()[i] <= s.timesteps, "lengths must lie in 1..timesteps");
  return {inputs.data(), lengths.data(), targets ? targets->data() : nullptr};
}

Task task_of(const Shape& s, const std::array<int32_t, 4>& n, const Doubles& law, const std::array<uint64_t, 2>& key) {
  require(n[0] >= 1 && n[1] >= 1 && n[1] <= n[2] && n[2] <= s.timesteps, "task out of range");
  require(law.shape(0) == 0 || law.shape(0) == size_t(n[2] - n[1]), "law must have one number less than lengths");
  return {n[0], n[1], n[2], n[3], law.shape(0) ? law.data() : nullptr, {key[0], key[1]}};
}

struct Update {
  Rule rule;
  Parameters parameters;
};

Update update_of(const Shape& s, int32_t method, const std::array<double, 5>& numbers, int64_t horizon, Floats& values,
                 const Constants& scale, Floats& first, Floats& second) {
  const size_t n = parameter_count(s);
  require(method >= kSgd && method <= kAdam, "no such method");
  require(values.shape(0) == n && scale.shape(0) == n, "values and scale must hold the parameters");
  require((method == kSgd || first.shape(0) == n) && (method != kAdam || second.shape(0) == n),
          "the optimiser's state must hold the parameters");
  return {{method, numbers[0], horizon, numbers[1], numbers[2], numbers[3], numbers[4]},
          {values.data(), scale.data(), first.data(), second.data()}};
}

}  // namespace

NB_MODULE(_engine, m) {
  m.def("instruction_sets", [] {
    std::vector<std::string> names;
    for (const Kernel* kernel : usable()) names.push_back(kernel->name);
    return names;
  });

  m.def("parameter_count", [](const ShapeNumbers& shape) { return parameter_count(shape_of(shape)); }, "shape"_a);

  m.def(
      "train",
      [](const std::string& isa, const ShapeNumbers& shape, const std::array<int32_t, 4>& task,
         Doubles law, const std::array<uint64_t, 2>& key, int32_t method, const std::array<double, 5>& numbers,
         int64_t horizon, Floats values, Constants scale, Floats first, Floats second, int64_t start, int64_t count) {
        const Kernel& kernel = kernel_of(isa);
        const Shape s = shape_of(shape);
        const Task t = task_of(s, task, law, key);
        const Update u = update_of(s, method, numbers, horizon, values, scale, first, second);
        double loss = 0.0;
        int64_t done = 0;
        {
          nb::gil_scoped_release released;
          const Workspace work(kernel.workspace(s));
          done = kernel.train(s, t, nullptr, u.rule, u.parameters, work.memory, start, count, &loss);
        }
        return std::pair(done, loss);
      },
      "isa"_a, "shape"_a, "task"_a, "law"_a.noconvert(), "key"_a, "method"_a, "numbers"_a, "horizon"_a,
      "values"_a.noconvert(), "scale"_a.noconvert(), "first"_a.noconvert(), "second"_a.noconvert(), "start"_a,
      "count"_a);

  m.def(
      "train_on",
      [](const std::string& isa, const ShapeNumbers& shape, Inputs inputs, Integers lengths, Constants targets,
         int32_t method, const std::array<double, 5>& numbers, int64_t horizon, Floats values, Constants scale,
         Floats first, Floats second, int64_t start, int64_t count) {
        const Kernel& kernel = kernel_of(isa);
        const Shape s = shape_of(shape);
        require(count >= 0, "count must be >= 0");
        const Data data = data_of(s, inputs, lengths, &targets, size_t(count) * s.batch);
        const Update u = update_of(s, method, numbers, horizon, values, scale, first, second);
        const Task unused{1, 1, 1, 0, nullptr, {0, 0}};
        double loss = 0.0;
        int64_t done = 0;
        {
          nb::gil_scoped_release released;
          const Workspace work(kernel.workspace(s));
          done = kernel.train(s, unused, &data, u.rule, u.parameters, work.memory, start, count, &loss);
        }
        return std::pair(done, loss);
      },
      "isa"_a, "shape"_a, "inputs"_a.noconvert(), "lengths"_a.noconvert(), "targets"_a.noconvert(), "method"_a,
      "numbers"_a, "horizon"_a, "values"_a.noconvert(), "scale"_a.noconvert(), "first"_a.noconvert(),
      "second"_a.noconvert(), "start"_a, "count"_a);

  m.def(
      "gradient",
      [](const std::string& isa, const ShapeNumbers& shape, Inputs inputs, Integers lengths, Constants targets,
         Constants values, Floats gradient) {
        const Kernel& kernel = kernel_of(isa);
        const Shape s = shape_of(shape);
        const Data data = data_of(s, inputs, lengths, &targets, s.batch);
        require(values.shape(0) == parameter_count(s) && gradient.shape(0) == parameter_count(s),
                "values and gradient must hold the parameters");
        nb::gil_scoped_release released;
        const Workspace work(kernel.workspace(s));
        return kernel.gradient(s, data, values.data(), gradient.data(), work.memory);
      },
      "isa"_a, "shape"_a, "inputs"_a.noconvert(), "lengths"_a.noconvert(), "targets"_a.noconvert(),
      "values"_a.noconvert(), "gradient"_a.noconvert());

  m.def(
      "outputs",
      [](const std::string& isa, const ShapeNumbers& shape, Inputs inputs, Integers lengths, Constants values,
         Floats outputs) {
        const Kernel& kernel = kernel_of(isa);
        const Shape s = shape_of(shape);
        const Data data = data_of(s, inputs, lengths, nullptr, s.batch);
        require(values.shape(0) == parameter_count(s) && outputs.shape(0) == size_t(s.batch),
                "values must hold the parameters and outputs one number per sequence");
        nb::gil_scoped_release released;
        const Workspace work(kernel.workspace(s));
        kernel.outputs(s, data, values.data(), outputs.data(), work.memory);
      },
      "isa"_a, "shape"_a, "inputs"_a.noconvert(), "lengths"_a.noconvert(), "values"_a.noconvert(),
      "outputs"_a.noconvert());

  m.def(
      "evaluate",
      [](const std::string& isa, const ShapeNumbers& shape, const std::array<int32_t, 4>& task,
         Doubles law, const std::array<uint64_t, 2>& key, Constants values, int64_t count) {
        const Kernel& kernel = kernel_of(isa);
        const Shape s = shape_of(shape);
        const Task t = task_of(s, task, law, key);
        require(values.shape(0) == parameter_count(s) && count >= 0, "values must hold the parameters");
        nb::gil_scoped_release released;
        const Workspace work(kernel.workspace(s));
        return kernel.evaluate(s, t, values.data(), count, work.memory);
      },
      "isa"_a, "shape"_a, "task"_a, "law"_a.noconvert(), "key"_a, "values"_a.noconvert(), "count"_a);

  m.def(
      "activation",
      [](const std::string& isa, Constants x, Floats y, bool logistic) {
        require(x.shape(0) == y.shape(0), "x and y must have equal lengths");
        kernel_of(isa).activation(x.data(), y.data(), x.shape(0), logistic);
      },
      "isa"_a, "x"_a.noconvert(), "y"_a.noconvert(), "logistic"_a);

  m.def(
      "fused_operations",
      [](const std::string& isa, int64_t rounds) { return kernel_of(isa).fused_operations(rounds); }, "isa"_a,
      "rounds"_a);
}
