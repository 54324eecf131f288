package processmanager

import (
	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// snapshotEvery is how many records an instance has at least between two snapshots. Streams that are shorter have none.
const snapshotEvery = 50

// draft is an instance with records that are still to be appended.
type draft struct {
	*instance
	records []eventstore.EventData
	// causing says that one of them causes something, in the instance or elsewhere: then their IDs are given.
	causing bool
}

// add takes in a record, and notes it to be appended.
func (d *draft) add(r record, metadata eventstore.Metadata) error {
	data, err := encodeRecord(r, metadata)
	if err != nil {
		return err
	}
	data.ID = uuid.Must(uuid.NewV7()) // a new one in each draft: no append of a record is a repeat
	if err := d.apply(r, data.ID, metadata); err != nil {
		return err
	}
	d.records = append(d.records, data)
	switch r.(type) {
	case decidedRecord, failedRecord:
		d.causing = true
	}
	return nil
}

// causes returns the metadata of what the last record causes.
func (d *draft) causes() eventstore.Metadata {
	last := d.records[len(d.records)-1]
	return causedBy(last.ID, last.Metadata)
}

// write returns what is to be appended to the stream at a version. Where the IDs of the records do not matter the store
// gives them, which costs less.
func (d *draft) write(version eventstore.Version) eventstore.Write {
	if !d.causing {
		for n := range d.records {
			d.records[n].ID = uuid.Nil
		}
	}
	return eventstore.Write{Stream: d.stream, Expected: eventstore.Exactly(version), Events: d.records}
}

// finish adds a snapshot when it is time for one.
func (d *draft) finish() error {
	if len(d.records) == 0 || d.sinceSnapshot < snapshotEvery {
		return nil
	}
	snapshot, metadata := snapshotRecord{d.facts}, d.records[len(d.records)-1].Metadata
	data, err := encodeRecord(snapshot, metadata)
	if err != nil || len(data.Data) > eventstore.MaxDataBytes {
		return err // without one the instance is slow, and not lost
	}
	return d.add(snapshot, metadata)
}
