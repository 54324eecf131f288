package pgstore

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// importChunk is what a transaction of an import writes: whole writes, laid out in the order of the source as the rows of
// a binary COPY. Positions, versions and the times that the source did not give are filled in once the transaction
// knows them.
type importChunk struct {
	writes []chunkWrite
	rows   []byte // appended to only, so that parts of it can be kept
	starts []int  // of each row in rows
	blocks int    // of positions, that the chunk needs
	room   int    // left in the last block
	ids    map[givenID]struct{}
}

type chunkWrite struct {
	stream     eventstore.StreamID
	expected   eventstore.ExpectedVersion
	row        int // its first
	events     int
	bytes      int                    // of the events' data
	block      int                    // the one that its positions are in
	place      int                    // of the first of these in the block, from 1
	given      []eventstore.EventData // its events where the caller gave their IDs; their data is in rows
	recordedAt time.Time
	checksum   uint32 // of the source up to and including this write
}

// givenID is an event ID that the caller gave. IDs are compared within a stream.
type givenID struct {
	stream eventstore.StreamID
	id     uuid.UUID
}

func (c *importChunk) reset() {
	clear(c.writes) // lets go of the names
	c.writes, c.rows, c.starts = c.writes[:0], c.rows[:0], c.starts[:0]
	c.blocks, c.room = 0, 0
	clear(c.ids)
}

// repeats tells whether a write has an event ID of one in the chunk.
func (c *importChunk) repeats(prepared eventstore.Prepared) bool {
	if !prepared.GivenIDs {
		return false
	}
	write := prepared.Writes[0]
	for _, event := range write.Events {
		if _, found := c.ids[givenID{write.Stream, event.ID}]; found {
			return true
		}
	}
	return false
}

// add adds a write. Its positions are all in one block, as a reader's bound may lie between any two.
func (c *importChunk) add(prepared eventstore.Prepared, recordedAt time.Time, checksum uint32) error {
	write := prepared.Writes[0]
	if prepared.Events > c.room {
		c.blocks, c.room = c.blocks+1, blockSize
	}
	added := chunkWrite{
		stream: write.Stream, expected: write.Expected, row: len(c.starts), events: prepared.Events,
		block: c.blocks - 1, place: blockSize - c.room + 1, recordedAt: recordedAt, checksum: checksum,
	}
	for i, event := range write.Events {
		row := len(c.rows)
		rows, data, err := appendCopyRow(c.rows, write.Stream, event, prepared.GivenIDs)
		if err != nil {
			c.rows, c.starts = c.rows[:c.end(added.row)], c.starts[:added.row]
			return fmt.Errorf("append to stream %q: event %d: %w", write.Stream, i, err)
		}
		c.rows = rows
		c.starts = append(c.starts, row)
		added.bytes += len(data)
		write.Events[i].Data = data // the caller may use its own again
	}
	if prepared.GivenIDs {
		added.given = write.Events
		c.remember(write)
	}
	c.room -= prepared.Events
	c.writes = append(c.writes, added)
	return nil
}

func (c *importChunk) remember(write eventstore.Write) {
	if c.ids == nil {
		c.ids = make(map[givenID]struct{})
	}
	for _, event := range write.Events {
		c.ids[givenID{write.Stream, event.ID}] = struct{}{}
	}
}

// end returns where a row begins, or would begin were there one more.
func (c *importChunk) end(row int) int {
	if row < len(c.starts) {
		return c.starts[row]
	}
	return len(c.rows)
}

// rowsOf returns a write's rows.
func (c *importChunk) rowsOf(write *chunkWrite) []byte {
	return c.rows[c.end(write.row):c.end(write.row+write.events)]
}

// fillIn completes a write's rows: its block of positions begins after start, and its stream is at version. It returns
// the position of its last event.
func (c *importChunk) fillIn(
	write *chunkWrite, start eventstore.Position, version eventstore.Version, now time.Time,
) eventstore.Position {
	recordedAt := write.recordedAt
	if recordedAt.IsZero() {
		recordedAt = now
	}
	position := start + eventstore.Position(write.place) - 1
	for _, row := range c.starts[write.row : write.row+write.events] {
		position++
		version++
		fillInCopyRow(c.rows[row:], position, version, recordedAt)
	}
	return position
}
