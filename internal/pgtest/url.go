package pgtest

import (
	"fmt"
	"net/url"
	"strings"
)

// checkURL refuses the keyword form of a connection string, in which another database cannot be put as easily.
func checkURL(variable, value string) error {
	u, err := url.Parse(value)
	if err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return fmt.Errorf("%s must be a URL such as postgres://user:password@host:5432/postgres", variable)
	}
	return nil
}

// withDatabase returns the URL of another database of the same server. The URL has passed checkURL.
func withDatabase(serverURL, database string) string {
	u, err := url.Parse(serverURL)
	if err != nil {
		panic(err)
	}
	u.Path = "/" + database
	return u.String()
}

// databaseName returns the database that a URL made by withDatabase names.
func databaseName(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		panic(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}
