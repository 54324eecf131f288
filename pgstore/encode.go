package pgstore

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"
)

// parameters are encoded arguments of statements, in binary format, in one buffer.
type parameters struct {
	values [][]byte // nil is NULL
	buffer []byte
}

// encode adds the arguments of a statement, and returns them encoded.
func (p *parameters) encode(arguments []any) ([][]byte, error) {
	size := 0
	for _, argument := range arguments {
		size += parameterSize(argument)
	}
	p.buffer = slices.Grow(p.buffer, size)
	first := len(p.values)
	for i, argument := range arguments {
		encoded, known := appendParameter(p.buffer, argument)
		if !known {
			return nil, fmt.Errorf("cannot encode argument %d, a %T", i+1, argument)
		}
		if encoded == nil {
			p.values = append(p.values, nil)
			continue
		}
		p.values = append(p.values, encoded[len(p.buffer):])
		p.buffer = encoded
	}
	return p.values[first:], nil
}

// size returns how many bytes the parameters take in messages.
func (p *parameters) size() int {
	const length = 4
	return len(p.buffer) + length*len(p.values)
}

// parameterSize returns about how many bytes an argument takes, and no fewer.
func parameterSize(argument any) int {
	const header, element = 20, 4
	size := header
	switch argument := argument.(type) {
	case string:
		size += len(argument)
	case *string:
		size += textSize(argument)
	case []byte:
		size += len(argument)
	case []string:
		for _, text := range argument {
			size += element + len(text)
		}
	case []*string:
		for _, text := range argument {
			size += element + textSize(text)
		}
	case [][]byte:
		for _, data := range argument {
			size += element + len(data)
		}
	case []bool:
		size += len(argument) * (element + 1)
	case []int16:
		size += len(argument) * (element + 2)
	case []int32:
		size += len(argument) * (element + 4)
	case []int64:
		size += len(argument) * (element + 8)
	case []pgtype.UUID:
		size += len(argument) * (element + 16)
	}
	return size
}

func textSize(text *string) int {
	if text == nil {
		return 0
	}
	return len(*text)
}

// appendParameter appends an argument, or returns nil for NULL. It returns false for a type that appends do not use.
func appendParameter(b []byte, argument any) ([]byte, bool) {
	switch argument := argument.(type) {
	case string:
		return append(b, argument...), true
	case *string:
		if argument == nil {
			return nil, true
		}
		return append(b, *argument...), true
	case []byte:
		if argument == nil {
			return nil, true
		}
		return append(b, argument...), true
	case int16:
		return binary.BigEndian.AppendUint16(b, uint16(argument)), true
	case int64:
		return binary.BigEndian.AppendUint64(b, uint64(argument)), true
	case pgtype.UUID:
		return append(b, argument.Bytes[:]...), true
	case []string:
		return appendArray(b, pgtype.TextOID, argument, appendText), true
	case []*string:
		return appendArray(b, pgtype.TextOID, argument, appendTextOrNull), true
	case [][]byte:
		return appendArray(b, pgtype.ByteaOID, argument, appendBytesOrNull), true
	case []bool:
		return appendArray(b, pgtype.BoolOID, argument, appendBool), true
	case []int16:
		return appendArray(b, pgtype.Int2OID, argument, appendInt2), true
	case []int32:
		return appendArray(b, pgtype.Int4OID, argument, appendInt4), true
	case []int64:
		return appendArray(b, pgtype.Int8OID, argument, appendInt8), true
	case []pgtype.UUID:
		return appendArray(b, pgtype.UUIDOID, argument, appendUUID), true
	default:
		return nil, false
	}
}

// appendArray appends an array of one dimension as array_recv of Postgres's arrayfuncs.c reads it; nil is NULL. Each
// element comes with its length before it.
func appendArray[T any](b []byte, element uint32, values []T, appendElement func([]byte, T) []byte) []byte {
	if values == nil {
		return nil
	}
	const dimensions, hasNulls, lowerBound = 1, 1, 1
	b = binary.BigEndian.AppendUint32(b, dimensions)
	b = binary.BigEndian.AppendUint32(b, hasNulls)
	b = binary.BigEndian.AppendUint32(b, element)
	b = binary.BigEndian.AppendUint32(b, uint32(len(values)))
	b = binary.BigEndian.AppendUint32(b, lowerBound)
	for _, value := range values {
		b = appendElement(b, value)
	}
	return b
}

// appendValue appends a value with its length before it, as elements of arrays and columns of rows have it.
func appendValue[T string | []byte](b []byte, value T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
}

func appendNull(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff) }

func appendText(b []byte, text string) []byte { return appendValue(b, text) }

func appendTextOrNull(b []byte, text *string) []byte {
	if text == nil {
		return appendNull(b)
	}
	return appendValue(b, *text)
}

func appendBytesOrNull(b, data []byte) []byte {
	if data == nil {
		return appendNull(b)
	}
	return appendValue(b, data)
}

func appendBool(b []byte, value bool) []byte { return append(b, 0, 0, 0, 1, flag(value)) }

func appendInt2(b []byte, value int16) []byte {
	return binary.BigEndian.AppendUint16(append(b, 0, 0, 0, 2), uint16(value))
}

func appendInt4(b []byte, value int32) []byte {
	return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 4), uint32(value))
}

func appendInt8(b []byte, value int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(value))
}

func appendUUID(b []byte, id pgtype.UUID) []byte { return appendValue(b, id.Bytes[:]) }

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
