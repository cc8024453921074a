//! What the Rust programs share: the inputs, kernels and checksums of bench/workloads, and the protocol that
//! `bazel/sweep --help` describes.

pub mod workloads;

use std::time::{Duration, Instant};

/// The result and the number of items.
pub type Outcome = (f64, f64);

/// What is timed; it gives what is to be called afterwards.
pub type Run<'a> = Box<dyn FnMut() -> Box<dyn FnOnce() -> Outcome + 'a> + 'a>;

pub fn is<'a>(result: f64, items: f64) -> Box<dyn FnOnce() -> Outcome + 'a> {
    Box::new(move || (result, items))
}

/// One work.
pub struct Work<'a> {
    pub name: &'static str,
    pub small: usize,
    /// 0: no limit.
    pub largest: usize,
    pub reason: &'static str,
    /// Fork-join works are run once, the others until this has taken a while.
    pub repeatable: bool,
    /// Makes the input of a size.
    pub prepare: Box<dyn Fn(usize) -> Run<'a> + 'a>,
}

const ENOUGH: Duration = Duration::from_millis(300);

fn measure(work: &Work, size: usize) -> (f64, Outcome) {
    drop((work.prepare)(work.small)());
    let mut run = (work.prepare)(size);
    let mut times = 1;
    loop {
        let start = Instant::now();
        for _ in 1..times {
            drop(run());
        }
        let outcome = run();
        let took = start.elapsed();
        if !work.repeatable || took >= ENOUGH {
            return (took.as_secs_f64() / times as f64, outcome());
        }
        times *= 2;
    }
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).expect("a number") * 1024
}

/// The options of the command line.
pub struct Options {
    list: bool,
    work: String,
    size: usize,
    pub workers: usize,
}

impl Options {
    pub fn parse() -> Self {
        let mut options = Options { list: false, work: String::new(), size: 0, workers: 1 };
        for argument in std::env::args().skip(1) {
            let (option, value) = argument.split_once('=').unwrap_or((&argument, ""));
            let number = || value.parse().ok().filter(|n| *n > 0);
            let known = match option {
                "--list" => Some(options.list = true),
                "--work" => Some(options.work = value.to_string()),
                "--size" => number().map(|n| options.size = n),
                "--workers" => number().map(|n| options.workers = n),
                _ => None,
            };
            if known.is_none() {
                eprintln!("not understood: {argument}");
                std::process::exit(2);
            }
        }
        options
    }
}

/// main() of a program.
pub fn run_program(options: &Options, runtime: &str, version: &str, works: &[Work]) {
    if options.list {
        for work in works {
            let limit = match work.largest {
                0 => String::new(),
                n => format!(", \"largest\": {n}, \"reason\": \"{}\"", work.reason),
            };
            println!("{{\"runtime\": \"{runtime}\", \"work\": \"{}\"{limit}}}", work.name);
        }
        return;
    }
    match works.iter().find(|work| work.name == options.work && options.size > 0) {
        Some(work) => {
            let (seconds, (result, items)) = measure(work, options.size);
            println!(
                "{{\"runtime\": \"{runtime}\", \"version\": \"{version}\", \"work\": \"{}\", \"size\": {}, \
                 \"workers\": {}, \"seconds\": {seconds:e}, \"result\": {result}, \"items\": {items}, \
                 \"peak_memory\": {}}}",
                work.name,
                options.size,
                options.workers,
                peak_memory()
            );
        }
        None => {
            eprintln!("{runtime} runs no such work, or the size is missing");
            std::process::exit(1);
        }
    }
}
