package pgserver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFindRefusesANamedDirectoryWithoutThePrograms(t *testing.T) {
	empty := t.TempDir()
	t.Setenv(BinEnv, empty)
	_, err := Find()
	require.ErrorContains(t, err, BinEnv)
	require.ErrorContains(t, err, empty)
	require.NotErrorIs(t, err, ErrNoBinaries, "a directory named by hand is not passed over")
}

func TestFindTakesTheNamedDirectory(t *testing.T) {
	directory := t.TempDir()
	for _, program := range []string{"initdb", "pg_ctl", "postgres"} {
		//nolint:gosec // programs are executable
		require.NoError(t, os.WriteFile(filepath.Join(directory, program), nil, 0o755))
	}
	t.Setenv(BinEnv, directory)
	found, err := Find()
	require.NoError(t, err)
	assert.Equal(t, Binaries(directory), found)
}

func TestNewestFirst(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, version := range []string{"9", "18", "14"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, version, "bin"), 0o700))
	}
	assert.Equal(t, []string{"18", "14", "9"}, versionsOf(newestFirst(filepath.Join(root, "*", "bin"))))
}

func versionsOf(directories []string) []string {
	var versions []string
	for _, directory := range directories {
		versions = append(versions, filepath.Base(filepath.Dir(directory)))
	}
	return versions
}
