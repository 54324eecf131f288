// Command shop runs the whole example in one process: the order service, the populator of its read model, the checkout
// process, and mocks of the product and the mail service. It keeps everything in memory, or in Postgres when DATABASE_URL
// is set. With -h it tells what can be set.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pasttense/pasttense/examples/ecommerce/lifecycle"
)

const closeTimeout = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	settings, err := readSettings(os.Args[1:], os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Print(usage)
		return
	}
	if err == nil {
		err = run(ctx, settings, os.Stdout, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// run runs the shop until ctx ends.
func run(ctx context.Context, settings settings, out io.Writer, log *slog.Logger) error {
	shop, err := open(ctx, settings, log)
	if err != nil {
		if ctx.Err() != nil { // stopped before it was open
			return nil
		}
		return err
	}
	shop.introduce(out)
	err = lifecycle.Run(ctx, shop.parts()...)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return errors.Join(err, shop.backend.Close(closing))
}
