package pgstore

import (
	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// A page is what one query brings into memory: at most so many events, and no more of them once they have so many bytes.
const (
	firstPageEvents = 128
	maxPageEvents   = 1000
	maxPageBytes    = 4 << 20
)

type page struct {
	events []eventstore.RecordedEvent
	full   bool // there may be more
}

// collectPage reads the rows of a query that was limited to limit rows.
func collectPage(rows pgx.Rows, limit int) (page, error) {
	defer rows.Close()
	var page page
	if limit > firstPageEvents { // the page before was full, so this one is likely to be
		page.events = make([]eventstore.RecordedEvent, 0, limit)
	}
	bytes := 0
	for bytes < maxPageBytes && rows.Next() {
		event, err := scanEvent(rows)
		if err != nil {
			return page, err
		}
		page.events = append(page.events, event)
		bytes += len(event.Data)
	}
	page.full = bytes >= maxPageBytes || len(page.events) == limit
	rows.Close()
	return page, rows.Err()
}

// pager says how many events to ask for. It begins with few and goes by what came, so that large events do not make the
// database send pages of which most is thrown away.
type pager struct{ limit int }

func newPager() pager { return pager{limit: firstPageEvents} }

// read takes note of a full page.
func (p *pager) read(page page) {
	p.limit = min(maxPageEvents, 2*len(page.events))
}
