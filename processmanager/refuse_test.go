package processmanager_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

func TestARefusalComesBackOnce(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: tooMuch})
	m := p.manager()
	require.NoError(t, m.CatchUp(t.Context()))
	require.NoError(t, m.CatchUp(t.Context()))
	p.requireReleased("1")

	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, []string{"placed", "refused: card was declined"}, instance.State.Steps)
}

// TestARefusalIsRecordedWithItsDecision keeps a crash from coming between the two.
func TestARefusalIsRecordedWithItsDecision(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: tooMuch})
	store := &appended{Store: p.store}
	require.NoError(t, p.managerWith(store, p.agenda, p.receive).CatchUp(t.Context()))
	require.Equal(t, []string{
		"$pm.decided", "$pm.dispatched", "$pm.refused $pm.decided", "$pm.dispatched",
	}, store.types)
}

// appended notes the types of the events of each append.
type appended struct {
	eventstore.Store
	types []string
}

func (s *appended) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	var types []string
	for _, event := range writes[0].Events {
		types = append(types, event.Type)
	}
	s.types = append(s.types, strings.Join(types, " "))
	return s.Store.Append(ctx, writes...)
}

func TestARefusalWithoutReactionIsRecordedAndLogged(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: tooMuch})
	var log strings.Builder
	opts := options()
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	m := newShipping(p.store, p.agenda, p.receive, opts)
	require.NoError(t, m.CatchUp(t.Context()))
	p.requireRecords("1", map[string]int{"decided": 1, "dispatched": 1, "refused": 1})
	require.Contains(t, log.String(), "refused")
	require.Contains(t, log.String(), errDeclined.Error())

	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, []string{"placed"}, instance.State.Steps)
	require.Equal(t, errDeclined.Error(), instance.Commands[1].Reason)
}

// TestARefusalAfterTheEndIsOnlyRecorded is a command that was sent along with Complete.
func TestARefusalAfterTheEndIsOnlyRecorded(t *testing.T) {
	p := newPlace(t)
	p.append("1", Paid{})
	m := p.managerWith(p.store, p.agenda, func(context.Context, command) error { return processmanager.Refuse(errDown) })
	require.NoError(t, m.CatchUp(t.Context()))
	p.requireRecords("1", map[string]int{"decided": 1, "refused": 1})
}

func TestAReactionToARefusalThatPanicsParksItsInstance(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: tooMuch})
	m := newShipping(p.store, p.agenda, p.receive, options())
	broken := true
	processmanager.OnRefused(m, func(s Shipping, refused processmanager.Refused[Command]) (Shipping, effects) {
		if broken {
			panic("no idea")
		}
		return reactToRefusal(s, refused)
	})
	require.ErrorContains(t, m.CatchUp(t.Context()), "panic: no idea")
	p.requireRecords("1", map[string]int{"decided": 1, "dispatched": 1, "parked": 1})
	parked, err := m.Parked(t.Context())
	require.NoError(t, err)
	require.Len(t, parked, 1)
	require.Contains(t, parked[0].Reason, "panic: no idea")
	broken = false
	require.NoError(t, m.Retry(t.Context(), "1"))
	require.NoError(t, m.CatchUp(t.Context()))
	require.Equal(t, []string{"reserve", "release"}, p.types("warehouse", "1"))
	p.requireQuiet(m)
}

func TestRefuse(t *testing.T) {
	require.NoError(t, processmanager.Refuse(nil))
	err := fmt.Errorf("charge: %w", processmanager.Refuse(errDeclined))
	require.ErrorIs(t, err, errDeclined)
	require.EqualError(t, err, "charge: refused: card was declined")
}

// TestAReasonIsStoredWhateverItsText is an error that no database would store as it is.
func TestAReasonIsStoredWhateverItsText(t *testing.T) {
	p := newPlace(t)
	p.append("1", Paid{})
	m := newShipping(p.store, p.agenda, func(context.Context, command) error {
		return processmanager.Refuse(errors.New("\x00\xff" + strings.Repeat("é", 10_000)))
	}, options())
	require.NoError(t, m.CatchUp(t.Context()))
	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(instance.Commands[0].Reason, "\uFFFD\uFFFDéé"))
	require.Less(t, len(instance.Commands[0].Reason), 10_000)
}
