package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/pasttense/pasttense"

// What pgx brings with it counts as pgx.
var pgx = []string{"github.com/jackc/...", "golang.org/x/..."}

// What goose brings with it counts as goose.
var goose = []string{
	"github.com/pressly/goose/...", "github.com/mfridman/interpolate", "github.com/sethvargo/go-retry", "go.uber.org/multierr",
}

const uuid = "github.com/google/uuid"

// allowed says what a package may depend on, directly or not, beyond the standard library. A package without a line of its own is
// under that of the nearest package above it, and may import that one. Paths without a dot are in this module.
var allowed = map[string][]string{
	"eventstore":        {uuid},
	"aggregate":         {uuid, "eventstore"},
	"internal/consumer": {uuid, "eventstore"},
	"projection":        {uuid, "eventstore", "internal/consumer"},
	"processmanager":    {uuid, "eventstore", "internal/consumer"},

	"memstore": {uuid, "eventstore", "internal/agenda"},
	"pgstore":  slices.Concat([]string{uuid, "eventstore", "internal/agenda"}, pgx, goose),

	"eventstore/eventstoretest": {uuid, "eventstore"},
	"aggregate/aggregatetest": {
		uuid, "eventstore", "aggregate", "aggregate/internal/...", "internal/linediff",
	},
	"processmanager/processmanagertest": {
		uuid, "eventstore", "internal/agenda", "internal/consumer", "internal/linediff", "memstore", "processmanager",
	},

	"internal/agenda":   {uuid, "eventstore"},
	"internal/archtest": {},
	"internal/docstest": {uuid, "eventstore"},
	"internal/docstest/booking": {
		uuid, "eventstore", "internal/consumer", "aggregate", "aggregate/internal/...", "processmanager",
		"internal/docstest/flight", "internal/docstest/trip",
	},
	"internal/docstest/first/booking": {
		uuid, "eventstore", "internal/consumer", "aggregate", "aggregate/internal/...", "processmanager", "internal/docstest/trip",
	},
	"internal/linediff":        {},
	"internal/ordering":        {},
	"internal/pgtest":          append([]string{"internal/pgtest/pgserver"}, pgx...),
	"internal/pgtest/pgserver": {},
}

// mayUseTesting are the packages that are there for tests; elsewhere the testing package would put its flags into users' programs.
var mayUseTesting = []string{
	"eventstore/eventstoretest", "aggregate/aggregatetest", "processmanager/processmanagertest", "internal/pgtest",
}

func TestPackagesDependOnlyOnWhatTheyMay(t *testing.T) {
	t.Parallel()
	packages := list(t)
	for name, p := range packages {
		if p.isOurs() {
			checkPackage(t, name, p, packages)
		}
	}
}

func TestRulesNamePackagesThatExist(t *testing.T) {
	t.Parallel()
	packages := list(t)
	exists := func(name string) {
		_, found := packages[absolute(name)]
		assert.True(t, found || strings.HasSuffix(name, "/..."), "a rule names %s, which is not there", name)
	}
	for name, may := range allowed {
		exists(name)
		for _, dependency := range may {
			exists(dependency)
		}
	}
	for _, name := range mayUseTesting {
		exists(name)
	}
}

// TestUsersDownloadOnlyWhatTheLibraryNeeds keeps out of go.mod what belongs to the example and the tools.
func TestUsersDownloadOnlyWhatTheLibraryNeeds(t *testing.T) {
	t.Parallel()
	var mod struct{ Require []struct{ Path string } }
	require.NoError(t, json.Unmarshal(goCommand(t, "mod", "edit", "-json"), &mod))
	require.NotEmpty(t, mod.Require)
	for _, required := range mod.Require {
		for _, foreign := range []string{"github.com/go-chi/", "github.com/testcontainers/", "github.com/golangci/", "github.com/docker/"} {
			assert.False(t, strings.HasPrefix(required.Path, foreign), "%s does not belong in the library's go.mod", required.Path)
		}
	}
}

func checkPackage(t *testing.T, name string, p goPackage, packages map[string]goPackage) {
	t.Helper()
	rule, may := ruleFor(name)
	if rule == "" {
		t.Errorf("no rule says what %s may import", name)
		return
	}
	for _, dependency := range p.Deps {
		if !packages[dependency].Standard && !slices.ContainsFunc(may, func(pattern string) bool { return matches(pattern, dependency) }) {
			t.Errorf("%s depends on %s", name, dependency)
		}
	}
	if slices.Contains(p.Deps, "testing") && !slices.Contains(mayUseTesting, rule) {
		t.Errorf("%s depends on testing outside its tests", name)
	}
}

// ruleFor returns the nearest package at or above one that has a rule, and what the one may depend on by it.
func ruleFor(name string) (rule string, may []string) {
	for rule = strings.TrimPrefix(name, module+"/"); rule != "."; rule = path.Dir(rule) {
		if may, found := allowed[rule]; found {
			return rule, append([]string{rule, rule + "/internal/..."}, may...)
		}
	}
	return "", nil
}

// matches tells whether a package is the one that the pattern names, or is below it if the pattern ends in "/...".
func matches(pattern, name string) bool {
	pattern = absolute(pattern)
	if root, ok := strings.CutSuffix(pattern, "..."); ok {
		return strings.HasPrefix(name, root)
	}
	return name == pattern
}

// absolute completes the path of a package of this module.
func absolute(name string) string {
	if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") {
		return name
	}
	return module + "/" + name
}

// goPackage is what go list says about the non-test files of a package.
type goPackage struct {
	ImportPath string
	Standard   bool
	Deps       []string
}

func (p goPackage) isOurs() bool { return strings.HasPrefix(p.ImportPath, module+"/") }

// list returns the packages of this module and everything that they depend on, by path.
func list(t *testing.T) map[string]goPackage {
	t.Helper()
	out := goCommand(t, "list", "-deps", "-json=ImportPath,Standard,Deps", "./...")
	packages := map[string]goPackage{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages[p.ImportPath] = p
	}
}

// goCommand runs the go command in the root of the module and returns what it prints.
func goCommand(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, failed.Stderr)
	}
	require.NoError(t, err)
	return out
}
