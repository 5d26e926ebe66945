// Command probe checks whether a program is ready. It is for containers without a shell and
// without curl.
//
//	probe URL                exits with 0 if the URL answers 200 now, else with 1
//	probe --wait 5m URL      tries again and again for this time
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	// requestTimeout bounds one request.
	requestTimeout = 3 * time.Second
	// interval is the wait between two requests.
	interval = time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "probe:", err)
		stop()
		os.Exit(1)
	}
}

// run returns nil when the URL has answered 200. Otherwise it returns the last error.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	flags.SetOutput(out)
	wait := flags.Duration("wait", 0, "how long to try again")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("want one URL")
	}
	deadline := time.Now().Add(*wait)
	for {
		err := check(ctx, flags.Arg(0))
		if err == nil || !time.Now().Add(interval).Before(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(interval):
		}
	}
}

// check returns nil if the URL answers 200.
func check(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}
