// Package archtest holds the tests that keep the dependencies of this module as they were designed: which package may import what,
// and what a user of the library downloads with it. It has nothing to import.
package archtest
