package pgserver

import (
	"fmt"
	"os"
	"os/exec"
)

// guardScript waits for the end of its standard input, which comes when the process that started it closes the other end or
// dies in whatever way; the kernel sees to that, so kill -9 leaks no server. Then it ends the server, if there is one, and removes
// its directory. It may have to do so again if initdb or pg_ctl was at work when the process died and still makes files; a server
// that slips through even so notices within a minute that its directory is gone, and ends.
const guardScript = `
cat >/dev/null
for try in 1 2 3 4 5; do
	"$1" stop -D "$2/data" -m immediate >/dev/null 2>&1
	rm -rf "$2" 2>/dev/null && break
	sleep 1
done
`

// guard is a process that outlives this one just long enough to clean up after it.
type guard struct {
	process  *exec.Cmd
	lifeline *os.File
}

// startGuard starts the guard of the server in a directory, as the server's user: pg_ctl, too, refuses to run as root.
func startGuard(pgCtl, directory string, as *account) (*guard, error) {
	end, lifeline, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer end.Close()
	//nolint:noctx // it must not end before the lifeline does
	process := exec.Command("sh", "-c", guardScript, "guard", pgCtl, directory)
	process.Stdin = end
	process.Dir = "/"
	process.SysProcAttr = as.process()
	if err := process.Start(); err != nil {
		lifeline.Close()
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	return &guard{process, lifeline}, nil
}

// release lets the guard do its work and waits until it is done. How well it did is for the caller to see: its exit code tells of
// the last command only.
func (g *guard) release() {
	g.lifeline.Close()
	_ = g.process.Wait()
}
