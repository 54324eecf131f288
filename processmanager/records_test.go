package processmanager_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

var (
	placedID  = uuid.MustParse("11111111-1111-4111-8111-111111111111")
	reserveID = uuid.MustParse("473c660f-5afe-5f87-ae3f-b4c01520afb4")
	chargeID  = uuid.MustParse("f2102142-733c-5b44-96ad-311b17335637")
	releaseID = uuid.MustParse("67af1c0f-5756-50eb-9046-1d1a2666567a")
)

func (p *place) appendPlaced(metadata eventstore.Metadata) {
	p.t.Helper()
	data, err := orderEvents.Encode(Placed{Amount: tooMuch})
	require.NoError(p.t, err)
	data.ID, data.Metadata = placedID, metadata
	_, err = p.store.Append(p.t.Context(), eventstore.Write{
		Stream: eventstore.StreamID{Category: "order", Key: "a-1"}, Events: []eventstore.EventData{data},
	})
	require.NoError(p.t, err)
}

// TestStoredRecords holds what is stored byte for byte, and the IDs of commands: streams that were written by one
// version of this package are read by all later ones.
func TestStoredRecords(t *testing.T) {
	p := newPlace(t)
	p.appendPlaced(eventstore.Metadata{})
	require.NoError(t, p.manager().CatchUp(t.Context()))

	var stored []string
	for _, record := range p.stream("$pm.shipping", "a-1") {
		require.Equal(t, 1, record.SchemaVersion)
		require.Equal(t, eventstore.ContentTypeJSON, record.ContentType)
		stored = append(stored, record.Type+" "+string(record.Data))
	}
	require.Equal(t, []string{
		`$pm.decided {"input":{"event":{"category":"order","key":"a-1","id":"` + placedID.String() + `",` +
			`"type":"order.placed","version":1,"position":1}},` +
			`"definition":1,"state":{"schema_version":1,"content_type":"application/json","data":{"Amount":1000,"Steps":["placed"]}},` +
			`"commands":[` +
			`{"id":"` + reserveID.String() + `","type":"shipping.reserve",` +
			`"schema_version":1,"content_type":"application/json","data":{"Amount":1000}},` +
			`{"id":"` + chargeID.String() + `","type":"shipping.charge",` +
			`"schema_version":1,"content_type":"application/json","data":{"Amount":1000}}]}`,
		`$pm.dispatched {"command":"` + reserveID.String() + `","attempt":1}`,
		`$pm.refused {"command":"` + chargeID.String() + `","attempt":1,"reason":"card was declined"}`,
		`$pm.decided {"input":{"refused":"` + chargeID.String() + `"},` +
			`"definition":1,"state":{"schema_version":1,"content_type":"application/json",` +
			`"data":{"Amount":1000,"Steps":["placed","refused: card was declined"]}},` +
			`"commands":[{"id":"` + releaseID.String() + `","type":"shipping.release",` +
			`"schema_version":1,"content_type":"application/json","data":{}}],"completed":true}`,
		`$pm.dispatched {"command":"` + releaseID.String() + `","attempt":1}`,
	}, stored)
}

func TestMetadataFlows(t *testing.T) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, correlation := range map[string]string{"given": "request-7", "from the event": ""} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.appendPlaced(eventstore.Metadata{CorrelationID: correlation, CausationID: "other", TraceParent: trace})
			var got []eventstore.Metadata
			m := p.managerWith(p.store, p.agenda, func(ctx context.Context, c command) error {
				require.Equal(t, c.Metadata, eventstore.MetadataFrom(ctx))
				got = append(got, c.Metadata)
				return p.receive(ctx, c)
			})
			require.NoError(t, m.CatchUp(t.Context()))

			if correlation == "" {
				correlation = placedID.String()
			}
			caused := func(by uuid.UUID) eventstore.Metadata {
				return eventstore.Metadata{CorrelationID: correlation, CausationID: by.String(), TraceParent: trace}
			}
			records := p.stream("$pm.shipping", "a-1")
			var recorded []eventstore.Metadata
			for _, record := range records {
				recorded = append(recorded, record.Metadata)
			}
			require.Len(t, records, 5)
			placed, refused, decided := records[0].ID, records[2].ID, records[3].ID
			require.Equal(t, []eventstore.Metadata{
				caused(placedID), caused(placed), caused(placed), caused(refused), caused(decided),
			}, recorded)
			require.Equal(t, []eventstore.Metadata{caused(placed), caused(placed), caused(decided)}, got)
		})
	}
}

// binary is a codec of commands that are not JSON.
type binary struct{}

func (binary) Category() string { return "binary" }

func (binary) Encode(command []byte) (eventstore.EventData, error) {
	return eventstore.EventData{Type: "bytes", SchemaVersion: 3, ContentType: "application/octet-stream", Data: command}, nil
}

func (binary) Decode(recorded eventstore.RecordedEvent) ([][]byte, error) {
	if recorded.SchemaVersion != 3 || recorded.ContentType != "application/octet-stream" {
		return nil, eventstore.ErrUnknownType
	}
	return [][]byte{recorded.Data}, nil
}

func TestCommandsNeedNotBeJSON(t *testing.T) {
	p := newPlace(t)
	var got [][]byte
	m := processmanager.New[int]("binary", p.store, p.agenda, binary{},
		func(_ context.Context, c processmanager.Command[[]byte]) error {
			got = append(got, c.Command)
			return nil
		}, options())
	processmanager.On(m, orderEvents, processmanager.ByStream,
		func(int, eventstore.Envelope[OrderEvent]) (int, processmanager.Effects[[]byte]) {
			return 0, processmanager.Effects[[]byte]{Send: [][]byte{{0, 255, '<'}}}
		})
	p.append("1", Paid{})
	require.NoError(t, m.CatchUp(t.Context()))
	require.Equal(t, [][]byte{{0, 255, '<'}}, got)
}

// TestRecordsOfALaterVersionAreNotGuessed is a process that is rolled back to an older version of this package.
func TestRecordsOfALaterVersionAreNotGuessed(t *testing.T) {
	for name, record := range map[string]eventstore.EventData{
		"type":           {Type: "$pm.timed", Data: []byte("{}")},
		"schema version": {Type: "$pm.decided", SchemaVersion: 2, Data: []byte("{}")},
		"content type":   {Type: "$pm.decided", ContentType: "text/plain", Data: []byte("{}")},
		"state": {Type: "$pm.decided", Data: []byte(
			`{"input":{},"definition":1,"state":{"schema_version":2,"content_type":"application/json","data":{}}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.byHand = true
			_, err := p.store.Append(t.Context(), eventstore.Write{
				Stream: eventstore.StreamID{Category: "$pm.shipping", Key: "1"},
				Events: []eventstore.EventData{record},
			})
			require.NoError(t, err)
			p.append("1", Paid{})
			require.ErrorIs(t, p.manager().CatchUp(t.Context()), eventstore.ErrUnknownType)
			_, err = p.manager().Instance(t.Context(), "1")
			require.ErrorIs(t, err, eventstore.ErrUnknownType)
			require.ErrorContains(t, err, "shipping")
			require.Len(t, p.stream("$pm.shipping", "1"), 1)
		})
	}
}

func TestRecordsThatMakeNoSenseAreErrors(t *testing.T) {
	for name, record := range map[string]eventstore.EventData{
		"an outcome of no command": {Type: "$pm.dispatched", Data: []byte(`{"command":"` + placedID.String() + `"}`)},
		"other fields":             {Type: "$pm.dispatched", Data: []byte(`{"command":7}`)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.byHand = true
			_, err := p.store.Append(t.Context(), eventstore.Write{
				Stream: eventstore.StreamID{Category: "$pm.shipping", Key: "1"},
				Events: []eventstore.EventData{record},
			})
			require.NoError(t, err)
			_, err = p.manager().Instance(t.Context(), "1")
			require.ErrorContains(t, err, `record "$pm.dispatched" at version 1 of stream "$pm.shipping-1"`)
		})
	}
}
