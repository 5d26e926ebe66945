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

// Main is a program's main: it calls run with what the program was started with, and a
// context that ends when the program is told to end, by SIGINT or SIGTERM. An error is
// written to standard error behind the program's name, and the status is 1; that help
// was asked for is none. What gRPC logs goes to the default logger of package slog, which
// Listen sets.
func Main(name string, run func(ctx context.Context, args, environ []string, stdout io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	grpclog.SetLoggerV2(libraryLog{})
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}
