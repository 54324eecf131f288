package projection_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

// A privilege that is missing may be granted while the projection runs: it tries again until then, and whoever asks for
// its health is told, also by another process.
func TestAMissingPrivilegeIsSeenAndWaitedFor(t *testing.T) {
	t.Parallel()
	const tables = "pasttense.members, pasttense.checkpoints"
	for what, privilege := range map[string]struct{ revoke, grant, wrong string }{
		"to read events": {"REVOKE SELECT ON pasttense.events FROM %s", "GRANT SELECT ON pasttense.events TO %s", "behind"},
		"to keep checkpoints": {
			"REVOKE UPDATE ON " + tables + " FROM %s", "GRANT UPDATE ON " + tables + " TO %s", "nobody works on it",
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			owner := onPostgres(t)
			limited, role := asConsumer(t, owner)
			options := &projection.Options{
				Lease: time.Second, MaxBackoff: 100 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
			}
			stop := limited.start(limited.recorder(limited.target, options, noTrouble))
			defer stop()
			owner.add("1", 3)
			owner.wait()
			watched := owner.recorder(owner.target, nil, noTrouble)
			health := func() error {
				status, err := watched.Status(t.Context())
				require.NoError(t, err)
				return status.Health(100 * time.Millisecond)
			}
			require.NoError(t, health())

			_, err := owner.pool.Exec(t.Context(), fmt.Sprintf(privilege.revoke, role))
			require.NoError(t, err)
			owner.add("1", 1)
			require.Eventually(t, func() bool {
				err := health()
				return err != nil && strings.Contains(err.Error(), privilege.wrong)
			}, 30*time.Second, 20*time.Millisecond)

			_, err = owner.pool.Exec(t.Context(), fmt.Sprintf(privilege.grant, role))
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				// The event may have been taken for the cause, and what keeps it from being paused is gone.
				require.NoError(t, watched.Resume(t.Context()))
				return health() == nil
			}, 30*time.Second, 20*time.Millisecond)
			owner.wait()
			owner.requireAppliedOnce()
		})
	}
}

// asConsumer returns the backend as a role has it that may only run consumers, and that role, quoted.
func asConsumer(t *testing.T, owner backend[pgx.Tx]) (limited backend[pgx.Tx], role string) {
	t.Helper()
	database := owner.pool.Config().ConnString()
	name := "consumer-" + uuid.NewString()
	role = pgx.Identifier{name}.Sanitize()
	options := &pgstore.MigrateOptions{Roles: &pgstore.Roles{Consumer: name}, Logger: slog.New(slog.DiscardHandler)}
	require.NoError(t, pgstore.Migrate(t.Context(), database, options))
	t.Cleanup(func() {
		_, err := owner.pool.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+role+"; DROP ROLE "+role)
		require.NoError(t, err)
	})
	_, err := owner.pool.Exec(t.Context(), "GRANT INSERT ON notes TO "+role+"; GRANT USAGE ON notes_number_seq TO "+role)
	require.NoError(t, err)

	u, err := url.Parse(database)
	require.NoError(t, err)
	query := u.Query()
	query.Set("role", name)
	u.RawQuery = query.Encode()
	pool, err := pgxpool.New(t.Context(), u.String())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	store, err := pgstore.Open(t.Context(), u.String(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close(context.WithoutCancel(t.Context()))) })
	limited = owner
	limited.store, limited.pool, limited.target = store, pool, pgstore.NewTarget(pool, nil)
	return limited, role
}
