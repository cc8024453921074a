// A TLS connection: the engine, the socket, and who of the tasks that use them may do what.
//
// A read may have to write (the answer to a key update, an alert), and a write to read (a message of the handshake kind
// that has come in half). So which task moves bytes does not depend on what it was asked for. There are four places,
// each of which one task has at a time:
//
//   reading, writing    the operations; a second one is refused (errc::busy)
//   receiving, sending  the socket's two directions; who needs one that is taken waits for it
//
// The engine stands under `mutex_`, which is held to compute a step, at most one record, and never across a suspension.
// A step gives what is missing:
//
//   wants_input   receive(): get the place, and, unless input has arrived since the step (another task received it),
//                 read from the socket and put it before the engine. Then the step is repeated.
//   output        send(): get the place, and write until there is no more. Who takes output out of the engine has
//                 the place, so that records leave in order (ENG2).
//
//   CON1  Only who is receiving touches `incoming_` and puts input, and only after a step that wanted some (ENG1).
//   CON2  Only who is sending takes output and touches `outgoing_`, and `sent_`, which says how much of that the system
//         has taken. After an error nothing is sent any more.
//   CON3  A stop takes nothing back: what is not sent stays in the output or in `outgoing_`, for the next one that
//         sends. A writer that is stopped spawns one, as the peer may have got a part of a record.
//
// What a read produces, an answer to a key update or a refusal to renegotiate, is sent by a task that is spawned for
// it: the reader would otherwise wait for a peer that does not read, and which may itself wait for this reader. Only
// when a peer asks for more and more answers, the reader waits until they have been sent. The alert after a failure is
// sent at once, for a second at most.
//
// The connection lives as long as an operation, so that close() and the end of the stream may come at any moment.
//
// Rejected: an await of a lock around every use of the engine. A step takes microseconds; a handshake's, which takes
// more, meets nobody.
// Rejected: a sending task of its own for each connection. Every write would pay for two hand-overs between tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <brigade/auto_reset_event.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/task.hpp>
#include <brigade/tcp.hpp>

#include "io/tls/engine.hpp"

namespace brigade::detail {

class tls_connection : public std::enable_shared_from_this<tls_connection> {
public:
    // A step, and what the connection looked like after it.
    struct outcome : tls_step {
        std::uint64_t arrivals = 0;    // how often input had been put
        bool produced_output = false;  // the step itself
    };

    // `key` is what the SSL's session is kept by; the context is kept alive.
    tls_connection(tcp_stream tcp, std::shared_ptr<tls_context_state> context, std::unique_ptr<const std::string> key,
                   ssl_ptr ssl);

    // An operation's place, given back at the end of the scope.
    class turn {
    public:
        turn(tls_connection& c, bool& taken) noexcept : connection_(&c), taken_(&taken) {}
        turn(turn&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)), taken_(other.taken_) {}
        turn& operator=(turn&&) = delete;
        ~turn();

    private:
        tls_connection* connection_;
        bool* taken_;
    };
    [[nodiscard]] std::expected<turn, std::error_code> begin_reading() { return begin(reading_); }
    [[nodiscard]] std::expected<turn, std::error_code> begin_writing() { return begin(writing_); }

    [[nodiscard]] outcome handshake();
    [[nodiscard]] outcome read(std::span<std::byte> buffer);
    [[nodiscard]] outcome write(std::span<const std::byte> bytes);
    [[nodiscard]] outcome close_notify();

    // Until input has arrived after the moment when `seen` was the number of arrivals, or none will come any more.
    [[nodiscard]] task<std::expected<void, std::error_code>> receive(std::uint64_t seen);
    // What becomes of the buffers that have been sent: kept for more that follows, or given back.
    enum class buffers : bool { kept, released };
    // Until all output has been sent that is there at the beginning.
    [[nodiscard]] task<std::expected<void, std::error_code>> send(buffers after);
    // The same, without waiting for it, by one task at a time. Errors are noted for the next one.
    void send_in_background();
    // For that task, when it has sent what there was, or failed: whether it ends.
    [[nodiscard]] bool background_ends(bool all_sent);
    // Sends what a read has produced, without waiting for it unless there is too much.
    [[nodiscard]] task<> send_answer();
    // Sends the alert that a failed step has left, if the peer takes it.
    [[nodiscard]] task<> send_alert();

    void close() noexcept;

    [[nodiscard]] const tcp_stream& tcp() const noexcept { return tcp_; }
    [[nodiscard]] SSL* ssl() const noexcept { return engine_.ssl(); }
    // Runs `ask(ssl)` while nobody else uses the SSL.
    template <class Ask>
    [[nodiscard]] auto with_ssl(Ask ask) {
        const sync::lock hold(mutex_);
        return ask(engine_.ssl());
    }

private:
    // The buffer for input grows while reads fill it, so that a connection that waits has a small one.
    static constexpr std::size_t least_incoming = 4096;
    static constexpr std::size_t most_incoming = 65536;
    // How many bytes of answers may wait to be sent while reading goes on.
    static constexpr std::size_t most_answers = 1024;

    [[nodiscard]] std::expected<turn, std::error_code> begin(bool& taken);
    template <class Step>
    [[nodiscard]] outcome compute(Step step);
    [[nodiscard]] bool arrived_since(std::uint64_t seen);
    [[nodiscard]] bool too_many_answers();
    void fit_incoming();
    void put(std::size_t received);
    [[nodiscard]] std::expected<bool, std::error_code> take_output(buffers after);
    void note_send_error(std::error_code error);

    tcp_stream tcp_;
    const std::shared_ptr<tls_context_state> context_;
    const std::unique_ptr<const std::string> key_;
    auto_reset_event may_receive_{true};
    auto_reset_event may_send_{true};
    std::vector<std::byte> incoming_;  // CON1
    std::size_t received_ = 0;         // by the last read; CON1
    std::vector<std::byte> outgoing_;  // CON2
    std::size_t sent_ = 0;             // of `outgoing_`; CON2

    sync::mutex mutex_;  // for what follows
    tls_engine engine_;
    std::uint64_t arrivals_ = 0;
    std::error_code send_error_;
    std::size_t answers_ = 0;  // bytes that reads have produced and nobody has taken to send
    bool reading_ = false;
    bool writing_ = false;
    bool closed_ = false;
    bool in_background_ = false;  // a task sends
};

}  // namespace brigade::detail
