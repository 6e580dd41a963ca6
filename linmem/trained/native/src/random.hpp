// numpy's stream of float32 uniforms: Generator(Philox(key=key)).random(dtype=float32), counter from zero.
// Philox4x64-10 (Salmon et al. 2011): block n = 1, 2, .. gives four 64-bit words, each two numbers, low half first; a
// number is the upper 24 bits of its half, over 2^24. Random access: the stream of a network depends on nothing else.
#pragma once
#include <cstdint>

namespace {

struct Philox {
  uint64_t round_keys[10][2];

  explicit Philox(const uint64_t key[2]) {
    uint64_t k0 = key[0], k1 = key[1];
    for (auto& round : round_keys) {
      round[0] = k0;
      round[1] = k1;
      k0 += 0x9E3779B97F4A7C15u;
      k1 += 0xBB67AE8584CAA73Bu;
    }
  }

  INLINE void block(uint64_t n, uint64_t out[4]) const {
    uint64_t c0 = n + 1, c1 = 0, c2 = 0, c3 = 0;
    for (const auto& round : round_keys) {
      const unsigned __int128 a = (unsigned __int128)0xD2E7470EE14C6C93u * c0;
      const unsigned __int128 b = (unsigned __int128)0xCA5A826395121157u * c2;
      c0 = uint64_t(b >> 64) ^ c1 ^ round[0];
      c1 = uint64_t(b);
      c2 = uint64_t(a >> 64) ^ c3 ^ round[1];
      c3 = uint64_t(a);
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
  }

};

// Numbers of the stream, made in parts: integer work that runs beside the floating-point work of a pass.
struct Supply {
  const Philox& stream;
  uint32_t* room;  // for the numbers asked for and 14 more
  uint64_t next = 0, end = 0;
  uint32_t* out = nullptr;
  int part = 0;

  // Asks for numbers first .. first + count - 1, to be made in `parts` parts.
  void ask(uint64_t first, size_t count, int parts) {
    next = first / 8;
    end = (first + count + 7) / 8;
    out = room;
    part = int((end - next + parts - 1) / parts);
  }

  INLINE void make(int blocks) {
    for (; blocks > 0 && next < end; --blocks, ++next, out += 8) {
      uint64_t words[4];
      stream.block(next, words);
      for (int i = 0; i < 4; ++i) {
        out[2 * i] = uint32_t(words[i]) >> 8;
        out[2 * i + 1] = uint32_t(words[i] >> 40);
      }
    }
  }

  INLINE void make_part() { make(part); }

  // The numbers, as integers below 2^24; `first` as in ask().
  const uint32_t* take(uint64_t first) {
    make(int(end - next));
    return room + first % 8;
  }
};

}  // namespace
