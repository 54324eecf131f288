package eventstoretest

import (
	"fmt"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

// oddNames are names that some collation, trimming, case folding, normalization or quoting takes for one another.
func oddNames() []string {
	return []string{
		"a", "A", "ä", "a\u0308", "Ä", "á", "b", "B", "aa", "a a", "a  a", " a", "a ", "a\t", "a\n", "\ta", "\u00a0a",
		"ss", "ß", "ẞ", "SS", "i", "I", "İ", "ı", "Å", "\u212b", "ﬁ", "fi", "1", "01", "１", "²", "2",
		"'", "''", `"`, `""`, `\`, `\\`, `\x00`, `\0`, "%", "_", "*", "?", "$", "$a", "a$", "null", "NULL", "{}", "{a}",
		";", "a;b", ",", "(", "a/b", "/", ".", "..", "😀", "👩‍👩‍👧", "👩👩👧", "a\u200b", "\ufeffa", "\u200ea", "\x01", "\x7f",
		"ك", "漢", "漢字", "汉字", "\U0010ffff", "\ufffd", "\ue000", "\uffff",
	}
}

// areDistinct gives each of the streams as many events as its number says, and ends the clause when two are one.
func (c *trial) areDistinct(ids []eventstore.StreamID) {
	c.Helper()
	for i, id := range ids {
		c.append(eventstore.Write{Stream: id, Expected: eventstore.NoStream, Events: events(1 + i%3)})
	}
	for i, id := range ids {
		read := c.read(c.Store, id, eventstore.ReadOptions{})
		c.isStream(id, read)
		equal(c, fmt.Sprintf("events of stream %q", id), len(read), 1+i%3)
	}
	all, err := readAll(c.ctx, c.Store, 0, everything)
	c.ok(err, "read all")
	c.areStreams(all)
}

func oddKeysAreDistinct(c *trial) {
	var ids []eventstore.StreamID
	for _, name := range append(oddNames(), "-", "--", "a-", "-a", "a-a", strings.Repeat("k", 1000)) {
		ids = append(ids, stream(name))
	}
	c.areDistinct(ids)
}

func oddCategoriesAreDistinct(c *trial) {
	var ids []eventstore.StreamID
	for _, name := range oddNames() {
		ids = append(ids, eventstore.StreamID{Category: name, Key: "1"})
	}
	c.areDistinct(ids)
	for _, id := range ids {
		only, err := readAll(c.ctx, c.Store, 0, eventstore.Filter{Categories: []string{id.Category}})
		c.ok(err, "read category %q", id.Category)
		c.isStream(id, only)
		equal(c, fmt.Sprintf("events of category %q are there", id.Category), len(only) > 0, true)
	}
}

func oddTypesAreDistinct(c *trial) {
	var appended []eventstore.EventData
	for _, name := range oddNames() {
		e := event(name)
		e.Type, e.Data = name, []byte(`{}`)
		appended = append(appended, e)
	}
	c.comeBack(appended...)
	for _, e := range appended {
		only, err := readAll(c.ctx, c.Store, 0, eventstore.Filter{Types: []string{e.Type}})
		c.ok(err, "read type %q", e.Type)
		c.recorded(only, e)
	}
}

func categoryAndKeyAreApart(c *trial) {
	c.areDistinct([]eventstore.StreamID{
		{Category: "a", Key: "b-c"},
		{Category: "a", Key: "b"},
		{Category: "ab", Key: "c"},
		{Category: "a", Key: "bc"},
		{Category: "a", Key: "-b"},
		{Category: "a", Key: "a"},
		{Category: "aa", Key: "-"},
		{Category: "b", Key: "a"},
	})
}
