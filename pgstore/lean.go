package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// sendLean does what pgx's SendBatch(…).Close() does, for the statements of appends, and leaves a fraction of the
// garbage: pgx encodes arrays element by element into buffers that it grows from nothing each time, and that is most of
// what an append allocates. Where statements are not to be prepared it leaves the batch to pgx.
func sendLean(ctx context.Context, conn *pgx.Conn, batch *pgx.Batch) error {
	if !sessionOf(conn).prepares {
		return conn.SendBatch(ctx, batch).Close()
	}
	pipeline, err := startLean(ctx, conn, batch)
	if err != nil {
		return err
	}
	results := &leanResults{pipeline: pipeline, types: conn.TypeMap()}
	for _, query := range batch.QueuedQueries {
		if err := results.next(query.Fn); err != nil {
			_ = pipeline.Close()
			return err
		}
	}
	return pipeline.Close()
}

// startLean sends the statements of a batch.
func startLean(ctx context.Context, conn *pgx.Conn, batch *pgx.Batch) (*pgconn.Pipeline, error) {
	buffers := sessionOf(conn).buffers
	buffers.reset()
	requests := make([]leanRequest, len(batch.QueuedQueries))
	for i, query := range batch.QueuedQueries {
		statement, err := conn.Prepare(ctx, query.SQL, query.SQL)
		if err != nil {
			return nil, &notSentError{err}
		}
		parameters, err := buffers.parameters.encode(query.Arguments)
		if err != nil {
			return nil, &notSentError{err}
		}
		requests[i] = leanRequest{statement, parameters}
	}
	pipeline := conn.PgConn().StartPipeline(ctx)
	conn.PgConn().Frontend().Send(buffers) // sees to it that there is room
	for _, request := range requests {
		pipeline.SendQueryStatement(request.statement, request.parameters, binaryFormat, binaryFormat)
	}
	if err := pipeline.Sync(); err != nil {
		return nil, errors.Join(err, pipeline.Close())
	}
	return pipeline, nil
}

type leanRequest struct {
	statement  *pgconn.StatementDescription
	parameters [][]byte
}

// leanBuffers are what a connection's batches are encoded into, one after the other. They belong to the connection for
// good: pgx may go on to use the one that it was given.
type leanBuffers struct {
	parameters parameters
	messages   []byte
}

// maxKeptBuffer is how many bytes a connection keeps for the next batch. Few batches need more.
const maxKeptBuffer = maxBatchBytes

func (b *leanBuffers) reset() {
	if cap(b.parameters.buffer)+cap(b.messages) > 2*maxKeptBuffer {
		*b = leanBuffers{}
	}
	b.parameters = parameters{b.parameters.values[:0], b.parameters.buffer[:0]}
}

// Frontend implements [pgproto3.FrontendMessage].
func (*leanBuffers) Frontend() {}

// Decode implements [pgproto3.Message]. It is for servers.
func (*leanBuffers) Decode([]byte) error { return errors.ErrUnsupported }

// Encode adds nothing to the messages that wait to be written, but gives those that follow room: pgx grows its buffer
// from next to nothing each time.
func (b *leanBuffers) Encode(waiting []byte) ([]byte, error) {
	const further = 1024 // what there is in messages beside parameters
	b.messages = slices.Grow(append(b.messages[:0], waiting...), b.parameters.size()+further)
	return b.messages, nil
}

// notSentError is an error from before anything was sent that could commit.
type notSentError struct{ error }

func (e *notSentError) Unwrap() error { return e.error }

// binaryFormat is the format of all parameters and results.
var binaryFormat = []int16{pgx.BinaryFormatCode}

// leanResults are the results of a pipeline, of which each has one row at most.
type leanResults struct {
	pgx.BatchResults // the methods that are not needed
	pipeline         *pgconn.Pipeline
	types            *pgtype.Map
	current          *pgconn.ResultReader
}

// next hands the result of the next statement to the function that was queued with it, nil for none.
func (r *leanResults) next(read func(pgx.BatchResults) error) error {
	results, err := r.pipeline.GetResults()
	if err != nil {
		return err
	}
	var ok bool
	if r.current, ok = results.(*pgconn.ResultReader); !ok {
		return fmt.Errorf("the server answered with %T instead of a result", results)
	}
	if read != nil {
		err = read(r)
	}
	if _, closeErr := r.current.Close(); closeErr != nil {
		return closeErr // it is why there was nothing to read
	}
	return err
}

// QueryRow implements [pgx.BatchResults].
func (r *leanResults) QueryRow() pgx.Row { return r }

// Scan implements [pgx.Row].
func (r *leanResults) Scan(destinations ...any) error {
	if !r.current.NextRow() {
		_, err := r.current.Close()
		return errors.Join(err, pgx.ErrNoRows)
	}
	fields := r.current.FieldDescriptions()
	for i, value := range r.current.Values() {
		if destinations[i] == nil {
			continue
		}
		if err := r.types.Scan(fields[i].DataTypeOID, fields[i].Format, value, destinations[i]); err != nil {
			return fmt.Errorf("scan %s: %w", fields[i].Name, err)
		}
	}
	return nil
}
