package token

import (
	"errors"
	"flag"
	"net/netip"
	"net/url"
)

// Settings are the flags of a program that verifies tokens. Bind them before serve.Parse, read
// them after.
type Settings struct {
	// Issuer and Audience are the claims that tokens must have.
	Issuer, Audience string
	// Keys is the place of the issuer's JSON Web Key Set: a URL or a path.
	Keys string
}

// Bind defines the flags on fs. audience is the default of --token-audience.
func (s *Settings) Bind(fs *flag.FlagSet, audience string) {
	fs.StringVar(&s.Issuer, "token-issuer", "", "the `issuer` (iss) of access tokens")
	fs.StringVar(&s.Audience, "token-audience", audience, "the `audience` (aud) that access tokens must name")
	fs.StringVar(&s.Keys, "token-keys", "", "where the issuer's keys are: the `URL` of a JSON Web Key Set, or the path of a file")
}

// Check returns an error that names a setting that is missing or cannot be meant.
func (s *Settings) Check() error {
	switch {
	case s.Issuer == "":
		return errors.New("--token-issuer is required")
	case s.Audience == "":
		return errors.New("--token-audience is required")
	case s.Keys == "":
		return errors.New("--token-keys is required")
	}
	if parsed, err := url.Parse(s.Keys); remote(s.Keys) && (err != nil || parsed.Host == "" || parsed.User != nil) {
		return errors.New("--token-keys: not a URL, or one with a password")
	} else if parsed != nil && parsed.Scheme == "http" && !loopback(parsed.Hostname()) {
		return errors.New("--token-keys: keys from another machine come by https, or anybody in between could sign")
	}
	return nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
