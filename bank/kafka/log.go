package kafka

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/clientauth/kafkaauth"
)

// clientLog passes the lines of the broker's client on to the program's log. The client's
// errors are errors there. Its warnings are about brokers that are away, which the relay
// reports by itself and less often, so they are for those who debug. A warning or error about
// certificates or credentials is for everybody, but not at every try.
type clientLog struct {
	*slog.Logger
	auth *clientauth.Client
	said *said
}

var _ kgo.Logger = clientLog{}

func newClientLog(config *PublisherConfig) clientLog {
	return clientLog{config.Logger, config.BrokerAuth, new(said)}
}

// Level implements kgo.Logger. The client's own debug lines, one for every request, are left out.
func (l clientLog) Level() kgo.LogLevel {
	switch {
	case l.debugs():
		return kgo.LogLevelInfo
	case l.auth != nil:
		return kgo.LogLevelWarn
	}
	return kgo.LogLevelError
}

func (l clientLog) debugs() bool { return l.Enabled(context.Background(), slog.LevelDebug) }

// Log implements kgo.Logger.
func (l clientLog) Log(level kgo.LogLevel, message string, pairs ...any) {
	logged := slog.LevelDebug
	if level == kgo.LogLevelError {
		logged = slog.LevelError
	}
	line := []any{slog.String("library", "franz-go")}
	for _, value := range pairs {
		if err, ok := value.(error); ok {
			err = kafkaauth.Explain(l.auth, err)
			value = err
			var access *clientauth.Error
			if errors.As(err, &access) && !l.debugs() {
				if !l.said.now(access.Reason) {
					return
				}
				logged = slog.LevelError
			}
		}
		line = append(line, value)
	}
	l.Logger.Log(context.Background(), logged, message, line...)
}

// sayAgainAfter is how long a reason is not logged again.
const sayAgainAfter = time.Minute

// said is the reason that was logged last. A client tries several times a second.
type said struct {
	mutex  sync.Mutex
	reason string
	at     time.Time
}

// now reports whether a reason is to be logged.
func (s *said) now(reason string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if reason == s.reason && time.Since(s.at) < sayAgainAfter {
		return false
	}
	s.reason, s.at = reason, time.Now()
	return true
}
