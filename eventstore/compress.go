package eventstore

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// gzipSuffix ends the content type of data that is stored compressed: application/json+gzip. It is a registered
// structured syntax suffix (RFC 8460).
const gzipSuffix = "+gzip"

// Writers are large and readers are not small, and both can be used again.
var (
	gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

func isCompressed(contentType string) bool { return strings.HasSuffix(contentType, gzipSuffix) }

// compress stores data compressed when that makes it smaller. There is no time in it: the same data gives the same
// bytes, as long as package gzip stays the same.
func compress(event *EventData) error {
	if n := len(event.Data); n > MaxDataBytes {
		return fmt.Errorf("%w: Data is %d bytes before it is compressed, the limit is %d", ErrInvalid, n, MaxDataBytes)
	}
	writer := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(writer)
	var compressed bytes.Buffer
	compressed.Grow(len(event.Data) / 2)
	writer.Reset(&compressed)
	if _, err := writer.Write(event.Data); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	if compressed.Len() < len(event.Data) {
		event.Data, event.ContentType = compressed.Bytes(), event.ContentType+gzipSuffix
	}
	return nil
}

// expand gives an event its data as it is when it is not compressed.
func expand(event *RecordedEvent) error {
	contentType, compressed := strings.CutSuffix(event.ContentType, gzipSuffix)
	if !compressed {
		return nil
	}
	data, err := expandData(event.Data)
	if err != nil {
		return fmt.Errorf("expand the data: %w", err)
	}
	event.ContentType, event.Data = contentType, data
	return nil
}

var errNotAlone = errors.New("there is more than the compressed data")

// expandData returns the data that was compressed. It takes no more memory than MaxDataBytes, whatever it is given.
func expandData(compressed []byte) ([]byte, error) {
	size, err := sizeExpanded(compressed)
	if err != nil {
		return nil, err
	}
	source := bytes.NewReader(compressed)
	reader := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(reader)
	if err := reader.Reset(source); err != nil {
		return nil, err
	}
	reader.Multistream(false)
	data := make([]byte, size)
	if _, err := io.ReadFull(reader, data); err != nil {
		return nil, err
	}
	// Size and checksum are compared at the end.
	if _, err := io.ReadFull(reader, make([]byte, 1)); !errors.Is(err, io.EOF) {
		return nil, cmp.Or(err, gzip.ErrChecksum)
	}
	if source.Len() > 0 {
		return nil, errNotAlone
	}
	return data, nil
}

// sizeExpanded returns the size that the end of compressed data tells.
func sizeExpanded(compressed []byte) (uint32, error) {
	const sizeBytes = 4
	if len(compressed) < sizeBytes {
		return 0, io.ErrUnexpectedEOF
	}
	size := binary.LittleEndian.Uint32(compressed[len(compressed)-sizeBytes:])
	if size > MaxDataBytes {
		return 0, fmt.Errorf("%d bytes, the limit is %d", size, MaxDataBytes)
	}
	return size, nil
}

// sameData reports whether two events have the same data, compressed or not: what gzip makes of data is another with
// another version of it, and is not compressed at all when an option has changed.
func sameData(first *RecordedEvent, again *EventData) bool {
	if bytes.Equal(first.Data, again.Data) {
		return true
	}
	if !isCompressed(first.ContentType) && !isCompressed(again.ContentType) {
		return false
	}
	was := RecordedEvent{ContentType: first.ContentType, Data: first.Data}
	is := RecordedEvent{ContentType: again.ContentType, Data: again.Data}
	return expand(&was) == nil && expand(&is) == nil &&
		was.ContentType == is.ContentType && bytes.Equal(was.Data, is.Data)
}
