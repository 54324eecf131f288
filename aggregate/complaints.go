package aggregate

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// complaintsEvery is how often the same complaint is logged.
const complaintsEvery = time.Minute

// complaints logs what goes wrong with many streams at once without filling the log: each message once in a while.
type complaints struct {
	logger *slog.Logger

	mu   sync.Mutex
	last map[string]time.Time // by message
}

// warn logs a message, one of a few constants. The logger may be slow, so nobody else waits for it.
func (c *complaints) warn(ctx context.Context, message string, stream eventstore.StreamID, err error) {
	if c.isDue(message) {
		c.logger.WarnContext(ctx, message, "stream", stream.String(), "error", err)
	}
}

func (c *complaints) isDue(message string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if last, said := c.last[message]; said && now.Sub(last) < complaintsEvery {
		return false
	}
	if c.last == nil {
		c.last = make(map[string]time.Time)
	}
	c.last[message] = now
	return true
}
