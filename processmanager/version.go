package processmanager

import (
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Definition is a former version of a process, with a state of type S. It is made by [Former].
type Definition[S, C any] struct {
	core       *core[C]
	definition *definition[C]
}

// Former returns a version of the process that is older than the manager's own, [Options].Version, to be told what it
// reacts to by [On], [OnTimer] and [OnRefused]. Instances that have started by it finish by it, and it starts no others.
//
// Routes of several versions must agree on which instance an event is for.
//
// Former panics when the version is not from 1 to below that of the manager, when it was called or [Migrate] was called
// for it before, and when the manager was started: mistakes in the program.
func Former[S, T, C any](m *Manager[T, C], version int) *Definition[S, C] {
	d := newDefinition[C](version)
	m.core.change("Former", func() {
		m.core.checkFormer(version)
		m.core.definitions[version] = d
	})
	return &Definition[S, C]{core: m.core, definition: d}
}

// Migrate makes the instances that have started by an older version of the process go on by the manager's own: the next
// time that one of them has something to decide, its state is what migrate makes of the state it has, and that is
// recorded. A timer that is set and has no [OnTimer] any more is canceled. Migrate is pure. When it returns an error or
// panics, the input at hand is parked.
//
// Migrate panics as [Former] does.
func Migrate[S, T, C any](m *Manager[S, C], version int, migrate func(old T) (S, error)) {
	m.core.change("Migrate", func() {
		m.core.checkFormer(version)
		if migrate == nil {
			panic(errors.New("migrate is nil"))
		}
		m.core.migrations[version] = func(before *payload) (after payload, err error) {
			defer consumer.Recover(&err)
			old, err := decodeState[T](before)
			if err != nil {
				return payload{}, err
			}
			state, err := migrate(old)
			if err != nil {
				return payload{}, err
			}
			return encodeState(state)
		}
	})
}

// checkFormer panics when an older version cannot be told of.
func (m *core[C]) checkFormer(version int) {
	_, defined := m.definitions[version]
	_, migrated := m.migrations[version]
	switch {
	case defined || migrated:
		panic(fmt.Errorf("version %d is told of twice", version))
	case version < 1 || version >= m.options.Version:
		panic(fmt.Errorf("version %d is not older than the manager's, %d", version, m.options.Version))
	}
}

// errNewer says that an instance has started by a version of the process that this program does not know.
var errNewer = errors.New("a newer version of this program has started it, wait until that runs everywhere")

// prepare returns the definition by which a draft goes on, and migrates its state where it goes on by another than
// before. Cause is the metadata of what the input at hand causes.
func (m *core[C]) prepare(d *draft, cause eventstore.Metadata) (*definition[C], error) {
	version := d.Definition
	if version == 0 {
		version = m.options.Version
	}
	if found := m.definitions[version]; found != nil {
		return found, nil
	}
	migrate := m.migrations[version]
	switch {
	case migrate != nil:
	case version > m.options.Version:
		return nil, consumer.NotHere(fmt.Errorf("version %d of the process: %w", version, errNewer))
	default:
		return nil, fmt.Errorf("%w: the instance has started by version %d of the process, which is gone: "+
			"call processmanager.Former or Migrate for it", eventstore.ErrInvalid, version)
	}
	state, err := migrate(d.State)
	if err != nil {
		return nil, fmt.Errorf("migrate the state from version %d of the process: %w", version, err)
	}
	now := m.definitions[m.options.Version]
	record := migratedRecord{From: version, To: now.version, State: state}
	for _, timer := range d.Timers {
		if now.timers[timer.Name] == nil {
			record.Canceled = append(record.Canceled, timer.Name)
		}
	}
	return now, d.add(record, cause)
}

func (d *Definition[S, C]) define(function string, change func(d *definition[C], options Options)) {
	d.core.change(function, func() { change(d.definition, d.core.options) })
}

func (d *Definition[S, C]) zero() (none S) { return none }
