// Package config reads a program's settings from its environment, and says in one line what is wrong with them.
package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Wrong is the error of a setting: the variable, what it is, what it takes and, if that is not obvious, the cause. It is
// one line, without passwords.
func Wrong(variable, got, takes string, cause error) error {
	line := fmt.Sprintf("%s is %q: it takes %s", variable, redact(got), takes)
	if cause != nil {
		line += ": " + redact(strings.Join(strings.Fields(cause.Error()), " "))
	}
	return errors.New(line)
}

// What may hold a password, also in what is not quite a URL.
var (
	userInfo = regexp.MustCompile(`((?:postgres(?:ql)?|https?):/*)[^ ]*@`)
	password = regexp.MustCompile(`(?i)(password=)[^& ]*`)
)

func redact(text string) string {
	return password.ReplaceAllString(userInfo.ReplaceAllString(text, "${1}xxxxx@"), "${1}xxxxx")
}

// Settings reads variables. One that is empty counts as not set. The first that is wrong is kept in Err.
type Settings struct {
	Getenv func(variable string) string
	Err    error
}

func (s *Settings) require(right bool, variable, got, takes string) {
	if !right && s.Err == nil {
		s.Err = Wrong(variable, got, takes, nil)
	}
}

// Port reads a port to listen on, or returns the preset one.
func (s *Settings) Port(variable string, preset int) int {
	value := s.Getenv(variable)
	if value == "" {
		return preset
	}
	port, err := strconv.ParseUint(value, 10, 16)
	s.require(err == nil, variable, value, "a port number up to 65535, or 0 for any that is free")
	return int(port)
}

// URL reads a URL with the scheme of the example, or one of the others, or returns "".
func (s *Settings) URL(variable, example string, others ...string) string {
	value := s.Getenv(variable)
	u, err := url.Parse(value)
	scheme, _, _ := strings.Cut(example, ":")
	right := err == nil &&
		(u.Scheme == scheme || slices.Contains(others, u.Scheme)) &&
		(u.Host != "" || u.Query().Has("host")) && // Postgres may be at a socket: ?host=/var/run/postgresql
		!strings.Contains(u.Path, "@") // that is the rest of a password that is not escaped
	s.require(right || value == "", variable, value, "a URL such as "+example)
	return value
}

// Origins reads the origins whose web pages may call a service, or returns none.
func (s *Settings) Origins(variable string) []string {
	var origins []string
	for origin := range strings.FieldsFuncSeq(s.Getenv(variable), func(r rune) bool { return r == ',' || r == ' ' }) {
		u, err := url.Parse(origin)
		right := origin == "*" || err == nil && u.Host != "" && origin == u.Scheme+"://"+u.Host
		s.require(right, variable, origin, "origins such as https://shop.example with commas between them, or *")
		origins = append(origins, origin)
	}
	return origins
}
