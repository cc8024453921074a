//! The fork-join suite on rayon: join for two parts, a parallel iterator for more. Strassen is left out.

use peers::workloads::*;
use peers::{is, run_program, Options, Run, Work};
use rayon::prelude::*;

fn fib(n: usize) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let (a, b) = rayon::join(|| fib(n - 1), || fib(n - 2));
    a + b
}

fn skynet(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let share = leaves / 10;
    (0..10u32).into_par_iter().with_max_len(1).map(|i| skynet(first + i as u64 * share, share)).sum()
}

fn nqueens(n: usize, row: usize, queens: Board) -> u32 {
    if row == n {
        return 1;
    }
    (0..n as i32)
        .into_par_iter()
        .with_max_len(1)
        .filter(|&column| is_safe(&queens, row, column))
        .map(|column| {
            let mut next = queens;
            next[row] = column as i8;
            nqueens(n, row + 1, next)
        })
        .sum()
}

/// The corner of a matrix that several tasks share: they write different parts.
#[derive(Clone, Copy)]
struct Corner(*mut i32);

unsafe impl Send for Corner {}
unsafe impl Sync for Corner {}

impl Corner {
    fn quarter(self, row: usize, column: usize, half: usize, stride: usize) -> Self {
        // Inside the matrix.
        Corner(unsafe { self.0.add((row * stride + column) * half) })
    }
    fn row(self, i: usize, n: usize, stride: usize) -> &'static mut [i32] {
        // Inside the matrix, which outlives the tasks; no other task writes these elements.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(i * stride), n) }
    }
}

const MATMUL_LEAF: usize = 32;

fn matmul(a: Corner, b: Corner, c: Corner, n: usize, stride: usize) {
    if n <= MATMUL_LEAF {
        for i in 0..n {
            let sums = c.row(i, n, stride);
            for k in 0..n {
                let factor = a.row(i, n, stride)[k];
                for (sum, other) in sums.iter_mut().zip(b.row(k, n, stride).iter()) {
                    *sum += factor * *other;
                }
            }
        }
        return;
    }
    let half = n / 2;
    for which in 0..2 {
        let part = |i: usize| {
            let (x, y) = (a.quarter(i / 2, which, half, stride), b.quarter(which, i % 2, half, stride));
            matmul(x, y, c.quarter(i / 2, i % 2, half, stride), half, stride)
        };
        rayon::join(|| rayon::join(|| part(0), || part(1)), || rayon::join(|| part(2), || part(3)));
    }
}

fn uts(node: TreeNode) -> u64 {
    let children = node.children();
    if children == 0 {
        return 1;
    }
    1 + (0..children as u32).into_par_iter().with_max_len(1).map(|i| uts(node.child(i as u64))).sum::<u64>()
}

fn integrate(whole: Interval) -> f64 {
    let (left, right) = whole.split();
    if whole.is_close_to(left.area + right.area) {
        return left.area + right.area;
    }
    let (a, b) = rayon::join(|| integrate(left), || integrate(right));
    a + b
}

const SORT_LEAF: usize = 2048;

fn merge(left: &[u32], right: &[u32], into: &mut [u32]) {
    if into.len() <= SORT_LEAF {
        let (mut i, mut j) = (0, 0);
        for place in into {
            let take_left = j == right.len() || (i < left.len() && left[i] <= right[j]);
            *place = if take_left { left[i] } else { right[j] };
            i += take_left as usize;
            j += !take_left as usize;
        }
        return;
    }
    let (longer, shorter) = if left.len() >= right.len() { (left, right) } else { (right, left) };
    let i = longer.len() / 2;
    let j = shorter.partition_point(|number| *number < longer[i]);
    let (first, second) = into.split_at_mut(i + j);
    rayon::join(|| merge(&longer[..i], &shorter[..j], first), || merge(&longer[i..], &shorter[j..], second));
}

fn cilksort(data: &mut [u32], spare: &mut [u32]) {
    if data.len() <= SORT_LEAF {
        data.sort_unstable();
        return;
    }
    let quarter = data.len() / 4;
    {
        let (left, right) = data.split_at_mut(2 * quarter);
        let (spare_left, spare_right) = spare.split_at_mut(2 * quarter);
        rayon::join(|| sort_half(left, spare_left, quarter), || sort_half(right, spare_right, quarter));
    }
    merge(&spare[..2 * quarter], &spare[2 * quarter..], data);
}

/// Leaves its result in `spare`.
fn sort_half(data: &mut [u32], spare: &mut [u32], quarter: usize) {
    {
        let (left, right) = data.split_at_mut(quarter);
        let (spare_left, spare_right) = spare.split_at_mut(quarter);
        rayon::join(|| cilksort(left, spare_left), || cilksort(right, spare_right));
    }
    merge(&data[..quarter], &data[quarter..], spare);
}

/// The best value and the number of nodes.
fn knapsack(items: &Items, next: usize, left: i32, value: i32) -> (u32, u32) {
    if next == items.all.len() {
        return (value as u32, 1);
    }
    if items.is_hopeless(next, left, value) {
        return (0, 1);
    }
    let item = &items.all[next];
    let skip = || knapsack(items, next + 1, left, value);
    let (taken, skipped) = if item.weight <= left {
        rayon::join(|| knapsack(items, next + 1, left - item.weight, value + item.value), skip)
    } else {
        ((0, 0), skip())
    };
    (taken.0.max(skipped.0), taken.1 + skipped.1 + 1)
}

#[inline(never)]
fn mark(own: &mut u8) {
    *own = 1;
}

fn mark_all(marks: &mut [u8]) {
    rayon::scope(|scope| {
        for own in marks {
            scope.spawn(move |_| mark(own));
        }
    });
}

fn work<'a>(name: &'static str, small: usize, prepare: impl Fn(usize) -> Run<'a> + 'a) -> Work<'a> {
    Work { name, small, largest: 0, reason: "", repeatable: false, prepare: Box::new(prepare) }
}

fn main() {
    let options = Options::parse();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.workers).build().expect("a thread pool");
    let works = [
        work("fib", 20, |n| Box::new(move || is(fib(n) as f64, 0.0))),
        work("skynet", 4, |depth| {
            let leaves = 10u64.pow(depth as u32);
            Box::new(move || is(skynet(0, leaves) as f64, leaves as f64))
        }),
        work("nqueens", 8, |n| Box::new(move || is(nqueens(n, 0, Board::default()) as f64, 0.0))),
        work("matmul", 128, |n| {
            let mut product = Some(Product::new(n));
            Box::new(move || {
                let mut p = product.take().expect("to be run once");
                matmul(Corner(p.a.as_mut_ptr()), Corner(p.b.as_mut_ptr()), Corner(p.c.as_mut_ptr()), n, n);
                Box::new(move || (p.checksum() as f64, (n * n * n) as f64))
            })
        }),
        work("uts", 6, |levels| {
            Box::new(move || {
                let nodes = uts(TreeNode { state: TreeNode::ROOT_STATE, levels_below: levels }) as f64;
                is(nodes, nodes)
            })
        }),
        work("integrate", 100, |n| Box::new(move || is(integrate(Interval::from_0_to(n as f64)), 0.0))),
        work("cilksort", 50_000, |size| {
            let mut input = Some((numbers_to_sort(size), vec![0; size]));
            Box::new(move || {
                let (mut data, mut spare) = input.take().expect("to be run once");
                cilksort(&mut data, &mut spare);
                Box::new(move || (checksum_of_sorted(&data) as f64, size as f64))
            })
        }),
        work("knapsack", 16, |count| {
            let items = Items::new(count);
            Box::new(move || {
                let (best, nodes) = knapsack(&items, 0, items.capacity, 0);
                is(best as f64 * (1u64 << 32) as f64 + nodes as f64, nodes as f64)
            })
        }),
        Work {
            repeatable: true,
            ..work("many_children", 1_000, |size| {
                let mut marks = vec![0; size];
                Box::new(move || {
                    marks.fill(0);
                    mark_all(&mut marks);
                    is(marks.iter().filter(|&&m| m == 1).count() as f64, size as f64)
                })
            })
        },
    ];
    // The work itself runs on a thread of the pool.
    let in_pool = works.map(|w| {
        let pool = &pool;
        let prepare = w.prepare;
        Work {
            prepare: Box::new(move |size| {
                let mut run = InPool(prepare(size));
                Box::new(move || pool.install(|| run.call()).0)
            }),
            ..w
        }
    });
    run_program(&options, "rayon", "1.6.1", &in_pool);
}

/// What install() moves to another thread, while this one waits.
struct InPool<T>(T);

unsafe impl<T> Send for InPool<T> {}

impl<'a> InPool<Run<'a>> {
    fn call(&mut self) -> InPool<Box<dyn FnOnce() -> peers::Outcome + 'a>> {
        InPool((self.0)())
    }
}
