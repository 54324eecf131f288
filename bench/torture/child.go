package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// childEnv makes this program the child process: it gets its assignment on standard input, writes its reports to standard
// output, and ends when standard input does.
const childEnv = "PASTTENSE_TORTURE_CHILD"

// stopLine is what the child reads when its writers are to stop.
const stopLine = "stop"

func runChild(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := bufio.NewReader(in)
	var a assignment
	first, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the assignment: %w", err)
	}
	if err := json.Unmarshal(first, &a); err != nil {
		return fmt.Errorf("read the assignment: %w", err)
	}
	orders := make(chan string)
	go func() { // until the process ends: nothing interrupts a read of standard input
		defer cancel()
		for line, err := lines.ReadString('\n'); err == nil; line, err = lines.ReadString('\n') {
			orders <- line
		}
	}()
	reports := reportTo(out, cancel)
	p, err := startProcess(ctx, a, reports)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	select {
	case <-orders:
		p.finishing.Store(true)
		p.stopWriters()
		reports(report{Stopped: true})
		<-ctx.Done()
	case <-ctx.Done():
	}
	return p.close()
}

// reportTo writes each report with one call, so that a process that is killed leaves at most one line unfinished. When
// nobody reads any more, it calls ended.
func reportTo(out io.Writer, ended func()) reporter {
	var mu sync.Mutex
	return func(r report) {
		line, err := json.Marshal(r)
		if err != nil {
			panic(err) // numbers and valid strings
		}
		mu.Lock()
		defer mu.Unlock()
		if _, err := out.Write(append(line, '\n')); err != nil {
			ended()
		}
	}
}

func childMain() {
	if err := runChild(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "torture: child process:", err)
		os.Exit(1)
	}
}
