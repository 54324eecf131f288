package child_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/bench/internal/child"
)

// TestMain lets the test binary be the child process of these tests.
func TestMain(m *testing.M) {
	if child.Main("test", echo) {
		return
	}
	os.Exit(m.Run())
}

// echo repeats its orders. It fails at its end when it is assigned to.
func echo(ctx context.Context, fails bool, orders <-chan string, out io.Writer) error {
	for {
		select {
		case order := <-orders:
			fmt.Fprintln(out, order)
		case <-ctx.Done():
			if fails {
				return errors.New("as assigned")
			}
			return nil
		}
	}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(p *child.Process) error{
		"ended":            (*child.Process).End,
		"terminated":       func(p *child.Process) error { return p.Terminate(t.Context()) },
		"killed":           (*child.Process).Kill,
		"killed in a stop": func(p *child.Process) error { return errors.Join(p.Signal(child.Stop), p.Kill()) },
		"stopped for a while": func(p *child.Process) error {
			return errors.Join(p.Signal(child.Stop), p.Signal(child.Continue), p.Terminate(t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			echoed := make(chan string)
			p, err := child.Start(false, func(out io.Reader) error {
				line, err := bufio.NewReader(out).ReadString('\n')
				echoed <- line
				return err
			})
			require.NoError(t, err)
			require.NoError(t, p.Order("hello"))
			assert.Equal(t, "hello", strings.TrimSpace(<-echoed))
			require.NoError(t, end(p))
			<-p.Ended()
			require.NoError(t, p.Kill(), "it has ended, and as it should")
			assert.ErrorContains(t, p.Signal(child.Stop), "by itself")
		})
	}
}

func TestProcessThatFails(t *testing.T) {
	t.Parallel()
	p, err := child.Start(true, nil)
	require.NoError(t, err)
	require.ErrorContains(t, p.Terminate(t.Context()), "did not end cleanly")
	assert.ErrorContains(t, p.Err(), "exit status 1")

	_, err = child.Start("no bool", nil)
	assert.ErrorContains(t, err, "assign work")
}
