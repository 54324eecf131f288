package config_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/examples/ecommerce/config"
)

const database = "postgres://user:password@localhost:5432/shop"

func settings(value string) *config.Settings {
	return &config.Settings{Getenv: func(string) string { return value }}
}

func TestSettingsThatAreNotThere(t *testing.T) {
	s := settings("")
	assert.Equal(t, 8000, s.Port("PORT", 8000))
	assert.Empty(t, s.URL("DATABASE_URL", database))
	assert.Empty(t, s.Origins("CORS_ORIGINS"))
	assert.NoError(t, s.Err)
}

func TestRightSettings(t *testing.T) {
	for value, port := range map[string]int{"0": 0, "80": 80, "65535": 65535} {
		s := settings(value)
		assert.Equal(t, port, s.Port("PORT", 8000))
		assert.NoError(t, s.Err)
	}
	for _, value := range []string{database, "postgresql:///shop?host=/var/run/postgresql", "postgres://db1,db2:5433/shop"} {
		s := settings(value)
		assert.Equal(t, value, s.URL("DATABASE_URL", database, "postgresql"))
		assert.NoError(t, s.Err, value)
	}
	s := settings("https://shop.example, http://localhost:3000,")
	assert.Equal(t, []string{"https://shop.example", "http://localhost:3000"}, s.Origins("CORS_ORIGINS"))
	assert.NoError(t, s.Err)
	s = settings("*")
	assert.Equal(t, []string{"*"}, s.Origins("CORS_ORIGINS"))
	assert.NoError(t, s.Err)
}

func TestWrongSettings(t *testing.T) {
	port := func(s *config.Settings) { s.Port("X", 0) }
	url := func(s *config.Settings) { s.URL("X", database, "postgresql") }
	origins := func(s *config.Settings) { s.Origins("X") }
	for _, test := range []struct {
		value string
		read  func(s *config.Settings)
	}{
		{"-1", port},
		{"65536", port},
		{"8000 ", port},
		{"mysql://localhost/shop", url},
		{"host=localhost password=shop?", url},
		{"postgres:///shop", url},
		{"postgres://me:secr/et@localhost/shop", url},
		{"https://shop.example/", origins},
		{"shop.example", origins},
		{"https://shop.example,null", origins},
	} {
		s := settings(test.value)
		test.read(s)
		require.ErrorContains(t, s.Err, "X is ", test.value)
		require.ErrorContains(t, s.Err, ": it takes ", test.value)
	}
}

func TestTheFirstWrongSettingIsReported(t *testing.T) {
	s := settings("wrong")
	s.Port("FIRST", 0)
	s.Port("SECOND", 0)
	require.ErrorContains(t, s.Err, "FIRST")
}

func TestWrongIsOneLineWithoutPasswords(t *testing.T) {
	cause := errors.New("cannot use `postgres://me:secret@db/shop`:\n\tpassword=secret\twas refused")
	for _, got := range []string{
		"postgres://me:secret@db/shop", "postgres://me:secr@secret@db/shop", "postgresql://me:secret/@db/shop",
		"postgres:/me:secret@db/shop", "postgres://db/shop?password=secret&sslmode=off", "host=db password=secret",
	} {
		line := config.Wrong("DATABASE_URL", got, "a URL", cause).Error()
		assert.Contains(t, line, "DATABASE_URL is ")
		assert.Contains(t, line, "xxxxx")
		assert.Contains(t, line, "was refused")
		assert.NotContains(t, line, "secret")
		assert.NotContains(t, line, "\n")
	}
}
