//! The scheduler suite and the timer suite on tokio's multi_thread runtime, and the fork-join works that have nothing but calls, with a
//! task for each.

use std::future::{pending, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::time::{Duration, Instant};

use peers::workloads::*;
use peers::{is, run_program, Options, Run, Work};
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, Notify};
use tokio::task::{yield_now, JoinHandle};
use tokio::time::{sleep, timeout};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

fn fib(n: usize) -> Boxed<u64> {
    Box::pin(async move {
        if n < 2 {
            return n as u64;
        }
        let a = tokio::spawn(fib(n - 1));
        let b = fib(n - 2).await;
        a.await.unwrap() + b
    })
}

async fn sum(children: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for child in children {
        sum += child.await.unwrap();
    }
    sum
}

fn skynet(first: u64, leaves: u64) -> Boxed<u64> {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let share = leaves / 10;
        sum((0..10).map(|i| tokio::spawn(skynet(first + i * share, share))).collect()).await
    })
}

fn uts(node: TreeNode) -> Boxed<u64> {
    Box::pin(async move { 1 + sum((0..node.children()).map(|i| tokio::spawn(uts(node.child(i)))).collect()).await })
}

fn stall() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(10) {
        std::thread::yield_now();
    }
}

/// Tasks that end, and the main thread, which waits for the last of them.
#[derive(Clone)]
struct Countdown {
    left: Arc<AtomicUsize>,
    all_ended: mpsc::SyncSender<()>,
}

impl Countdown {
    fn new(tasks: usize) -> (Self, mpsc::Receiver<()>) {
        let (all_ended, receiver) = mpsc::sync_channel(1);
        (Countdown { left: Arc::new(AtomicUsize::new(tasks)), all_ended }, receiver)
    }
    fn one_ended(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all_ended.send(()).unwrap();
        }
    }
}

/// Starts tasks that count down from `tasks`, and waits for the last.
fn run_tasks(tasks: usize, start: impl FnOnce(Countdown)) -> f64 {
    let (countdown, all_ended) = Countdown::new(tasks);
    start(countdown);
    all_ended.recv().unwrap();
    tasks as f64
}

fn spawn_many_local(runtime: &Runtime, size: usize) -> f64 {
    run_tasks(size, |countdown| {
        runtime.spawn(async move {
            for _ in 0..size {
                let countdown = countdown.clone();
                tokio::spawn(async move { countdown.one_ended() });
            }
        });
    })
}

fn spawn_many_remote(runtime: &Runtime, size: usize) -> f64 {
    let handles: Vec<_> = (0..size).map(|_| runtime.spawn(async {})).collect();
    runtime.block_on(join_all(handles)) as f64
}

async fn join_all(handles: Vec<JoinHandle<()>>) -> usize {
    let size = handles.len();
    for handle in handles {
        handle.await.unwrap();
    }
    size
}

fn yield_many(runtime: &Runtime, tasks: usize, times: usize) -> f64 {
    run_tasks(tasks, |countdown| {
        for _ in 0..tasks {
            let countdown = countdown.clone();
            runtime.spawn(async move {
                for _ in 0..times {
                    yield_now().await;
                }
                countdown.one_ended();
            });
        }
    })
}

fn ping_pong(runtime: &Runtime, size: usize) -> f64 {
    run_tasks(size, |countdown| {
        runtime.spawn(async move {
            for _ in 0..size {
                let countdown = countdown.clone();
                tokio::spawn(async move {
                    let (ping, pinged) = oneshot::channel();
                    let (answer, answered) = oneshot::channel();
                    tokio::spawn(async move {
                        pinged.await.unwrap();
                        answer.send(()).unwrap();
                    });
                    ping.send(()).unwrap();
                    answered.await.unwrap();
                    countdown.one_ended();
                });
            }
        });
    })
}

fn chain(countdown: Countdown, more: usize) {
    tokio::spawn(async move {
        countdown.one_ended();
        if more > 0 {
            chain(countdown, more - 1);
        }
    });
}

fn spawn_and_join(runtime: &Runtime, size: usize) -> f64 {
    let all = runtime.spawn(async move { join_all((0..size).map(|_| tokio::spawn(async {})).collect()).await });
    runtime.block_on(all).unwrap() as f64
}

fn round_trip(runtime: &Runtime, size: usize) -> f64 {
    let trips = runtime.spawn(async move {
        let there = Arc::new(Notify::new());
        let back = Arc::new(Notify::new());
        let (own, others) = (there.clone(), back.clone());
        let other = tokio::spawn(async move {
            for _ in 0..size {
                own.notified().await;
                others.notify_one();
            }
        });
        for _ in 0..size {
            there.notify_one();
            back.notified().await;
        }
        other.await.unwrap();
        size
    });
    runtime.block_on(trips).unwrap() as f64
}

const PARALLEL_TASKS: usize = 10_000;
const ONE_EXPIRES_OF: usize = 100;
const AN_HOUR: Duration = Duration::from_secs(3600);

async fn set_timers(count: usize) -> usize {
    let mut as_expected = 0;
    for i in 1..=count {
        as_expected += if i % ONE_EXPIRES_OF == 0 {
            timeout(Duration::from_millis(1), pending::<()>()).await.is_err()
        } else {
            timeout(Duration::from_secs(1), yield_now()).await.is_ok()
        } as usize;
    }
    as_expected
}

fn timer_churn(runtime: &Runtime, size: usize) -> f64 {
    let all = runtime.spawn(async move {
        let tasks: Vec<_> = (0..PARALLEL_TASKS).map(|_| tokio::spawn(set_timers(size / PARALLEL_TASKS))).collect();
        let mut right = 0;
        for task in tasks {
            right += task.await.unwrap();
        }
        right
    });
    runtime.block_on(all).unwrap() as f64
}

fn sleeping_tasks(runtime: &Runtime, size: usize) -> f64 {
    run_tasks(size, |countdown| {
        runtime.spawn(async move {
            for _ in 0..size {
                let countdown = countdown.clone();
                tokio::spawn(async move {
                    countdown.one_ended();
                    drop(countdown);
                    sleep(AN_HOUR).await;
                });
            }
        });
    })
}

/// Runs a future on a worker.
fn on_worker(runtime: &Runtime, future: Boxed<u64>) -> f64 {
    runtime.block_on(runtime.spawn(future)).unwrap() as f64
}

const PER_CALL: &str = "a task for each call takes a quarter of a microsecond";

fn fork_join<'a>(
    name: &'static str,
    small: usize,
    largest: usize,
    prepare: impl Fn(usize) -> Run<'a> + 'a,
) -> Work<'a> {
    Work { name, small, largest, reason: PER_CALL, repeatable: false, prepare: Box::new(prepare) }
}

fn scheduler<'a>(name: &'static str, items: usize, run: impl Fn(usize) -> f64 + Copy + 'a) -> Work<'a> {
    let prepare = move |size: usize| -> Run<'a> { Box::new(move || is(run(size), (items * size) as f64)) };
    let small = if items > 1 { 10 } else { 100 };
    Work { name, small, largest: 0, reason: "", repeatable: true, prepare: Box::new(prepare) }
}

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(options.workers).enable_time().build().unwrap();
    let runtime = &runtime;
    let workers = options.workers;
    let busy = |size: usize| -> Run {
        let stopped = Arc::new(AtomicBool::new(false));
        for _ in 0..2 * workers {
            let stopped = stopped.clone();
            runtime.spawn(async move {
                while !stopped.load(Ordering::Relaxed) {
                    yield_now().await;
                    stall();
                }
            });
        }
        let guard = StopAtEnd(stopped);
        Box::new(move || {
            let _keep = &guard;
            is(spawn_many_remote(runtime, size), size as f64)
        })
    };
    const YIELDERS: usize = 200;
    let works = [
        fork_join("fib", 20, 30, |n| Box::new(move || is(on_worker(runtime, fib(n)), 0.0))),
        fork_join("skynet", 4, 6, |depth| {
            let leaves = 10u64.pow(depth as u32);
            Box::new(move || is(on_worker(runtime, skynet(0, leaves)), leaves as f64))
        }),
        fork_join("uts", 6, 9, |levels| {
            let root = TreeNode { state: TreeNode::ROOT_STATE, levels_below: levels };
            Box::new(move || is(on_worker(runtime, uts(root)), 0.0))
        }),
        scheduler("spawn_many_local", 1, |size| spawn_many_local(runtime, size)),
        scheduler("spawn_many_remote_idle", 1, |size| spawn_many_remote(runtime, size)),
        Work { prepare: Box::new(busy), ..scheduler("spawn_many_remote_busy", 1, |_| 0.0) },
        scheduler("yield_many", YIELDERS, |times| yield_many(runtime, YIELDERS, times)),
        scheduler("ping_pong", 1, |size| ping_pong(runtime, size)),
        scheduler("chained_spawn", 1, |size| {
            run_tasks(size, |countdown| {
                let _enter = runtime.enter();
                chain(countdown, size - 1);
            })
        }),
        scheduler("spawn_and_join", 1, |size| spawn_and_join(runtime, size)),
        scheduler("yield_alone", 1, |size| yield_many(runtime, 1, size) * size as f64),
        scheduler("round_trip", 1, |size| round_trip(runtime, size)),
        Work { small: 20_000, repeatable: false, ..scheduler("timer_churn", 1, |size| timer_churn(runtime, size)) },
        Work { repeatable: false, ..scheduler("sleeping_tasks", 1, |size| sleeping_tasks(runtime, size)) },
    ];
    run_program(&options, "tokio", "1.24.2", &works);
}

/// Ends the busy tasks with the work that they disturb.
struct StopAtEnd(Arc<AtomicBool>);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
