package eventstore

import (
	"fmt"
	"time"
)

const (
	// MaxTimers is how many timers an instance of a process may have at a time.
	MaxTimers = 1000
	// MaxTimerBytes is the greatest length of a timer's name.
	MaxTimerBytes = 256
)

// Validate returns an error wrapping [ErrInvalid] when the name is empty, longer than [MaxTimerBytes], or not valid
// UTF-8 without NUL, or when the time is zero or not in the years 1 to 9999.
func (t Timer) Validate() error {
	if err := validateName("name of the timer", t.Name); err != nil {
		return err
	}
	if n := len(t.Name); n > MaxTimerBytes {
		return fmt.Errorf("%w: name of the timer is %d bytes, the limit is %d", ErrInvalid, n, MaxTimerBytes)
	}
	if year := t.DueAt.UTC().Year(); t.DueAt.IsZero() || year < 1 || year > 9999 {
		return fmt.Errorf("%w: timer %q is due at %v, it must be in the years 1 to 9999", ErrInvalid, t.Name, t.DueAt)
	}
	return nil
}

// Validate returns an error wrapping [ErrInvalid] when the process cannot be a consumer, the instance cannot be the key
// of a stream, or the version is negative; and when there are more than [MaxTimers] timers, two of one name, or one that
// is invalid.
func (e Entry) Validate() error {
	if err := ValidateConsumer(e.Process); err != nil {
		return err
	}
	if err := validateInstance(e.Instance); err != nil {
		return err
	}
	if e.Version < 0 {
		return fmt.Errorf("%w: instance %q is at version %d", ErrInvalid, e.Instance, e.Version)
	}
	if n := len(e.Timers); n > MaxTimers {
		return fmt.Errorf("%w: instance %q has %d timers, the limit is %d", ErrInvalid, e.Instance, n, MaxTimers)
	}
	names := make(map[string]bool, len(e.Timers))
	for _, timer := range e.Timers {
		if err := timer.Validate(); err != nil {
			return fmt.Errorf("%w (instance %q)", err, e.Instance)
		}
		if names[timer.Name] {
			return fmt.Errorf("%w: instance %q has two timers %q", ErrInvalid, e.Instance, timer.Name)
		}
		names[timer.Name] = true
	}
	return nil
}

func validateInstance(key string) error {
	if err := validateName("key of the instance", key); err != nil {
		return err
	}
	if n := len(key); n >= MaxStreamIDBytes {
		return fmt.Errorf("%w: key of the instance is %d bytes, the limit is %d", ErrInvalid, n, MaxStreamIDBytes-1)
	}
	return nil
}

// Validate returns an error wrapping [ErrInvalid] when the entry is invalid or of another instance than the task, when
// there is no such duty, or when the delay is negative.
func (r Release) Validate() error {
	if err := r.Entry.Validate(); err != nil {
		return err
	}
	switch {
	case r.Entry.Process != r.Task.Process || r.Entry.Instance != r.Task.Instance:
		return fmt.Errorf("%w: the entry is of instance %q of %q", ErrInvalid, r.Entry.Instance, r.Entry.Process)
	case r.Delay < 0:
		return fmt.Errorf("%w: a delay of %v", ErrInvalid, r.Delay)
	}
	return r.Task.Duty.Validate()
}

// Validate returns an error wrapping [ErrInvalid] when there is no such duty.
func (d Duty) Validate() error {
	if d != DutyCommands && d != DutyTimers {
		return fmt.Errorf("%w: there is no duty %d", ErrInvalid, d)
	}
	return nil
}

// ValidateClaim returns an error wrapping [ErrInvalid] when [Agenda].Claim cannot be called so: the process cannot be a
// consumer, there is no such duty, the limit is negative, or the lease is shorter than a microsecond.
func ValidateClaim(process string, duty Duty, limit int, lease time.Duration) error {
	if err := ValidateConsumer(process); err != nil {
		return err
	}
	switch {
	case limit < 0:
		return fmt.Errorf("%w: a limit of %d", ErrInvalid, limit)
	case lease < time.Microsecond:
		return fmt.Errorf("%w: a lease of %v", ErrInvalid, lease)
	}
	return duty.Validate()
}

// Validate returns an error wrapping [ErrInvalid] when the limit is negative, or Instance or After cannot be the key of an
// instance and are not empty.
func (q EntryQuery) Validate() error {
	if q.Limit < 0 {
		return fmt.Errorf("%w: a limit of %d", ErrInvalid, q.Limit)
	}
	for _, key := range []string{q.Instance, q.After} {
		if key == "" {
			continue
		}
		if err := validateInstance(key); err != nil {
			return err
		}
	}
	return nil
}
