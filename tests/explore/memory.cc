#include "tests/explore/memory.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include <dlfcn.h>
#include <sys/mman.h>

#include "tests/explore/source_path.hpp"

namespace explore {

namespace {

template <class T>
T* map(std::size_t size) {
    // Reserved, not used: a page costs memory when it is touched.
    void* const p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        throw std::bad_alloc();
    }
    return static_cast<T*>(p);
}

}  // namespace

model_memory::model_memory()
    : base_(map<std::byte>(stacks_size + heap_size)), cells_(map<cell>((stacks_size + heap_size) / 8 * sizeof(cell))) {}

model_memory::~model_memory() {
    ::munmap(base_, stacks_size + heap_size);
    ::munmap(cells_, (stacks_size + heap_size) / 8 * sizeof(cell));
}

void model_memory::reset() noexcept {
    top_ = stacks_size;
    ++run_;
    blocks_.clear();
}

void* model_memory::allocate(std::size_t size, std::size_t alignment) noexcept {
    const std::size_t align = std::max<std::size_t>(alignment, 16);
    const std::size_t offset = (top_ + align - 1) / align * align;
    if (offset + size + 16 > stacks_size + heap_size) {
        return nullptr;
    }
    top_ = offset + size + 16;  // no two blocks share a cell, and there is a gap
    blocks_.push_back({offset, size, true});
    return base_ + offset;
}

bool model_memory::owns_heap(const void* p) const noexcept {
    const auto* const b = static_cast<const std::byte*>(p);
    return b >= base_ + stacks_size && b < base_ + stacks_size + heap_size;
}

std::string model_memory::free(void* p, unsigned thread, const vector_clock& happened, const void* code) {
    const auto offset = static_cast<std::size_t>(static_cast<std::byte*>(p) - base_);
    const auto found = std::ranges::lower_bound(blocks_, offset, {}, &block::offset);
    if (found == blocks_.end() || found->offset != offset) {
        return "delete of something that was not allocated, at " + describe_code(code);
    }
    if (!found->alive) {
        return "delete of a block that was deleted before, at " + describe_code(code);
    }
    set_usable(p, found->size, true);  // the owner gives back what it kept for reuse
    // Freeing conflicts with every access: whoever touched the block must have done so before.
    std::string wrong = access(p, found->size, true, thread, happened, code);
    found->alive = false;
    set_usable(p, found->size, false);
    return wrong;
}

model_memory::cell& model_memory::cell_at(std::size_t offset) noexcept {
    cell& c = cells_[offset / 8];
    if (c.run != run_) {
        c = cell{};
        c.run = run_;
    }
    return c;
}

void model_memory::set_usable(void* p, std::size_t size, bool usable) noexcept {
    const auto offset = static_cast<std::size_t>(static_cast<std::byte*>(p) - base_);
    for (std::size_t at = offset / 8 * 8; at < offset + size; at += 8) {
        cell_at(at).retired = !usable;
    }
}

bool model_memory::is_usable(const void* p) const noexcept {
    const auto* const b = static_cast<const std::byte*>(p);
    if (b < base_ || b >= base_ + stacks_size + heap_size) {
        return true;
    }
    const cell& c = cells_[static_cast<std::size_t>(b - base_) / 8];
    return c.run != run_ || !c.retired;
}

std::string model_memory::check_cell(cell& c, std::uint8_t mask, bool writes, unsigned thread,
                                     const vector_clock& happened, const void* code) const {
    if (c.retired) {
        return std::string(writes ? "write to" : "read of") + " memory that was freed, at " + describe_code(code);
    }
    for (unsigned t = 0; t < max_threads; ++t) {
        if (t == thread) {
            continue;
        }
        const bool wrote = (c.write_mask[t] & mask) != 0 && !happened.covers(t, c.written[t]);
        if (wrote || (writes && (c.read_mask[t] & mask) != 0 && !happened.covers(t, c.read[t]))) {
            return "data race: T" + std::to_string(thread) + (writes ? " writes" : " reads") + " at " +
                   describe_code(code) + ", and T" + std::to_string(t) + (wrote ? " wrote" : " read") + " at " +
                   describe_code(wrote ? c.writer[t] : c.reader[t]) + ", with no order between them";
        }
    }
    stamp& when = writes ? c.written[thread] : c.read[thread];
    std::uint8_t& bytes = writes ? c.write_mask[thread] : c.read_mask[thread];
    bytes = when == happened.at[thread] ? static_cast<std::uint8_t>(bytes | mask) : mask;
    when = happened.at[thread];
    (writes ? c.writer[thread] : c.reader[thread]) = code;
    return {};
}

std::string model_memory::access(const void* p, std::size_t size, bool writes, unsigned thread,
                                 const vector_clock& happened, const void* code) {
    const auto* const b = static_cast<const std::byte*>(p);
    if (b < base_ || b >= base_ + stacks_size + heap_size) {
        return {};  // not the model's: globals, and what the run-time library keeps
    }
    const auto offset = static_cast<std::size_t>(b - base_);
    for (std::size_t at = offset / 8 * 8; at < offset + size; at += 8) {
        const std::size_t from = std::max(at, offset) - at;
        const std::size_t to = std::min(at + 8, offset + size) - at;
        const auto mask = static_cast<std::uint8_t>(((1U << (to - from)) - 1) << from);
        if (std::string wrong = check_cell(cell_at(at), mask, writes, thread, happened, code); !wrong.empty()) {
            return wrong;
        }
    }
    return {};
}

std::string model_memory::leaks() const {
    std::size_t count = 0;
    std::size_t bytes = 0;
    for (const block& b : blocks_) {
        count += b.alive ? 1 : 0;
        bytes += b.alive ? b.size : 0;
    }
    return count == 0 ? "" : std::to_string(count) + " blocks were not freed, " + std::to_string(bytes) + " bytes";
}

std::string describe_code(const void* address) {
    Dl_info info{};
    if (::dladdr(address, &info) == 0 || info.dli_fbase == nullptr) {
        return "an unknown place";
    }
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(address) -
                                                 static_cast<const std::byte*>(info.dli_fbase));
    // One before the return address: inside the call.
    char command[512];
    std::snprintf(command, sizeof(command),
                  "llvm-symbolizer-19 --obj=%s --output-style=GNU --functions=short --no-demangle 0x%zx 2>/dev/null",
                  "/proc/$PPID/exe", offset - 1);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command, "r"), &::pclose);
    char function[256] = "";
    char line[512] = "";
    if (pipe == nullptr || std::fgets(function, sizeof(function), pipe.get()) == nullptr ||
        std::fgets(line, sizeof(line), pipe.get()) == nullptr) {
        std::snprintf(line, sizeof(line), "%s+0x%zx", info.dli_fname, offset);
    }
    std::string text = line;
    text.erase(text.find_last_not_of("\n") + 1);
    return path_in_repository(text);
}

}  // namespace explore
