package eventstore

import (
	"errors"
	"fmt"
	"slices"
)

// addUpcasters gives each type its upcasters, or says what is wrong with them.
func (c codecTypes) addUpcasters(upcasters []Upcaster) error {
	for _, u := range upcasters {
		if err := u.validate(); err != nil {
			return err
		}
	}
	for _, u := range slices.SortedFunc(slices.Values(upcasters), compareUpcasters) {
		if err := c.addUpcaster(u); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrInvalid, u, err)
		}
	}
	for _, u := range upcasters {
		if err := c.leadsSomewhere(u, len(upcasters)); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrInvalid, u, err)
		}
	}
	return nil
}

// addUpcaster adds an upcaster. They come by type and schema version.
func (c codecTypes) addUpcaster(u Upcaster) error {
	t := c[u.from.Type]
	if t == nil {
		t = &storedType{name: u.from.Type, version: 1}
		c[u.from.Type] = t
	}
	switch next := len(t.steps) + 1; {
	case t.dropped:
		return errors.New("the type is dropped by another upcaster")
	case u.kind == dropping && t.goType != nil:
		return errors.New("the type is one of the family")
	case u.kind == dropping:
		t.dropped = true
		return nil
	case u.from.SchemaVersion < next:
		return errors.New("there is another upcaster for that schema version")
	case u.from.SchemaVersion > next:
		return fmt.Errorf("there is no upcaster for schema version %d", next)
	}
	t.steps = append(t.steps, u)
	t.version++
	return nil
}

// leadsSomewhere follows the upcasters from one on, as far as they can be foretold.
func (c codecTypes) leadsSomewhere(u Upcaster, limit int) error {
	for range limit {
		if u.kind == converting || u.kind == dropping {
			return nil
		}
		t := c[u.to.Type]
		switch {
		case t == nil:
			return fmt.Errorf("there is no type %q", u.to.Type)
		case t.dropped || t.isCurrent(u.to.SchemaVersion):
			return nil
		}
		step := t.step(u.to.SchemaVersion)
		if step == nil {
			return fmt.Errorf("nothing is known of schema version %d of type %q", u.to.SchemaVersion, u.to.Type)
		}
		u = *step
	}
	return errRound
}

var errRound = errors.New("upcasters lead round in a circle")
