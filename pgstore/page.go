package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// A page is what one query brings into memory: at most so many events, and no more of them once they have so many bytes.
// A page that is given away as a batch has fewer events than one whose events are handed out one by one: who reads much
// should not go to the database for every thousand, and who handles a batch does so in one transaction.
const (
	firstPageEvents = 128
	// A subscription that has fallen behind begins with few: thousands of them may do so at once, and each keeps what it
	// has read until its subscriber wants more.
	firstBatchEvents = 32
	maxPageEvents    = 1000
	maxReadEvents    = 8000
	maxPageBytes     = 4 << 20
)

type page struct {
	events []eventstore.RecordedEvent
	bytes  int
	full   bool // there may be more

	// through is the position up to which a page of all streams has everything that was asked for.
	through eventstore.Position
}

// last is the last event of a page that is not empty.
func (p page) last() eventstore.RecordedEvent { return p.events[len(p.events)-1] }

// collectPage reads the rows of a query that was limited to limit rows. It uses the memory of a slice that the caller no
// longer needs, nil for none.
func collectPage(rows pgx.Rows, decoder decoder, limit int, into []eventstore.RecordedEvent) (page, error) {
	defer rows.Close()
	page := page{events: into[:0]}
	if cap(into) < limit && limit > firstPageEvents { // the page before was full, so this one is likely to be
		page.events = make([]eventstore.RecordedEvent, 0, limit)
	}
	for page.bytes < maxPageBytes && rows.Next() {
		page.events = append(page.events, eventstore.RecordedEvent{})
		if err := decoder.event(rows, &page.events[len(page.events)-1]); err != nil {
			return page, err
		}
		for _, value := range rows.RawValues() {
			page.bytes += len(value)
		}
	}
	page.full = page.bytes >= maxPageBytes || len(page.events) == limit
	rows.Close()
	return page, rows.Err()
}

// readPage runs a statement that is limited to limit rows and collects them as collectPage does.
func (s *Store) readPage(
	ctx context.Context, decoder decoder, into []eventstore.RecordedEvent, limit int, statement string, arguments ...any,
) (page page, err error) {
	err = s.readRows(ctx, func(rows pgx.Rows) (err error) {
		page, err = collectPage(rows, decoder, limit, into)
		return err
	}, statement, arguments...)
	return page, err
}

// readRows runs a statement that reads, as queryRows does, and hands its rows to collect, perhaps more than once.
func (s *Store) readRows(
	ctx context.Context, collect func(rows pgx.Rows) error, statement string, arguments ...any,
) error {
	return s.read(ctx, func(conn *pgx.Conn) error { return queryRows(ctx, conn, collect, statement, arguments...) })
}

// queryRows runs a statement that reads in a READ COMMITTED transaction, as a serializable one would take predicate locks;
// a plain session makes one by itself.
func queryRows(
	ctx context.Context, conn *pgx.Conn, collect func(rows pgx.Rows) error, statement string, arguments ...any,
) error {
	if sessionOf(conn).plain {
		rows, err := conn.Query(ctx, statement, arguments...)
		if err != nil {
			return err
		}
		return collect(rows)
	}
	batch := &pgx.Batch{}
	batch.Queue(sqlBeginRead)
	batch.Queue(statement, arguments...).Query(collect)
	batch.Queue(sqlCommit)
	return conn.SendBatch(ctx, batch).Close()
}

// pager says how many events to ask for. It begins with few and goes by what came, so that large events do not make the
// database send pages of which most is thrown away.
type pager struct{ limit, most int }

// newPager is for pages that are given away as batches, to many.
func newPager() pager { return pager{limit: firstPageEvents, most: maxPageEvents} }

// newLonePager is for pages that are given away as batches, to one.
func newLonePager() pager { return pager{limit: firstBatchEvents, most: maxPageEvents} }

// newReadPager is for pages whose events are handed out one by one.
func newReadPager() pager { return pager{limit: firstPageEvents, most: maxReadEvents} }

// read takes note of a full page.
func (p *pager) read(page page) {
	p.limit = min(p.most, max(p.limit, 4*len(page.events)))
	if page.bytes > 0 {
		fitting := len(page.events) * maxPageBytes / page.bytes
		p.limit = max(1, min(p.limit, fitting))
	}
}
