package main

import (
	"math"
	"sort"
	"sync"
)

// As in bench/workloads/hash.hpp.

func mix(x uint64) uint64 {
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

func random(seed, index uint64) uint64 { return mix(seed + (index+1)*0x9e3779b97f4a7c15) }

const exactBits = 1<<53 - 1

// Runs a part of a computation beside the rest.
func fork(group *sync.WaitGroup, part func()) {
	group.Add(1)
	go func() {
		defer group.Done()
		part()
	}()
}

func fib(n int) uint64 {
	if n < 2 {
		return uint64(n)
	}
	var a uint64
	var group sync.WaitGroup
	fork(&group, func() { a = fib(n - 1) })
	b := fib(n - 2)
	group.Wait()
	return a + b
}

func prepareFib(n int) run {
	return func() func() (float64, float64) { return is(float64(fib(n)), 0) }
}

func skynet(first, leaves uint64) uint64 {
	if leaves == 1 {
		return first
	}
	var sums [10]uint64
	var group sync.WaitGroup
	share := leaves / 10
	for i := uint64(0); i < 9; i++ {
		i := i
		fork(&group, func() { sums[i] = skynet(first+i*share, share) })
	}
	sums[9] = skynet(first+9*share, share)
	group.Wait()
	sum := uint64(0)
	for _, s := range sums {
		sum += s
	}
	return sum
}

func prepareSkynet(depth int) run {
	leaves := uint64(math.Pow10(depth))
	return func() func() (float64, float64) { return is(float64(skynet(0, leaves)), float64(leaves)) }
}

type board [16]int8

func isSafe(queens *board, rows int, column int) bool {
	for row := 0; row < rows; row++ {
		other, distance := int(queens[row]), rows-row
		if other == column || other == column-distance || other == column+distance {
			return false
		}
	}
	return true
}

func nqueens(n, row int, queens board) uint32 {
	if row == n {
		return 1
	}
	var solutions [16]uint32
	var group sync.WaitGroup
	for column := 0; column < n; column++ {
		if isSafe(&queens, row, column) {
			queens[row] = int8(column)
			column, queens := column, queens
			fork(&group, func() { solutions[column] = nqueens(n, row+1, queens) })
		}
	}
	group.Wait()
	sum := uint32(0)
	for _, s := range solutions {
		sum += s
	}
	return sum
}

func prepareNqueens(n int) run {
	return func() func() (float64, float64) { return is(float64(nqueens(n, 0, board{})), 0) }
}

const matmulLeaf = 32

// c += a * b for n rows and columns of matrices of `stride` columns.
func matmul(a, b, c []int32, n, stride int) {
	if n <= matmulLeaf {
		for i := 0; i < n; i++ {
			for k := 0; k < n; k++ {
				factor := a[i*stride+k]
				sums, row := c[i*stride:i*stride+n], b[k*stride:k*stride+n]
				for j, other := range row {
					sums[j] += factor * other
				}
			}
		}
		return
	}
	half := n / 2
	quarter := func(m []int32, row, column int) []int32 { return m[(row*stride+column)*half:] }
	for which := 0; which < 2; which++ {
		var group sync.WaitGroup
		for i := 0; i < 4; i++ {
			x, y, z := quarter(a, i/2, which), quarter(b, which, i%2), quarter(c, i/2, i%2)
			fork(&group, func() { matmul(x, y, z, half, stride) })
		}
		group.Wait()
	}
}

func prepareMatmul(n int) run {
	a, b, c := make([]int32, n*n), make([]int32, n*n), make([]int32, n*n)
	for i := range a {
		a[i], b[i] = int32(random(1, uint64(i))%16)-8, int32(random(2, uint64(i))%16)-8
	}
	return func() func() (float64, float64) {
		matmul(a, b, c, n, n)
		return func() (float64, float64) {
			sum := uint64(0)
			for row := 0; row < n; row++ {
				dot := uint64(0)
				for i, element := range c[row*n : row*n+n] {
					dot += uint64(int64(element)) * random(1, uint64(i))
				}
				sum += random(2*uint64(n), uint64(row)) * dot
			}
			return float64(sum & exactBits), float64(n) * float64(n) * float64(n)
		}
	}
}

type treeNode struct {
	state       uint64
	levelsBelow int
}

const maxChildren = 32

func (node treeNode) children() int {
	if node.levelsBelow == 0 {
		return 0
	}
	r, k := mix(node.state)>>32, 0
	for q := uint64(1<<32) * 4 / 5; r < q && k < maxChildren; q = q * 4 / 5 {
		k++
	}
	return k
}

func uts(node treeNode) uint64 {
	children := node.children()
	if children == 0 {
		return 1
	}
	below := make([]uint64, children)
	var group sync.WaitGroup
	for i := range below {
		i := i
		fork(&group, func() { below[i] = uts(treeNode{random(node.state, uint64(i)), node.levelsBelow - 1}) })
	}
	group.Wait()
	nodes := uint64(1)
	for _, n := range below {
		nodes += n
	}
	return nodes
}

func prepareUts(levels int) run {
	return func() func() (float64, float64) {
		nodes := float64(uts(treeNode{7, levels}))
		return is(nodes, nodes)
	}
}

func f(x float64) float64 { return (x*x + 1) * x }

func integrate(x1, y1, x2, y2, area float64) float64 {
	half := (x2 - x1) / 2
	x := x1 + half
	y := f(x)
	left, right := (y1+y)/2*half, (y+y2)/2*half
	if math.Abs(left+right-area) < 1e-9 {
		return left + right
	}
	var group sync.WaitGroup
	fork(&group, func() { left = integrate(x1, y1, x, y, left) })
	b := integrate(x, y, x2, y2, right)
	group.Wait()
	return left + b
}

func prepareIntegrate(n int) run {
	x := float64(n)
	return func() func() (float64, float64) { return is(integrate(0, f(0), x, f(x), 0), 0) }
}

type item struct{ value, weight int32 }

type items struct {
	all              []item
	capacity, greedy int32
}

func (all *items) search(next int, left, value int32) (best, nodes uint32) {
	if next == len(all.all) {
		return uint32(value), 1
	}
	i := all.all[next]
	if int64(value-all.greedy)*int64(i.weight)+int64(left)*int64(i.value) < 0 {
		return 0, 1
	}
	var group sync.WaitGroup
	var takenBest, takenNodes uint32
	if i.weight <= left {
		fork(&group, func() { takenBest, takenNodes = all.search(next+1, left-i.weight, value+i.value) })
	}
	best, nodes = all.search(next+1, left, value)
	group.Wait()
	if takenBest > best {
		best = takenBest
	}
	return best, nodes + takenNodes + 1
}

func prepareKnapsack(count int) run {
	var all items
	for i := 0; i < count; i++ {
		weight := 1000 + int32(random(1, uint64(i))%1000)
		all.all = append(all.all, item{weight + int32(random(2, uint64(i))%200), weight})
		all.capacity += weight
	}
	all.capacity /= 2
	sort.Slice(all.all, func(i, j int) bool {
		a, b := all.all[i], all.all[j]
		if left, right := a.value*b.weight, b.value*a.weight; left != right {
			return left > right
		}
		return a.value > b.value
	})
	left := all.capacity
	for _, i := range all.all {
		if i.weight <= left {
			left -= i.weight
			all.greedy += i.value
		}
	}
	return func() func() (float64, float64) {
		best, nodes := all.search(0, all.capacity, 0)
		return is(float64(best)*(1<<32)+float64(nodes), float64(nodes))
	}
}
