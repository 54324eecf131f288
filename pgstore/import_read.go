package pgstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"iter"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// importReader reads the source and queues its writes.
type importReader struct {
	there importThere // what the store has already
	queue *importQueue

	number   int64 // of the source's next write
	checksum sourceChecksum
}

func (r *importReader) read(ctx context.Context, writes iter.Seq2[ImportWrite, error]) error {
	for write, err := range writes {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read the source after %d writes: %w", r.number, err)
		}
		r.checksum.add(write)
		if r.number < r.there.writes {
			err = r.skip()
		} else {
			err = r.take(ctx, write)
		}
		if err != nil {
			return fmt.Errorf("write %d: %w", r.number, err)
		}
		r.number++
	}
	if r.number < r.there.writes {
		return fmt.Errorf("%w: it ends after %d of the %d writes that are in the store", ErrImportChanged, r.number,
			r.there.writes)
	}
	return nil
}

// skip passes over a write that is there.
func (r *importReader) skip() error {
	if r.number == r.there.writes-1 && r.checksum.sum != r.there.checksum {
		return fmt.Errorf("%w: its first %d writes are not the ones that are in the store", ErrImportChanged, r.there.writes)
	}
	return nil
}

func (r *importReader) take(ctx context.Context, write ImportWrite) error {
	prepared, err := eventstore.Prepare(ctx, []eventstore.Write{write.Write})
	if err != nil {
		return err
	}
	if prepared.Events == 0 {
		return fmt.Errorf("append to stream %q: %w: there are no events, and an import makes no checks", write.Stream,
			eventstore.ErrInvalid)
	}
	if err := validateRecordedAt(write.RecordedAt); err != nil {
		return fmt.Errorf("append to stream %q: %w", write.Stream, err)
	}
	return r.queue.put(prepared, write.RecordedAt, r.checksum.sum)
}

func validateRecordedAt(t time.Time) error {
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return fmt.Errorf("%w: RecordedAt is in the year %d, the range is 1 to 9999", eventstore.ErrInvalid, year)
	}
	return nil
}

// sourceChecksum tells a source that is not the one an import began with. Metadata is left out, as a map has no order.
type sourceChecksum struct {
	sum     uint32
	scratch []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // which processors have instructions for

func (c *sourceChecksum) add(write ImportWrite) {
	b := c.scratch[:0]
	b = appendValue(b, write.Stream.Category)
	b = appendValue(b, write.Stream.Key)
	b = binary.AppendVarint(b, int64(write.Expected))
	b = binary.AppendVarint(b, write.RecordedAt.UnixMicro())
	b = binary.AppendUvarint(b, uint64(len(write.Events)))
	for _, event := range write.Events {
		b = append(b, event.ID[:]...)
		b = appendValue(b, event.Type)
		b = binary.AppendUvarint(b, uint64(len(event.Data)))
		c.sum = crc32.Update(c.sum, castagnoli, event.Data)
	}
	c.sum = crc32.Update(c.sum, castagnoli, b)
	c.scratch = b
}
