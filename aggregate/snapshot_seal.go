package aggregate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/pasttense/pasttense/eventstore"
)

// A snapshot's data begins with a checksum of what it is of and of what follows. A state that has come to harm would
// otherwise often be read as another state.
const sealSize = 4

var (
	errSeal    = errors.New("its checksum is wrong")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// seal returns the data of a snapshot whose other fields are set.
func seal(snapshot *eventstore.Snapshot, state []byte) []byte {
	data := make([]byte, sealSize, sealSize+len(state))
	binary.BigEndian.PutUint32(data, checksum(snapshot, state))
	return append(data, state...)
}

func unseal(snapshot *eventstore.Snapshot) (state []byte, err error) {
	if len(snapshot.Data) < sealSize {
		return nil, errSeal
	}
	state = snapshot.Data[sealSize:]
	if binary.BigEndian.Uint32(snapshot.Data) != checksum(snapshot, state) {
		return nil, errSeal
	}
	return state, nil
}

func checksum(snapshot *eventstore.Snapshot, state []byte) uint32 {
	of := fmt.Appendf(nil, "%q %q %d %d %s", snapshot.Stream, snapshot.Kind, snapshot.Version, snapshot.Position, snapshot.EventID)
	return crc32.Update(crc32.Checksum(of, castagnoli), castagnoli, state)
}
