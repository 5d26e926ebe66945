// Package clientauth holds the settings with which a program reaches a server that is not one of
// ours: the authority that signs the server's certificate, the program's own certificate, and its
// name and password or API key. The settings have the same names and the same rules in all
// programs.
//
//	settings.go   the flags of each server, and Open, which reads the files
//	client.go     connections with TLS, and no credentials over a network without it
//	transport.go  the same for HTTP: credentials go to the server's own addresses only
//	explain.go    which setting a failed connection is about
//	kafkaauth     the same for the client of Kafka
//
// Postgres is not here: its address has the settings, as in every Postgres program (sslmode,
// sslrootcert, sslcert, sslkey). Package database checks them.
package clientauth

import (
	"errors"
	"fmt"
	"strings"
)

// Flags is a set of flags of package flag or of another package.
type Flags interface {
	StringVar(value *string, name, initial, usage string)
}

// credentials are the kinds of credentials that a server takes.
type credentials int

const (
	none credentials = iota
	password
	passwordOrKey
)

// Settings are the flags for one server. Make them with the function of the server, bind them
// before the flags are parsed, and open them afterwards. They hold secrets: never log them.
type Settings struct {
	// name begins the names of the flags. title names the server in texts.
	name, title string
	takes       credentials
	// byURL says that the address says whether TLS is spoken. Otherwise TLS is spoken when an
	// authority or a certificate is set.
	byURL bool

	authority, certificate, key string
	username, password, apiKey  string
}

// Kafka returns the settings for the brokers: --kafka-tls-authority and so on. The password is for
// SASL with SCRAM-SHA-512.
func Kafka() *Settings {
	return &Settings{name: "kafka", title: "the Kafka broker", takes: password}
}

// Registry returns the settings for the schema registry.
func Registry() *Settings {
	return &Settings{name: "registry", title: "the schema registry", takes: password, byURL: true}
}

// Connect returns the settings for a Kafka Connect worker.
func Connect() *Settings {
	return &Settings{name: "connect", title: "Kafka Connect", takes: password, byURL: true}
}

// Elasticsearch returns the settings for the nodes of Elasticsearch.
func Elasticsearch() *Settings {
	return &Settings{name: "elasticsearch", title: "Elasticsearch", takes: passwordOrKey, byURL: true}
}

// Kibana returns the settings for Kibana. Its credentials are settings of their own.
func Kibana() *Settings { return &Settings{name: "kibana", title: "Kibana", byURL: true} }

const (
	// system stands for the authorities that the machine trusts.
	system = "system"
	// secret ends the help of a secret.
	secret = ". It is a secret: set it in the environment, or name a file that holds it there"
)

// Bind defines the flags.
func (s *Settings) Bind(flags Flags) {
	otherwise := "; without it and without a certificate, TLS is not spoken"
	if s.byURL {
		otherwise = "; without it, those that this machine trusts"
	}
	flags.StringVar(&s.authority, s.flag("tls-authority"), "", "`file` with the certificates (PEM) of the authorities that may sign the certificate of "+
		s.title+", or \"system\" for those that this machine trusts"+otherwise)
	flags.StringVar(&s.certificate, s.flag("tls-certificate"), "", "`file` with this program's certificate (PEM) for "+s.title+", if it wants one. It is read for each connection")
	flags.StringVar(&s.key, s.flag("tls-key"), "", "`file` with the key (PEM) of that certificate")
	if s.takes == none {
		return
	}
	flags.StringVar(&s.username, s.flag("username"), "", "`name` of this program for "+s.title+s.mechanism()+". Unless the address is loopback, it is sent with TLS only")
	flags.StringVar(&s.password, s.flag("password"), "", "`password` for "+s.title+secret)
	if s.takes == passwordOrKey {
		flags.StringVar(&s.apiKey, s.flag("api-key"), "", "API `key` for "+s.title+", encoded, in place of name and password"+secret)
	}
}

func (s *Settings) mechanism() string {
	if s.byURL {
		return ""
	}
	return " (SASL, SCRAM-SHA-512)"
}

// flag returns the name of a flag.
func (s *Settings) flag(of string) string { return s.name + "-" + of }

// Open checks the settings and reads the files. Nothing is sent. Errors name the flag and hold no
// secret.
func (s *Settings) Open() (*Client, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	client := &Client{settings: *s}
	if err := client.loadFiles(); err != nil {
		return nil, err
	}
	return client, nil
}

// check refuses settings that cannot be meant.
func (s *Settings) check() error {
	pairs := [][2]setting{
		{{"tls-certificate", s.certificate}, {"tls-key", s.key}},
		{{"username", s.username}, {"password", s.password}},
	}
	for _, pair := range pairs {
		if (pair[0].value == "") != (pair[1].value == "") {
			return fmt.Errorf("--%s and --%s belong together: set both or none", s.flag(pair[0].name), s.flag(pair[1].name))
		}
	}
	switch {
	case s.username != "" && s.apiKey != "":
		return fmt.Errorf("--%s and --%s: set one of them", s.flag("username"), s.flag("api-key"))
	case s.byURL && strings.Contains(s.username, ":"):
		return errors.New("--" + s.flag("username") + ": a name with a colon cannot be sent")
	case strings.ContainsFunc(s.username+s.password, isControl):
		return fmt.Errorf("--%s and --%s: a line break or another control character is in one of them", s.flag("username"), s.flag("password"))
	case strings.ContainsFunc(s.apiKey, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("--" + s.flag("api-key") + ": not in its encoded form, which has letters, digits and signs without spaces")
	}
	return nil
}

// setting is a setting of one server, by the end of its name.
type setting struct{ name, value string }

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
