package memstore_test

import (
	"context"
	"testing"

	"github.com/pasttense/pasttense/eventstore/eventstoretest"
	"github.com/pasttense/pasttense/memstore"
)

func TestStoreConformance(t *testing.T) {
	for name, opts := range map[string]*memstore.Options{
		"defaults":      nil,
		"small batches": {BatchEvents: 3, BatchBytes: 100},
	} {
		t.Run(name, func(t *testing.T) {
			eventstoretest.Run(t, func(*testing.T) eventstoretest.Harness {
				return eventstoretest.Harness{Store: memstore.New(opts), Parallel: true}
			})
		})
	}
}

func TestTargetConformance(t *testing.T) {
	eventstoretest.RunTarget(t, func(*testing.T) eventstoretest.TargetHarness[*memstore.Tx] {
		clock := newClock()
		target := memstore.NewTarget(&memstore.TargetOptions{Now: clock.now})
		marks := memstore.NewTable[string, int](target)
		return eventstoretest.TargetHarness[*memstore.Tx]{
			Target: target,
			Mark: func(_ context.Context, tx *memstore.Tx, name string) error {
				count, _ := marks.GetTx(tx, name)
				marks.PutTx(tx, name, count+1)
				return nil
			},
			Marks: func(_ context.Context, name string) (int, error) {
				count, _ := marks.Get(name)
				return count, nil
			},
			PassTime: clock.advance,
			Parallel: true,
		}
	})
}

func TestAgendaConformance(t *testing.T) {
	eventstoretest.RunAgenda(t, func(*testing.T) eventstoretest.AgendaHarness {
		clock := newClock()
		return eventstoretest.AgendaHarness{
			Agenda:   memstore.NewTarget(&memstore.TargetOptions{Now: clock.now}),
			PassTime: clock.advance,
			Parallel: true,
		}
	})
}
