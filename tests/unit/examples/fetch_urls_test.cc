// The main job on a small input: the table, the picture and the trace.
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "run_program.hpp"

namespace {

using example_test::errors_go_to;
using example_test::fresh_folder;
using example_test::lines_of;
using example_test::outcome;
using example_test::read_file;
using example_test::run_fetch_urls;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

constexpr std::size_t documents = 8;

// Writes documents of 100, 200, ... lines. Returns how many bytes they have together.
std::size_t write_documents(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder / "sub folder");
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < documents; ++i) {
        std::string content;
        for (std::size_t line = 0; line < 100 * (i + 1); ++line) {
            content += "line " + std::to_string(line) + " of document " + std::to_string(i) + "\n";
        }
        example_test::write_file(folder / (i % 2 == 0 ? "" : "sub folder") / ("100% #" + std::to_string(i) + "?.txt"),
                                 content);
        bytes += content.size();
    }
    return bytes;
}

class MainJob : public testing::Test {
protected:
    outcome run(std::vector<std::string> more = {}, errors_go_to destination = errors_go_to::file) {
        std::vector<std::string> arguments{
            "--root", (folder / "documents").string(), "--count", std::to_string(count), "--oven", "20"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run_fetch_urls(folder, arguments, destination);
    }

    std::size_t count = documents;
    std::filesystem::path folder = fresh_folder();
    std::size_t bytes = write_documents(folder / "documents");
};

TEST_F(MainJob, PrintsATableWithARowForEachWay) {
    const outcome result = run();
    EXPECT_EQ(result.exit_status, 0) << result.errors;
    EXPECT_THAT(result.errors, IsEmpty());
    const std::string no_error = " " + std::to_string(bytes) + " +0\n";
    EXPECT_THAT(result.output, ContainsRegex("way +wall +CPU +voluntary +involuntary +peak +peak"));
    for (const std::string way : {"sequence", "threads", "one worker", "all workers"}) {
        EXPECT_THAT(result.output, ContainsRegex("\n" + way + " +[0-9.]+ s +[0-9.]+ s .* [0-9.]+ MiB +" + no_error));
    }
}

TEST_F(MainJob, TakesEveryOvenTimeInSequence) {
    const outcome result = run({"--ways", "sequence"});
    EXPECT_EQ(result.exit_status, 0) << result.errors;
    EXPECT_THAT(result.output, ContainsRegex("sequence +[0-9.]+ s: at least 0.160 s, 8 times 20 ms\n"));
}

TEST_F(MainJob, RunsOnlyTheWaysThatWereAskedFor) {
    const outcome result = run({"--ways", "all-workers,threads", "--workers", "3"});
    EXPECT_EQ(result.exit_status, 0) << result.errors;
    EXPECT_THAT(result.output, ContainsRegex("\nthreads .*\nall workers "));
    EXPECT_THAT(result.output, Not(ContainsRegex("\nsequence|\none worker")));
    EXPECT_THAT(read_file(folder / "fetch_urls.svg"), HasSubstr("Coroutines on all workers (3)"));
}

TEST_F(MainJob, DrawsAPictureWithAPanelForEachWay) {
    ASSERT_EQ(run({"--svg", "picture.svg"}).exit_status, 0);
    pugi::xml_document picture;
    const pugi::xml_parse_result parsed = picture.load_string(read_file(folder / "picture.svg").c_str());
    ASSERT_TRUE(parsed) << parsed.description();
    const pugi::xml_node root = picture.document_element();
    EXPECT_STREQ(root.name(), "svg");
    EXPECT_STREQ(root.attribute("xmlns").value(), "http://www.w3.org/2000/svg");
    std::vector<std::string> headings;
    for (const pugi::xpath_node& heading : root.select_nodes("//*[@class='heading']/text()")) {
        headings.emplace_back(heading.node().value());
    }
    ASSERT_THAT(headings, SizeIs(4));
    EXPECT_EQ(headings[0], "One after another");
    EXPECT_EQ(headings[1], "A thread each");
    EXPECT_EQ(headings[2], "Coroutines on one worker");
    EXPECT_THAT(headings[3], HasSubstr("Coroutines on all workers"));
    EXPECT_GE(root.select_nodes("//*[local-name()='path']").size(), 8U);
    for (const pugi::xpath_node& path : root.select_nodes("//*[local-name()='path']/@d")) {
        EXPECT_THAT(path.attribute().value(), testing::MatchesRegex("(M[0-9.]+ [0-9.]+h[0-9.]+)+"));
    }
}

// Follows the events of a trace as a viewer does.
class trace_reader {
public:
    void take(const nlohmann::json& event) {
        const std::string phase = event.at("ph");
        if (phase == "M") {
            return;
        }
        const auto pid = event.at("pid").get<int>();
        const auto time = event.at("ts").get<double>();
        EXPECT_GE(time, 0);
        if (phase == "B" || phase == "E") {
            // On a thread, time does not go back.
            auto& [open, last] = threads_[{pid, event.at("tid").get<int>()}];
            EXPECT_GE(time, std::exchange(last, time)) << event;
            begin_or_end(open, phase == "B", event);
            if (phase == "B" && event.at("name") == "hash and compress") {
                ++works_[pid];
            }
        } else {
            ASSERT_TRUE(phase == "b" || phase == "e") << event;
            begin_or_end(spans_[event.at("id").get<int>()], phase == "b", event);
        }
    }

    void expect_everything_closed() const {
        for (const auto& [id, thread] : threads_) {
            EXPECT_THAT(thread.first, IsEmpty());
        }
        for (const auto& [id, open] : spans_) {
            EXPECT_THAT(open, IsEmpty());
        }
    }

    std::size_t spans() const { return spans_.size(); }
    // By the number of the process.
    const std::map<int, std::size_t>& works() const { return works_; }

private:
    static void begin_or_end(std::vector<std::string>& open, bool begins, const nlohmann::json& event) {
        if (begins) {
            open.push_back(event.at("name").get<std::string>());
            return;
        }
        ASSERT_FALSE(open.empty()) << event;
        EXPECT_EQ(open.back(), event.value("name", open.back()));
        open.pop_back();
    }

    std::map<std::pair<int, int>, std::pair<std::vector<std::string>, double>> threads_;
    std::map<int, std::vector<std::string>> spans_;
    std::map<int, std::size_t> works_;
};

TEST_F(MainJob, WritesATraceWhoseEventsAreBalanced) {
    ASSERT_EQ(run({"--trace", "trace.json"}).exit_status, 0);
    const auto trace = nlohmann::json::parse(read_file(folder / "trace.json"));
    trace_reader reader;
    std::vector<std::string> processes;
    for (const auto& event : trace.at("traceEvents")) {
        reader.take(event);
        if (event.at("ph") == "M" && event.at("name") == "process_name") {
            processes.push_back(event.at("args").at("name").get<std::string>());
        }
    }
    reader.expect_everything_closed();
    EXPECT_THAT(processes, ElementsAre("sequence", "threads", "one worker", "all workers"));
    EXPECT_EQ(reader.spans(), 4 * documents);
    EXPECT_THAT(reader.works(),
                ElementsAre(Pair(1, documents), Pair(2, documents), Pair(3, documents), Pair(4, documents)));
}

TEST_F(MainJob, FetchesDocumentsAgainIfThereAreTooFew) {
    count = 2 * documents;
    const outcome result = run({"--ways", "all-workers"});
    EXPECT_EQ(result.exit_status, 0) << result.errors;
    EXPECT_THAT(result.output, ContainsRegex("\nall workers .* " + std::to_string(2 * bytes) + " +0\n"));
}

TEST_F(MainJob, ShowsProgressOnATerminalOnly) {
    const outcome on_terminal = run({"--ways", "one-worker"}, errors_go_to::terminal);
    EXPECT_EQ(on_terminal.exit_status, 0);
    EXPECT_THAT(on_terminal.errors, HasSubstr("] 8/8"));
    const outcome in_file = run({"--ways", "one-worker"});
    EXPECT_EQ(in_file.exit_status, 0);
    EXPECT_THAT(in_file.errors, IsEmpty());
}

TEST_F(MainJob, RefusesACommandLineThatItDoesNotUnderstand) {
    const outcome result = run({"--ways", "sideways"});
    EXPECT_EQ(result.exit_status, 101);
    EXPECT_THAT(result.errors, HasSubstr("sideways"));
    EXPECT_THAT(result.output, IsEmpty());
}

TEST_F(MainJob, SaysWhereItCannotWrite) {
    const outcome result = run({"--ways", "one-worker", "--svg", "no such folder/picture.svg"});
    EXPECT_EQ(result.exit_status, 102);
    EXPECT_THAT(lines_of(result.errors), ElementsAre("fetch_urls: cannot write no such folder/picture.svg"));
}

TEST_F(MainJob, SaysThatThereAreNoDocuments) {
    const std::filesystem::path empty = folder / "empty";
    std::filesystem::create_directories(empty);
    const outcome result = run_fetch_urls(folder, {"--root", empty.string()});
    EXPECT_EQ(result.exit_status, 102);
    EXPECT_THAT(lines_of(result.errors), ElementsAre("fetch_urls: there is no document to serve"));
}

}  // namespace
