// Package mail sends e-mails by SMTP.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"
)

// timeout bounds one e-mail.
const timeout = 20 * time.Second

// Message is one e-mail in plain text.
type Message struct{ To, Subject, Text string }

// Server is a mail server to send by.
type Server struct {
	// Host and Port say where it is.
	Host string
	Port int
	// User and Password sign in; empty for none. Never log the password.
	User, Password string
	// TLS says that the connection begins with TLS. Otherwise it changes to TLS (STARTTLS), which only
	// a server on the loopback address may lack.
	TLS bool
}

// errServer does not repeat the URL, because the URL may hold a password.
var errServer = errors.New("mail: the URL of the mail server cannot be read: it must look like smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465")

// ParseServer returns the server of a URL: smtp://USER:PASSWORD@HOST:587 or smtps://…:465, user and
// password, and the port, may be left out. The error does not repeat the URL.
func ParseServer(text string) (Server, error) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" || parsed.Path != "" && parsed.Path != "/" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return Server{}, errServer
	}
	ports := map[string]int{"smtp": 587, "smtps": 465}
	server := Server{Host: parsed.Hostname(), Port: ports[parsed.Scheme], TLS: parsed.Scheme == "smtps", User: parsed.User.Username()}
	server.Password, _ = parsed.User.Password()
	if parsed.Port() != "" {
		port, err := strconv.ParseUint(parsed.Port(), 10, 16)
		if err != nil || port == 0 {
			return Server{}, errServer
		}
		server.Port = int(port)
	}
	if ports[parsed.Scheme] == 0 || (server.User == "") != (server.Password == "") {
		return Server{}, errServer
	}
	return server, nil
}

// local reports whether the server is on this machine.
func (s Server) local() bool {
	address, err := netip.ParseAddr(s.Host)
	return s.Host == "localhost" || err == nil && address.IsLoopback()
}

// Sender sends e-mails. It is safe for concurrent use.
type Sender struct {
	from   string
	client *mail.Client
}

// NewSender returns a Sender of e-mails from an address, which may have a name: Code Bank
// <no-reply@bank.example>. It connects to nothing yet.
func NewSender(server Server, from string) (*Sender, error) {
	options := []mail.Option{mail.WithPort(server.Port), mail.WithTimeout(timeout)}
	switch {
	case server.TLS:
		options = append(options, mail.WithSSL())
	case server.local():
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if server.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(server.User), mail.WithPassword(server.Password))
	}
	client, err := mail.NewClient(server.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("mail: %s: %w", net.JoinHostPort(server.Host, strconv.Itoa(server.Port)), err)
	}
	if err := mail.NewMsg().From(from); err != nil {
		return nil, errors.New("mail: the sender is not an e-mail address")
	}
	return &Sender{from, client}, nil
}

// Send sends one e-mail. When it returns nil, the server has taken it. The error does not repeat the
// text.
func (s *Sender) Send(ctx context.Context, message Message) error {
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(s.from), msg.To(message.To)); err != nil {
		return errors.New("mail: an address cannot be written")
	}
	msg.Subject(message.Subject)
	msg.SetBodyString(mail.TypeTextPlain, message.Text)
	if err := s.client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}
