package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestGaps(t *testing.T) {
	t.Parallel()
	server := pgtest.Database(t)
	var out, progress bytes.Buffer

	err := run(t.Context(), []string{"-for", "3s", "-unrelated", "1s", "-server", server}, &out, &progress)

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
