package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// source yields the writes as an import takes them.
func source(writes ...eventstore.Write) iter.Seq2[pgstore.ImportWrite, error] {
	return func(yield func(pgstore.ImportWrite, error) bool) {
		for _, write := range writes {
			if !yield(pgstore.ImportWrite{Write: write}, nil) {
				return
			}
		}
	}
}

// failing yields what the source does, and then an error.
func failing(source iter.Seq2[pgstore.ImportWrite, error], failure error) iter.Seq2[pgstore.ImportWrite, error] {
	return func(yield func(pgstore.ImportWrite, error) bool) {
		for write, err := range source {
			if !yield(write, err) {
				return
			}
		}
		yield(pgstore.ImportWrite{}, failure)
	}
}

// history returns writes of three events each, that begin streams and go on with them.
func history(writes int) []eventstore.Write {
	all := make([]eventstore.Write, writes)
	for i := range all {
		id := eventstore.StreamID{Category: "order", Key: fmt.Sprint(i / 2)}
		all[i] = expecting(eventstore.Exactly(eventstore.Version(i%2*3)), added(id, 3))
		for j := range all[i].Events {
			all[i].Events[j].Data = fmt.Appendf(nil, `{"write":%d,"event":%d}`, i, j)
		}
	}
	return all
}

// requireHistory requires that the store has these writes, each once and whole and in their order, and nothing else.
func requireHistory(t *testing.T, store eventstore.Store, writes []eventstore.Write) {
	t.Helper()
	events := collect(t, store.ReadAll(t.Context(), 0, eventstore.Filter{}))
	var data []string
	for _, write := range writes {
		for _, event := range write.Events {
			data = append(data, write.Stream.String()+" "+string(event.Data))
		}
	}
	require.Len(t, events, len(data))
	versions := make(map[eventstore.StreamID]eventstore.Version)
	for i, event := range events {
		require.Equal(t, data[i], event.Stream.String()+" "+string(event.Data))
		versions[event.Stream]++
		require.Equal(t, versions[event.Stream], event.Version)
	}
}

// S11: what an import stores is what appends would have stored.
func TestImportStoresWhatAppendWould(t *testing.T) {
	t.Parallel()
	imported, appended := open(t, migrated.Database(t), pgstore.Options{}), open(t, migrated.Database(t), pgstore.Options{})
	ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Actor: "Ada", Values: map[string]string{"k": "v"}})
	large := added(eventstore.StreamID{Category: "order", Key: "large"}, 2)
	large.Events[0].Data = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	odd := withIDs(added(eventstore.StreamID{Category: "ördér", Key: "-\\N\t\n'"}, 3))
	odd.Events[0].Data = []byte(` {"a" : "\u0000", "a":1.0e999} `)
	odd.Events[1].ContentType, odd.Events[1].Data = "application/octet-stream", []byte{0, 0xff, '\\', '\n'}
	odd.Events[1].SchemaVersion = 32_767
	odd.Events[2].ContentType, odd.Events[2].Data = "text/plain", nil
	odd.Events[2].Metadata = eventstore.Metadata{Actor: "Bob", Values: map[string]string{"": "\\."}}
	writes := append(history(5), large, odd, expecting(eventstore.StreamExists, added(odd.Stream, 1)))

	result, err := imported.Import(ctx, source(writes...), nil)
	require.NoError(t, err)
	for _, write := range writes {
		_, err := appended.Append(ctx, write)
		require.NoError(t, err)
	}
	got := collect(t, imported.ReadAll(t.Context(), 0, eventstore.Filter{}))
	want := collect(t, appended.ReadAll(t.Context(), 0, eventstore.Filter{}))
	require.Len(t, got, len(want))
	assert.EqualValues(t, len(writes), result.Writes)
	assert.EqualValues(t, len(got), result.Events)
	assert.Equal(t, got[len(got)-1].Position, result.Position)
	assert.Positive(t, result.Elapsed)
	for i := range got {
		assert.WithinDuration(t, want[i].RecordedAt, got[i].RecordedAt, time.Minute)
		assert.NotZero(t, got[i].ID)
		got[i].Position, got[i].RecordedAt = want[i].Position, want[i].RecordedAt // positions have other gaps
		if got[i].Stream != odd.Stream || got[i].Version > 3 {
			got[i].ID = want[i].ID // given by the store
		}
		assert.Equal(t, want[i], got[i])
	}
	// S7: the IDs are as good as those of an append.
	repeat, err := imported.Append(ctx, odd)
	require.NoError(t, err)
	assert.EqualValues(t, 3, repeat.Writes[0].Version)
	assert.Len(t, stream(t, imported, odd.Stream), 4)
}

func TestImportKeepsTheTimeOfTheSource(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	times := []time.Time{
		time.Date(2019, 3, 1, 12, 30, 0, 123_456_789, time.FixedZone("", 3600)),
		{},
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	}
	begin := time.Now()
	_, err := store.Import(t.Context(), timed(times), nil)
	require.NoError(t, err)
	events := stream(t, store, order42)
	require.Len(t, events, len(times))
	assert.Equal(t, time.Date(2019, 3, 1, 11, 30, 0, 123_456_000, time.UTC), events[0].RecordedAt)
	assert.WithinRange(t, events[1].RecordedAt, begin.Add(-time.Second), time.Now().Add(time.Second))
	assert.Equal(t, times[2], events[2].RecordedAt)
	assert.Equal(t, times[3], events[3].RecordedAt)

	result, err := store.Import(t.Context(), timed([]time.Time{{}, time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}), nil)
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	require.ErrorContains(t, err, `write 1: append to stream "order-42": invalid argument: RecordedAt is in the year 10000`)
	assert.EqualValues(t, 1, result.Writes)
}

func timed(times []time.Time) iter.Seq2[pgstore.ImportWrite, error] {
	return func(yield func(pgstore.ImportWrite, error) bool) {
		for _, recordedAt := range times {
			if !yield(pgstore.ImportWrite{Write: added(order42, 1), RecordedAt: recordedAt}, nil) {
				return
			}
		}
	}
}

// The error of the source, and of a write, ends the import; all before it is there, nothing after it.
func TestImportEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("the file is broken")
	invalid := added(order42, 1)
	invalid.Events[0].Type = ""
	reused := withIDs(added(order42, 1))
	other := added(order42, 1)
	other.Events[0].ID, other.Events[0].Data = reused.Events[0].ID, []byte(`"other"`)
	two := []eventstore.Write{added(order42, 2)}
	for name, c := range map[string]struct {
		before []eventstore.Write // that lead up to it
		failed eventstore.Write
		says   string
		is     error
	}{
		"invalid": {
			failed: invalid,
			says:   "event 0: invalid argument: Type is empty", is: eventstore.ErrInvalid,
		},
		"no events": {
			failed: added(order42, 0),
			says:   "there are no events", is: eventstore.ErrInvalid,
		},
		"conflict of new": {
			before: two, failed: expecting(eventstore.NoStream, added(order42, 1)),
			says: `conflict on stream "order-42": expected no stream, but it is at version 2`,
		},
		"conflict": {
			before: two, failed: expecting(eventstore.Exactly(1), added(order42, 1)),
			says: `conflict on stream "order-42": expected version 1, but it is at version 2`,
		},
		"hole": {
			failed: expecting(eventstore.Exactly(1), added(order42, 1)),
			says:   `conflict on stream "order-42": expected version 1, but it is at version 0`,
		},
		"does not exist": {
			failed: expecting(eventstore.StreamExists, added(order42, 1)),
			says:   `conflict on stream "order-42": expected an existing stream, but it is at version 0`,
		},
		"reused ID": {
			before: []eventstore.Write{reused}, failed: other,
			says: "has another type or other data", is: eventstore.ErrIDReused,
		},
		"source": {says: "read the source after 10 writes: the file is broken", is: broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t, migrated.Database(t), pgstore.Options{})
			before := append(history(10), c.before...)
			writes := failing(source(before...), broken)
			if c.failed.Stream != (eventstore.StreamID{}) {
				writes = failing(source(append(append(before, c.failed), added(order42, 1))...), errors.New("not reached"))
			}
			result, err := store.Import(t.Context(), writes, nil)
			require.ErrorContains(t, err, c.says)
			if c.failed.Stream == order42 {
				require.ErrorContains(t, err, fmt.Sprintf("import: write %d: ", len(before)))
			}
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			if strings.HasPrefix(c.says, "conflict") {
				var conflict *eventstore.ConflictError
				require.ErrorAs(t, err, &conflict)
			}
			assert.EqualValues(t, len(before), result.Writes)
			requireHistory(t, store, before)
		})
	}
}

// Streams that were there before are looked up, also where the import has guessed that they are new.
func TestImportGoesOnWithStreamsThatAreThere(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	_, err := store.Append(t.Context(), added(order42, 2))
	require.NoError(t, err)
	other := eventstore.StreamID{Category: "order", Key: "43"}
	writes := []eventstore.Write{
		expecting(eventstore.NoStream, added(other, 1)), expecting(eventstore.Exactly(2), added(order42, 1)),
		expecting(eventstore.Exactly(1), added(other, 1)), expecting(eventstore.StreamExists, added(order42, 1)),
		expecting(eventstore.NoStream, added(order42, 1)),
	}
	result, err := store.Import(t.Context(), source(writes...), nil)
	var conflict *eventstore.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, eventstore.ConflictError{Stream: order42, Expected: eventstore.NoStream, Actual: 4}, *conflict)
	assert.EqualValues(t, 4, result.Writes)
	assert.Len(t, stream(t, store, order42), 4)
	assert.Len(t, stream(t, store, other), 2)
}

// S7: a write whose events are there by their IDs is skipped, whoever wrote them and within one import too.
func TestImportSkipsRepeats(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	writes := history(20)
	for i := range writes {
		writes[i] = withIDs(writes[i])
	}
	for _, i := range []int{0, 10} {
		_, err := store.Append(t.Context(), writes[i])
		require.NoError(t, err)
	}
	twice := slices.Concat(writes, writes[18:], writes[:1])
	result, err := store.Import(t.Context(), source(twice...), nil)
	require.NoError(t, err)
	assert.EqualValues(t, 23, result.Writes)
	assert.EqualValues(t, 5, result.Skipped)
	assert.EqualValues(t, 54, result.Events)

	result, err = store.Import(t.Context(), source(twice...), nil)
	require.NoError(t, err)
	assert.EqualValues(t, 23, result.Skipped)
	assert.Zero(t, result.Events)
	requireHistory(t, store, slices.Concat(writes[:1], writes[10:11], writes[1:10], writes[11:]))
}

// What others append to a stream that the import has written to is looked up again.
func TestImportFollowsOtherAppends(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	written := make(chan struct{}, 3)
	interleaved := func(yield func(pgstore.ImportWrite, error) bool) {
		for i := range 3 {
			write := expecting(eventstore.Exactly(eventstore.Version(2*i)), added(order42, 1))
			if !yield(pgstore.ImportWrite{Write: write}, nil) {
				return
			}
			select {
			case <-written:
			case <-time.After(10 * time.Second): // refused
				return
			}
			_, err := store.Append(t.Context(), added(order42, 1))
			assert.NoError(t, err)
		}
	}
	_, err := store.Import(t.Context(), interleaved, &pgstore.ImportOptions{
		Progress: func(pgstore.ImportResult) { written <- struct{}{} },
	})
	require.NoError(t, err)
	require.Len(t, stream(t, store, order42), 6)
}

// S1: the positions of a write are in one block, as bounds lie between blocks.
func TestImportKeepsWritesInOneBlock(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	var writes []eventstore.Write
	for i, n := range []int{9_999, 2, 10_000, 1} {
		writes = append(writes, expecting(eventstore.NoStream, added(eventstore.StreamID{Category: "order", Key: fmt.Sprint(i)}, n)))
	}
	_, err := store.Import(t.Context(), source(writes...), nil)
	require.NoError(t, err)
	events := collect(t, store.ReadAll(t.Context(), 0, eventstore.Filter{}))
	for _, write := range writes {
		block := (events[0].Position - 1) / 10_000
		for i, event := range events[:len(write.Events)] {
			require.Equal(t, write.Stream, event.Stream)
			require.EqualValues(t, i+1, event.Version)
			require.Equal(t, block, (event.Position-1)/10_000)
		}
		events = events[len(write.Events):]
	}
	require.Empty(t, events)
}

func TestImportReportsProgress(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, other := open(t, url, pgstore.Options{}), open(t, url, pgstore.Options{})
	var last pgstore.ImportResult
	result, err := store.Import(t.Context(), source(history(100)...), &pgstore.ImportOptions{
		Progress: func(result pgstore.ImportResult) {
			assert.Greater(t, result.Writes, last.Writes)
			assert.Greater(t, result.Position, last.Position)
			head, err := other.Head(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, head, result.Position)
			last = result
		},
	})
	require.NoError(t, err)
	assert.EqualValues(t, 300, result.Events)
	assert.Positive(t, result.Bytes)
	last.Elapsed = result.Elapsed
	assert.Equal(t, result, last)
}

func TestImportRefusesAName(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	for _, name := range []string{"$mine", "\xff", "a\x00", strings.Repeat("x", 257)} {
		_, err := store.Import(t.Context(), source(history(1)...), &pgstore.ImportOptions{Name: name})
		require.ErrorIs(t, err, eventstore.ErrInvalid)
		require.ErrorContains(t, err, "import: invalid argument: Name ")
	}
	requireHistory(t, store, nil)
}

// When ctx ends the import does, and its result tells what is there.
func TestImportIsCancelled(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	writes := history(20_000)
	result, err := store.Import(ctx, source(writes...), &pgstore.ImportOptions{
		Progress: func(result pgstore.ImportResult) {
			if result.Writes > 500 {
				time.AfterFunc(time.Duration(result.Position%7)*time.Millisecond, cancel)
			}
		},
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, result.Writes, int64(len(writes)))
	requireHistory(t, store, writes[:result.Writes])
}

func TestImportEndsWhenTheStoreIsClosed(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store := open(t, url, pgstore.Options{})
	writes := history(1000)
	closing := func(yield func(pgstore.ImportWrite, error) bool) {
		for i, write := range writes {
			if i == 500 {
				closeStore(t, store)
			}
			if !yield(pgstore.ImportWrite{Write: write}, nil) {
				return
			}
		}
	}
	result, err := store.Import(t.Context(), closing, nil)
	require.ErrorIs(t, err, eventstore.ErrClosed)
	requireHistory(t, open(t, url, pgstore.Options{}), writes[:result.Writes])
}

// A panic of the source is the caller's, and leaves nothing behind.
func TestImportPassesOnThePanicOfTheSource(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	panicking := func(yield func(pgstore.ImportWrite, error) bool) {
		yield(pgstore.ImportWrite{Write: added(order42, 1)}, nil)
		panic("the source is broken")
	}
	require.PanicsWithValue(t, "the source is broken", func() { _, _ = store.Import(t.Context(), panicking, nil) })
}

// The source may use its memory again as soon as it has yielded.
func TestImportKeepsNothingOfTheSource(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	want := history(200)
	for i := range want {
		want[i] = withIDs(want[i])
	}
	reusing := func(yield func(pgstore.ImportWrite, error) bool) {
		events := make([]eventstore.EventData, 3)
		var data [3][64]byte
		for _, write := range want {
			for j, event := range write.Events {
				events[j] = event
				events[j].Data = append(data[j][:0], event.Data...)
			}
			write.Events = events
			if !yield(pgstore.ImportWrite{Write: write}, nil) {
				return
			}
		}
	}
	for range 2 { // the second time, what was there is compared
		_, err := store.Import(t.Context(), reusing, nil)
		require.NoError(t, err)
	}
	requireHistory(t, store, want)
}

// An import needs no more of its connection than a pooler in transaction mode gives.
func TestImportInEveryQueryModeOfPgx(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			store := open(t, migrated.Database(t)+"&default_query_exec_mode="+mode, pgstore.Options{NoListen: true})
			writes := []eventstore.Write{withIDs(added(order42, 2)), withIDs(added(order42, 1))}
			for range 2 {
				result, err := store.Import(t.Context(), source(writes...), nil)
				require.NoError(t, err)
				assert.EqualValues(t, 2, result.Writes)
			}
			requireHistory(t, store, writes)
		})
	}
}

// An open transaction that has written to a stream keeps the import waiting, and subscriptions not.
func TestImportWaitsForAnOpenTransaction(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newPool(t, url)
	tx := begin(t, pool, pgx.TxOptions{})
	_, err := store.AppendTx(t.Context(), tx, added(order42, 1))
	require.NoError(t, err)
	outcome := make(chan error, 1)
	go func() {
		_, err := store.Import(t.Context(), source(added(order42, 2)), nil)
		outcome <- err
	}()
	awaitBlocked(t, pool)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-outcome)
	assert.Len(t, stream(t, store, order42), 3)
}

func TestWriterImports(t *testing.T) {
	t.Parallel()
	databaseURL := migrated.Database(t)
	roles := setUpRoles(t, databaseURL)
	writer := open(t, as(t, databaseURL, roles.Writer), pgstore.Options{})
	for _, options := range []*pgstore.ImportOptions{nil, legacy} {
		_, err := writer.Import(t.Context(), source(added(order42, 1)), options)
		require.NoError(t, err)
	}
	_, err := open(t, as(t, databaseURL, roles.Consumer), pgstore.Options{}).Import(t.Context(), source(history(1)...), nil)
	requireDenied(t, err, "import")
	require.Len(t, stream(t, writer, order42), 2)
}
