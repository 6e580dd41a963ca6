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

  // Numbers first .. first + count - 1 of the stream, as 24-bit integers; `out` has room for 14 more.
  // Returns the address of number `first`.
  const uint32_t* fill(uint64_t first, size_t count, uint32_t* out) const {
    const uint64_t begin = first / 8, end = (first + count + 7) / 8;
    uint32_t* o = out;
    for (uint64_t n = begin; n < end; ++n, o += 8) {
      uint64_t words[4];
      block(n, words);
      for (int i = 0; i < 4; ++i) {
        o[2 * i] = uint32_t(words[i]) >> 8;
        o[2 * i + 1] = uint32_t(words[i] >> 40);
      }
    }
    return out + first % 8;
  }
};

}  // namespace
