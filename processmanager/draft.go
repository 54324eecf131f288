package processmanager

import (
	"github.com/pasttense/pasttense/eventstore"
)

// snapshotEvery is how many records an instance has at least between two snapshots. Streams that are shorter have none.
const snapshotEvery = 50

// draft is an instance with records that are still to be appended.
type draft struct {
	*instance
	records []eventstore.EventData
}

// add takes in a record, and notes it to be appended.
func (d *draft) add(r record, metadata eventstore.Metadata) error {
	data, err := encodeRecord(r, metadata)
	if err != nil {
		return err
	}
	if err := d.apply(r, metadata); err != nil {
		return err
	}
	d.records = append(d.records, data)
	return nil
}

// finish adds a snapshot when it is time for one.
func (d *draft) finish() error {
	if len(d.records) == 0 || d.sinceSnapshot < snapshotEvery {
		return nil
	}
	snapshot := snapshotRecord{d.facts}
	data, err := encodeRecord(snapshot, eventstore.Metadata{})
	if err != nil || len(data.Data) > eventstore.MaxDataBytes {
		return err // without one the instance is slow, and not lost
	}
	return d.add(snapshot, eventstore.Metadata{})
}
