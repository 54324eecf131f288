package aggregate

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// errExecutedElsewhere means that a call with the same command ID has recorded its events since this one has looked.
var errExecutedElsewhere = errors.New("the command was executed by another call")

// ExecuteOnce does what [Repository.Execute] does, once for a command ID and stream. When the stream has the command's
// events already, it does not execute it: it returns the outcome of the first execution, with the state right after the
// command's last event although more may have followed, and Repeated set. A redelivered command is thus not refused by
// the very state that it brought about. That holds with snapshots and a cache too; where a snapshot has the command's
// events, Decide may be called, and what it returns is dropped.
//
// Of calls with the same ID at the same time one records its events. The others return its outcome, but for those that
// were refused or found nothing to do before it was recorded. Where two have decided the same events on the same state,
// Repeated may be false for both.
//
// A command is remembered by its events, and by nothing else. One that was refused or decided no events leaves no
// trace, and is decided again when it comes again. A command ID stands for the same commands always; others that come
// with it are not executed.
//
// The events get IDs that are a function of command ID, stream and index: the name-based UUID (RFC 9562, version 5,
// SHA-1) whose namespace is the command ID and whose name is the stream as it is printed, a slash and the index in
// decimal, counted from 0, such as "order-42/0". So one command ID can serve for commands on several streams. The
// events' causation ID is the command ID, unless the context sets another with [eventstore.WithMetadata].
//
// Errors are those of Execute, and [eventstore.ErrInvalid] for the zero command ID. When the store cannot tell whether
// the events were recorded, ExecuteOnce repeats the append until it is known, up to [Options].Attempts times.
// [eventstore.ErrOutcomeUnknown] is returned if it cannot be known before the context ends or the store fails. After
// any error the call can be repeated.
func (r *Repository[S, E]) ExecuteOnce(
	ctx context.Context, commandID uuid.UUID, key string, commands ...Command[S, E],
) (Result[S], error) {
	if eventstore.MetadataFrom(ctx).CausationID == "" {
		ctx = eventstore.WithMetadata(ctx, eventstore.Metadata{CausationID: commandID.String()})
	}
	return r.execute(ctx, key, func(stream eventstore.StreamID) (Result[S], error) {
		if commandID == uuid.Nil {
			return Result[S]{}, fmt.Errorf("%w: the command ID is zero", eventstore.ErrInvalid)
		}
		return r.attempt(ctx, stream, &execution{stream: stream, commandID: commandID}, commands)
	})
}

// appendOnce appends a decision that another call with the same command ID may have appended before.
func (r *Repository[S, E]) appendOnce(
	ctx context.Context, once *execution, before loaded[S], decided decision[S],
) (Result[S], error) {
	for i := range decided.write.Events {
		decided.write.Events[i].ID = eventID(once.commandID, once.stream, i)
	}
	appended, err := r.appendUntilKnown(ctx, decided.write)
	switch {
	case errors.Is(err, eventstore.ErrIDReused):
		err = fmt.Errorf("%w: %w", errExecutedElsewhere, err)
	case err == nil && appended.Writes[0].Version != decided.result.Version:
		// The other call has decided the same events on another state, which the decision does not know.
		err = errExecutedElsewhere
	case err == nil:
		decided.result.Position = appended.Position
		r.appended(before, decided)
		return decided.result, nil
	}
	if errors.Is(err, errExecutedElsewhere) && before.hidden > 0 {
		return r.firstOutcome(ctx, once)
	}
	return Result[S]{}, err
}

// executedBefore looks for a command in the events that a snapshot has hidden. It returns the first outcome, or false.
func (r *Repository[S, E]) executedBefore(
	ctx context.Context, once *execution, loaded loaded[S],
) (outcome Result[S], executed bool, err error) {
	if once == nil || loaded.hidden == 0 {
		return Result[S]{}, false, nil
	}
	_, executed, err = r.finder.FindGiven(ctx, once.stream, eventID(once.commandID, once.stream, 0))
	if err != nil || !executed {
		return Result[S]{}, false, err
	}
	outcome, err = r.firstOutcome(ctx, once)
	return outcome, true, err
}

// firstOutcome folds the stream from its beginning up to the events of a command.
func (r *Repository[S, E]) firstOutcome(ctx context.Context, once *execution) (Result[S], error) {
	folded, err := r.foldFrom(ctx, once.stream, start{}, eventstore.ReadOptions{}, once.search())
	if err != nil {
		return Result[S]{}, err
	}
	if !once.found() {
		return Result[S]{}, errExecutedElsewhere
	}
	return outcome(folded.Result, once), nil
}

// outcome is the result of a command whose events are the last in what was folded.
func outcome[S any](folded Result[S], once *execution) Result[S] {
	folded.Recorded, folded.Repeated = once.events, true
	return folded
}

// appendUntilKnown repeats an append while its outcome is unknown, which the events' IDs make safe. Looking whether the
// events are there would not do, as the append in doubt may still be under way.
func (r *Repository[S, E]) appendUntilKnown(
	ctx context.Context, write eventstore.Write,
) (eventstore.AppendResult, error) {
	var unknown error
	for n := 1; ; n++ {
		appended, err := r.store.Append(ctx, write)
		switch {
		case errors.Is(err, eventstore.ErrOutcomeUnknown):
			unknown = err
		case err == nil || overtaken(err, write.Stream) || errors.Is(err, eventstore.ErrIDReused):
			return appended, err
		case unknown != nil:
			return eventstore.AppendResult{}, fmt.Errorf("%w; repeating the append: %w", unknown, err)
		default:
			return eventstore.AppendResult{}, err
		}
		if n == r.attempts {
			return eventstore.AppendResult{}, fmt.Errorf("gave up after %d appends: %w", n, unknown)
		}
		if ended := backOff(ctx, n); ended != nil {
			return eventstore.AppendResult{}, fmt.Errorf("%w; repeating the append: %w", unknown, ended)
		}
	}
}

// execution looks for the events of a command in its stream. They follow each other, as one append has written them. A nil
// execution is that of a command without an ID, and finds none.
type execution struct {
	stream    eventstore.StreamID
	commandID uuid.UUID
	events    int       // how many of them were found
	next      uuid.UUID // the ID of the one after those
}

// search begins to look anew. It lets a fold go on to the command's last event, or to the end of a stream that has none.
func (e *execution) search() include {
	if e == nil {
		return nil
	}
	e.events, e.next = 0, eventID(e.commandID, e.stream, 0)
	return e.include
}

func (e *execution) include(recorded eventstore.RecordedEvent) bool {
	if recorded.ID != e.next {
		return e.events == 0
	}
	e.events++
	e.next = eventID(e.commandID, e.stream, e.events)
	return true
}

func (e *execution) found() bool { return e != nil && e.events > 0 }

// eventID is stored with every event of ExecuteOnce and looked for by later versions of this package: it never changes.
func eventID(commandID uuid.UUID, stream eventstore.StreamID, index int) uuid.UUID {
	return uuid.NewSHA1(commandID, []byte(stream.String()+"/"+strconv.Itoa(index)))
}
