package aggregatetest

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/linediff"
)

// goldenFile is a stored event in a file.
type goldenFile struct {
	name  string
	event eventstore.EventData
}

const (
	jsonSuffix   = ".json"
	binarySuffix = ".bin"
)

var (
	// typeAndVersion is the name of a golden file without what tells its content type.
	typeAndVersion = regexp.MustCompile(`^(.+)\.v([1-9]\d*)(?:\.[^.]+)?$`)
	// notPlain is what a name has in the form of a URL, as some file system does not take it.
	notPlain = regexp.MustCompile(`[^0-9A-Za-z_.-]`)
	// device is what Windows does not take for a file, whatever comes after the dot, and what would be a hidden one.
	device = regexp.MustCompile(`(?i)^(?:\.|(?:con|prn|aux|nul|com\d|lpt\d)\.)`)
)

// nameOf returns the name of an event's golden file, special being what tells it from others of the version.
func nameOf(event eventstore.EventData, special string) string {
	name := escape(event.Type) + ".v" + strconv.Itoa(event.SchemaVersion)
	if device.MatchString(name) {
		name = fmt.Sprintf("%%%02X%s", name[0], name[1:])
	}
	if special != "" {
		name += "." + special
	}
	if event.ContentType == eventstore.ContentTypeJSON {
		return name + jsonSuffix
	}
	return name + "." + strings.ReplaceAll(escape(event.ContentType), ".", "%2E") + binarySuffix
}

func escape(text string) string {
	return notPlain.ReplaceAllStringFunc(text, func(special string) string {
		var escaped strings.Builder
		for i := range len(special) {
			fmt.Fprintf(&escaped, "%%%02X", special[i])
		}
		return escaped.String()
	})
}

// parseName returns the event that a name is for, without data.
func parseName(name string) (eventstore.EventData, error) {
	event := eventstore.EventData{ContentType: eventstore.ContentTypeJSON}
	rest, isJSON := strings.CutSuffix(name, jsonSuffix)
	if !isJSON {
		var isBinary bool
		if rest, isBinary = strings.CutSuffix(name, binarySuffix); !isBinary {
			return event, errors.New("its name ends neither with .json nor with .bin")
		}
		dot := strings.LastIndexByte(rest, '.')
		var err error
		if event.ContentType, err = url.PathUnescape(rest[dot+1:]); err != nil {
			return event, err
		}
		rest = rest[:max(dot, 0)]
	}
	parts := typeAndVersion.FindStringSubmatch(rest)
	if parts == nil {
		return event, errors.New("its name has no type and schema version, as in order.item-added.v1.json")
	}
	var err error
	if event.Type, err = url.PathUnescape(parts[1]); err != nil {
		return event, err
	}
	event.SchemaVersion, err = strconv.Atoi(parts[2])
	return event, err
}

// read reads all golden files, by name. It reports those that are none.
func (g *Golden[S, E]) read() {
	t := g.aggregate.t
	t.Helper()
	entries, err := os.ReadDir(g.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the golden events cannot be read: %v", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || name[0] == '.' || strings.HasSuffix(name, ".md") || foldName.MatchString(name) {
			continue
		}
		file, err := readGolden(g.path(name))
		if err != nil {
			t.Errorf("%s is not a golden event: %v", g.path(name), err)
			continue
		}
		g.files = append(g.files, file)
	}
}

func readGolden(path string) (goldenFile, error) {
	name := filepath.Base(path)
	event, err := parseName(name)
	if err != nil {
		return goldenFile{}, err
	}
	if event.Data, err = os.ReadFile(path); err != nil {
		return goldenFile{}, err
	}
	if event.ContentType == eventstore.ContentTypeJSON {
		var stored bytes.Buffer
		if err := json.Compact(&stored, event.Data); err != nil {
			return goldenFile{}, err
		}
		event.Data = stored.Bytes()
	}
	return goldenFile{name, event}, nil
}

// record writes a golden event that is missing.
func (g *Golden[S, E]) record(name string, event eventstore.EventData) {
	g.aggregate.t.Helper()
	content := event.Data
	if event.ContentType == eventstore.ContentTypeJSON {
		var indented bytes.Buffer
		if err := json.Indent(&indented, event.Data, "", "  "); err != nil {
			g.aggregate.t.Fatalf("%s is not JSON: %v", event.Type, err)
		}
		indented.WriteByte('\n')
		content = indented.Bytes()
	}
	g.write(name, content)
	g.files = append(g.files, goldenFile{name, event})
	slices.SortFunc(g.files, func(a, b goldenFile) int { return strings.Compare(a.name, b.name) })
}

// write writes a file of the directory as a whole, and fails the test: somebody must look at it.
func (g *Golden[S, E]) write(name string, content []byte) {
	t := g.aggregate.t
	t.Helper()
	if err := writeFile(g.path(name), content); err != nil {
		t.Fatalf("the golden event cannot be recorded: %v", err)
	}
	t.Errorf("recorded %s: look at it and commit it", g.path(name))
}

// writeFile writes a file of which nobody sees a part.
func writeFile(path string, content []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".golden-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(content)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func (g *Golden[S, E]) path(name string) string { return filepath.Join(g.dir, name) }

// expanded returns an event as it is stored when it is too small to be compressed: of those, people can read the files,
// and they are the same with every version of package gzip.
func expanded(event eventstore.EventData) eventstore.EventData {
	contentType, compressed := strings.CutSuffix(event.ContentType, "+gzip")
	if !compressed {
		return event
	}
	reader, err := gzip.NewReader(bytes.NewReader(event.Data))
	if err != nil {
		return event
	}
	data, err := io.ReadAll(reader)
	if err != nil {
		return event
	}
	event.ContentType, event.Data = contentType, data
	return event
}

// sameForm reports whether an event is stored as the file has it. The order of JSON's fields does not count.
func (f goldenFile) sameForm(event eventstore.EventData) bool {
	if f.event.Type != event.Type || f.event.SchemaVersion != event.SchemaVersion ||
		f.event.ContentType != event.ContentType {
		return false
	}
	if f.event.ContentType != eventstore.ContentTypeJSON {
		return bytes.Equal(f.event.Data, event.Data)
	}
	return reflect.DeepEqual(jsonValue(f.event.Data), jsonValue(event.Data))
}

// jsonValue returns what JSON says, numbers as they are written.
func jsonValue(data []byte) (value any) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return err
	}
	return value
}

// differenceOfForms returns a line diff of two stored events.
func differenceOfForms(want, got eventstore.EventData) string {
	return indent(linediff.Of(linesOf(want), linesOf(got)))
}

// linesOf returns a stored event in lines, the fields of JSON by name.
func linesOf(event eventstore.EventData) []string {
	lines := []string{fmt.Sprintf("%s (schema version %d, %s)", event.Type, event.SchemaVersion, event.ContentType)}
	if event.ContentType != eventstore.ContentTypeJSON {
		return append(lines, strings.Split(strings.TrimSpace(hex.Dump(event.Data)), "\n")...)
	}
	text, err := json.MarshalIndent(jsonValue(event.Data), "", "  ")
	if err != nil {
		return append(lines, string(event.Data))
	}
	return append(lines, strings.Split(string(text), "\n")...)
}
