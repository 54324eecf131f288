package throwaway

import (
	"errors"
	"net/url"
	"strconv"
)

// checkURL refuses the keyword form of a connection string, in which another database cannot be put as easily.
func checkURL(serverURL string) error {
	u, err := url.Parse(serverURL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" { // an error would repeat the password
		return errors.New("a server is named by a URL such as postgres://user:password@host:5432/postgres")
	}
	return nil
}

// withDatabase returns the URL of another database of the server.
func withDatabase(serverURL, database string) string {
	return change(serverURL, func(u *url.URL, parameters url.Values) {
		u.Path = "/" + database
		parameters.Del("dbname")
		parameters.Del("database")
	})
}

// WithPool returns the URL of the same database with a pool of at most so many connections. It panics when given what is
// no URL, as the other functions do.
func WithPool(databaseURL string, connections int) string {
	return WithParameter(databaseURL, "pool_max_conns", strconv.Itoa(connections))
}

// WithParameter returns the URL of the same database with a parameter of its connections or their pool.
func WithParameter(databaseURL, name, value string) string {
	return change(databaseURL, func(_ *url.URL, parameters url.Values) { parameters.Set(name, value) })
}

// WithAddress returns the URL of the same database with another way to its server.
func WithAddress(databaseURL, hostAndPort string) string {
	return change(databaseURL, func(u *url.URL, parameters url.Values) {
		u.Host = hostAndPort
		parameters.Del("host")
		parameters.Del("port")
	})
}

func change(databaseURL string, change func(u *url.URL, parameters url.Values)) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		panic(err) // it has been used, or checked
	}
	parameters := u.Query()
	change(u, parameters)
	u.RawQuery = parameters.Encode()
	return u.String()
}
