// Package mailbox is the mail server of a stack. It takes every e-mail, sends none on, and keeps the newest
// one to each address in a file, so that people and tests can read what a program has sent.
package mailbox

import (
	"bufio"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	// sessionTimeout bounds one connection, and maxMessage one e-mail.
	sessionTimeout = time.Minute
	maxMessage     = 1 << 20
)

// Server listens on one address. Make one with Listen.
type Server struct {
	listener net.Listener
	folder   string
	serving  sync.WaitGroup
}

// Listen serves SMTP (RFC 5321) on an address, host:port, and writes e-mails into a folder, which it makes.
func Listen(address, folder string) (*Server, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Server{listener: listener, folder: folder}
	s.serving.Go(s.accept)
	return s, nil
}

// Address is where it listens.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close ends it after the connections that are open.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.serving.Wait()
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { s.serve(conn) })
	}
}

// serve speaks with one client.
func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(sessionTimeout))
	reader := textproto.NewReader(bufio.NewReader(io.LimitReader(conn, maxMessage)))
	answer := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	answer("220 mailbox")
	to := ""
	for {
		line, err := reader.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "RCPT":
			to = strings.Trim(strings.TrimPrefix(rest, "TO:"), "<>")
			answer("250 ok")
		case "DATA":
			answer("354 go on")
			message, err := io.ReadAll(reader.DotReader())
			if err != nil {
				return
			}
			if err := s.keep(to, string(message)); err != nil {
				answer("451 " + strings.ReplaceAll(err.Error(), "\n", " "))
				continue
			}
			answer("250 kept")
		case "QUIT":
			answer("221 bye")
			return
		default:
			answer("250 ok")
		}
	}
}

// notInName are the characters of an address that the name of a file does not keep.
var notInName = regexp.MustCompile(`[^A-Za-z0-9@._+-]`)

// File returns the file of the newest e-mail to an address. There is none before the first.
func File(folder, address string) string {
	return filepath.Join(folder, notInName.ReplaceAllString(strings.ToLower(address), "_")+".txt")
}

// keep writes the text of an e-mail at once.
func (s *Server) keep(to, text string) error {
	message, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		return err
	}
	body := message.Body
	if strings.EqualFold(message.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	plain, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	file := File(s.folder, to)
	if err := os.WriteFile(file+".part", plain, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".part", file)
}

var code = regexp.MustCompile(`(?m)^Code: (\S+?)\r?$`)

// Code returns the token in the newest e-mail to an address; "" if there is none.
func Code(folder, address string) string {
	content, err := os.ReadFile(File(folder, address))
	if err != nil {
		return ""
	}
	if found := code.FindSubmatch(content); found != nil {
		return string(found[1])
	}
	return ""
}
