// Models of a page of frame memory: who gets the blocks, and who gets the page (FRM1 to FRM4).
#include <array>
#include <cstddef>
#include <new>
#include <span>

#include "tests/explore/parts_of_frame_models.hpp"

namespace explore {
namespace {

using state = frame_page::state;

// A page without a pool. The model's first thread is its owner in the beginning.
class single_page {
public:
    explicit single_page(unsigned size_class)
        : memory_(::operator new(frame_sizes::page, std::align_val_t(frame_sizes::page))),
          page_(::new(memory_) frame_page) {
        page_->format(size_class, nullptr);
    }
    single_page(const single_page&) = delete;
    single_page& operator=(const single_page&) = delete;
    ~single_page() {
        page_->~frame_page();
        sync::reuse(memory_, frame_sizes::page);
        ::operator delete(memory_);
    }
    frame_page& operator*() const noexcept { return *page_; }
    frame_page* operator->() const noexcept { return page_; }

private:
    void* memory_;
    frame_page* page_;
};

// The owner takes a block, as a frame in use.
[[nodiscard]] number_frame take_one(frame_page& page) {
    require(page.refill(1), "the page has a block");
    frame_block* block = nullptr;
    require(page.take(1, block) == 1, "which the owner gets");
    return number_frame::in(block, page.size_class());
}

template <std::size_t N>
[[nodiscard]] std::array<number_frame, N> take_some(frame_page& page) {
    std::array<number_frame, N> frames;
    for (number_frame& f : frames) {
        f = take_one(page);
    }
    return frames;
}

// The owner takes all that can be had. Each block is used, so that it must have come with all that was done to it.
[[nodiscard]] std::size_t take_rest(frame_page& page) {
    std::size_t count = 0;
    for (; page.refill(1); ++count) {
        (void)take_one(page);
    }
    return count;
}

// The owner takes what it can have and puts it back. Whether the page is unused then.
[[nodiscard]] bool take_and_put_rest(frame_page& page) {
    std::array<number_frame, 10> frames;
    std::size_t count = 0;
    for (; page.refill(1); ++count) {
        frames[count] = take_one(page);
    }
    for (const number_frame& f : std::span(frames).first(count)) {
        frame_block* const block = f.retire(page.size_class());
        page.put(block, block, 1);
    }
    return page.is_unused();
}

frame_page::transition give_back(frame_page& page, number_frame frame) {
    frame_block* const block = frame.retire(page.size_class());
    return page.give_back(block, block, 1);
}
frame_page::transition give_back(frame_page& page, number_frame one, number_frame other) {
    frame_block* const last = one.retire(page.size_class());
    frame_block* const first = frame_block::made_of(other.place(), page.size_class(), last);
    return page.give_back(first, last, 2);
}

MODEL(frame_page_model, a_block_that_comes_back_beside_the_owners_collect_is_collected_once) {
    const single_page page(few_blocks);
    const auto frames = take_some<4>(*page);
    std::size_t collected = 0;
    {
        const model_thread other([&] { give_back(*page, frames[0]); });
        collected = take_rest(*page);
    }
    require(collected + take_rest(*page) == 1, "then or later");
}

MODEL(frame_page_model, blocks_of_two_threads_come_back_at_once) {
    const single_page page(few_blocks);
    const auto frames = take_some<4>(*page);
    {
        const model_thread first([&] { give_back(*page, frames[0]); });
        const model_thread second([&] { give_back(*page, frames[1]); });
    }
    require(take_rest(*page) == 2, "neither is lost");
}

MODEL(frame_page_model, runs_of_two_threads_come_back_beside_the_owners_collect) {
    const single_page page(few_blocks);
    const auto frames = take_some<4>(*page);
    std::size_t collected = 0;
    {
        const model_thread first([&] { give_back(*page, frames[0], frames[1]); });
        const model_thread second([&] { give_back(*page, frames[2], frames[3]); });
        collected = take_rest(*page);
    }
    require(collected + take_rest(*page) == 4, "each block once");
}

MODEL(frame_page_model, a_block_that_is_collected_comes_back_again) {
    const single_page page(few_blocks);
    const auto frames = take_some<4>(*page);
    {
        number_frame again;
        sync::atomic<bool> handed_on{false};
        const model_thread other([&] {
            give_back(*page, frames[0]);
            while (!handed_on.load(std::memory_order_acquire)) {  // pairs: the store below
                sync::yield_thread();
            }
            give_back(*page, again);
        });
        while (!page->refill(1)) {
            sync::yield_thread();
        }
        again = take_one(*page);
        handed_on.store(true, std::memory_order_release);  // pairs: the load above
    }
    require(take_rest(*page) == 1, "the same block");
}

MODEL(frame_page_model, the_owner_sees_that_the_last_block_came_back) {
    const single_page page(few_blocks);
    const auto frames = take_some<4>(*page);
    {
        const model_thread other([&] { give_back(*page, frames[0]); });
        for (const number_frame& f : std::span(frames).subspan(1)) {
            require(!page->is_unused(), "the owner has frames");
            frame_block* const block = f.retire(few_blocks);
            page->put(block, block, 1);
        }
        while (!page->is_unused()) {
            sync::yield_thread();
        }
        page->format(many_blocks, nullptr);
        require(take_rest(*page) == 10, "nobody else uses the memory");
    }
}

// ------------------------------------------------------------------------------------------- the owner goes its way

MODEL(frame_page_model, the_first_block_comes_back_as_the_owner_leaves) {
    const single_page page(few_blocks);
    const auto frames = take_some<4>(*page);
    bool adopted = false;
    state left{};
    {
        const model_thread other([&] {
            if (give_back(*page, frames[0]).before == state::unlisted) {
                adopted = true;
                require(take_rest(*page) == 1, "the block is the adopter's");
            }
        });
        left = page->leave(false);
        if (left == state::owned) {
            require(take_rest(*page) == 1, "the block is still the owner's");
        }
    }
    require(adopted == (left == state::unlisted), "the page is one's");
}

MODEL(frame_page_model, the_adopter_takes_while_the_former_owner_goes_on) {
    const single_page page(many_blocks);
    const auto frames = take_some<9>(*page);
    std::array<std::size_t, 2> found{};
    {
        const model_thread other([&] {
            const frame_page::transition done = give_back(*page, frames[0]);
            if (done.before == state::unlisted && done.after == state::owned) {
                found[0] = take_rest(*page);
            }
        });
        if (page->leave(true) == state::listed && page->claim()) {
            found[1] = take_rest(*page);
        }
    }
    require(found[0] + found[1] == 2, "one of them has both");
}

MODEL(frame_page_model, the_former_owner_does_not_touch_the_page_of_the_adopter) {
    frame_pool pool;
    frame_heap former(pool);
    frame_heap adopter(pool);
    const single_page page(few_blocks);
    const auto frames = take_some<4>(*page);
    page->set_owner(&former);
    state left{};
    {
        const model_thread other([&] {
            if (give_back(*page, frames[0]).before == state::unlisted) {
                page->set_owner(&adopter);
            }
        });
        left = page->leave(true);
    }
    require(!page->belongs_to(&former), "it left");
    require(page->belongs_to(&adopter) == (left == state::unlisted), "the adopter stays the owner");
}

MODEL(frame_page_model, the_last_block_comes_back_as_the_owner_leaves) {
    const single_page page(few_blocks);
    const number_frame frame = take_one(*page);
    std::array<bool, 2> emptied{};
    {
        const model_thread other([&] {
            if (give_back(*page, frame).after == state::emptied) {
                emptied[0] = true;
                page->format(many_blocks, nullptr);
            }
        });
        if (page->leave(true) == state::emptied) {
            emptied[1] = true;
            page->format(many_blocks, nullptr);
        }
    }
    require(emptied[0] != emptied[1], "FRM1: one has the page for itself");
    require(take_rest(*page) == 10, "as new");
}

MODEL(frame_page_model, all_blocks_come_back_as_the_owner_leaves) {
    const single_page page(few_blocks);
    const auto frames = take_some<4>(*page);
    std::array<bool, 3> gained{};
    const auto gain = [&](unsigned who, state before, state after) {
        if (before != after && after != state::unlisted && after != state::listed) {
            gained[who] = true;
            page->set_owner(nullptr);
        }
    };
    {
        const model_thread first([&] {
            const frame_page::transition done = give_back(*page, frames[0], frames[1]);
            gain(0, done.before, done.after);
        });
        const model_thread second([&] {
            const frame_page::transition done = give_back(*page, frames[2], frames[3]);
            gain(1, done.before, done.after);
        });
        gain(2, state::owned, page->leave(true));
    }
    require(gained[0] + gained[1] + gained[2] == 1, "FRM1: the page is one's, empty or not");
}

// --------------------------------------------------------------------------------------------------- nobody's pages

MODEL(frame_page_model, two_threads_bring_an_unlisted_page_to_reusable_and_one_adopts_it) {
    const single_page page(many_blocks);
    const auto frames = take_some<10>(*page);
    require(page->leave(true) == state::unlisted, "all blocks are in use");
    std::array<bool, 2> adopted{};
    const auto bring = [&](unsigned me) {
        if (give_back(*page, frames[me]).after == state::owned) {
            adopted[me] = true;
            require(take_rest(*page) == 2, "both blocks, with all that was done to them");
        }
    };
    {
        const model_thread other([&] { bring(1); });
        bring(0);
    }
    require(adopted[0] != adopted[1], "FRM1: one of them");
}

MODEL(frame_page_model, a_third_block_comes_back_while_the_page_is_adopted) {
    const single_page page(many_blocks);
    const auto frames = take_some<10>(*page);
    require(page->leave(true) == state::unlisted, "all blocks are in use");
    std::array<bool, 3> adopted{};
    std::size_t taken = 0;
    const auto bring = [&](unsigned me) {
        const frame_page::transition done = give_back(*page, frames[me]);
        if (done.before == state::unlisted && done.after == state::owned) {
            adopted[me] = true;
            taken = take_rest(*page);
        }
    };
    {
        const model_thread first([&] { bring(1); });
        const model_thread second([&] { bring(2); });
        bring(0);
    }
    require(adopted[0] + adopted[1] + adopted[2] == 1, "FRM1: one of them");
    require(taken + take_rest(*page) == 3, "the third is the owner's as well");
}

MODEL(frame_page_model, the_last_block_of_a_listed_page_comes_back_as_it_is_claimed) {
    const single_page page(few_blocks);
    const number_frame frame = take_one(*page);
    require(page->leave(true) == state::listed, "three are free");
    bool emptied = false;
    bool claimed = false;
    {
        const model_thread other([&] {
            emptied = give_back(*page, frame).after == state::emptied;
            if (emptied) {
                page->format(few_blocks, nullptr);
            }
        });
        const model_thread claimer([&] {
            claimed = page->claim();
            if (claimed) {
                require(take_rest(*page) >= 3, "what was free, at least");
            }
        });
    }
    require(emptied != claimed, "FRM1: the page is one's");
}

MODEL(frame_page_model, the_last_two_blocks_of_a_listed_page_come_back_at_once) {
    const single_page page(few_blocks);
    const auto frames = take_some<2>(*page);
    require(page->leave(true) == state::listed, "two are free");
    std::array<bool, 2> emptied{};
    const auto bring = [&](unsigned me) {
        emptied[me] = give_back(*page, frames[me]).after == state::emptied;
        if (emptied[me]) {
            page->format(few_blocks, nullptr);
            require(take_rest(*page) == 4, "nobody else has one");
        }
    };
    {
        const model_thread other([&] { bring(1); });
        bring(0);
    }
    require(emptied[0] != emptied[1], "FRM1: one of them");
}

MODEL(frame_page_model, a_claimed_page_is_left_again_while_blocks_come_back) {
    const single_page page(few_blocks);
    const auto frames = take_some<2>(*page);
    require(page->leave(true) == state::listed, "two are free");
    std::array<bool, 2> emptied{};
    {
        const model_thread other([&] {
            give_back(*page, frames[0]);
            emptied[1] = give_back(*page, frames[1]).after == state::emptied;
        });
        if (page->claim()) {
            emptied[0] = take_and_put_rest(*page) || page->leave(true) == state::emptied;
        }
    }
    require(emptied[0] != emptied[1], "FRM4: the count is right however it came about");
}

MODEL(frame_page_model, a_page_is_adopted_left_and_emptied) {
    const single_page page(few_blocks);
    const auto frames = take_some<4>(*page);
    require(page->leave(true) == state::unlisted, "all blocks are in use");
    std::array<bool, 2> emptied{};
    const auto bring = [&](unsigned me) {
        for (const number_frame& f : std::span(frames).subspan(2 * std::size_t{me}, 2)) {
            const frame_page::transition done = give_back(*page, f);
            const bool adopted = done.before == state::unlisted && done.after == state::owned;
            const bool has_it = done.before != state::emptied && done.after == state::emptied;
            emptied[me] |= has_it || (adopted && (take_and_put_rest(*page) || page->leave(true) == state::emptied));
        }
    };
    {
        const model_thread other([&] { bring(1); });
        bring(0);
    }
    require(emptied[0] != emptied[1], "FRM4: who brought the last block knows it");
}

}  // namespace
}  // namespace explore
