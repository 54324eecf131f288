package eventstore_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// log is a finder of all events that are in it.
type log []eventstore.RecordedEvent

func (l log) FindGiven(context.Context, eventstore.StreamID, uuid.UUID) (eventstore.RecordedEvent, bool, error) {
	panic("not used")
}

func (l log) FindBefore(
	ctx context.Context, id uuid.UUID, before eventstore.Position,
) ([]eventstore.RecordedEvent, error) {
	if id == uuid.Nil {
		return nil, eventstore.ErrInvalid
	}
	found := slices.DeleteFunc(slices.Clone(l), func(e eventstore.RecordedEvent) bool {
		return e.ID != id || e.Position >= before
	})
	slices.SortFunc(found, func(a, b eventstore.RecordedEvent) int { return cmp.Compare(a.Position, b.Position) })
	return found, ctx.Err()
}

// careless is a finder that does not look at positions.
type careless struct{ log }

func (c careless) FindBefore(
	ctx context.Context, id uuid.UUID, _ eventstore.Position,
) ([]eventstore.RecordedEvent, error) {
	return c.log.FindBefore(ctx, id, 1<<62)
}

func idOf(n byte) uuid.UUID { return uuid.UUID{15: n} }

func caused(position eventstore.Position, id byte, cause, correlation string) eventstore.RecordedEvent {
	return eventstore.RecordedEvent{
		ID: idOf(id), Position: position,
		Metadata: eventstore.Metadata{CausationID: cause, CorrelationID: correlation},
	}
}

// positions returns those of the causes of an event.
func positions(t *testing.T, finder eventstore.Finder, event eventstore.RecordedEvent) (got []eventstore.Position) {
	t.Helper()
	for cause, err := range eventstore.Causes(t.Context(), finder, event) {
		require.NoError(t, err)
		got = append(got, cause.Position)
	}
	return got
}

func TestCauses(t *testing.T) {
	t.Parallel()
	first := caused(1, 1, "", "")
	chain := log{first, caused(2, 2, idOf(1).String(), ""), caused(3, 3, idOf(2).String(), "")}
	type test struct {
		log    log
		event  eventstore.RecordedEvent
		causes []eventstore.Position
	}
	for name, test := range map[string]test{
		"to the first":          {chain, chain[2], []eventstore.Position{2, 1}},
		"none":                  {chain, first, nil},
		"a request":             {chain, caused(4, 4, "request-7", ""), nil},
		"a trace ID":            {chain, caused(4, 4, strings.ReplaceAll(idOf(1).String(), "-", ""), ""), nil},
		"the zero ID":           {chain, caused(4, 4, uuid.Nil.String(), ""), nil},
		"an ID that is nowhere": {chain, caused(4, 4, idOf(9).String(), ""), nil},
		"itself":                {log{caused(4, 4, idOf(4).String(), "")}, caused(4, 4, idOf(4).String(), ""), nil},
		"a later event":         {chain, caused(2, 4, idOf(3).String(), ""), nil},
		"an ID in two streams: the last one": {
			log{caused(1, 1, "", "a"), caused(2, 1, "", "b")},
			caused(3, 2, idOf(1).String(), "c"),
			[]eventstore.Position{2},
		},
		"of the same correlation": {
			log{caused(1, 1, "", "a"), caused(2, 1, "", "a"), caused(3, 1, "", "b")},
			caused(4, 2, idOf(1).String(), "a"),
			[]eventstore.Position{2},
		},
		"which is its own ID": {
			log{caused(1, 1, "", ""), caused(2, 1, "", "b")},
			caused(3, 2, idOf(1).String(), idOf(1).String()),
			[]eventstore.Position{1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.causes, positions(t, test.log, test.event))
			require.Equal(t, test.causes, positions(t, careless{test.log}, test.event), "there is no circle")
		})
	}
}

func TestCausesFail(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs []error
	for cause, err := range eventstore.Causes(ctx, log{}, caused(2, 2, idOf(1).String(), "")) {
		require.Zero(t, cause)
		errs = append(errs, err)
	}
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], context.Canceled)
	require.ErrorContains(t, errors.Join(errs...), idOf(2).String())
}

func TestCausesEndWhenNobodyWantsMore(t *testing.T) {
	t.Parallel()
	chain := log{caused(1, 1, "", ""), caused(2, 2, idOf(1).String(), "")}
	for cause, err := range eventstore.Causes(t.Context(), chain, caused(3, 3, idOf(2).String(), "")) {
		require.NoError(t, err)
		require.Equal(t, idOf(2), cause.ID)
		break
	}
}

func TestCausedBy(t *testing.T) {
	t.Parallel()
	event := caused(1, 1, "other", "")
	event.Metadata.Actor, event.Metadata.TraceParent = "clerk 7", "trace"
	event.Metadata.Values = map[string]string{"tenant": "north"}
	id := idOf(1).String()
	require.Equal(t, eventstore.Metadata{CorrelationID: id, CausationID: id, TraceParent: "trace"}, eventstore.CausedBy(event))
	event.Metadata.CorrelationID = "request-7"
	require.Equal(t, "request-7", eventstore.CausedBy(event).CorrelationID)
}
