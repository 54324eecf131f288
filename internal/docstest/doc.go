// Package docstest holds the test that keeps the guides in docs true: what they show is in examples that run. It has
// nothing to import; package order below it is what the guides have for an example.
package docstest
