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

-- What reads the events and keeps checkpoints: each version of a projection, and each process manager.
CREATE TABLE consumers (
	consumer   text        NOT NULL COLLATE "C",
	version    integer     NOT NULL,
	kind       text        NOT NULL,
	categories text[]      NOT NULL COLLATE "C", -- that it selects; none are all but those that begin with '$'
	live       boolean     NOT NULL, -- whether it is the version that readers see
	was_live   boolean     NOT NULL, -- or was at some time
	read_model text                COLLATE "C", -- the schema where readers look; NULL where versions have no place of their own
	defined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (consumer, version),
	-- Of each name one version is live. It is looked at when a statement ends, so that one statement can exchange them.
	CONSTRAINT consumers_live EXCLUDE (consumer WITH =) WHERE (live) DEFERRABLE INITIALLY IMMEDIATE
);

-- The schema that holds the read model of a version: the one that readers know, or one beside it.
CREATE FUNCTION read_model_schema(read_model text, version integer, live boolean) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN live THEN read_model ELSE read_model || ''_v'' || version END';

-- How far each partition of a consumer has come. Whoever changes what decides about a move adds to the epoch.
-- Rows are locked in this order: consumers, checkpoints by their key, parked, instances by their key.
CREATE TABLE checkpoints (
	consumer   text        NOT NULL COLLATE "C",
	version    integer     NOT NULL,
	partition  integer     NOT NULL,
	position   bigint      NOT NULL DEFAULT 0,
	handled    bigint      NOT NULL DEFAULT 0, -- how many events
	stop_at    bigint      NOT NULL DEFAULT 0, -- 0 where it goes on
	stop_until timestamptz NOT NULL DEFAULT '-infinity', -- when it goes on in any case
	epoch      bigint      NOT NULL DEFAULT 0,
	owner      text        NOT NULL DEFAULT '' COLLATE "C", -- the member that it was given to, which may have left since
	paused     boolean     NOT NULL DEFAULT false,
	reason     text        NOT NULL DEFAULT '',
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (consumer, version, partition)
) WITH (fillfactor = 50); -- room for an updated row beside the old one

-- Who works on the consumers, and until when, unless they say again that they do.
CREATE TABLE members (
	consumer   text        NOT NULL COLLATE "C",
	version    integer     NOT NULL,
	member     text        NOT NULL COLLATE "C",
	expires_at timestamptz NOT NULL,
	PRIMARY KEY (consumer, version, member)
) WITH (fillfactor = 50); -- as above

-- The streams whose events wait, from one that a consumer could not handle on.
CREATE TABLE parked (
	consumer       text        NOT NULL COLLATE "C",
	version        integer     NOT NULL,
	category       text        NOT NULL COLLATE "C",
	stream_key     text        NOT NULL COLLATE "C",
	stream_version bigint      NOT NULL, -- of the first event that waits, as are position and type
	position       bigint      NOT NULL,
	type           text        NOT NULL COLLATE "C",
	reason         text        NOT NULL,
	attempts       integer     NOT NULL,
	retry          boolean     NOT NULL,
	parked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (consumer, version, category, stream_key)
);
CREATE INDEX parked_position ON parked (consumer, version, position);
CREATE INDEX parked_last ON parked (consumer, version, parked_at);
CREATE INDEX parked_retry ON parked (consumer, version, position) WHERE retry;

-- The events that a consumer could not handle and has passed over.
CREATE TABLE skipped (
	consumer       text        NOT NULL COLLATE "C",
	version        integer     NOT NULL,
	position       bigint      NOT NULL,
	category       text        NOT NULL COLLATE "C",
	stream_key     text        NOT NULL COLLATE "C",
	stream_version bigint      NOT NULL,
	type           text        NOT NULL COLLATE "C",
	reason         text        NOT NULL,
	skipped_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (consumer, version, position)
);
CREATE INDEX skipped_last ON skipped (consumer, version, skipped_at);

-- What an operator wants to know of each partition of each consumer. The events are read once for each consumer, from its
-- lowest position on, until 10,000 of its own were found: a consumer that has few among many others' costs the most.
CREATE VIEW consumer_status AS
	SELECT k.consumer, k.version, k.kind, k.live, c.partition, c.partitions,
		m.member AS owner, c.position, c.handled, head.position AS head, c.events_behind,
		greatest(extract(epoch FROM clock_timestamp() - next.recorded_at), 0)::float8 AS seconds_behind,
		CASE
			WHEN c.paused THEN 'paused'
			WHEN c.stop_at <> 0 AND c.stop_until > clock_timestamp() THEN 'stopping'
			WHEN m.member IS NULL THEN 'idle'
			ELSE 'running'
		END AS state,
		c.parked, CASE WHEN c.paused THEN c.reason ELSE c.failure END AS last_error, c.updated_at
	FROM consumers AS k
	CROSS JOIN (SELECT coalesce(max(e.position), 0) AS position FROM events AS e) AS head
	-- All that is costly is in here, and so are the checkpoints: the planner cannot join them before, which would make it
	-- run for each of them.
	CROSS JOIN LATERAL (
		WITH RECURSIVE places AS MATERIALIZED (
			SELECT array_agg(DISTINCT p.position ORDER BY p.position DESC) AS positions
			FROM checkpoints AS p
			WHERE p.consumer = k.consumer AND p.version = k.version
		),
		-- From the highest position down, each place counts from itself up to the place before: what comes after it is
		-- that and what the other has counted. It finds at least the next event, and no more than are still to be counted.
		counted AS (
			SELECT 0 AS place, 9223372036854775807 AS position, 0::bigint AS events, NULL::bigint AS next
			UNION ALL
			SELECT higher.place + 1, here.position, higher.events + found.events, coalesce(found.next, higher.next)
			FROM counted AS higher
			JOIN places ON higher.place < cardinality(places.positions)
			CROSS JOIN LATERAL (SELECT places.positions[higher.place + 1] AS position) AS here
			CROSS JOIN LATERAL (
				SELECT count(*) AS events, min(f.position) AS next
				FROM (
					SELECT e.position FROM events AS e
					WHERE e.position > here.position AND e.position <= higher.position AND CASE cardinality(k.categories)
						WHEN 0 THEN NOT starts_with(e.category, '$') ELSE e.category = ANY (k.categories) END
					ORDER BY e.position
					LIMIT greatest(10000 - higher.events, 1)
				) AS f
			) AS found
		)
		SELECT p.*, count(*) OVER () AS partitions, least(counted.events, 10000) AS events_behind, counted.next,
			(SELECT count(*) FROM parked AS s WHERE s.consumer = k.consumer AND s.version = k.version) AS parked,
			(
				SELECT f.reason
				FROM (
					(
						SELECT s.reason, s.parked_at AS failed_at FROM parked AS s
						WHERE s.consumer = k.consumer AND s.version = k.version
						ORDER BY s.parked_at DESC
						LIMIT 1
					)
					UNION ALL (
						SELECT s.reason, s.skipped_at FROM skipped AS s
						WHERE s.consumer = k.consumer AND s.version = k.version
						ORDER BY s.skipped_at DESC
						LIMIT 1
					)
				) AS f
				ORDER BY f.failed_at DESC
				LIMIT 1
			) AS failure
		FROM checkpoints AS p
		JOIN counted USING (position)
		WHERE p.consumer = k.consumer AND p.version = k.version
	) AS c
	LEFT JOIN events AS next ON next.position = c.next
	LEFT JOIN members AS m
		ON m.consumer = k.consumer AND m.version = k.version AND m.member = c.owner AND m.expires_at > clock_timestamp();

COMMENT ON VIEW consumer_status IS 'How far each partition of each consumer is, and what keeps it.';
COMMENT ON COLUMN consumer_status.owner IS 'The member that works on the partition, NULL where none does.';
COMMENT ON COLUMN consumer_status.head IS 'The greatest position of an event.';
COMMENT ON COLUMN consumer_status.events_behind IS 'How many events in the consumer''s categories come after the position, counted to 10,000 at most. A partition counts those of the other partitions too.';
COMMENT ON COLUMN consumer_status.seconds_behind IS 'The age of the first event in the consumer''s categories after the position, 0 where there is none. A partition looks at those of the other partitions too.';
COMMENT ON COLUMN consumer_status.state IS 'running; idle, as nobody works on it; paused at an event that could not be handled; or stopping where it was told to.';
COMMENT ON COLUMN consumer_status.parked IS 'How many streams the consumer has parked, in all its partitions.';
COMMENT ON COLUMN consumer_status.last_error IS 'Why the partition is paused, else why the consumer has parked or skipped something last.';

-- The instances of process managers that have begun and are not over, or have commands to dispatch still. It is an index
-- of what their streams say. Whoever locks several rows does so by their key, after the checkpoint's.
CREATE TABLE instances (
	process         text        NOT NULL COLLATE "C",
	instance        text        NOT NULL COLLATE "C",
	version         bigint      NOT NULL, -- of the stream, for which the row holds
	pending         boolean     NOT NULL, -- whether there are commands to dispatch
	parked          boolean     NOT NULL, -- whether these wait for somebody to decide
	over            boolean     NOT NULL,
	timers          jsonb       NOT NULL, -- with their names, the one that is due first at the front
	commands_due_at timestamptz, -- when they are to be tried (again), or the lease of who tries them ends
	timers_due_at   timestamptz, -- when the first of them fires, or the lease of who fires it ends
	attempts        integer     NOT NULL DEFAULT 0, -- how often the first command was tried in vain
	reason          text        NOT NULL DEFAULT '',
	updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (process, instance)
);
-- What waits, or is not due, must not cost those who look for what is.
CREATE INDEX instances_commands_due ON instances (process, commands_due_at, instance) WHERE commands_due_at IS NOT NULL;
CREATE INDEX instances_timers_due ON instances (process, timers_due_at, instance) WHERE timers_due_at IS NOT NULL;
CREATE INDEX instances_parked ON instances (process, instance) WHERE parked;

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

-- What the events of a stream amount to up to a version: of each stream and kind the newest. Any row can be deleted at any
-- time; whoever misses it reads the events. Yet the table is logged: an unlogged one is empty after a crash and on a standby
-- that takes over, and all long streams would be read from their beginnings at once, just then. Its rows come after those of
-- their events in the log, so none outlives events that a crash has taken, however either was committed.
CREATE TABLE snapshots (
	category   text        NOT NULL COLLATE "C",
	stream_key text        NOT NULL COLLATE "C",
	kind       text        NOT NULL COLLATE "C", -- what made it, and in which form
	version    bigint      NOT NULL, -- of the last event in it, as are position and event_id
	position   bigint      NOT NULL,
	event_id   uuid        NOT NULL,
	data       bytea       NOT NULL,
	taken_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
	since      timestamptz NOT NULL DEFAULT clock_timestamp(), -- when the first of its kind was taken
	PRIMARY KEY (category, stream_key, kind)
) WITH (fillfactor = 50); -- as above
-- Postgres' own compression makes a save of what is large three times as slow, and a load half as slow again.
ALTER TABLE snapshots ALTER COLUMN data SET STORAGE EXTERNAL;

COMMENT ON TABLE snapshots IS 'What streams amount to up to a version. It is derived from the events and safe to delete at any time.';
