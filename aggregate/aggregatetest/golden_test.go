package aggregatetest_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate/aggregatetest"
	"github.com/pasttense/pasttense/eventstore"
)

type bookEvent interface{ book() }

type (
	bookLent struct {
		To   string   `json:"to"`
		Days int      `json:"days"`
		Tags []string `json:"tags"`
	}
	bookReturned struct{}
)

func (bookLent) book()     {}
func (bookReturned) book() {}

type book struct{ Lent []string }

func (b book) Evolve(event bookEvent) book {
	switch e := event.(type) {
	case bookLent:
		b.Lent = append(b.Lent, e.To)
	case bookReturned:
		if len(b.Lent) > 1 && b.Lent[0] == "nobody" {
			panic("nobody has returned it")
		}
	}
	return b
}

var bookTypes = map[string]bookEvent{"book.lent": bookLent{}, "book.returned": bookReturned{}}

var (
	bookEvents = eventstore.JSON("book", bookTypes)
	// laterEvents is of a program in which a field has another name than it once had.
	laterEvents = eventstore.NewCodec("book", bookTypes, &eventstore.CodecOptions{Upcasters: []eventstore.Upcaster{
		eventstore.EditFields("book.lent", 1, func(f *eventstore.Fields) { f.Rename("reader", "to") }),
		eventstore.EditFields("book.lent", 2, func(f *eventstore.Fields) { f.Default("days", 14) }),
		eventstore.DropType("book.burnt"),
	}})
	lent = bookLent{To: "me", Days: 3}
)

const (
	lentFile     = "{\n  \"to\": \"me\",\n  \"days\": 3,\n  \"tags\": null\n}\n"
	returnedFile = "{}\n"
)

// directory returns a directory with these files.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "testdata", "golden")
	for name, content := range files {
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	return dir
}

// filesIn returns the files of a directory.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	files := make(map[string]string)
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		files[entry.Name()] = string(content)
	}
	return files
}

// golden looks at golden events and returns how that failed, without the directory's name.
func golden(
	t *testing.T, dir string, codec eventstore.Codec[bookEvent], examples ...bookEvent,
) (failures []string, ended bool) {
	t.Helper()
	failures, ended = failuresIn(t, func(t aggregatetest.TB) {
		aggregatetest.For[book](t, codec).Golden(dir, examples...)
	})
	return withoutDir(failures, dir), ended
}

func withoutDir(failures []string, dir string) []string {
	for i := range failures {
		failures[i] = strings.ReplaceAll(withoutLines(failures[i:i+1]), dir, "DIR")
		failures[i] = strings.ReplaceAll(failures[i], `DIR\`, "DIR/")
	}
	return failures
}

func TestGoldenEventsAreRecorded(t *testing.T) {
	dir := directory(t, nil)
	failures, ended := golden(t, dir, bookEvents, &lent)
	assert.False(t, ended)
	assert.Equal(t, []string{
		"recorded DIR/book.lent.v1.json: look at it and commit it",
		"recorded DIR/book.returned.v1.json: look at it and commit it",
	}, failures)
	recorded := map[string]string{"book.lent.v1.json": lentFile, "book.returned.v1.json": returnedFile}
	assert.Equal(t, recorded, filesIn(t, dir))

	aggregatetest.For[book](t, bookEvents).Golden(dir)
	aggregatetest.For[book](t, bookEvents).Golden(dir, bookReturned{}, lent).
		Means("book.lent.v1.json", lent).Means("book.returned.v1.json", bookReturned{})
	assert.Equal(t, recorded, filesIn(t, dir))
}

func TestGoldenEventsAreMadeUp(t *testing.T) {
	dir := directory(t, nil)
	failures, _ := golden(t, dir, bookEvents)
	assert.Len(t, failures, 2)
	aggregatetest.For[book](t, bookEvents).Golden(dir).
		Means("book.lent.v1.json", bookLent{To: "a", Days: 1, Tags: []string{"a"}})
}

func TestGoldenEventsOfOldVersions(t *testing.T) {
	dir := directory(t, map[string]string{
		"README.md":             "What these files are.",
		".gitkeep":              "",
		"book.lent.v1.json":     `{"reader": "me", "tags": ["a"]}`,
		"book.lent.v2.json":     "{\r\n\"to\":\"me\"\r\n}\r\n",
		"book.lent.v2.old.json": `{"to":"you","days":9}`,
		"book.lent.v3.json":     `{"tags":null,"days":3,"to":"me"}`, // in another order than today
		"book.burnt.v7.json":    `{}`,
		"book.returned.v1.json": returnedFile,
	})
	aggregatetest.For[book](t, laterEvents).Golden(dir, lent).
		Means("book.lent.v1.json", bookLent{To: "me", Days: 14, Tags: []string{"a"}}).
		Means("book.lent.v2.json", bookLent{To: "me", Days: 14}).
		Means("book.lent.v2.old.json", &bookLent{To: "you", Days: 9}).
		Means("book.burnt.v7.json")
}

func TestGoldenFindsWhatIsWrong(t *testing.T) {
	whole := map[string]string{"book.lent.v1.json": lentFile, "book.returned.v1.json": returnedFile}
	for name, c := range map[string]struct {
		files    map[string]string
		codec    eventstore.Codec[bookEvent]
		examples []bookEvent
		want     []string
		ends     bool
	}{
		"a type that the codec does not know": {
			map[string]string{"book.burnt.v1.json": "{}"}, bookEvents, nil, []string{
				`book.burnt.v1.json cannot be decoded`,
			}, false,
		},
		"a field of another type": {
			map[string]string{"book.lent.v1.json": `{"to":7}`}, bookEvents, nil, []string{
				`book.lent.v1.json cannot be decoded`,
			}, false,
		},
		"no JSON": {
			map[string]string{"book.lent.v1.broken.json": `{`}, bookEvents, nil, []string{
				`DIR/book.lent.v1.broken.json is not a golden event: unexpected end of JSON input`,
			}, false,
		},
		"a file that is something else": {
			map[string]string{"book.lent.json": `{}`, "book.lent.v1.jsn": `{}`, "book.lent.v1.%zz.bin": ""},
			bookEvents, nil,
			[]string{
				`DIR/book.lent.json is not a golden event: its name has no type and schema version, as in order.item-added.v1.json`,
				`DIR/book.lent.v1.%zz.bin is not a golden event: invalid URL escape "%zz"`,
				`DIR/book.lent.v1.jsn is not a golden event: its name ends neither with .json nor with .bin`,
			},
			false,
		},
		"a form that has changed": {
			map[string]string{"book.lent.v1.json": `{"reader":"me","days":3,"tags":["<>"]}`}, bookEvents, nil, []string{`
book.lent.v1.json is stored in another form today (- file, + today):
      book.lent (schema version 1, application/json)
      {
        "days": 3,
    -   "reader": "me",
        "tags": [
          "\u003c\u003e"
    -   ]
    +   ],
    +   "to": ""
      }
Restore the form. Or make it schema version 2, with an upcaster from version 1. Or, if what is stored in the old form ` +
				`still means the same, keep the file as book.lent.v1.special.json: the new form is then recorded.`}, false,
		},
		"another example": {
			nil, bookEvents, []bookEvent{bookLent{To: "you", Days: 3}}, []string{`
book.lent.v1.json is not the example (- example, + file): change that, or give the file another name, ` +
				`such as book.lent.v1.special.json, to keep both:
      aggregatetest_test.bookLent
    -   To: "you"
    +   To: "me"
        Days: 3
        Tags: []`}, false,
		},
		"a version that is missing": {
			map[string]string{
				"book.lent.v2.json": `{"to":"me"}`, "book.lent.v3.json": lentFile, "book.lent.v1.json": "",
			}, laterEvents, nil, []string{
				`there is no golden event of book.lent version 1: put one that was stored into DIR/book.lent.v1.json`,
			}, false,
		},
		"a newer version": {
			map[string]string{"book.lent.v2.json": `{"to":"me"}`}, bookEvents, nil, []string{
				`book.lent.v2.json cannot be decoded`,
			}, false,
		},
		"a panic of Evolve": {
			map[string]string{"book.lent.v1.a.json": `{"to":"nobody"}`}, bookEvents, nil, []string{
				`book.returned.v1.json cannot be folded after the golden events before it: Evolve(aggregatetest_test.bookReturned) ` +
					`panicked in aggregatetest_test.book.Evolve (golden_test.go:N): nobody has returned it`,
			}, false,
		},
		"two examples": {
			nil, bookEvents, []bookEvent{lent, bookLent{}}, []string{
				`there are two examples of book.lent: keep the second one in a file of its own, such as book.lent.v1.special.json`,
			}, true,
		},
		"a codec that does not tell": {
			nil, struct{ eventstore.Codec[bookEvent] }{bookEvents}, nil, []string{
				`the codec struct { eventstore.Codec[github.com/pasttense/pasttense/aggregate/aggregatetest_test.bookEvent] } ` +
					`does not tell the types of its events: it must implement eventstore.Described`,
			}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := maps.Clone(whole)
			maps.Copy(files, c.files)
			maps.DeleteFunc(files, func(_, content string) bool { return content == "" && strings.HasSuffix(name, "missing") })
			dir := directory(t, files)
			failures, ended := golden(t, dir, c.codec, c.examples...)
			assert.Equal(t, c.ends, ended)
			for i := range c.want {
				c.want[i] = strings.TrimPrefix(c.want[i], "\n")
			}
			for i := range failures {
				failures[i], _, _ = strings.Cut(failures[i], ": decode event ") // what follows is the codec's
			}
			assert.Equal(t, c.want, failures)
			assert.Equal(t, files, filesIn(t, dir), "nothing is overwritten")
		})
	}
}

func TestMeansFindsOtherMeanings(t *testing.T) {
	dir := directory(t, map[string]string{"book.lent.v1.json": lentFile, "book.returned.v1.json": returnedFile})
	failures, ended := failuresIn(t, func(t aggregatetest.TB) {
		aggregatetest.For[book](t, bookEvents).Golden(dir).
			Means("book.lent.v1.json", bookLent{To: "me"}).
			Means("book.returned.v1.json").
			Means("book.burnt.v1.json")
	})
	assert.False(t, ended)
	assert.Equal(t, []string{
		`book.lent.v1.json means other events (- expected, + decoded):
      aggregatetest_test.bookLent
        To: "me"
    -   Days: 0
    +   Days: 3
        Tags: []`,
		`book.returned.v1.json means other events (- expected, + decoded):
    + aggregatetest_test.bookReturned`,
		`there is no golden event book.burnt.v1.json in DIR`,
	}, withoutDir(failures, dir))
}

// Compressed data is recorded as it is when it is not.
func TestGoldenEventsThatAreCompressed(t *testing.T) {
	codec := eventstore.NewCodec("book", bookTypes, &eventstore.CodecOptions{CompressAbove: 10})
	large := bookLent{To: strings.Repeat("me ", 100)}
	encoded, err := codec.Encode(large)
	require.NoError(t, err)
	require.Equal(t, "application/json+gzip", encoded.ContentType)

	dir := directory(t, map[string]string{
		"book.returned.v1.json":                          returnedFile,
		"book.lent.v1.large.application%2Fjson+gzip.bin": string(encoded.Data),
	})
	failures, _ := golden(t, dir, codec, large)
	assert.Equal(t, []string{"recorded DIR/book.lent.v1.json: look at it and commit it"}, failures)
	aggregatetest.For[book](t, codec).Golden(dir, large).
		Means("book.lent.v1.large.application%2Fjson+gzip.bin", large)
}

// Other content types are in files with the bytes that are stored.
func TestGoldenEventsThatAreNotJSON(t *testing.T) {
	codec := eventstore.NewCodec("book", bookTypes, &eventstore.CodecOptions{Format: text})
	dir := directory(t, map[string]string{"book.returned.v1.json": returnedFile})
	failures, _ := golden(t, dir, codec, bookLent{To: "me"})
	assert.Equal(t, []string{
		"recorded DIR/book.lent.v1.application%2Fvnd%2Elines.bin: look at it and commit it",
		"recorded DIR/book.returned.v1.application%2Fvnd%2Elines.bin: look at it and commit it",
	}, failures)
	aggregatetest.For[book](t, codec).Golden(dir, bookLent{To: "me"})
	assert.Equal(t, "lent me", filesIn(t, dir)["book.lent.v1.application%2Fvnd%2Elines.bin"])

	shouting := text
	shouting.Marshal = func(event any) ([]byte, error) {
		data, err := text.Marshal(event)
		return []byte(strings.ToUpper(string(data))), err
	}
	codec = eventstore.NewCodec("book", bookTypes, &eventstore.CodecOptions{Format: shouting})
	failures, _ = golden(t, dir, codec)
	require.Len(t, failures, 2)
	assert.Contains(t, failures[0], `
    - 00000000  6c 65 6e 74 20 6d 65                              |lent me|
    + 00000000  4c 45 4e 54 20 4d 45                              |LENT ME|`)
}

// text is a format of which nothing is known.
var text = eventstore.Format{
	ContentType: "application/vnd.lines",
	Marshal: func(event any) ([]byte, error) {
		if lent, ok := event.(bookLent); ok {
			return []byte("lent " + lent.To), nil
		}
		return []byte("returned"), nil
	},
	Unmarshal: func(data []byte, event any) error {
		if lent, ok := event.(*bookLent); ok {
			lent.To = strings.TrimPrefix(strings.ToLower(string(data)), "lent ")
		}
		return nil
	},
}

func TestParallelTestsRecordOnce(t *testing.T) {
	for range 20 {
		dir := directory(t, nil)
		var tests sync.WaitGroup
		var failures [8][]string
		for i := range failures {
			tests.Go(func() { failures[i], _ = golden(t, dir, bookEvents, lent) })
		}
		tests.Wait()
		assert.Len(t, slices.Concat(failures[:]...), 2)
		assert.Len(t, filesIn(t, dir), 2)
	}
}

func TestDirectoriesThatCannotBeUsedEndTheTest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for _, dir := range []string{file, filepath.Join(file, "golden")} {
		failures, ended := golden(t, dir, bookEvents)
		assert.True(t, ended)
		require.Len(t, failures, 1)
		assert.Contains(t, failures[0], "the golden event")
	}
}

const fold = `book.lent.v1.json
    aggregatetest_test.book
      Lent: []string
        "me"
book.returned.v1.json
    aggregatetest_test.book
      Lent: []string
        "me"
`

func TestFolds(t *testing.T) {
	folds := func(dir string, version int) []string {
		failures, ended := failuresIn(t, func(t aggregatetest.TB) {
			aggregatetest.For[book](t, bookEvents).Golden(dir).Folds(version)
		})
		assert.False(t, ended)
		return withoutDir(failures, dir)
	}
	dir := directory(t, map[string]string{"book.lent.v1.json": lentFile, "book.returned.v1.json": returnedFile})
	assert.Equal(t, []string{"recorded DIR/fold.v1.txt: look at it and commit it"}, folds(dir, 1))
	assert.Equal(t, fold, filesIn(t, dir)["fold.v1.txt"])
	assert.Empty(t, folds(dir, 1))

	// What is new is added at the end, so that what is there proves the same as before.
	second := filepath.Join(dir, "book.lent.v1.a.json")
	require.NoError(t, os.WriteFile(second, []byte(`{"to":"you"}`), 0o644))
	assert.Equal(t, []string{"recorded DIR/fold.v1.txt: look at it and commit it"}, folds(dir, 1))
	longer := fold + "book.lent.v1.a.json\n    aggregatetest_test.book\n      Lent: []string\n        \"me\"\n        \"you\"\n"
	assert.Equal(t, longer, filesIn(t, dir)["fold.v1.txt"])
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fold.v1.txt"), []byte(strings.ReplaceAll(longer, "\n", "\r\n")), 0o644))
	assert.Empty(t, folds(dir, 1))

	require.NoError(t, os.Remove(second))
	assert.Equal(t, []string{"DIR/fold.v1.txt: it has the golden event book.lent.v1.a.json, which is not in DIR"}, folds(dir, 1))

	other := strings.Replace(fold, `"me"`, `"you"`, 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fold.v1.txt"), []byte(other), 0o644))
	assert.Equal(t, []string{`Evolve makes other states of the golden events (- fold.v1.txt, + today):
      book.lent.v1.json
          aggregatetest_test.book
            Lent: []string
    -         "you"
    +         "me"
      book.returned.v1.json
          aggregatetest_test.book
            Lent: []string
              "me"
Restore what Evolve did. Or raise the version to 2, here and in aggregate.SnapshotOptions, so that snapshots of the former ` +
		`states are not used.`}, folds(dir, 1))
	assert.Equal(t, other, filesIn(t, dir)["fold.v1.txt"])

	assert.Equal(t, []string{"recorded DIR/fold.v2.txt: look at it and commit it"}, folds(dir, 2))
	assert.Empty(t, folds(dir, 2))
}
