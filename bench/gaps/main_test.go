package main

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

func TestGaps(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs Postgres, which -short does without")
	}
	if _, err := pgserver.Find(); errors.Is(err, pgserver.ErrNoBinaries) && os.Getenv(pgserver.URLEnv) != "" {
		t.Skip("the tests run against a Postgres that is not on this machine")
	}
	var out, progress bytes.Buffer

	err := run(t.Context(), []string{"-for", "3s", "-unrelated", "1s"}, &out, &progress)

	require.NoError(t, err)
	assert.Regexp(t, `position > n +\d+ +[1-9]`, out.String(), "it misses events")
	assert.Regexp(t, `Past Tense +\d+ +0 +0 +0 `, out.String())
}

func TestParseFlagsRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-for", "1s"}, {"-unrelated", "0s"}, {"-appenders", "0"}, {"more"}, {"-nonsense"},
	} {
		_, err := parseFlags(args, new(bytes.Buffer))
		assert.Error(t, err, args)
	}
}
