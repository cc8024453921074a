// What memory for coroutine frames costs, beside malloc and oneTBB's scalable allocator.
//
//   bazel run --config=bench //bench:frame_memory_benchmark
//
// The runtime's own allocator is reached the way a task reaches it: by the operators of its promise.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/scalable_allocator.h>

#include <brigade/brigade.hpp>

namespace {

using promise = brigade::task<>::promise_type;

struct frames {
    static void* allocate(std::size_t size) { return promise::operator new(size); }
    static void free(void* p, std::size_t size) { promise::operator delete(p, size); }
};
struct libc {
    static void* allocate(std::size_t size) { return std::malloc(size); }
    static void free(void* p, std::size_t /*size*/) { std::free(p); }
};
struct onetbb {
    static void* allocate(std::size_t size) { return ::scalable_malloc(size); }
    static void free(void* p, std::size_t /*size*/) { ::scalable_free(p); }
};

// One frame after the other, as a task that awaits children.
template <class Memory>
void one_by_one(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    for (auto _ : state) {
        void* p = Memory::allocate(size);
        benchmark::DoNotOptimize(p);
        Memory::free(p, size);
    }
    state.SetItemsProcessed(state.iterations());
}

// `range` frames at once, freed last in, first out: recursion.
template <class Memory>
void nested(benchmark::State& state) {
    constexpr std::size_t size = 256;
    std::vector<void*> all(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        for (void*& p : all) {
            p = Memory::allocate(size);
            *static_cast<void**>(p) = nullptr;
        }
        for (auto p = all.rbegin(); p != all.rend(); ++p) {
            Memory::free(*p, size);
        }
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

// One after the other above 1, 2 ... 100 that are live: a recursion that stays at each depth for a while. No depth
// should cost more than others.
template <class Memory>
void at_each_depth(benchmark::State& state) {
    constexpr std::size_t size = 192;
    constexpr std::int64_t turns = 100;
    std::array<void*, 100> live;
    for (auto _ : state) {
        for (void*& below : live) {
            below = Memory::allocate(size);
            for (std::int64_t i = 0; i < turns; ++i) {
                void* p = Memory::allocate(size);
                benchmark::DoNotOptimize(p);
                Memory::free(p, size);
            }
        }
        for (void* p : live) {
            Memory::free(p, size);
        }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(live.size()) * turns);
}

// `range` frames live; one of them, any, ends and another begins: a service with many connections.
template <class Memory>
void random_order(benchmark::State& state) {
    constexpr std::size_t size = 256;
    std::vector<void*> all(static_cast<std::size_t>(state.range(0)));
    for (void*& p : all) {
        p = Memory::allocate(size);
    }
    std::minstd_rand random;
    for (auto _ : state) {
        void*& p = all[random() % all.size()];
        Memory::free(p, size);
        p = Memory::allocate(size);
        *static_cast<void**>(p) = nullptr;
    }
    for (void* p : all) {
        Memory::free(p, size);
    }
    state.SetItemsProcessed(state.iterations());
}

// One thread allocates, another frees: tasks that are spawned here and run there. The ring between them costs the same
// for all.
template <class Memory>
void handed_over(benchmark::State& state) {
    constexpr std::size_t size = 256;
    constexpr std::size_t slots = 4096;
    constexpr std::size_t lot = 256;
    struct ring {
        std::array<void*, slots> frames{};
        alignas(64) std::atomic<std::size_t> made{0};
        alignas(64) std::atomic<std::size_t> freed{0};
        std::atomic<bool> done{false};
    };
    const auto r = std::make_unique<ring>();
    std::thread consumer([&r] {
        std::size_t next = 0;
        for (;;) {
            const bool last = r->done.load(std::memory_order_acquire);         // pairs: the store at the end
            const std::size_t made = r->made.load(std::memory_order_acquire);  // pairs: the producer's store
            if (next == made) {
                if (last) {
                    return;
                }
                std::this_thread::yield();
            }
            while (next != made) {
                Memory::free(r->frames[next++ % slots], size);
            }
            r->freed.store(next, std::memory_order_release);  // pairs: the producer's load
        }
    });
    std::size_t next = 0;
    for (auto _ : state) {
        while (next + lot - r->freed.load(std::memory_order_acquire) > slots) {  // pairs: the consumer's store
            std::this_thread::yield();
        }
        for (std::size_t i = 0; i < lot; ++i) {
            void* const p = Memory::allocate(size);
            *static_cast<void**>(p) = nullptr;
            r->frames[next++ % slots] = p;
        }
        r->made.store(next, std::memory_order_release);  // pairs: the consumer's load
    }
    r->done.store(true, std::memory_order_release);  // pairs: the consumer's load
    consumer.join();
    state.SetItemsProcessed(static_cast<std::int64_t>(next));
}

#define BRIGADE_FOR_EACH_MEMORY(benchmark_of) \
    benchmark_of(frames);                     \
    benchmark_of(libc);                       \
    benchmark_of(onetbb)
#define BRIGADE_ONE_BY_ONE(memory) BENCHMARK(one_by_one<memory>)->ArgName("size")->Arg(128)->Arg(1200)
#define BRIGADE_NESTED(memory) BENCHMARK(nested<memory>)->ArgName("frames")->Arg(100)->Arg(10'000)
#define BRIGADE_AT_EACH_DEPTH(memory) BENCHMARK(at_each_depth<memory>)
#define BRIGADE_RANDOM_ORDER(memory) BENCHMARK(random_order<memory>)->ArgName("frames")->Arg(1000)->Arg(1'000'000)
#define BRIGADE_HANDED_OVER(memory) BENCHMARK(handed_over<memory>)->UseRealTime()

BRIGADE_FOR_EACH_MEMORY(BRIGADE_ONE_BY_ONE);
BRIGADE_FOR_EACH_MEMORY(BRIGADE_NESTED);
BRIGADE_FOR_EACH_MEMORY(BRIGADE_AT_EACH_DEPTH);
BRIGADE_FOR_EACH_MEMORY(BRIGADE_RANDOM_ORDER);
BRIGADE_FOR_EACH_MEMORY(BRIGADE_HANDED_OVER);

}  // namespace
