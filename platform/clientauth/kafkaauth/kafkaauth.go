// Package kafkaauth makes options of a broker's client from the settings of package clientauth. Every
// client of the brokers takes them, so that all connect and sign in alike.
package kafkaauth

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"codebank.dev/platform/clientauth"
)

// Options returns the options of a client that connects and signs in as auth says: with TLS or
// without, and with SCRAM-SHA-512 if there is a password. They set the dialer.
func Options(auth *clientauth.Client) []kgo.Opt {
	return append([]kgo.Opt{kgo.Dialer(auth.DialContext)}, SASL(auth)...)
}

// SASL returns the options that sign in, for a client with a dialer of its own. There are none
// without a password. No weaker mechanism is offered: a server that asks for PLAIN would read the
// password.
func SASL(auth *clientauth.Client) []kgo.Opt {
	username, password := auth.Password()
	if username == "" {
		return nil
	}
	return []kgo.Opt{kgo.SASL(scram.Auth{User: username, Pass: password}.AsSha512Mechanism())}
}

// Explain returns an error of a broker's client with the settings that it is about: a
// *clientauth.Error if the broker cannot be trusted or refuses the credentials, else err itself.
func Explain(auth *clientauth.Client, err error) error {
	if errors.Is(err, kerr.SaslAuthenticationFailed) || errors.Is(err, kerr.UnsupportedSaslMechanism) {
		return auth.Refused(err)
	}
	return auth.Explain(err)
}
