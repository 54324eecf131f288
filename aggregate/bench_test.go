package aggregate_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/memstore"
)

// BenchmarkExecute is what the repository itself costs: a stream of so many events is loaded and decided on.
func BenchmarkExecute(b *testing.B) {
	for _, events := range []int{0, 20, 200} {
		b.Run(fmt.Sprintf("%d-events", events), func(b *testing.B) {
			accounts := accountsIn(memstore.New(nil))
			var commands []aggregate.Command[account, movement]
			for range events {
				commands = append(commands, deposit{1, "a"})
			}
			b.ReportAllocs()
			streams := 0
			for b.Loop() {
				key := strconv.Itoa(streams / 10)
				if streams%10 == 0 {
					_, err := accounts.Execute(b.Context(), key, commands...)
					require.NoError(b, err)
				}
				streams++
				_, err := accounts.Execute(b.Context(), key, deposit{1, "a"})
				require.NoError(b, err)
			}
		})
	}
}
