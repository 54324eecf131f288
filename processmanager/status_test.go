package processmanager_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestStatus(t *testing.T) {
	for name, newPlace := range places {
		t.Run(name, func(t *testing.T) {
			p, mended := newPlace(t), false
			m := stubborn(p, &mended)
			status, err := m.Status(t.Context())
			require.NoError(t, err)
			require.ErrorContains(t, status.Health(time.Hour), "it has never run")

			p.parkedAtCharge(m)
			p.append("2", Placed{Amount: 10}, Paid{})
			status, err = m.Status(t.Context())
			require.NoError(t, err)
			require.Equal(t, 2, status.EventsBehind)
			require.Equal(t, eventstore.ConsumerIdle, status.State())
			require.Equal(t, eventstore.AgendaSummary{Open: 1, Pending: 1, Parked: 1}, status.Instances)
			require.ErrorContains(t, status.Health(0), "nobody works on it")
		})
	}
}

// TestTheNumberOfPartitionsChangesWhileTheProcessRuns is M5 across it: each instance keeps its order, and all are spread
// over two processes.
func TestTheNumberOfPartitionsChangesWhileTheProcessRuns(t *testing.T) {
	for name, newPlace := range places {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			m := p.manager()
			stop := start(t, m, p.manager())
			p.eventually(func() bool {
				status, err := m.Status(t.Context())
				return err == nil && status.Health(time.Minute) == nil
			})
			const orders = 30
			for n := range orders {
				p.append(fmt.Sprint(n), Placed{Amount: 10})
				if n%10 == 5 {
					require.NoError(t, m.Repartition(t.Context(), n))
				}
			}
			for n := range orders {
				p.await(func() bool { return p.settled(m, fmt.Sprint(n), 3) })
			}
			status, err := m.Status(t.Context())
			require.NoError(t, err)
			require.Len(t, status.Partitions, 25)
			require.NoError(t, status.Health(time.Minute))
			stop()
			for n := range orders {
				p.requireFulfilled(fmt.Sprint(n))
			}
		})
	}
}
