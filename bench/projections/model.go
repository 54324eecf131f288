package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

const (
	// sqlModel makes the read model. Nothing in it refuses an event that is applied twice. The table of epochs has when each
	// epoch of a partition began, and whose it is; one that is removed ends with an epoch of nobody. Its rows are written under
	// the lock of the checkpoint, as those of applied are.
	sqlModel = `
		CREATE TABLE counters (stream text PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 50);
		CREATE TABLE applied (
			position   bigint NOT NULL,
			stream     text NOT NULL,
			version    bigint NOT NULL,
			process    text NOT NULL,
			partition  integer NOT NULL,
			epoch      bigint NOT NULL,
			applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			serial     bigserial
		);
		CREATE TABLE repaired (stream text PRIMARY KEY, fault integer NOT NULL);
		CREATE TABLE epochs (
			partition integer NOT NULL,
			epoch     bigint NOT NULL,
			owner     text NOT NULL,
			began_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
			serial    bigserial
		);
		CREATE FUNCTION note_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
				IF TG_OP = 'DELETE' THEN
					INSERT INTO public.epochs (partition, epoch, owner) VALUES (OLD.partition, OLD.epoch + 1, '');
				ELSE
					INSERT INTO public.epochs (partition, epoch, owner) VALUES (NEW.partition, NEW.epoch, NEW.owner);
				END IF;
				RETURN NULL;
			END
		$$;
		CREATE TRIGGER note_epoch AFTER UPDATE ON pasttense.checkpoints
			FOR EACH ROW WHEN (OLD.epoch <> NEW.epoch) EXECUTE FUNCTION note_epoch();
		CREATE TRIGGER note_partition AFTER INSERT OR DELETE ON pasttense.checkpoints
			FOR EACH ROW EXECUTE FUNCTION note_epoch()`

	sqlApply = `
		WITH counted AS (
			INSERT INTO counters AS c (stream, n) VALUES ($2, 1)
			ON CONFLICT (stream) DO UPDATE SET n = c.n + 1
		)
		INSERT INTO applied (position, stream, version, process, partition, epoch) VALUES ($1, $2, $3, $4, $5, $6)`

	sqlIsRepaired = `SELECT EXISTS (SELECT FROM repaired WHERE stream = $1 AND fault >= $2)`

	sqlRepair = `
		INSERT INTO repaired AS r (stream, fault) VALUES ($1, $2)
		ON CONFLICT (stream) DO UPDATE SET fault = greatest(r.fault, excluded.fault)`
)

const projectionName = "counters"

var projectionID = eventstore.ConsumerID{Name: projectionName, Version: 1}

// newProjection returns the projection that all processes run, and that the main process looks at.
func newProjection(
	store eventstore.Store, target *pgstore.Target, options *projection.Options,
) *projection.Projection[pgx.Tx] {
	p := projection.New(projectionName, store, tellingTarget{target}, options)
	process := strconv.Itoa(os.Getpid())
	projection.On(p, events, func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[happened]) error {
		if e.Event.Poison > 0 {
			if err := bear(ctx, tx, e); err != nil {
				return err
			}
		}
		move := moveOf(ctx)
		_, err := tx.Exec(ctx, sqlApply,
			int64(e.Position), e.Stream.Key, int64(e.Version), process, move.Partition, move.Epoch)
		return err
	})
	return p
}

var errPoison = errors.New("poison")

// bear returns an error unless the fault of an event was repaired. Some say that trying again is in vain, some do not.
func bear(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[happened]) error {
	var repaired bool
	if err := tx.QueryRow(ctx, sqlIsRepaired, e.Stream.Key, e.Event.Poison).Scan(&repaired); err != nil {
		return err
	}
	switch {
	case repaired:
		return nil
	case e.Event.Poison == 1:
		return projection.Permanent(fmt.Errorf("%w: fault %d", errPoison, e.Event.Poison))
	default:
		return fmt.Errorf("%w: fault %d", errPoison, e.Event.Poison)
	}
}

// tellingTarget tells handlers what move they work for.
type tellingTarget struct{ *pgstore.Target }

type moveKey struct{}

// Advance implements [eventstore.Target].
func (t tellingTarget) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx pgx.Tx) error,
) error {
	if work == nil {
		return t.Target.Advance(ctx, move, nil)
	}
	return t.Target.Advance(context.WithValue(ctx, moveKey{}, move), move, work)
}

func moveOf(ctx context.Context) eventstore.Move {
	move, _ := ctx.Value(moveKey{}).(eventstore.Move)
	return move
}
