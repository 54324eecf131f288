package pgstore

import (
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// rawRow is a row as Postgres sends it.
type rawRow struct {
	fields []pgconn.FieldDescription
	values [][]byte
}

func (r rawRow) FieldDescriptions() []pgconn.FieldDescription { return r.fields }
func (r rawRow) RawValues() [][]byte                          { return r.values }
func (r rawRow) Values() ([]any, error)                       { panic("not used") }
func (r rawRow) Scan(dest ...any) error                       { return pgx.ScanRow(types, r.fields, r.values, dest...) }

var types = pgtype.NewMap()

// eventFields are the columns as pgx asks for them, or all as text.
func eventFields(text bool) []pgconn.FieldDescription {
	fields := make([]pgconn.FieldDescription, len(eventTypes))
	for i, oid := range eventTypes {
		fields[i] = pgconn.FieldDescription{DataTypeOID: oid, Format: types.FormatCodeForOID(oid)}
		if text {
			fields[i].Format = pgtype.TextFormatCode
		}
	}
	return fields
}

func rawEvent(key, data, metadata string) rawRow {
	bigint := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	id := uuid.MustParse("0190b0c5-7a3c-7bd5-a5f1-6b2a3c4d5e6f")
	return rawRow{eventFields(false), [][]byte{
		bigint(10_001), bigint(7), bigint(846_684_800_123_456), id[:],
		{0, 1},
		[]byte("order.item-added"), []byte(eventstore.ContentTypeJSON),
		[]byte(data), nil, []byte(metadata),
		[]byte("order"), []byte(key),
	}}
}

// FuzzDecoder compares the decoder with pgx's Scan, on two rows, as it remembers the one before.
func FuzzDecoder(f *testing.F) {
	add := func(row rawRow) {
		seed, err := json.Marshal(row.values)
		require.NoError(f, err)
		f.Add(seed, seed, false)
		f.Add(seed, []byte(`[null]`), true)
	}
	add(rawEvent("42", `{"a": 1}`, `{"actor":"Ada"}`))
	for column := range eventTypes {
		for _, value := range [][]byte{
			nil,
			{},
			{0xff},
			[]byte("infinity"),
			{0x7f, 255, 255, 255, 255, 255, 255, 255},
			{0x80, 0, 0, 0, 0, 0, 0, 0},
			{0xd3, 0x4d, 0x34, 0xd3, 0x4d, 0x34, 0xd3, 0x4d},
		} {
			row := rawEvent("42", `{"a": 1}`, `{"actor":"Ada"}`)
			row.values[column] = value
			add(row)
		}
	}
	f.Fuzz(func(t *testing.T, first, second []byte, text bool) {
		decoder := newDecoder()
		events := make([]eventstore.RecordedEvent, 2)
		for i, encoded := range [][]byte{first, second} {
			row := rawRow{fields: eventFields(text)}
			if json.Unmarshal(encoded, &row.values) != nil || len(row.values) != len(eventTypes) {
				t.Skip()
			}
			want, wantErr := scanEvent(row)
			err := decoder.event(row, &events[i])
			require.Equal(t, wantErr, err)
			if err != nil {
				return // nobody goes on after an error
			}
			require.Equal(t, want, events[i])
		}
	})
}

func TestDecoderLeavesOtherFormatsToScan(t *testing.T) {
	t.Parallel()
	assert.True(t, areBinary(eventFields(false), eventTypes[:]))
	assert.False(t, areBinary(eventFields(true), eventTypes[:]))
	assert.False(t, areBinary(eventFields(false)[1:], eventTypes[:]))
	other := eventFields(false)
	other[0].DataTypeOID = pgtype.NumericOID
	assert.False(t, areBinary(other, eventTypes[:]))
}

// The buffer that values are taken from is pgx's, which uses it again; and a slice that grows must not reach another's.
func TestDecoderKeepsCopies(t *testing.T) {
	t.Parallel()
	decoder, row := newDecoder(), rawEvent("42", `{"first": 1}`, `{"values":{"k":"v"}}`)
	var first, second eventstore.RecordedEvent
	require.NoError(t, decoder.event(row, &first))
	require.NoError(t, decoder.event(rawEvent("43", `{"second": 2}`, `{"values":{"k":"w"}}`), &second))
	for _, value := range row.values {
		clear(value)
	}
	_ = append(first.Data, "overwritten"...)

	assert.Equal(t, `{"first": 1}`, string(first.Data))
	assert.Equal(t, `{"second": 2}`, string(second.Data))
	assert.Equal(t, "order-42", first.Stream.String())
	assert.Equal(t, "order-43", second.Stream.String())
	assert.Equal(t, "v", first.Metadata.Values["k"])
	assert.Equal(t, "w", second.Metadata.Values["k"])
}
