//! As in bench/workloads, whose files say what each work is.

const EXACT_BITS: u64 = (1 << 53) - 1;

pub fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d049bb133111eb);
    x ^ (x >> 31)
}

pub fn random(seed: u64, index: u64) -> u64 {
    mix(seed.wrapping_add((index + 1).wrapping_mul(0x9e3779b97f4a7c15)))
}

pub type Board = [i8; 16];

pub fn is_safe(queens: &Board, rows: usize, column: i32) -> bool {
    (0..rows).all(|row| {
        let other = queens[row] as i32;
        let distance = (rows - row) as i32;
        other != column && other != column - distance && other != column + distance
    })
}

#[derive(Clone, Copy)]
pub struct Interval {
    pub x1: f64,
    pub y1: f64,
    pub x2: f64,
    pub y2: f64,
    pub area: f64,
}

impl Interval {
    fn f(x: f64) -> f64 {
        (x * x + 1.0) * x
    }
    pub fn from_0_to(x: f64) -> Self {
        Interval { x1: 0.0, y1: Self::f(0.0), x2: x, y2: Self::f(x), area: 0.0 }
    }
    pub fn split(&self) -> (Interval, Interval) {
        let half = (self.x2 - self.x1) / 2.0;
        let x = self.x1 + half;
        let y = Self::f(x);
        (
            Interval { x1: self.x1, y1: self.y1, x2: x, y2: y, area: (self.y1 + y) / 2.0 * half },
            Interval { x1: x, y1: y, x2: self.x2, y2: self.y2, area: (y + self.y2) / 2.0 * half },
        )
    }
    pub fn is_close_to(&self, area: f64) -> bool {
        (self.area - area).abs() < 1e-9
    }
}

#[derive(Clone, Copy)]
pub struct TreeNode {
    pub state: u64,
    pub levels_below: usize,
}

impl TreeNode {
    pub const ROOT_STATE: u64 = 7;
    const MAX_CHILDREN: u64 = 32;

    pub fn children(&self) -> u64 {
        if self.levels_below == 0 {
            return 0;
        }
        let r = mix(self.state) >> 32;
        let mut k = 0;
        let mut q = (1u64 << 32) * 4 / 5;
        while r < q && k < Self::MAX_CHILDREN {
            k += 1;
            q = q * 4 / 5;
        }
        k
    }
    pub fn child(&self, i: u64) -> TreeNode {
        TreeNode { state: random(self.state, i), levels_below: self.levels_below - 1 }
    }
}

pub struct Item {
    pub value: i32,
    pub weight: i32,
}

pub struct Items {
    pub all: Vec<Item>,
    pub capacity: i32,
    greedy: i32,
}

impl Items {
    pub fn new(count: usize) -> Self {
        let mut all: Vec<Item> = (0..count as u64)
            .map(|i| {
                let weight = 1000 + (random(1, i) % 1000) as i32;
                Item { value: weight + (random(2, i) % 200) as i32, weight }
            })
            .collect();
        let capacity = all.iter().map(|item| item.weight).sum::<i32>() / 2;
        all.sort_by(|a, b| (b.value * a.weight, b.value).cmp(&(a.value * b.weight, a.value)));
        let mut left = capacity;
        let mut greedy = 0;
        for item in &all {
            if item.weight <= left {
                left -= item.weight;
                greedy += item.value;
            }
        }
        Items { all, capacity, greedy }
    }
    pub fn is_hopeless(&self, next: usize, left: i32, value: i32) -> bool {
        let item = &self.all[next];
        (value - self.greedy) as i64 * item.weight as i64 + left as i64 * (item.value as i64) < 0
    }
}

/// Matrices of small whole numbers.
pub struct Product {
    pub n: usize,
    pub a: Vec<i32>,
    pub b: Vec<i32>,
    pub c: Vec<i32>,
}

impl Product {
    pub fn new(n: usize) -> Self {
        let numbers = |seed| (0..(n * n) as u64).map(|i| (random(seed, i) % 16) as i32 - 8).collect();
        Product { n, a: numbers(1), b: numbers(2), c: vec![0; n * n] }
    }
    pub fn checksum(&self) -> u64 {
        let mut sum = 0u64;
        for (row, elements) in self.c.chunks(self.n).enumerate() {
            let dot = elements.iter().enumerate().fold(0u64, |dot, (i, &element)| {
                dot.wrapping_add((element as i64 as u64).wrapping_mul(random(1, i as u64)))
            });
            sum = sum.wrapping_add(random(2 * self.n as u64, row as u64).wrapping_mul(dot));
        }
        sum & EXACT_BITS
    }
}

pub fn numbers_to_sort(size: usize) -> Vec<u32> {
    (0..size as u64).map(|i| random(1, i) as u32).collect()
}

pub fn checksum_of_sorted(data: &[u32]) -> u64 {
    let sum = data.iter().enumerate().fold(0u64, |sum, (i, &number)| {
        sum.wrapping_add((number as u64).wrapping_mul(mix(i as u64)))
    });
    sum & EXACT_BITS
}
