package token

import (
	"context"
	"log/slog"
	"strings"
	"time"

	identityv1 "codebank.dev/schemas/gen/identity/v1"
)

const (
	// firstPause and longestPause bound the wait before the stream is opened again.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
	// sessionsPrefix begins the name of a session. The claim sid is what follows.
	sessionsPrefix = "sessions/"
)

// Watch tells e which sessions the program identity ends, until ctx ends. When the stream
// breaks, it opens a new one that goes on behind the last message. It logs a warning when a
// stream breaks that had worked.
func (e *Ended) Watch(ctx context.Context, client identityv1.IdentityServiceClient, logger *slog.Logger) {
	pause := firstPause
	for ctx.Err() == nil {
		heard, err := e.follow(ctx, client)
		if heard {
			pause = firstPause
			if ctx.Err() == nil {
				logger.WarnContext(ctx, "the stream of ended sessions broke and is opened again", "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			pause = min(2*pause, longestPause)
		}
	}
}

// follow reads one stream to its end. It reports whether a message came.
func (e *Ended) follow(ctx context.Context, client identityv1.IdentityServiceClient) (heard bool, err error) {
	stream, err := client.WatchEndedSessions(ctx, &identityv1.WatchEndedSessionsRequest{AfterSequence: e.position()})
	for err == nil {
		var message *identityv1.WatchEndedSessionsResponse
		if message, err = stream.Recv(); err != nil {
			break
		}
		heard = true
		ended := make(map[string]time.Time, len(message.GetEndedSessions()))
		for _, session := range message.GetEndedSessions() {
			ended[strings.TrimPrefix(session.GetSession(), sessionsPrefix)] = session.GetTokensExpireTime().AsTime()
		}
		e.hear(ended, message.GetSequence())
	}
	return heard, err
}
