-- +goose Up
-- Statements name no schema: they run with the search_path set to the store's schema alone.

-- An append draws one value and takes the 10,000 positions that end with it, more than it has events. So its events lie
-- together, and no reader's bound falls between them. CACHE 1: a session that kept values back for later would write
-- them out of order.
CREATE SEQUENCE events_position AS bigint START 10000 INCREMENT 10000 MINVALUE 1 CACHE 1 NO CYCLE;

-- Names compare by bytes (COLLATE "C"): an upgrade of the system's collations must not reorder the index that the
-- versions of a stream rest on.
CREATE TABLE events (
	position       bigint      NOT NULL,
	version        bigint      NOT NULL,
	recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
	event_id       uuid        NOT NULL,
	schema_version smallint    NOT NULL,
	id_given       boolean     NOT NULL,
	category       text        NOT NULL COLLATE "C",
	stream_key     text        NOT NULL COLLATE "C",
	type           text        NOT NULL COLLATE "C",
	content_type   text        NOT NULL COLLATE "C",
	data           json,
	data_binary    bytea,
	metadata       json,
	CONSTRAINT events_position_key PRIMARY KEY (position),
	CONSTRAINT events_version_key UNIQUE (category, stream_key, version)
);

COMMENT ON TABLE events IS 'The events of all streams. Rows are only ever added.';
COMMENT ON COLUMN events.data IS 'The event''s data where content_type is application/json, byte for byte as it was given.';
COMMENT ON COLUMN events.data_binary IS 'The event''s data where content_type is anything else.';
COMMENT ON COLUMN events.id_given IS 'Whether the appender gave event_id, to make the append idempotent.';

-- Idempotent appends look for their event IDs. The index has only the events of those who use them.
CREATE INDEX events_given_id ON events (event_id) WHERE id_given;

-- An append that checks a stream without writing it reserves the stream's next version: it inserts a row of empty type,
-- at a position below zero, by which other appends to the stream wait for this one, and removes it before the commit.
-- The role that appends may not delete events, so it does that through this function, which can delete nothing else.
-- +goose StatementBegin
CREATE FUNCTION release_reservations(positions bigint[]) RETURNS void
	LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT
	BEGIN ATOMIC -- binds the names now: what the caller has of the same names plays no part
		DELETE FROM events WHERE position = ANY (positions) AND position < 0;
	END;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION release_reservations(bigint[]) FROM PUBLIC;

-- The version of this schema, which a program compares with what it needs.
CREATE FUNCTION schema_version() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';

-- How far each consumer has come.
CREATE TABLE checkpoints (
	consumer   text        NOT NULL COLLATE "C" PRIMARY KEY,
	position   bigint      NOT NULL DEFAULT 0,
	paused     boolean     NOT NULL DEFAULT false,
	reason     text        NOT NULL DEFAULT '',
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50); -- room for an updated row beside the old one

-- Which instances of process managers have commands to dispatch.
CREATE TABLE tasks (
	process  text        NOT NULL COLLATE "C",
	instance text        NOT NULL COLLATE "C",
	version  bigint      NOT NULL,
	attempts integer     NOT NULL DEFAULT 0,
	reason   text        NOT NULL DEFAULT '',
	due_at   timestamptz NOT NULL,
	PRIMARY KEY (process, instance)
);
CREATE INDEX tasks_due ON tasks (process, due_at);

-- How far each import has come. One without a name has a row of a made-up name while it runs.
CREATE TABLE imports (
	name       text        NOT NULL COLLATE "C" PRIMARY KEY,
	run        uuid        NOT NULL, -- of all runs under the name the one that began last, which alone may go on
	writes     bigint      NOT NULL DEFAULT 0, -- of the source, that are in the store
	checksum   bigint      NOT NULL DEFAULT 0, -- of these
	events     bigint      NOT NULL DEFAULT 0,
	position   bigint      NOT NULL DEFAULT 0,
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50); -- as above
