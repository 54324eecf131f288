package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

// sqlGivenIDs finds events of the streams by IDs that their appenders gave, through an index of those alone. OFFSET 0 keeps
// the streams out of that: where the table has not been analyzed, all events of theirs might be read instead.
const sqlGivenIDs = `
	SELECT ` + eventColumns + `
	FROM (SELECT * FROM {schema}.events WHERE id_given AND event_id = ANY ($3) OFFSET 0) AS e
	WHERE (category, stream_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))`

// database is what an append runs its statements on: a connection of the store's, or a caller's transaction.
type database interface {
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// judge tells what became of an append, given how the insert found the streams: all in one snapshot of the database.
// It is undecided when it was not inserted because of others, or because some of its event IDs are there already.
func (a *plannedAppend) judge(in *insert) (answer answer, decided bool) {
	switch {
	case a.verdict == postponed:
		return answer, false
	case a.group(in).failed:
		return a.judgeAlone(in)
	case a.verdict == refused:
		by := len(a.writes) - 1
		found := in.states[a.writes[by].stream.place].version
		answer.err = conflict(a.call.prepared.Writes[by], found+a.writes[by].before)
		return answer, true
	}
	answer.result.Writes = make([]eventstore.WriteResult, len(a.writes))
	for i, write := range a.writes {
		if n := len(write.events); n > 0 {
			version := in.states[write.stream.place].version + write.before + eventstore.Version(n)
			position := in.start + eventstore.Position(write.number+n-1)
			answer.result.Writes[i] = eventstore.WriteResult{Version: version, Position: position}
			answer.result.Position = position
		}
	}
	return answer, true
}

// judgeAlone judges an append of which nothing was inserted by how its streams were found. When they were as it
// expects, another append of its group is to blame, and it is better tried without that.
func (a *plannedAppend) judgeAlone(in *insert) (answer answer, decided bool) {
	a.call.alone, a.call.doubted = true, true
	if a.call.prepared.GivenIDs {
		return answer, false // see mayRepeat
	}
	answer.err = a.conflict(in)
	return answer, answer.err != nil
}

// conflict returns a conflict of the append's expectations with how the insert found the streams, if there is one.
func (a *plannedAppend) conflict(in *insert) error {
	for i, write := range a.call.prepared.Writes {
		if i == len(a.writes) {
			break // it was refused by the write before
		}
		stream := a.writes[i].stream
		if found := in.states[stream.place].version; !stream.believedNew && !write.Expected.Allows(found) {
			return conflict(write, found)
		}
	}
	return nil
}

func conflict(write eventstore.Write, actual eventstore.Version) error {
	return &eventstore.ConflictError{Stream: write.Stream, Expected: write.Expected, Actual: actual}
}

// group returns how the insert found the group of streams that decides on the append.
func (a *plannedAppend) group(in *insert) streamState {
	if a.verdict == refused {
		return in.states[a.writes[len(a.writes)-1].stream.place]
	}
	return in.states[a.writes[0].stream.place]
}

// mayRepeat reports whether the append was not inserted because it was made before.
func (a *plannedAppend) mayRepeat() bool { return a.call.prepared.GivenIDs && a.verdict != postponed }

// findRepeat looks for the events of an append with given IDs that was not inserted. The look is newer than what the
// insert has found: were it older, the first of two same appends could be missed, and its effect on the version taken
// for a conflict.
func (a *plannedAppend) findRepeat(
	ctx context.Context, db database, sql statements, in *insert,
) (answer answer, decided bool) {
	found, err := findEvents(ctx, db, sql.givenIDs, a.call.prepared)
	if err != nil {
		answer.err = err
		return answer, isRefusal(err) && !isRace(err)
	}
	result, repeat, err := a.call.original().FirstResult(found)
	if err != nil || repeat {
		answer.result, answer.err = result, err
		return answer, true
	}
	answer.err = a.conflict(in)
	return answer, answer.err != nil
}

// findEvents finds events of an append's streams by its event IDs.
func findEvents(
	ctx context.Context, db database, statement string, prepared eventstore.Prepared,
) ([]eventstore.RecordedEvent, error) {
	categories, keys := streamNames(prepared.Writes)
	rows, err := db.Query(ctx, statement, categories, keys, eventIDs(prepared.Writes))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanEvent)
}

func streamNames(writes []eventstore.Write) (categories, keys []string) {
	categories, keys = make([]string, len(writes)), make([]string, len(writes))
	for i, write := range writes {
		categories[i], keys[i] = write.Stream.Category, write.Stream.Key
	}
	return categories, keys
}

func eventIDs(writes []eventstore.Write) []pgtype.UUID {
	var ids []pgtype.UUID
	for _, write := range writes {
		for _, event := range write.Events {
			ids = append(ids, pgtype.UUID{Bytes: event.ID, Valid: true})
		}
	}
	return ids
}
