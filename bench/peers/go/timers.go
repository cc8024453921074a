// The timer suite of bench/workloads/timers.hpp.
package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	parallelTasks = 10000
	oneExpiresOf  = 100
)

// Gives how many timers have ended as they must.
func setTimers(count int) (asExpected int) {
	for i := 1; i <= count; i++ {
		if i%oneExpiresOf == 0 {
			<-time.NewTimer(time.Millisecond).C
			asExpected++
		} else {
			timer := time.NewTimer(time.Second)
			runtime.Gosched()
			if timer.Stop() {
				asExpected++
			}
		}
	}
	return asExpected
}

func timerChurn(size int) run {
	return func() func() (float64, float64) {
		var all sync.WaitGroup
		var right atomic.Int64
		all.Add(parallelTasks)
		for i := 0; i < parallelTasks; i++ {
			go func() {
				right.Add(int64(setTimers(size / parallelTasks)))
				all.Done()
			}()
		}
		all.Wait()
		return is(float64(right.Load()), float64(size))
	}
}

func sleepingTasks(size int) run {
	return func() func() (float64, float64) {
		var awake sync.WaitGroup
		awake.Add(size)
		for i := 0; i < size; i++ {
			go func() {
				awake.Done()
				time.Sleep(time.Hour)
			}()
		}
		awake.Wait()
		return is(float64(size), float64(size))
	}
}
