package pgstore_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// S7: a write that is compressed otherwise than the first time is a repeat in an import, too.
func TestImportSkipsRepeatsThatAreCompressedOtherwise(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	plain := withIDs(added(eventstore.StreamID{Category: "order", Key: "1"}, 1))
	plain.Events[0].ContentType = eventstore.ContentTypeJSON
	plain.Events[0].Data = []byte(`"` + strings.Repeat("Socks ", 100) + `"`)
	_, err := store.Append(t.Context(), plain)
	require.NoError(t, err)

	var data bytes.Buffer
	writer := gzip.NewWriter(&data)
	_, err = writer.Write(plain.Events[0].Data)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	compressed := plain
	compressed.Events = []eventstore.EventData{plain.Events[0]}
	compressed.Events[0].ContentType, compressed.Events[0].Data = eventstore.ContentTypeJSON+"+gzip", data.Bytes()
	compressed.Expected = eventstore.StreamExists // lest it is taken for new, and only looked for when it is not
	result, err := store.Import(t.Context(), source(compressed), nil)
	require.NoError(t, err)
	assert.EqualValues(t, 1, result.Skipped)
}
