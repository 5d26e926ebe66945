package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc/grpclog"
)

// Main is a program's main. It calls run with the program's arguments, environment and
// standard output, and a context that ends at SIGINT or SIGTERM. It writes an error of run
// to standard error after the program's name and exits with status 1; flag.ErrHelp does
// not count as an error. The log lines of gRPC go to the default logger of package slog,
// which Listen sets.
func Main(name string, run func(ctx context.Context, args, environ []string, stdout io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	grpclog.SetLoggerV2(newLibraryLog())
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}
