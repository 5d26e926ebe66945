package token

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"codebank.dev/platform/fault"
)

const (
	// reloadEvery is how often a source is read, so that a retired key is not taken for longer.
	reloadEvery = time.Minute
	// reloadAtMost is the least time between two reads, whatever keys tokens name.
	reloadAtMost = 2 * time.Second
	// fetchTimeout bounds one read.
	fetchTimeout = 5 * time.Second
)

var errNoKeys = fault.New(fault.Unavailable, "TOKEN_KEYS_AWAITED", "Access tokens cannot be verified at the moment.").After(reloadAtMost)

// Source is a key set in a file or behind a URL. It is read every minute (see Run), and when a
// token names a key that it lacks. While it cannot be read, the keys that were read last hold.
type Source struct {
	location string
	client   *http.Client
	keys     atomic.Pointer[KeySet]

	mutex sync.Mutex
	read  time.Time // the last try
}

var _ Keys = (*Source)(nil)

// NewSource returns a source of the keys at location: an http or https URL, or the path of a
// file. It reads nothing yet. A nil transport is that of package http.
func NewSource(location string, transport http.RoundTripper) *Source {
	refuse := func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") }
	return &Source{location: location, client: &http.Client{Transport: transport, Timeout: fetchTimeout, CheckRedirect: refuse}}
}

// Key returns the key with an id. If it is unknown, the source is read again, once in two
// seconds at most. The error is Unavailable if the source was never read.
func (s *Source) Key(ctx context.Context, id string) (ed25519.PublicKey, error) {
	if set := s.keys.Load(); set != nil && (*set)[id] != nil {
		return (*set)[id], nil
	}
	err := s.reload(ctx, reloadAtMost)
	set := s.keys.Load()
	if set == nil {
		return nil, errNoKeys.Wrap(err)
	}
	return (*set)[id], nil
}

// Ready returns nil if keys are known.
func (s *Source) Ready(context.Context) error {
	if s.keys.Load() == nil {
		return errNoKeys
	}
	return nil
}

// Run reads the source every minute until ctx ends, and sooner as long as no keys are known. It
// logs a warning when the source cannot be read.
func (s *Source) Run(ctx context.Context, logger *slog.Logger) {
	for {
		if err := s.reload(ctx, 0); err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "the keys of access tokens cannot be read; the last ones hold", "keys", s.location, "error", err)
		}
		wait := reloadEvery
		if s.keys.Load() == nil {
			wait = reloadAtMost
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// reload reads the source, unless that was tried within the last moments.
func (s *Source) reload(ctx context.Context, unlessWithin time.Duration) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if time.Since(s.read) < unlessWithin {
		return nil
	}
	document, err := s.fetch(ctx)
	s.read = time.Now()
	if err != nil {
		return err
	}
	set, err := ParseKeySet(document)
	if err != nil {
		return err
	}
	s.keys.Store(&set)
	return nil
}

// remote reports whether a location is a URL.
func remote(location string) bool {
	return strings.HasPrefix(location, "https://") || strings.HasPrefix(location, "http://")
}

func (s *Source) fetch(ctx context.Context) ([]byte, error) {
	if !remote(s.location) {
		file, err := os.Open(s.location)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return io.ReadAll(io.LimitReader(file, maxKeySet+1))
	}
	// The caller may give up, and the next one needs the keys too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.location, nil)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("token: the keys are answered with status %d", response.StatusCode)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
}
