package programtest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// The parts of Postgres's protocol that a pooler reads.
const (
	protocolVersion = 3 << 16
	maxStartup      = 10_000
	backendKeyData  = 'K'
	readyForQuery   = 'Z'
)

// Pooler passes connections on to a server and drops the session settings that a client asks
// for, as pgbouncer does with ignore_startup_parameters. With ownKeys it gives every client a
// key of its own, as a pooler does that shares the server's sessions. It returns the address
// of the database behind it. It ends with the test.
func Pooler(t *testing.T, database string, ownKeys bool) string {
	t.Helper()
	behind, err := url.Parse(database)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go pool(client, behind.Host, ownKeys)
		}
	}()
	before := *behind
	before.Host = listener.Addr().String()
	return before.String()
}

// pool serves one client until either side ends.
func pool(client net.Conn, address string, ownKeys bool) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	if startWithoutSettings(client, server) != nil {
		return
	}
	go func() {
		defer server.Close()
		_, _ = io.Copy(server, client)
	}()
	if ownKeys && hideKey(client, server) != nil {
		return
	}
	_, _ = io.Copy(client, server)
}

// startWithoutSettings passes on who the client is and which database it wants, and no more.
func startWithoutSettings(client io.Reader, server io.Writer) error {
	var head struct{ Length, Version uint32 }
	if err := binary.Read(client, binary.BigEndian, &head); err != nil {
		return err
	}
	if head.Version != protocolVersion || head.Length > maxStartup {
		return io.ErrUnexpectedEOF // Not a plain start.
	}
	rest := make([]byte, head.Length-8)
	if _, err := io.ReadFull(client, rest); err != nil {
		return err
	}
	words := bytes.Split(rest, []byte{0})
	var kept []byte
	for i := 0; i+1 < len(words); i += 2 {
		if name := string(words[i]); name == "user" || name == "database" {
			kept = append(append(append(append(kept, words[i]...), 0), words[i+1]...), 0)
		}
	}
	kept = append(kept, 0)
	message := binary.BigEndian.AppendUint32(nil, uint32(8+len(kept)))
	message = binary.BigEndian.AppendUint32(message, protocolVersion)
	_, err := server.Write(append(message, kept...))
	return err
}

// hideKey passes the server's answers on until it is ready, with another key.
func hideKey(client io.Writer, server io.Reader) error {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(server, head); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return err
		}
		if head[0] == backendKeyData {
			binary.BigEndian.PutUint32(body, binary.BigEndian.Uint32(body)+1_000_000)
		}
		if _, err := client.Write(append(head, body...)); err != nil {
			return err
		}
		if head[0] == readyForQuery {
			return nil
		}
	}
}
