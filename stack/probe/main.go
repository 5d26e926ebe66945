// Command probe checks whether a program is ready. It is for containers without a shell and
// without curl.
//
//	probe URL                exits with 0 if the URL answers 200 now, else with 1
//	probe --wait 5m URL      tries again and again for this time
//	probe --authority FILE   trusts the authorities of a file (PEM), for a URL that begins with https
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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
	authority := flags.String("authority", "", "`file` with the authorities (PEM) that may sign the certificate of the URL; without it, those that this machine trusts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("want one URL")
	}
	transport, err := trust(*authority)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: transport}
	deadline := time.Now().Add(*wait)
	for {
		err := check(ctx, client, flags.Arg(0))
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

// trust returns a transport that trusts the authorities of a file. Without a file they are those of the machine.
func trust(path string) (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("%s: no certificate in PEM", path)
		}
	}
	return &http.Transport{TLSClientConfig: config}, nil
}

// check returns nil if the URL answers 200.
func check(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}
