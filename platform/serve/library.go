package serve

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"codebank.dev/platform/pan"
	"google.golang.org/grpc/grpclog"
)

// libraryLog is the log of gRPC and of its gateway. Its lines go to the default logger of
// package slog, so they have the program's format. Errors have the level error, one line of
// each kind a second at most. All other lines have the level debug, and so has an answer that its client
// did not wait for. The libraries do not know the trace of a request, so the edge logs the
// failure of a request once more, under its trace.
type libraryLog struct{ errors *sync.Map } // format → *sparing

var _ grpclog.LoggerV2 = libraryLog{}

func newLibraryLog() libraryLog { return libraryLog{errors: &sync.Map{}} }

// clientGone are the lines of the gateway about an answer that cannot be sent, because its client has gone.
var clientGone = []string{
	"Failed to send ", "Failed to write response", "Failed to flush response", "Failed to notify error to client",
}

// print logs what fmt.Sprintln makes of args, without the line break. The line may repeat a part of a
// request, so card numbers in it are masked.
func (libraryLog) print(level slog.Level, args []any, further ...slog.Attr) {
	logger := slog.Default()
	if logger.Enabled(context.Background(), level) {
		line := pan.Mask(strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
		logger.LogAttrs(context.Background(), level, line, append(further, slog.String("library", "grpc"))...)
	}
}

// fail logs an error. Clients can cause some errors as often as they like, so not each has a line. The libraries'
// formats are constants; errors without a format are one kind.
func (l libraryLog) fail(format string, args []any) {
	if slices.ContainsFunc(clientGone, func(begin string) bool { return strings.HasPrefix(format, begin) }) {
		l.print(slog.LevelDebug, args)
		return
	}
	kind, _ := l.errors.LoadOrStore(format, &sparing{})
	if lines := kind.(*sparing); lines.allows(time.Now()) {
		l.print(slog.LevelError, args, lines.skipped())
	}
}

// serverLog is the log of the HTTP server. It is about connections that fail, such as one in plain text to a port of
// TLS. Clients cause it, so it has one line a second at most.
type serverLog struct {
	logger *slog.Logger
	lines  sparing
}

// Write logs one line.
func (l *serverLog) Write(line []byte) (int, error) {
	if l.lines.allows(time.Now()) {
		l.logger.LogAttrs(context.Background(), slog.LevelWarn, strings.TrimSuffix(string(line), "\n"), l.lines.skipped())
	}
	return len(line), nil
}

// Info implements grpclog.LoggerV2.
func (l libraryLog) Info(args ...any) { l.print(slog.LevelDebug, args) }

// Infoln implements grpclog.LoggerV2.
func (l libraryLog) Infoln(args ...any) { l.print(slog.LevelDebug, args) }

// Infof implements grpclog.LoggerV2.
func (l libraryLog) Infof(format string, args ...any) { l.print(slog.LevelDebug, text(format, args)) }

// Warning implements grpclog.LoggerV2.
func (l libraryLog) Warning(args ...any) { l.print(slog.LevelDebug, args) }

// Warningln implements grpclog.LoggerV2.
func (l libraryLog) Warningln(args ...any) { l.print(slog.LevelDebug, args) }

// Warningf implements grpclog.LoggerV2.
func (l libraryLog) Warningf(format string, args ...any) {
	l.print(slog.LevelDebug, text(format, args))
}

// Error implements grpclog.LoggerV2.
func (l libraryLog) Error(args ...any) { l.fail("", args) }

// Errorln implements grpclog.LoggerV2.
func (l libraryLog) Errorln(args ...any) { l.fail("", args) }

// Errorf implements grpclog.LoggerV2.
func (l libraryLog) Errorf(format string, args ...any) { l.fail(format, text(format, args)) }

// Fatal implements grpclog.LoggerV2. Package grpclog then ends the program.
func (l libraryLog) Fatal(args ...any) { l.print(slog.LevelError, args) }

// Fatalln implements grpclog.LoggerV2. Package grpclog then ends the program.
func (l libraryLog) Fatalln(args ...any) { l.print(slog.LevelError, args) }

// Fatalf implements grpclog.LoggerV2. Package grpclog then ends the program.
func (l libraryLog) Fatalf(format string, args ...any) { l.print(slog.LevelError, text(format, args)) }

// V implements grpclog.LoggerV2. It leaves out the lines that gRPC writes only on
// request.
func (libraryLog) V(int) bool { return false }

// text returns a formatted line as one argument. The line is formatted when it is
// printed.
func text(format string, args []any) []any { return []any{formatted{format, args}} }

type formatted struct {
	format string
	args   []any
}

// String returns the formatted line.
func (f formatted) String() string { return fmt.Sprintf(f.format, f.args...) }
