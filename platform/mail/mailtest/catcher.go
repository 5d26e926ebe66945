// Package mailtest is for tests of programs that send e-mails: a mail server that keeps what it gets.
package mailtest

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
)

// patience bounds the wait for an e-mail.
const patience = time.Minute

// Mail is an e-mail that came.
type Mail struct{ To, From, Subject, Text string }

var codeForm = regexp.MustCompile(`(?m)^Code: (\S+)\r?$`)

// Code returns the token in the e-mail, or "" if it has none.
func (m Mail) Code() string {
	if found := codeForm.FindStringSubmatch(m.Text); found != nil {
		return found[1]
	}
	return ""
}

// Catcher is a mail server on the loopback address. It takes every e-mail and sends none on.
type Catcher struct {
	listener net.Listener

	mutex   sync.Mutex
	caught  []Mail
	read    map[string]int
	refuses bool
}

// Catch starts a Catcher, which ends with the test.
func Catch(t testing.TB) *Catcher {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &Catcher{listener: listener, read: make(map[string]int)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return c
}

// URL returns the setting of a program that sends by the catcher.
func (c *Catcher) URL() string { return "smtp://" + c.listener.Addr().String() }

// Refuse makes the catcher refuse e-mails, or take them again.
func (c *Catcher) Refuse(refuses bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.refuses = refuses
}

// All returns every e-mail that came.
func (c *Catcher) All() []Mail {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return append([]Mail(nil), c.caught...)
}

// Next waits for the next e-mail to an address and returns it.
func (c *Catcher) Next(t testing.TB, to string) Mail {
	t.Helper()
	var found Mail
	await.Until(t, func() bool {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		for i := c.read[to]; i < len(c.caught); i++ {
			if c.caught[i].To == to {
				found, c.read[to] = c.caught[i], i+1
				return true
			}
		}
		return false
	}, patience, 2*time.Millisecond, "no e-mail to %s", to)
	return found
}

// serve speaks SMTP (RFC 5321) with one client.
func (c *Catcher) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	reader := textproto.NewReader(bufio.NewReader(conn))
	answer := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	answer("220 catcher")
	var to string
	for {
		line, err := reader.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO", "HELO":
			answer("250 catcher")
		case "RCPT":
			to = strings.Trim(strings.TrimPrefix(rest, "TO:"), "<>")
			answer("250 ok")
		case "DATA":
			answer("354 go on")
			message, err := io.ReadAll(reader.DotReader())
			if err != nil {
				return
			}
			answer(c.keep(to, string(message)))
		case "QUIT":
			answer("221 bye")
			return
		default:
			answer("250 ok")
		}
	}
}

// keep keeps an e-mail and returns the answer.
func (c *Catcher) keep(to, text string) string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	message, err := mail.ReadMessage(strings.NewReader(text))
	if c.refuses || err != nil {
		return "451 try again"
	}
	body := io.Reader(message.Body)
	if strings.EqualFold(message.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	plain, err := io.ReadAll(body)
	if err != nil {
		return "554 malformed"
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return "554 malformed"
	}
	c.caught = append(c.caught, Mail{To: to, From: message.Header.Get("From"), Subject: subject, Text: string(plain)})
	return "250 kept"
}
