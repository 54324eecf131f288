package pgstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// These three choose a consumer by its ID and lock its row, which nobody who moves a checkpoint locks. The weakest
	// keeps its partitions in being; the second keeps them and their owners for one caller, and goes together with the
	// first; the third goes together with none.
	sqlKeepConsumer       = sqlChooseConsumer + ` FOR KEY SHARE`
	sqlCoordinateConsumer = sqlChooseConsumer + ` FOR NO KEY UPDATE`
	sqlSeizeConsumer      = sqlChooseConsumer + ` FOR UPDATE`
	sqlChooseConsumer     = `
		SELECT consumer, version, live FROM {schema}.consumers
		WHERE consumer = $1 AND version =` + chosenVersion

	// The roster is read by statements of their own, to see what the one before has waited for.
	sqlRosterMembers = `
		SELECT member, expires_at FROM {schema}.members
		WHERE consumer = $1 AND version =` + chosenVersion
	sqlRosterPartitions = `
		SELECT ` + checkpointColumns + `, c.owner
		FROM {schema}.checkpoints AS c
		JOIN {schema}.consumers AS k USING (consumer, version)
		WHERE c.consumer = $1 AND c.version =` + chosenVersion + `
		ORDER BY c.partition`
	sqlNow = `SELECT clock_timestamp()`

	sqlKeepMember = `
		INSERT INTO {schema}.members (consumer, version, member, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (consumer, version, member) DO UPDATE SET expires_at = excluded.expires_at`
	sqlRemoveMember = `DELETE FROM {schema}.members WHERE consumer = $1 AND version = $2 AND member = $3`

	// sqlGive passes over partitions whose move is being committed, or was stopped in the middle: it must not wait for
	// those, as others wait for the roster.
	sqlGive = `
		WITH free AS MATERIALIZED (
			SELECT c.partition, given.owner
			FROM {schema}.checkpoints AS c
			JOIN unnest($3::integer[], $4::text[]) AS given (partition, owner) USING (partition)
			WHERE c.consumer = $1 AND c.version = $2
			ORDER BY c.partition
			FOR UPDATE OF c SKIP LOCKED
		)
		UPDATE {schema}.checkpoints AS c
		SET owner = free.owner, epoch = epoch + 1, updated_at = clock_timestamp()
		FROM free
		WHERE c.consumer = $1 AND c.version = $2 AND c.partition = free.partition`
)

// chosenConsumer is the consumer that an ID means.
type chosenConsumer struct {
	eventstore.ConsumerID

	found, live bool
}

func (c *chosenConsumer) scan(row pgx.Row) error {
	err := row.Scan(&c.Name, &c.Version, &c.live)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	c.found = err == nil
	return err
}

// errUndefined is for what cannot be done with a consumer that is not there.
var errUndefined = fmt.Errorf("%w: it is not defined", eventstore.ErrInvalid)

// validateChoice returns an error when an ID cannot mean any consumer.
func validateChoice(consumer eventstore.ConsumerID) error {
	if consumer.Version == 0 {
		return eventstore.ValidateConsumer(consumer.Name)
	}
	return consumer.Validate()
}

// rosterTimeout is how long a process that was stopped in the middle of Coordinate keeps others from renewing their
// leases.
const rosterTimeout = time.Second

// Coordinate implements [eventstore.Leases]. It returns an error wrapping [eventstore.ErrInvalid], and does not call
// change, when the consumer is not defined, and one when what change has put into the roster is not the name of a member.
// Change must be quick and must not use the target.
func (t *Target) Coordinate(
	ctx context.Context, consumer eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error {
	if err := validateChoice(consumer); err != nil {
		return describe("coordinate", consumer, err)
	}
	var chosen chosenConsumer
	var roster eventstore.Roster
	err := t.transact(ctx, min(t.idleTimeout, rosterTimeout), func(batch *pgx.Batch) {
		batch.Queue(t.sql.coordinateConsumer, consumer.Name, consumer.Version).QueryRow(chosen.scan)
		t.queueRoster(batch, consumer, &roster)
	}, func(tx pgx.Tx) error {
		if !chosen.found {
			return errUndefined
		}
		before := cloneRoster(roster)
		change(&roster)
		batch := &pgx.Batch{}
		if err := t.queueChanges(batch, chosen.ConsumerID, before, roster); err != nil {
			return err
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	t.lookout.nudge(consumer)
	return describe("coordinate", consumer, err)
}

func (t *Target) queueRoster(batch *pgx.Batch, consumer eventstore.ConsumerID, roster *eventstore.Roster) {
	batch.Queue(t.sql.rosterMembers, consumer.Name, consumer.Version).Query(func(rows pgx.Rows) error {
		roster.Members = make(map[string]time.Time)
		var member string
		var expires time.Time
		_, err := pgx.ForEachRow(rows, []any{&member, &expires}, func() error {
			roster.Members[member] = expires.UTC()
			return nil
		})
		return err
	})
	batch.Queue(t.sql.rosterPartitions, consumer.Name, consumer.Version).Query(func(rows pgx.Rows) (err error) {
		roster.Partitions, err = pgx.CollectRows(rows, scanCheckpoint)
		countPartitions(roster.Partitions)
		return err
	})
	batch.Queue(sqlNow).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&roster.Now)
		roster.Now = roster.Now.UTC()
		return err
	})
}

func scanCheckpoint(row pgx.CollectableRow) (c eventstore.Checkpoint, err error) {
	err = row.Scan(checkpointFields(&c)...)
	c.UpdatedAt = c.UpdatedAt.UTC()
	return c, err
}

func cloneRoster(roster eventstore.Roster) eventstore.Roster {
	roster.Members = maps.Clone(roster.Members)
	roster.Partitions = append([]eventstore.Checkpoint{}, roster.Partitions...)
	return roster
}

// queueChanges queues what makes the roster what it is after the change. It queues nothing where it is as before.
func (t *Target) queueChanges(batch *pgx.Batch, id eventstore.ConsumerID, before, after eventstore.Roster) error {
	for member, expires := range after.Members {
		if err := validateMember(member); err != nil {
			return err
		}
		if was, found := before.Members[member]; !found || !was.Equal(expires) {
			batch.Queue(t.sql.keepMember, id.Name, id.Version, member, expires)
		}
	}
	for member := range before.Members {
		if _, found := after.Members[member]; !found {
			batch.Queue(t.sql.removeMember, id.Name, id.Version, member)
		}
	}
	var partitions []int
	var owners []string
	for _, given := range after.Partitions {
		if given.Partition < 0 || given.Partition >= len(before.Partitions) ||
			before.Partitions[given.Partition].Owner == given.Owner {
			continue
		}
		if given.Owner != "" {
			if err := validateMember(given.Owner); err != nil {
				return err
			}
		}
		partitions, owners = append(partitions, given.Partition), append(owners, given.Owner)
	}
	if len(partitions) > 0 {
		batch.Queue(t.sql.give, id.Name, id.Version, partitions, owners)
	}
	return nil
}

// maxMemberBytes is the greatest length of a member's name.
const maxMemberBytes = 256

func validateMember(name string) error {
	if name == "" || len(name) > maxMemberBytes || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%w: the name of a member is %q, it must be 1 to %d bytes of valid UTF-8 without NUL",
			eventstore.ErrInvalid, name, maxMemberBytes)
	}
	return nil
}
