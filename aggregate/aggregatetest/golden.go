package aggregatetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

// Golden proves that stored events of all times can be read and folded by today's code. The directory has one file for
// each form in which an event was ever stored, with the bytes that were. [Aggregate.Golden] makes one.
type Golden[S aggregate.State[S, E], E any] struct {
	aggregate *Aggregate[S, E]
	dir       string
	files     []goldenFile
}

// recording is held while golden files are looked at, so that of parallel tests one records what is missing.
var recording sync.Mutex

// Golden checks the golden events in a directory, such as testdata/golden, and records those that are missing. A file is
// named by the event's type and schema version, and by what is special about it, if there are several:
//
//	order.item-added.v1.json
//	order.item-added.v2.json
//	order.item-added.v2.gift.json
//
// Data that is not JSON is in a file whose name ends with the content type, its special characters as in a URL, and with
// bin: order.item-added.v3.application%2Fprotobuf.bin. So are the characters of a type that not every file system takes.
// The space in JSON does not count, nor does the order of its fields. Besides, the directory may have files whose names
// begin with a dot or end with .md.
//
// Golden expects that
//
//   - the codec decodes each file, and Evolve takes its events without panic: on the zero state, and on the one after the
//     events of all files before it, by name. These are in no order in which they could have happened;
//   - each event type has a file for every schema version up to today's. The one of today's version is recorded when it
//     is missing, which fails once: look at the file and commit it. A file is never overwritten. What is recorded is
//     the example of that type, or else an event that is made up. An example should have something in every field, as
//     the form of what the codec omits is not in the file;
//   - the file of today's version, the one without anything special, is as the codec encodes today what it decodes from
//     it. Otherwise the stored form was changed but not the schema version;
//   - that file decodes to the example, if there is one of its type.
//
// It ends the test when the codec does not implement [eventstore.Described], when two examples are of one type, and when
// the directory cannot be read or written. Parallel tests may use one directory.
func (a *Aggregate[S, E]) Golden(dir string, examples ...E) *Golden[S, E] {
	a.t.Helper()
	recording.Lock()
	defer recording.Unlock()
	g := &Golden[S, E]{aggregate: a, dir: dir}
	types := a.eventTypes()
	byType := g.byType(examples)
	g.read()
	g.checkFold()
	for _, eventType := range types {
		g.checkVersions(eventType)
		example, given := byType[eventType.Name]
		if !given {
			example = g.madeUp(eventType)
		}
		g.checkToday(eventType, example)
	}
	return g
}

// Means expects that a file, by its name in the directory, decodes to exactly these events: that an old event still
// means what it meant. Without events it means nothing any more.
func (g *Golden[S, E]) Means(name string, events ...E) *Golden[S, E] {
	t := g.aggregate.t
	t.Helper()
	for _, file := range g.files {
		if file.name != name {
			continue
		}
		decoded, err := g.decode(file)
		if err != nil {
			return g // which was reported
		}
		want, got := describeAll(events), describeAll(decoded)
		if !slices.Equal(want.lines, got.lines) {
			t.Errorf("%s means other events (- expected, + decoded):\n%s", name, difference(want, got))
		}
		return g
	}
	t.Errorf("there is no golden event %s in %s", name, g.dir)
	return g
}

// describeAll describes events one after the other.
func describeAll[E any](events []E) description {
	var d description
	for _, event := range events {
		one := describe(event)
		d.lines = append(d.lines, one.lines...)
		d.exact = append(d.exact, one.exact...)
	}
	return d
}

// example is what the golden event of a type is to be.
type example[E any] struct {
	event   *E // nil for one that was made up
	data    eventstore.EventData
	unknown error // why none could be made up
}

func (g *Golden[S, E]) byType(events []E) map[string]example[E] {
	t := g.aggregate.t
	t.Helper()
	byType := make(map[string]example[E], len(events))
	for i, data := range g.aggregate.encode(events) {
		data = expanded(data)
		if _, twice := byType[data.Type]; twice {
			t.Fatalf("there are two examples of %s: keep the second one in a file of its own, such as %s",
				data.Type, nameOf(data, "special"))
		}
		byType[data.Type] = example[E]{event: &events[i], data: data}
	}
	return byType
}

func (g *Golden[S, E]) madeUp(eventType eventstore.EventType) example[E] {
	data, _, err := g.aggregate.madeUp(eventType, unaltered)
	if err != nil {
		data = eventstore.EventData{
			Type: eventType.Name, SchemaVersion: eventType.SchemaVersion, ContentType: eventType.ContentType,
		}
	}
	return example[E]{data: expanded(data), unknown: err}
}

func (g *Golden[S, E]) decode(file goldenFile) ([]E, error) {
	events, err := g.aggregate.codec.Decode(g.aggregate.codec.stored(file.event)[0])
	if err != nil {
		return nil, fmt.Errorf("%s cannot be decoded: %w", file.name, err)
	}
	return events, nil
}

// checkFold decodes and folds all files.
func (g *Golden[S, E]) checkFold() {
	a := g.aggregate
	a.t.Helper()
	var row S
	for _, file := range g.files {
		stored := a.codec.stored(file.event)
		if _, err := g.decode(file); err != nil {
			a.t.Errorf("%v", err)
			continue
		}
		if _, err := a.fold(stored); err != nil {
			a.t.Errorf("%s cannot be folded: %v", file.name, err)
			continue
		}
		next, err := a.evolve(row, stored[0])
		if err != nil {
			a.t.Errorf("%s cannot be folded after the golden events before it: %v", file.name, err)
			return
		}
		row = next
	}
}

// checkVersions expects files of all schema versions before today's.
func (g *Golden[S, E]) checkVersions(eventType eventstore.EventType) {
	g.aggregate.t.Helper()
	for version := 1; version < eventType.SchemaVersion; version++ {
		if !slices.ContainsFunc(g.files, func(file goldenFile) bool {
			return file.event.Type == eventType.Name && file.event.SchemaVersion == version
		}) {
			g.aggregate.t.Errorf("there is no golden event of %s version %d: put one that was stored into %s",
				eventType.Name, version, g.path(nameOf(eventstore.EventData{
					Type: eventType.Name, SchemaVersion: version, ContentType: eventstore.ContentTypeJSON,
				}, "")))
		}
	}
}

// checkToday compares the file of today's version with what the codec makes today, or records it.
func (g *Golden[S, E]) checkToday(eventType eventstore.EventType, example example[E]) {
	t := g.aggregate.t
	t.Helper()
	name := nameOf(example.data, "")
	i := slices.IndexFunc(g.files, func(file goldenFile) bool { return file.name == name })
	switch {
	case i >= 0:
		g.checkForm(g.files[i], example)
	case example.unknown != nil:
		t.Errorf("there is no golden event of %s, and none can be made up, give an example: %v",
			named(eventType), example.unknown)
	default:
		g.record(name, example.data)
	}
}

func (g *Golden[S, E]) checkForm(file goldenFile, example example[E]) {
	t := g.aggregate.t
	t.Helper()
	decoded, err := g.decode(file)
	if err != nil {
		return // which was reported
	}
	if len(decoded) != 1 {
		t.Errorf("%s is of the version that is written today, and is decoded to %s instead of one",
			file.name, count(len(decoded)))
		return
	}
	today, err := g.aggregate.codec.Encode(decoded[0])
	if err != nil {
		t.Errorf("%s cannot be encoded again: %v", file.name, err)
		return
	}
	today = expanded(withDefaults(today))
	if !file.sameForm(today) {
		t.Errorf("%s is stored in another form today (- file, + today):\n%s\n%s", file.name,
			differenceOfForms(file.event, today), g.advice(file.event))
		return
	}
	if example.event != nil && changed(*example.event, decoded[0]) {
		t.Errorf("%s is not the example (- example, + file): change that, or give the file another name, "+
			"such as %s, to keep both:\n%s",
			file.name, nameOf(file.event, "special"), difference(describe(*example.event), describe(decoded[0])))
	}
}

// advice says what to do about a stored form that has changed.
func (g *Golden[S, E]) advice(event eventstore.EventData) string {
	return fmt.Sprintf("Restore the form. Or make it schema version %d, with an upcaster from version %d. "+
		"Or, if what is stored in the old form still means the same, keep the file as %s: the new form is then recorded.",
		event.SchemaVersion+1, event.SchemaVersion, nameOf(event, "special"))
}
