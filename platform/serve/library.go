package serve

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"codebank.dev/platform/pan"
	"google.golang.org/grpc/grpclog"
)

// libraryLog is the log of gRPC and of its gateway. Its lines go to the default logger of
// package slog, so they have the program's format. Errors have the level error, and all
// other lines have the level debug. The libraries do not know the trace of a request, so
// the edge logs the failure of a request once more, under its trace.
type libraryLog struct{}

var _ grpclog.LoggerV2 = libraryLog{}

// print logs what fmt.Sprintln makes of args, without the line break. The line may repeat a part of a
// request, so card numbers in it are masked.
func (libraryLog) print(level slog.Level, args []any) {
	logger := slog.Default()
	if logger.Enabled(context.Background(), level) {
		line := pan.Mask(strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
		logger.LogAttrs(context.Background(), level, line, slog.String("library", "grpc"))
	}
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
func (l libraryLog) Error(args ...any) { l.print(slog.LevelError, args) }

// Errorln implements grpclog.LoggerV2.
func (l libraryLog) Errorln(args ...any) { l.print(slog.LevelError, args) }

// Errorf implements grpclog.LoggerV2.
func (l libraryLog) Errorf(format string, args ...any) { l.print(slog.LevelError, text(format, args)) }

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
