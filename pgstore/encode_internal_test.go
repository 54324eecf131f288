package pgstore

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever is encoded, pgx reads back the same.
func TestParametersAreEncodedAsPgxReadsThem(t *testing.T) {
	t.Parallel()
	text := "Socks"
	id := pgtype.UUID{Bytes: uuid.New(), Valid: true}
	types := pgtype.NewMap()
	for _, parameter := range []struct {
		oid   uint32
		value any
	}{
		{pgtype.TextOID, ""},
		{pgtype.TextOID, text},
		{pgtype.TextOID, &text},
		{pgtype.TextOID, (*string)(nil)},
		{pgtype.ByteaOID, []byte{}},
		{pgtype.ByteaOID, []byte{0, 255}},
		{pgtype.ByteaOID, []byte(nil)},
		{pgtype.Int2OID, int16(-3)},
		{pgtype.Int8OID, int64(-1) << 60},
		{pgtype.UUIDOID, id},
		{pgtype.TextArrayOID, []string{"", "é", strings.Repeat("x", 70_000)}},
		{pgtype.TextArrayOID, []string{}},
		{pgtype.TextArrayOID, []string(nil)},
		{pgtype.TextArrayOID, []*string{nil, &text}},
		{pgtype.ByteaArrayOID, [][]byte{nil, {}, {1}}},
		{pgtype.BoolArrayOID, []bool{true, false}},
		{pgtype.Int2ArrayOID, []int16{-1, 2}},
		{pgtype.Int4ArrayOID, []int32{-1, 1 << 30}},
		{pgtype.Int8ArrayOID, []int64{-1, 1 << 60}},
		{pgtype.UUIDArrayOID, []pgtype.UUID{id, {Bytes: uuid.New(), Valid: true}}},
	} {
		encoded, err := new(parameters).encode([]any{"before", parameter.value, "after"})
		require.NoError(t, err)
		assert.Equal(t, "before", string(encoded[0]))
		assert.Equal(t, "after", string(encoded[2]))
		read := reflect.New(reflect.TypeOf(parameter.value))
		require.NoError(t, types.Scan(parameter.oid, pgx.BinaryFormatCode, encoded[1], read.Interface()))
		assert.Equal(t, parameter.value, read.Elem().Interface())
	}
}

func TestUnknownParametersAreRefused(t *testing.T) {
	t.Parallel()
	_, err := new(parameters).encode([]any{3.5})
	require.ErrorContains(t, err, "float64")
}
