package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Go makes no difference between its main goroutine and others: what is local and what is remote here is the same.
func spawnManyLocal(size int) run {
	return func() func() (float64, float64) {
		var group sync.WaitGroup
		group.Add(size)
		for i := 0; i < size; i++ {
			go group.Done()
		}
		group.Wait()
		return is(float64(size), float64(size))
	}
}

func spawnManyRemote(size int) run { return spawnManyLocal(size) }

var busy sync.Once

func spawnManyRemoteBusy(size int) run {
	busy.Do(func() {
		for i := 0; i < 2*runtime.GOMAXPROCS(0); i++ {
			go func() {
				for { // until the process ends
					runtime.Gosched()
					for end := time.Now().Add(10 * time.Microsecond); time.Now().Before(end); {
					}
				}
			}()
		}
	})
	return spawnManyLocal(size)
}

func yieldTimes(times int) {
	for i := 0; i < times; i++ {
		runtime.Gosched()
	}
}

func yieldMany(times int) run {
	const tasks = 200
	return func() func() (float64, float64) {
		var group sync.WaitGroup
		for i := 0; i < tasks; i++ {
			fork(&group, func() { yieldTimes(times) })
		}
		group.Wait()
		return is(tasks, float64(tasks*times))
	}
}

func pingPong(size int) run {
	return func() func() (float64, float64) {
		var group sync.WaitGroup
		for i := 0; i < size; i++ {
			fork(&group, func() {
				there, back := make(chan struct{}), make(chan struct{})
				go func() {
					<-there
					back <- struct{}{}
				}()
				there <- struct{}{}
				<-back
			})
		}
		group.Wait()
		return is(float64(size), float64(size))
	}
}

func chainedSpawn(size int) run {
	return func() func() (float64, float64) {
		var ended atomic.Int64
		done := make(chan struct{})
		var chain func(more int)
		chain = func(more int) {
			ended.Add(1)
			if more == 0 {
				close(done)
			} else {
				go chain(more - 1)
			}
		}
		go chain(size - 1)
		<-done
		return is(float64(ended.Load()), float64(size))
	}
}

func yieldAlone(size int) run {
	return func() func() (float64, float64) {
		yieldTimes(size)
		return is(float64(size), float64(size))
	}
}

func roundTrip(size int) run {
	return func() func() (float64, float64) {
		there, back := make(chan int), make(chan int)
		go func() {
			for i := range there {
				back <- i
			}
		}()
		trips := 0
		for i := 0; i < size; i++ {
			there <- i
			if <-back == i {
				trips++
			}
		}
		close(there)
		return is(float64(trips), float64(size))
	}
}
