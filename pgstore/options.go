package pgstore

import (
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// DefaultSchema is the database schema that a store uses unless it is told another.
const DefaultSchema = "pasttense"

const (
	defaultPollInterval           = time.Second
	defaultIdleTransactionTimeout = 30 * time.Second
	defaultSlowAppendThreshold    = time.Second
	defaultAppendLanes            = 2
	defaultMaxAppends             = 10_000
	defaultAnswerTimeout          = 15 * time.Second
	maxAnswerTimeout              = time.Hour
	defaultConnectTimeout         = 10 * time.Second
	defaultPingTimeout            = 2 * time.Second
	maxIdleTransactionTimeout     = math.MaxInt32 * time.Millisecond // what Postgres takes
	maxSchemaBytes                = 63                               // what Postgres takes for a name
)

// Options are the options of [Open]. Nil and the zero value are the defaults.
type Options struct {
	// Schema is the database schema of the store, DefaultSchema when empty. Several stores can share a database, each in
	// a schema of its own.
	Schema string

	// PollInterval is how often an idle subscription looks for events that nobody has told it of; one second when zero.
	// It matters only when notifications are lost, or with NoListen.
	PollInterval time.Duration

	// NoListen keeps the store from opening a connection for LISTEN, which a pooler in transaction mode does not allow.
	// Subscriptions then learn of other processes' events by polling; of this process's events they learn at once.
	NoListen bool

	// IdleTransactionTimeout is how long a transaction of the store, or one that AppendTx was called in, may stand idle
	// before Postgres ends it; 30 seconds when zero. A process that was stopped in the middle of an append holds back
	// all subscriptions for that long.
	IdleTransactionTimeout time.Duration

	// AnswerTimeout is how long the store waits for the database's answer to an append or a read before it takes the
	// connection for dead, closes it and goes on with another; 15 seconds when zero, an hour at most. A connection that was
	// cut off without a word, by the network or a proxy, would not be noticed otherwise. Of an append the store then finds
	// out whether it was made, and repeats it only if it was not. What takes that long on a sound connection is tried again
	// with twice the time, five times at most. An append's waits for other transactions do not count. AppendTx, AppendWith,
	// Import, Count and DeleteSnapshots are bounded by their contexts alone.
	AnswerTimeout time.Duration

	// AppendLanes is how many transactions of Append may be in flight at the same time, each with all the appends that
	// came while the ones before were; two when zero, which was best on two cores. The more there are, the fewer appends
	// share a commit.
	AppendLanes int

	// MaxAppends is how many calls of Append may be in progress; 10,000 when zero. Further ones wait for their turn.
	MaxAppends int

	// SlowAppendThreshold is how long one append may hold back the subscriptions before a warning says which it is; one
	// second when zero. A negative value never warns.
	SlowAppendThreshold time.Duration

	// Logger gets what an operator should know; slog.Default() when nil.
	Logger *slog.Logger
}

func (o *Options) withDefaults() (Options, error) {
	var options Options
	if o != nil {
		options = *o
	}
	if options.Schema == "" {
		options.Schema = DefaultSchema
	}
	if options.PollInterval == 0 {
		options.PollInterval = defaultPollInterval
	}
	if options.IdleTransactionTimeout == 0 {
		options.IdleTransactionTimeout = defaultIdleTransactionTimeout
	}
	if options.AnswerTimeout == 0 {
		options.AnswerTimeout = defaultAnswerTimeout
	}
	if options.AppendLanes == 0 {
		options.AppendLanes = defaultAppendLanes
	}
	if options.MaxAppends == 0 {
		options.MaxAppends = defaultMaxAppends
	}
	if options.SlowAppendThreshold == 0 {
		options.SlowAppendThreshold = defaultSlowAppendThreshold
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.PollInterval < 0 {
		return Options{}, fmt.Errorf("%w: PollInterval is %s, it must be positive", eventstore.ErrInvalid, options.PollInterval)
	}
	if options.AppendLanes < 0 {
		return Options{}, fmt.Errorf("%w: AppendLanes is %d, it must be positive", eventstore.ErrInvalid, options.AppendLanes)
	}
	if options.MaxAppends < 0 {
		return Options{}, fmt.Errorf("%w: MaxAppends is %d, it must be positive", eventstore.ErrInvalid, options.MaxAppends)
	}
	if timeout := options.AnswerTimeout; timeout < time.Millisecond || timeout > maxAnswerTimeout {
		return Options{}, fmt.Errorf("%w: AnswerTimeout is %s, the range is 1ms to %s", eventstore.ErrInvalid, timeout,
			maxAnswerTimeout)
	}
	if timeout := options.IdleTransactionTimeout; timeout < time.Millisecond || timeout > maxIdleTransactionTimeout {
		return Options{}, fmt.Errorf("%w: IdleTransactionTimeout is %s, the range is 1ms to %s", eventstore.ErrInvalid,
			timeout, maxIdleTransactionTimeout)
	}
	return options, validateSchema(options.Schema)
}

func validateSchema(schema string) error {
	if len(schema) > maxSchemaBytes {
		return fmt.Errorf("%w: Schema is %d bytes, the limit is %d", eventstore.ErrInvalid, len(schema), maxSchemaBytes)
	}
	if schema == "$user" {
		return fmt.Errorf("%w: Schema is %q, which stands for another name in a search_path", eventstore.ErrInvalid, schema)
	}
	return nil
}

// quoteSchema returns a schema's name, quoted for use in a statement.
func quoteSchema(schema string) string { return pgx.Identifier{schema}.Sanitize() }
