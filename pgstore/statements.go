package pgstore

import (
	"strconv"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

// statements are the store's SQL statements with its schema and its lock class filled in. Each is explained beside the
// constant that it is made of.
type statements struct {
	announce, lockOnce, lastDrawn, lockKeys, heads, inFlightAppends string
	insert, insertInside, insertNew, insertOne, insertOneNew        string
	release, givenIDs, ownIDs                                       string
	inFlight                                                        string
	readForwards, readShared, readBackwards                         string
	readAll, head, positions                                        string
	readSome, scanned, count                                        string
	findGiven, findGivenBefore, findInWindow, eventAt               string
	loadSnapshot, saveSnapshot, deleteSnapshots                     string
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
		readShared:      fill(sqlReadShared),
		readBackwards:   fill(sqlReadBackwards),
		readAll:         fill(sqlReadAll),
		readSome:        fill(sqlReadSome),
		scanned:         fill(sqlScanned),
		count:           fill(sqlCount),
		head:            fill(sqlHead),
		positions:       fill(sqlPositions),
		findGiven:       fill(sqlFindGiven),
		findGivenBefore: fill(sqlFindGivenBefore),
		findInWindow:    fill(sqlFindInWindow),
		eventAt:         fill(sqlEventAt),
		loadSnapshot:    fill(sqlLoadSnapshot),
		saveSnapshot:    fill(sqlSaveSnapshot),
		deleteSnapshots: fill(sqlDeleteSnapshots),
		imports:         newImportStatements(fill),
	}
}

// timeout fills in which parameter of a statement is the lock timeout.
func timeout(statement string, parameter int) string {
	return strings.ReplaceAll(statement, "{timeout}", "$"+strconv.Itoa(parameter))
}

// targetStatements are the SQL statements of a target.
type targetStatements struct {
	define, addPartitions, consumers, checkpoints, pause, state, resume string
	lockCheckpoint, moveCheckpoint, moveFrom                            string
	keepConsumer, coordinateConsumer, seizeConsumer                     string
	rosterMembers, rosterPartitions, keepMember, removeMember, give     string
	keepConsumers, lockPartitions, stop                                 string
	handled, removePartitions, makePartitions                           string
	parked, skipped, park, unpark, retry, skip, partitions, renew       string
	hasOthers, isRun, forgetInstances                                   string
	forget                                                              []string // of the consumer's tables
	plan, note, removeOver, entries, summary                            string
	claim                                                               map[eventstore.Duty]string
	release, releaseIdle, releaseOver, releaseOlder                     string
	readModels                                                          readModelStatements
}

func newTargetStatements(schema string) targetStatements {
	fill := func(statement string) string { return fillSchema(statement, schema) }
	return targetStatements{
		define:             fill(sqlDefine),
		addPartitions:      fill(sqlAddPartitions),
		consumers:          fill(sqlConsumers),
		checkpoints:        fill(sqlCheckpoints),
		pause:              fill(sqlPause),
		state:              fill(sqlState),
		resume:             fill(sqlResume),
		lockCheckpoint:     fill(sqlLockCheckpoint),
		moveCheckpoint:     fill(sqlMoveCheckpoint),
		moveFrom:           fill(sqlMoveFrom),
		keepConsumer:       fill(sqlKeepConsumer),
		coordinateConsumer: fill(sqlCoordinateConsumer),
		seizeConsumer:      fill(sqlSeizeConsumer),
		rosterMembers:      fill(sqlRosterMembers),
		rosterPartitions:   fill(sqlRosterPartitions),
		keepMember:         fill(sqlKeepMember),
		removeMember:       fill(sqlRemoveMember),
		give:               fill(sqlGive),
		keepConsumers:      fill(sqlKeepConsumers),
		lockPartitions:     fill(sqlLockPartitions),
		stop:               fill(sqlStop),
		handled:            fill(sqlHandled),
		removePartitions:   fill(sqlRemovePartitions),
		makePartitions:     fill(sqlMakePartitions),
		parked:             fill(sqlParked),
		skipped:            fill(sqlSkipped),
		park:               fill(sqlPark),
		unpark:             fill(sqlUnpark),
		retry:              fill(sqlRetry),
		skip:               fill(sqlSkip),
		partitions:         fill(sqlPartitions),
		renew:              fill(sqlRenew),
		hasOthers:          fill(sqlHasOthers),
		isRun:              fill(sqlIsRun),
		forget: []string{
			fill(sqlRemovePartitions), fill(sqlForgetMembers), fill(sqlForgetParked), fill(sqlForgetSkipped),
			fill(sqlForgetConsumer),
		},
		forgetInstances: fill(sqlForgetInstances),
		plan:            fill(sqlPlan),
		note:            fill(sqlNote),
		removeOver:      fill(sqlRemoveOver),
		entries:         fill(sqlEntries),
		summary:         fill(sqlSummary),
		claim: map[eventstore.Duty]string{
			eventstore.DutyCommands: fill(fillDue(sqlClaim, "commands_due_at")),
			eventstore.DutyTimers:   fill(fillDue(sqlClaim, "timers_due_at")),
		},
		release:      fill(sqlReleaseTask),
		releaseIdle:  fill(sqlReleaseIdleTask),
		releaseOver:  fill(sqlReleaseOverTask),
		releaseOlder: fill(sqlReleaseOlderTask),
		readModels:   newReadModelStatements(schema),
	}
}
