// The suites of bench/workloads in Go: a goroutine for each task, joined by a WaitGroup. Speaks the protocol that
// bazel/sweep --help describes.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// What is timed. It gives what is to be called afterwards for the result and the number of items.
type run func() func() (result, items float64)

func is(result, items float64) func() (float64, float64) {
	return func() (float64, float64) { return result, items }
}

// One work: what its `--list` line says, and a function that makes the input of a size.
type work struct {
	name    string
	small   int
	largest int // 0: no limit
	reason  string
	// Fork-join works are run once, the others until this has taken a while.
	repeatable bool
	prepare    func(size int) run
}

const perCall = "a goroutine for each call takes up to a microsecond"

var works = []work{
	{"fib", 20, 30, perCall, false, prepareFib},
	{"skynet", 4, 6, perCall, false, prepareSkynet},
	{"nqueens", 8, 11, perCall, false, prepareNqueens},
	{"matmul", 128, 0, "", false, prepareMatmul},
	{"uts", 6, 9, perCall, false, prepareUts},
	{"integrate", 100, 300, perCall, false, prepareIntegrate},
	{"knapsack", 16, 28, perCall, false, prepareKnapsack},
	{"spawn_many_local", 100, 0, "", true, spawnManyLocal},
	{"spawn_many_remote_idle", 100, 0, "", true, spawnManyRemote},
	{"spawn_many_remote_busy", 100, 0, "", true, spawnManyRemoteBusy},
	{"yield_many", 10, 0, "", true, yieldMany},
	{"ping_pong", 100, 0, "", true, pingPong},
	{"chained_spawn", 100, 0, "", true, chainedSpawn},
	{"spawn_and_join", 100, 0, "", true, spawnManyLocal},
	{"yield_alone", 100, 0, "", true, yieldAlone},
	{"round_trip", 100, 0, "", true, roundTrip},
	{"timer_churn", 20000, 0, "", false, timerChurn},
	{"sleeping_tasks", 100, 0, "", false, sleepingTasks},
}

const enough = 300 * time.Millisecond

// Seconds for one run, and what the last one has given.
func measure(w work, size int) (seconds, result, items float64) {
	w.prepare(w.small)()
	run := w.prepare(size)
	for times := 1; ; times *= 2 {
		var outcome func() (float64, float64)
		start := time.Now()
		for i := 0; i < times; i++ {
			outcome = run()
		}
		took := time.Since(start)
		if !w.repeatable || took >= enough {
			result, items = outcome()
			return took.Seconds() / float64(times), result, items
		}
	}
}

func peakMemory() (bytes int) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		panic(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); fields[0] == "VmHWM:" {
			kilobytes, err := strconv.Atoi(fields[1])
			if err != nil {
				panic(err)
			}
			return kilobytes * 1024
		}
	}
	panic("there is no VmHWM in /proc/self/status")
}

func print(fields map[string]any) {
	line, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func main() {
	list := flag.Bool("list", false, "print the works")
	name := flag.String("work", "", "run this one")
	size := flag.Int("size", 0, "its size")
	workers := flag.Int("workers", 0, "GOMAXPROCS")
	flag.Parse()
	for _, w := range works {
		if *list {
			fields := map[string]any{"runtime": "go", "work": w.name}
			if w.largest != 0 {
				fields["largest"], fields["reason"] = w.largest, w.reason
			}
			print(fields)
		} else if w.name == *name && *size > 0 && *workers > 0 {
			runtime.GOMAXPROCS(*workers)
			seconds, result, items := measure(w, *size)
			print(map[string]any{"runtime": "go", "version": runtime.Version(), "work": w.name, "size": *size,
				"workers": *workers, "seconds": seconds, "result": result, "items": items,
				"peak_memory": peakMemory()})
			return
		}
	}
	if !*list {
		fmt.Fprintln(os.Stderr, "go runs no such work, or size and workers are missing")
		os.Exit(1)
	}
}
