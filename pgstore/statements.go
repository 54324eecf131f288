package pgstore

import (
	"strconv"
	"strings"
)

// statements are the store's SQL statements with its schema and its lock class filled in. Each is explained beside the
// constant that it is made of.
type statements struct {
	announce, lockOnce, lastDrawn, lockKeys, heads, inFlightAppends string
	insert, insertInside, insertNew, insertOne, insertOneNew        string
	release, givenIDs, ownIDs                                       string
	inFlight                                                        string
	readForwards, readBackwards, readAll, head, positions           string
	readSome, scanned                                               string
	imports                                                         importStatements
}

// fillSchema fills in the schema where the rest is not known yet.
func fillSchema(statement, schema string) string {
	return strings.ReplaceAll(statement, "{schema}", quoteSchema(schema))
}

// newStatements fills in the schema, and the OID of the position sequence: the class of the appenders' locks, which
// Postgres takes as a signed number.
func newStatements(schema string, sequence uint32) statements {
	fill := strings.NewReplacer(
		"{schema}", quoteSchema(schema),
		"{oid}", strconv.FormatUint(uint64(sequence), 10),
		"{class}", "("+strconv.FormatInt(int64(int32(sequence)), 10)+")",
	).Replace
	return statements{
		announce:        fill(timeout(sqlAnnounce, 1)),
		lockOnce:        fill(sqlLockOnce),
		lastDrawn:       fill(sqlLastDrawn),
		lockKeys:        fill(sqlLockKeys),
		heads:           fill(sqlHeads),
		inFlightAppends: fill(sqlInFlightAppends),
		givenIDs:        fill(sqlGivenIDs),
		ownIDs:          fill(sqlOwnIDs),
		insert:          fill(timeout(sqlInsert, 21)),
		insertInside:    fill(sqlInsertInside),
		insertNew:       fill(timeout(sqlInsertNew, 14)),
		insertOne:       fill(timeout(sqlInsertOne, 11)),
		insertOneNew:    fill(timeout(sqlInsertOneNew, 10)),
		release:         fill(sqlRelease),
		inFlight:        fill(sqlInFlight),
		readForwards:    fill(sqlReadForwards),
		readBackwards:   fill(sqlReadBackwards),
		readAll:         fill(sqlReadAll),
		readSome:        fill(sqlReadSome),
		scanned:         fill(sqlScanned),
		head:            fill(sqlHead),
		positions:       fill(sqlPositions),
		imports:         newImportStatements(fill),
	}
}

// timeout fills in which parameter of a statement is the lock timeout.
func timeout(statement string, parameter int) string {
	return strings.ReplaceAll(statement, "{timeout}", "$"+strconv.Itoa(parameter))
}

// targetStatements are the SQL statements of a target.
type targetStatements struct {
	checkpoint, addCheckpoint, lockCheckpoint, moveCheckpoint, pause, resume string
	plan, claim, postpone, done, notDone, tasks                              string
}

func newTargetStatements(schema string) targetStatements {
	return targetStatements{
		checkpoint:     fillSchema(sqlCheckpoint, schema),
		addCheckpoint:  fillSchema(sqlAddCheckpoint, schema),
		lockCheckpoint: fillSchema(sqlLockCheckpoint, schema),
		moveCheckpoint: fillSchema(sqlMoveCheckpoint, schema),
		pause:          fillSchema(sqlPause, schema),
		resume:         fillSchema(sqlResume, schema),
		plan:           fillSchema(sqlPlan, schema),
		claim:          fillSchema(sqlClaim, schema),
		postpone:       fillSchema(sqlPostpone, schema),
		done:           fillSchema(sqlDone, schema),
		notDone:        fillSchema(sqlNotDone, schema),
		tasks:          fillSchema(sqlTasks, schema),
	}
}
