package access

import (
	"context"
	"log/slog"
	"time"

	"codebank.dev/identity"
)

// pruneEvery is how often what is too old is deleted.
const pruneEvery = 10 * time.Second

// Prune deletes what is too old to matter, every few seconds until ctx ends.
func Prune(ctx context.Context, store identity.Guard, logger *slog.Logger) {
	for ctx.Err() == nil {
		if err := store.Prune(ctx, time.Now()); err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "what is too old was not deleted; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pruneEvery):
		}
	}
}
