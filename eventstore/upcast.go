package eventstore

import "fmt"

// upcasting reads one stored event.
type upcasting[E any] struct {
	codec  *codec[E]
	events []E
}

// read adds what an event is today, after a number of upcasters. None of them is met twice on the way from the stored
// event, so when there were more of them than there are, they go round in a circle.
func (r *upcasting[E]) read(event RecordedEvent, steps int) error {
	var edited *document // the data, while edits follow each other
	for ; ; steps++ {
		t := r.codec.types[event.Type]
		if t == nil {
			return r.codec.unknown(t, &event)
		}
		if t.dropped {
			return nil
		}
		if err := expand(&event); err != nil {
			return err
		}
		step := t.step(event.SchemaVersion)
		switch {
		case step == nil:
			event.Data = edited.orElse(event.Data)
			return r.decode(t, &event, steps)
		case steps == r.codec.upcasters:
			return errRound
		case step.kind == renaming:
			event.Type, event.SchemaVersion = step.to.Type, step.to.SchemaVersion
		case step.kind == converting:
			event.Data = edited.orElse(event.Data)
			return r.convert(event, step, steps+1)
		default:
			var err error
			if edited, err = editFields(&event, edited, step); err != nil {
				return fmt.Errorf("%s: %w", step, err)
			}
		}
	}
}

// decode adds an event that is as it would be stored today.
func (r *upcasting[E]) decode(t *storedType, event *RecordedEvent, steps int) error {
	decoded, err := r.codec.decodeCurrent(t, event)
	switch {
	case err == nil:
		r.events = append(r.events, decoded)
		return nil
	case steps == 0:
		return err
	default:
		return fmt.Errorf("as %q of schema version %d: %w", event.Type, event.SchemaVersion, err)
	}
}

// editFields edits the fields of an event, which are those in edited when there was an edit before this one.
func editFields(event *RecordedEvent, edited *document, step *Upcaster) (*document, error) {
	if edited == nil {
		if event.ContentType != ContentTypeJSON {
			return nil, fmt.Errorf("%s has no fields that can be edited", event.ContentType)
		}
		var err error
		if edited, err = parseFields(event.Data); err != nil {
			return nil, err
		}
	}
	step.edit(&edited.Fields)
	event.SchemaVersion = step.to.SchemaVersion
	return edited, edited.err
}

func (r *upcasting[E]) convert(event RecordedEvent, step *Upcaster, steps int) error {
	converted, err := step.convert(event)
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	for _, c := range converted {
		next := event
		next.Type, next.SchemaVersion, next.ContentType, next.Data = c.Type, c.SchemaVersion, c.ContentType, c.Data
		if err := r.read(next, steps); err != nil {
			return err
		}
	}
	return nil
}
