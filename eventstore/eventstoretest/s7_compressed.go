package eventstoretest

import (
	"bytes"
	"compress/gzip"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// repeatCompressedOtherwise repeats an append whose data is compressed, or was: gzip does not give the same bytes in every
// version of it, and an option turns it off.
func repeatCompressedOtherwise(c *trial) {
	const plain, compressed = eventstore.ContentTypeJSON, eventstore.ContentTypeJSON + "+gzip"
	data := bytes.Repeat([]byte(`"Socks", `), 100)
	data = slices.Concat([]byte(`[`), data, []byte(`"Shirt"]`))
	fast, small := c.gzipped(data, gzip.BestSpeed), c.gzipped(data, gzip.BestCompression)

	w := write("a", eventstore.NoStream, identified("1"), identified("2"))
	w.Events[0].ContentType, w.Events[0].Data = compressed, fast
	w.Events[1].ContentType, w.Events[1].Data = plain, data
	first := c.append(w)
	again := w
	again.Events = slices.Clone(w.Events)
	for _, form := range []struct {
		contentType string
		data        []byte
	}{{plain, data}, {compressed, fast}, {compressed, small}} {
		for i := range again.Events {
			again.Events[i].ContentType, again.Events[i].Data = form.contentType, form.data
		}
		c.isRepeat(c.Store, first, again)
	}
	again.Events[1].ContentType, again.Events[1].Data = compressed, c.gzipped([]byte(`"other"`), gzip.BestSpeed)
	c.refuses(eventstore.ErrIDReused, again)
	c.recorded(c.stream(c.Store, "a"), w.Events...)
}

func (c *trial) gzipped(data []byte, level int) []byte {
	c.Helper()
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, level)
	c.ok(err, "make a writer")
	_, err = writer.Write(data)
	c.ok(err, "compress")
	c.ok(writer.Close(), "compress")
	return compressed.Bytes()
}
