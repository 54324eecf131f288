package pgstore

const (
	// sqlInsert announces the lower bound and inserts a batch: it can be a transaction by itself. It finds out at which
	// version each stream is, draws a block of positions, and inserts the rows of the groups of streams that are as
	// their appends require and have none of the event IDs that were given. Versions may be overtaken before the insert;
	// then the unique constraint tells.
	sqlInsert = `
		WITH announced AS MATERIALIZED (` + sqlAnnounce + `
		), ` + drawnBlock + ` FROM announced
		), ` + insertRows

	// sqlInsertInside does so in a transaction that has announced its lower bound.
	sqlInsertInside = `
		WITH ` + drawnBlock + `
		), ` + insertRows

	drawnBlock = `block AS MATERIALIZED (
			SELECT nextval({oid}::oid::regclass) - 10000 AS start`

	// insertRows is most of both. It returns one row: the start of the block, and for each stream its version and whether
	// its group has failed.
	//
	// A stream that is required to be new is mostly taken to be so: when it is not, the unique constraint tells. To look
	// for what is not there is a good part of what an insert costs. Where nothing is looked for in its group, the stream
	// is not mentioned at all, and its rows are those of stream 0; otherwise -3 says that it is taken to be new.
	//
	// A position below zero is that of a reservation. What belongs to a stream is picked from an array, which costs less
	// than a join. LATERAL with OFFSET 0 makes it look for one given ID after the other, through their index. Without that it
	// might read all events to join them with none, or, where the table has not been analyzed, the whole stream for each ID.
	insertRows = `streams AS MATERIALIZED (
			SELECT s.place, s.category, s.stream_key, s.group_place, s.required,
				CASE WHEN s.required = -3 THEN 0 ELSE coalesce((
					SELECT max(version) FROM {schema}.events AS e
					WHERE e.category = s.category AND e.stream_key = s.stream_key
				), 0) END AS version
			FROM unnest($15::text[], $16::text[], $17::int[], $18::bigint[]) WITH ORDINALITY
				AS s (category, stream_key, group_place, required, place)
		), failed AS MATERIALIZED (
			SELECT group_place FROM streams
			WHERE NOT CASE required WHEN -3 THEN true WHEN -2 THEN true WHEN -1 THEN version > 0 ELSE version = required END
			UNION ALL
			SELECT s.group_place
			FROM unnest($19::int[], $20::uuid[]) AS given (stream, id)
			JOIN streams AS s ON s.place = given.stream
			CROSS JOIN LATERAL (
				SELECT e.category, e.stream_key FROM {schema}.events AS e
				WHERE e.id_given AND e.event_id = given.id
				OFFSET 0
			) AS e
			WHERE e.category = s.category AND e.stream_key = s.stream_key
		), found AS MATERIALIZED (
			SELECT array_agg(version ORDER BY place) AS versions,
				array_agg(group_place IN (SELECT group_place FROM failed) ORDER BY place) AS failed
			FROM streams
		), inserted AS (
			INSERT INTO ` + eventsToInsert + `
			SELECT CASE WHEN e.position > 0 THEN start + e.position ELSE e.position END,
				coalesce(versions[e.stream], 0) + e.version, ` + eventValues + `
			FROM block, found, unnest(` + eventArrays + `, $14::int[]) AS e (` + eventNames + `, stream)
			WHERE failed[e.stream] IS NOT TRUE
		)
		SELECT start, versions, failed
		FROM block, found`

	// sqlInsertNew does all that for a batch of which no stream is looked for.
	sqlInsertNew = `
		WITH announced AS MATERIALIZED (` + sqlAnnounce + `
		), ` + drawnBlock + ` FROM announced
		), inserted AS (
			INSERT INTO ` + eventsToInsert + `
			SELECT start + e.position, e.version, ` + eventValues + `
			FROM block, unnest(` + eventArrays + `) AS e (` + eventNames + `)
		)
		SELECT start FROM block`

	// What many events have in common is sent once, as a kind. The nth event gets the nth position of the block.
	eventsToInsert = `{schema}.events (position, version, category, stream_key, type, event_id, id_given, schema_version,
				content_type, data, data_binary, metadata)`
	eventValues = `($1::text[])[e.kind], e.stream_key, ($2::text[])[e.kind], e.event_id, ($3::boolean[])[e.kind],
				($4::smallint[])[e.kind], ($5::text[])[e.kind], e.data::json, e.data_binary, e.metadata::json`
	eventArrays = `$6::int[], $7::text[], $8::bigint[], $9::bigint[], $10::uuid[], $11::text[], $12::bytea[], $13::text[]`
	eventNames  = `kind, stream_key, position, version, event_id, data, data_binary, metadata`

	// sqlInsertOne is for a batch of one event without a given ID. The start of its block is null when nothing was
	// inserted.
	sqlInsertOne = `
		WITH announced AS MATERIALIZED (` + sqlAnnounce + `
		), stream AS MATERIALIZED (
			SELECT coalesce((
				SELECT max(version) FROM {schema}.events WHERE category = $1 AND stream_key = $2
			), 0) AS version
			FROM announced
		), inserted AS (
			INSERT INTO ` + eventsToInsert + `
			SELECT nextval({oid}::oid::regclass) - 9999, version + 1, ` + oneEventValues + `
			FROM stream
			WHERE CASE $10::bigint WHEN -2 THEN true WHEN -1 THEN version > 0 ELSE version = $10 END
			RETURNING position - 1 AS start
		)
		SELECT (SELECT start FROM inserted), version
		FROM stream`

	// sqlInsertOneNew is for a stream that is not looked for.
	sqlInsertOneNew = `
		WITH announced AS MATERIALIZED (` + sqlAnnounce + `
		)
		INSERT INTO ` + eventsToInsert + `
		SELECT nextval({oid}::oid::regclass) - 9999, 1, ` + oneEventValues + `
		FROM announced
		RETURNING position - 1`

	oneEventValues = `$1, $2, $3, $4, false, $5, $6, $7::text::json, $8, $9::text::json`

	sqlRelease = `SELECT {schema}.release_reservations($1)`
)
