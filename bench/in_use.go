package main

import (
	"runtime"
	"strconv"
)

// memoryInUse returns the bytes that reachable objects and the goroutines' stacks take.
func memoryInUse() int64 {
	runtime.GC()
	runtime.GC() // what the first one has taken from pools and finalizers
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc + stats.StackInuse)
}

func megabytes(bytes int64) string { return strconv.FormatFloat(float64(bytes)/1e6, 'f', 1, 64) }
