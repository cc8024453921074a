// The hot functions of the core, each as one of its own, for door_test.sh: it compiles this file twice and compares.
#include <brigade/detail/promise.hpp>

#include <brigade/detail/deque.hpp>
#include "executor/frame_page.hpp"
#include "executor/idle.hpp"

using namespace brigade::detail;

void push(fifo& f, void* item) {
    f.push(item);
}
void* take(fifo& f) {
    return f.take();
}
void* pop(deque& d) {
    return d.pop();
}
bool pop_if(deque& d, void* item) {
    return d.pop_if(item);
}
void* steal(deque& d) {
    return d.steal();
}
bool needs_waking(const worker_counts& i) {
    return i.needs_waking();
}
void wait(parker& p) {
    p.wait();
}
void unpark(parker& p) {
    p.unpark();
}
std::coroutine_handle<> fork(promise_base& parent, promise_base& child) {
    return run_child(parent, child, caller::kind::forked);
}
std::coroutine_handle<> call(promise_base& parent, promise_base& child) {
    return run_child(parent, child, caller::kind::called);
}
bool end(promise_base& child) {
    return hand_over(child);
}
bool must_wait(const fork_state& f) {
    return f.must_wait();
}
void* allocate() {
    return allocate_frame(128);
}
void free(void* frame) {
    free_frame(frame, 128);
}
bool belongs_to(const frame_page& p, const frame_heap* h) {
    return p.belongs_to(h);
}
