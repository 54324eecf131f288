package eventstore_test

import (
	"strings"
	"testing"

	"github.com/pasttense/pasttense/eventstore"
)

// BenchmarkPrepare prepares appends of one stream, as most are.
func BenchmarkPrepare(b *testing.B) {
	note := `{"item_id":"0190b0c5-7a3c-7bd5-a5f1-6b2a3c4d5e6f","name":"Socks","price":1299,"note":"` +
		strings.Repeat("x", 112) + `"}`
	numbers := `{"lines":[` + strings.Repeat(`{"n":1,"sku":"A-1","price":12.50,"gift":true},`, 40) + `null]}`
	for name, writes := range map[string][]eventstore.Write{
		"1x200B":   asJSON(events(1, note)),
		"100x200B": asJSON(events(100, note)),
		"1x2kB":    asJSON(events(1, numbers)),
	} {
		b.Run(name, func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := eventstore.Prepare(ctx, writes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// asJSON takes the content type off, so that it is JSON.
func asJSON(writes []eventstore.Write) []eventstore.Write {
	for i := range writes[0].Events {
		writes[0].Events[i].ContentType = ""
	}
	return writes
}
