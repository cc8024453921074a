// Square matrices whose memory is aligned alike under every allocator, and a check of a product that is much cheaper
// than the product.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "bench/workloads/hash.hpp"

namespace workloads {

inline constexpr std::align_val_t cache_line{64};

struct free_aligned {
    template <class T>
    void operator()(T* p) const noexcept {
        ::operator delete[](p, cache_line);
    }
};

// Not initialised.
template <class T>
class aligned_array {
public:
    explicit aligned_array(std::size_t size) : p_(static_cast<T*>(::operator new[](size * sizeof(T), cache_line))) {}
    [[nodiscard]] T* get() const noexcept { return p_.get(); }
    [[nodiscard]] T& operator[](std::size_t i) const noexcept { return p_.get()[i]; }

private:
    std::unique_ptr<T[], free_aligned> p_;
};

// c = a * b, of n rows and columns, with small whole numbers in a and b: exact in every order of additions.
template <class T>
struct product {
    unsigned n;
    aligned_array<T> a{std::size_t{n} * n};
    aligned_array<T> b{std::size_t{n} * n};
    aligned_array<T> c{std::size_t{n} * n};

    explicit product(unsigned rows) : n(rows) {
        for (std::size_t i = 0; i < std::size_t{n} * n; ++i) {
            a[i] = small_number(1, i);
            b[i] = small_number(2, i);
            c[i] = 0;
        }
    }

    // v * c * w for two vectors of random numbers, modulo 2^53.
    [[nodiscard]] std::uint64_t checksum() const {
        return weigh(2 * std::size_t{n}, [this](std::size_t row) { return dot(c, row, weights(1)); });
    }
    // What checksum() has to be: v * (a * (b * w)).
    [[nodiscard]] std::uint64_t expected_checksum() const {
        aligned_array<std::uint64_t> bw(n);
        for (std::size_t row = 0; row < n; ++row) {
            bw[row] = dot(b, row, weights(1));
        }
        return weigh(2 * std::size_t{n}, [&](std::size_t row) { return dot(a, row, [&](auto i) { return bw[i]; }); });
    }

private:
    [[nodiscard]] static T small_number(std::uint64_t seed, std::size_t i) {
        return static_cast<T>(static_cast<int>(random(seed, i) % 16) - 8);
    }
    [[nodiscard]] static auto weights(std::uint64_t seed) {
        return [seed](std::size_t i) { return random(seed, i); };
    }
    template <class Vector>
    [[nodiscard]] std::uint64_t dot(const aligned_array<T>& m, std::size_t row, Vector vector) const {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < n; ++i) {
            sum += static_cast<std::uint64_t>(static_cast<std::int64_t>(m[row * n + i])) * vector(i);
        }
        return sum;
    }
    template <class Rows>
    [[nodiscard]] std::uint64_t weigh(std::uint64_t seed, Rows value_of) const {
        std::uint64_t sum = 0;
        for (std::size_t row = 0; row < n; ++row) {
            sum += random(seed, row) * value_of(row);
        }
        return sum & exact_bits;
    }
};

}  // namespace workloads
