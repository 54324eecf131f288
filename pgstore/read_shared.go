package pgstore

import (
	"context"
	"fmt"
	"runtime"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

// sqlReadShared reads the first pages of several streams, one after the other. It says of a large event only that it is
// there: who reads it does so alone, and keeps nobody else waiting. The size is that in the table, which costs nothing to
// find out.
const sqlReadShared = `
	SELECT e.*, r.n
	FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
		WITH ORDINALITY AS r (category, stream_key, from_version, most, n)
	CROSS JOIN LATERAL (
		SELECT position, version, recorded_at, event_id, schema_version, type, content_type,
			CASE WHEN pg_column_size(data) <= ` + largeEvent + ` THEN data END AS data,
			CASE WHEN pg_column_size(data_binary) <= ` + largeEvent + ` THEN data_binary END AS data_binary,
			metadata
		FROM {schema}.events
		WHERE category = r.category AND stream_key = r.stream_key AND version >= r.from_version
		ORDER BY version
		LIMIT r.most
	) AS e
	ORDER BY r.n`

const (
	// largeEvent is how many bytes the data of an event may have in the table to be read together with other streams.
	largeEvent = "8192"

	// maxSharedBytes is how much a shared statement may bring. Those whose pages it has not brought by then read alone.
	maxSharedBytes = maxPageBytes
)

// readAnswer is what the caller of a read is told.
type readAnswer struct {
	page  page
	alone bool // there is no page: the caller is to read by itself
}

// readFirst reads the first page of a stream: at once when a lane is free, and otherwise together with others.
func (s *Store) readFirst(ctx context.Context, read streamRead) (page, error) {
	if read.backwards {
		return s.readAlone(ctx, read, nil)
	}
	if err := s.enter(); err != nil {
		return page{}, err
	}
	defer s.leave()
	queued := s.reads.begin(read)
	if queued == nil {
		defer s.reads.end()
		return s.readAlone(ctx, read, nil)
	}
	select {
	case answer := <-queued.answers:
		if answer.alone {
			return s.readAlone(ctx, read, nil)
		}
		return answer.page, nil
	case <-ctx.Done():
		s.reads.leave(queued)
		return page{}, ctx.Err()
	}
}

// runReadLane reads one batch after the other until no read is waiting.
func (s *Store) runReadLane(b *readBatch) {
	for ; b != nil; b = s.reads.next() {
		s.readTogether(b)
		runtime.Gosched() // callers that are about to read do so now, and are in the next batch
	}
}

// readTogether answers all reads of a batch. Where it has no page, for whatever reason, the callers read alone, and get
// the errors that are theirs.
func (s *Store) readTogether(b *readBatch) {
	defer b.cancel()
	_ = s.lendFor(b.ctx, s.answerTimeout(0), func(conn *pgx.Conn) error {
		return queryRows(b.ctx, conn, b.collect, s.sql.readShared, b.arguments()...)
	})
	b.leaveAlone()
}

func (b *readBatch) arguments() []any {
	categories, keys := make([]string, len(b.reads)), make([]string, len(b.reads))
	from, limits := make([]int64, len(b.reads)), make([]int64, len(b.reads))
	for i, read := range b.reads {
		categories[i], keys[i] = read.stream.Category, read.stream.Key
		from[i], limits[i] = int64(read.from), int64(read.limit)
	}
	return []any{categories, keys, from, limits}
}

// collect answers each read as soon as the rows of the next one begin.
func (b *readBatch) collect(rows pgx.Rows) error {
	defer rows.Close()
	pages := sharedPages{batch: b, decoder: newStreamDecoder(b.reads[0].stream)}
	for rows.Next() {
		n, err := ordinality(rows)
		if err != nil {
			return err
		}
		if n < b.answered || n >= len(b.reads) {
			return fmt.Errorf("a row of shared read %d came when %d of %d had been answered", n, b.answered, len(b.reads))
		}
		for b.answered < n {
			pages.finish()
		}
		if err := pages.add(rows); err != nil {
			return err
		}
		if pages.bytes > maxSharedBytes {
			pages.cut = true
			pages.finish()
			b.leaveAlone() // before the rest of the rows is read and thrown away
			return nil
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return err
	}
	for b.answered < len(b.reads) {
		pages.finish()
	}
	return nil
}

func (b *readBatch) leaveAlone() {
	for b.answered < len(b.reads) {
		b.answer(readAnswer{alone: true})
	}
}

func (b *readBatch) answer(answer readAnswer) {
	b.reads[b.answered].answers <- answer
	b.answered++
}

// sharedPages are the pages that a batch's statement brings, of which one is in the making.
type sharedPages struct {
	batch   *readBatch
	decoder decoder
	page    page
	cut     bool // the page ends before a large event
	bytes   int  // of all pages
	usual   int  // about how many events a page has
}

// add adds a row to the page.
func (p *sharedPages) add(rows pgx.Rows) error {
	const data, dataBinary = 7, 8 // of streamColumns
	values := rows.RawValues()
	if p.cut = p.cut || values[data] == nil && values[dataBinary] == nil; p.cut {
		return nil
	}
	if read := p.batch.reads[p.batch.answered]; len(p.page.events) == 0 {
		p.decoder.stream = read.stream
		p.page.events = make([]eventstore.RecordedEvent, 0, min(p.usual+1, read.limit))
	}
	p.page.events = append(p.page.events, eventstore.RecordedEvent{})
	for _, value := range values {
		p.page.bytes += len(value)
		p.bytes += len(value)
	}
	return p.decoder.event(rows, &p.page.events[len(p.page.events)-1])
}

// finish gives away the page and begins the next one.
func (p *sharedPages) finish() {
	read := p.batch.reads[p.batch.answered]
	p.page.full = p.cut || len(p.page.events) == read.limit
	if count := len(p.page.events); count > 0 {
		p.usual = count + count/8
		p.decoder.letGo()
	}
	p.batch.answer(readAnswer{page: p.page, alone: p.cut && len(p.page.events) == 0})
	p.page, p.cut = page{}, false
}

// ordinality returns which of the reads a row is for.
func ordinality(rows pgx.Rows) (int, error) {
	values, fields := rows.RawValues(), rows.FieldDescriptions()
	last := len(values) - 1
	if fields[last].Format == pgtype.BinaryFormatCode {
		return int(bigint(values[last])) - 1, nil
	}
	n, err := strconv.Atoi(string(values[last]))
	return n - 1, err
}
