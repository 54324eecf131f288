// Package pgserver runs throwaway Postgres servers from the server programs that are installed on this machine.
//
// It knows nothing of the testing package, so that benchmarks, torture programs and tools/testdb can use it too;
// tests want package pgtest, which is built on it.
//
// A server lives in a directory of its own under the temporary directory, trusts whoever connects to it on 127.0.0.1, and
// never outlives the process that started it, even when that process is killed: see [Start].
package pgserver
