package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// readersDelay is how long a switch keeps readers waiting at most while it waits for those that came before them, and
	// readersPause how long it lets them read before it tries again.
	readersDelay = 100 * time.Millisecond
	readersPause = 100 * time.Millisecond
	// readersPatience is how long it tries in all: the read model is not kept up meanwhile.
	readersPatience = 3 * time.Second
)

// sqlRelations lists what readers can name, with its owner.
const sqlRelations = `
	SELECT c.relname, pg_get_userbyid(c.relowner)
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
	ORDER BY c.relname`

// errReaders says that a switch would have kept readers waiting for too long.
var errReaders = errors.New("its tables are being read all the time: end the transactions that read them, and try again")

// awaitReaders runs a switch until it was not kept from locking a table.
func awaitReaders(ctx context.Context, attempt func() error) error {
	for begin := time.Now(); ; {
		err := attempt()
		if !isLockTimeout(err) {
			return err
		}
		if time.Since(begin) > readersPatience {
			return fmt.Errorf("%w (%w)", errReaders, err)
		}
		if err := sleep(ctx, readersPause+rand.N(readersPause)); err != nil {
			return err
		}
	}
}

// excludeReaders lets nobody look at the tables and views of a schema until the transaction ends. The database looks the
// names in a statement up one by one, and holds a lock on each that it has found: so it finds all of a statement's before
// the switch, or all after it.
func excludeReaders(ctx context.Context, tx pgx.Tx, schema string) error {
	rows, _ := tx.Query(ctx, sqlRelations, schema)
	type relation struct{ Name, Owner string }
	relations, err := pgx.CollectRows(rows, pgx.RowToStructByPos[relation])
	if err != nil {
		return err
	}
	deadline := time.Now().Add(readersDelay)
	for _, r := range relations {
		left := max(time.Until(deadline), time.Millisecond)
		// To give it to its owner changes nothing, and takes the lock, on whatever kind of relation it is and on nothing else:
		// LOCK TABLE would lock what a view is made of.
		batch := &pgx.Batch{}
		batch.Queue(`SELECT set_config('lock_timeout', $1, true)`, milliseconds(left))
		batch.Queue("ALTER TABLE " + pgx.Identifier{schema, r.Name}.Sanitize() + " OWNER TO " + pgx.Identifier{r.Owner}.Sanitize())
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("lock %s: %w", pgx.Identifier{schema, r.Name}.Sanitize(), err)
		}
	}
	_, err = tx.Exec(ctx, `SELECT set_config('lock_timeout', '0', true)`)
	return err
}
