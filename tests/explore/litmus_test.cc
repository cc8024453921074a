#include "tests/explore/model.hpp"
namespace explore {
namespace {
using brigade::detail::sync::atomic;
constexpr auto rlx = std::memory_order_relaxed;
bool seen(std::memory_order w, std::memory_order r) {
    bool found = false;
    settings s;
    s.preemptions = 10;
    s.exhaustive = 100000;
    report rep = search(s, [&] {
        atomic<int> x(0), y(0);
        int a = 9, b = 9;
        {
            model_thread t1([&] {
                x.store(1, w);
                a = y.load(r);
            });
            model_thread t2([&] {
                y.store(1, w);
                b = x.load(r);
            });
        }
        if (a == 0 && b == 0) {
            found = true;
        }
    });
    std::printf("%d %s %lu complete=%d\n%s\n", found, rep.message.c_str(), (unsigned long)rep.schedules, rep.complete,
                rep.trace.c_str());
    return found;
}
TEST(litmus, sb) {
    EXPECT_TRUE(seen(rlx, rlx));
    EXPECT_FALSE(seen(std::memory_order_seq_cst, std::memory_order_seq_cst));
}
}  // namespace
}  // namespace explore
