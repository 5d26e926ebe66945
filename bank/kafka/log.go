package kafka

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// clientLog passes the lines of the broker's client on to the program's log. The client's
// errors are errors there. Its warnings are about brokers that are away, which the relay
// reports by itself and less often, so they are for those who debug.
type clientLog struct{ *slog.Logger }

var _ kgo.Logger = clientLog{}

// Level implements kgo.Logger. The client's own debug lines, one for every request, are left out.
func (l clientLog) Level() kgo.LogLevel {
	if l.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelError
}

// Log implements kgo.Logger.
func (l clientLog) Log(level kgo.LogLevel, message string, pairs ...any) {
	logged := slog.LevelDebug
	if level == kgo.LogLevelError {
		logged = slog.LevelError
	}
	l.Logger.Log(context.Background(), logged, message, append([]any{slog.String("library", "franz-go")}, pairs...)...)
}
