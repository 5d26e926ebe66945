package kafka

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/registry"
	"codebank.dev/schemas"
)

// schemaFolder is the folder of the schemas of a bank's events.
const schemaFolder = "transactions"

// schemaIDs returns the registry's ids of our schema versions. It asks for each id once, because
// ids never change. It belongs to one goroutine.
type schemaIDs struct {
	registry *sr.Client
	auth     *clientauth.Client
	subject  string
	texts    map[int]string
	known    map[int]uint32
}

func newSchemaIDs(config *PublisherConfig, folder, subject string) (*schemaIDs, error) {
	client, err := registry.New(config.RegistryURL, registry.Timeout, config.RegistryAuth)
	if err != nil {
		return nil, err
	}
	versions, err := schemas.Schemas(folder)
	if err != nil {
		return nil, err
	}
	ids := &schemaIDs{registry: client, auth: config.RegistryAuth, subject: subject, texts: make(map[int]string), known: make(map[int]uint32)}
	for _, version := range versions {
		ids.texts[version.Number] = version.Schema
	}
	return ids, nil
}

// errUnknownVersion says that an event was written with a schema version that this program does not
// have: a newer program wrote the event and has to publish it.
var errUnknownVersion = errors.New("kafka: schema version unknown to this program")

// lookUp asks the registry for the id of a version. It never registers a schema.
func (s *schemaIDs) lookUp(ctx context.Context, version int) (uint32, error) {
	text, ok := s.texts[version]
	if !ok {
		return 0, errUnknownVersion
	}
	found, err := s.registry.LookupSchema(ctx, s.subject, sr.Schema{Schema: text, Type: sr.TypeAvro})
	var answer *sr.ResponseError
	if errors.As(err, &answer) {
		err = s.auth.ExplainStatus(answer.StatusCode, err)
	}
	if err != nil {
		return 0, err
	}
	s.known[version] = uint32(found.ID)
	return uint32(found.ID), nil
}

// schemaID returns the registry's id of a version. It waits while the registry is away or does not
// know the schema yet; false when the publisher is closed first.
func (p *Publisher) schemaID(version int) (uint32, bool) {
	if id, ok := p.ids.known[version]; ok {
		return id, true
	}
	wait := backoff{shortest: 100 * time.Millisecond, longest: 5 * time.Second}
	for logged := ""; p.ctx.Err() == nil; wait.sleep(p.ctx) {
		id, err := p.ids.lookUp(p.ctx, version)
		if err == nil {
			p.stats.schemaMissing.Store(false)
			p.logger.Info("schema found", slog.Int("version", version), slog.Uint64("id", uint64(id)))
			return id, true
		}
		p.stats.schemaMissing.Store(true)
		if reason := whyMissing(err); reason != logged && p.ctx.Err() == nil {
			logged = reason
			p.logger.Warn("events wait: "+reason, slog.String("subject", p.ids.subject),
				slog.Int("version", version), slog.Any("error", err))
		}
	}
	return 0, false
}

// whyMissing says what has to happen before a schema is found.
func whyMissing(err error) string {
	var answer *sr.ResponseError
	var access *clientauth.Error
	switch {
	case errors.As(err, &access):
		return access.Reason
	case errors.Is(err, errUnknownVersion):
		return "they were written with a newer schema; a newer bank has to publish them"
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		return "their schema is not registered yet; register it with `bankctl apply schemas`"
	default:
		return "the schema registry is away"
	}
}

// backoff waits for times that double from the shortest to the longest.
type backoff struct{ shortest, longest, current time.Duration }

// sleep waits, or returns when ctx ends.
func (b *backoff) sleep(ctx context.Context) {
	b.current = min(max(2*b.current, b.shortest), b.longest)
	timer := time.NewTimer(b.current*3/4 + rand.N(b.current/2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
