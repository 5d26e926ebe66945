package site

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"codebank.dev/platform/serve"
)

// Settings are the flags that all programs of pages share. Bind them before serve.Parse, and read them after.
type Settings struct {
	serve.Settings
	// Brand and Accent are those of a Config, and BankCode names the bank.
	Brand, Accent, BankCode string
	// SessionKey and SessionKeyBefore are files with keys of sessions.
	SessionKey, SessionKeyBefore string
	// Plain serves pages in plain text, on the loopback address.
	Plain bool
	zone  string
}

// Bind defines the flags on fs.
func (s *Settings) Bind(fs *flag.FlagSet, httpAddress string) {
	s.Settings.Bind(fs, "", httpAddress)
	s.BindTLS(fs, "")
	fs.StringVar(&s.BankCode, "bank-code", "001", "the `code` of the bank, three digits")
	fs.StringVar(&s.Brand, "bank-name", "Code Bank", "the `name` of the bank on the pages")
	fs.StringVar(&s.Accent, "theme", "blue", "the colours of the bank: blue or green")
	fs.StringVar(&s.SessionKey, "session-key", "", "the `file` of 32 random bytes that seal sessions; empty: sessions end with the program")
	fs.StringVar(&s.SessionKeyBefore, "session-key-before", "", "the `file` of the key before, whose sessions go on")
	fs.BoolVar(&s.Plain, "plain-pages", false, "serve the pages without TLS, on a loopback address only; calls to other programs keep it")
	fs.StringVar(&s.zone, "time-zone", "America/Sao_Paulo", "the `zone` in which days begin")
}

// Zone returns where days begin. The error names the flag.
func (s *Settings) Zone() (*time.Location, error) {
	zone, err := time.LoadLocation(s.zone)
	if err != nil {
		return nil, fmt.Errorf("--time-zone: %w", err)
	}
	return zone, nil
}

// Keys returns the keys of sessions. The error names the flag.
func (s *Settings) Keys() (*Keys, error) {
	if s.SessionKey == "" {
		if s.SessionKeyBefore != "" {
			return nil, errors.New("--session-key-before needs --session-key")
		}
		return RandomKeys()
	}
	keys, err := OpenKeys(s.SessionKey, s.SessionKeyBefore)
	if err != nil {
		return nil, fmt.Errorf("--session-key: %w", err)
	}
	return keys, nil
}

// Check refuses what cannot be. The error names the flag.
func (s *Settings) Check() error {
	switch {
	case s.Accent != "blue" && s.Accent != "green":
		return errors.New("--theme: blue or green")
	case len(s.BankCode) != 3:
		return errors.New("--bank-code: three digits")
	case s.Plain && !isLoopback(s.HTTPAddress):
		return errors.New("--plain-pages: --http-address must be on the loopback address")
	}
	return nil
}

// isLoopback reports whether an address to listen on is reached from this machine only.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	parsed, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && parsed.IsLoopback()
}

// Listen returns a server that serves pages, with health and figures beside them. Call its Run.
func (s *Settings) Listen(name string, walls *serve.Walls, logger *slog.Logger, checks ...serve.Check) (*serve.Server, error) {
	config := s.Config(name, logger)
	config.Checks = checks
	config.MaxRequestBytes = maxForm
	if !s.Plain {
		config.Walls = walls
	}
	server, err := serve.Listen(config)
	if err != nil {
		return nil, err
	}
	if files := walls.Files(); s.Plain && files != nil {
		// The server has no walls, so nobody else reads new certificates for the calls.
		server.Background(func(ctx context.Context) { files.Run(ctx, logger) })
	}
	return server, nil
}

// Mount serves a handler of pages at every path that the server does not have itself.
func Mount(server *serve.Server, pages http.Handler) { server.Handle("/", pages) }
