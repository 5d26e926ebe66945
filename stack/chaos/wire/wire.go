// Package wire puts faults into connections: a proxy for TCP that cuts, holds,
// delays and slices what passes, and one for HTTP that answers in its server's
// place. A proxy without a fault changes nothing.
package wire

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Condition is what happens to the connections of a proxy. The zero value is a
// wire without faults.
type Condition struct {
	// HoldUp keeps back what clients send, HoldDown what they are sent; both together
	// is a black hole. Nothing is lost while the connection lives: TCP would send it again.
	HoldUp, HoldDown bool
	// Refuse ends every new connection at once.
	Refuse bool
	// Delay holds each piece back for this long, and up to Jitter longer.
	Delay, Jitter time.Duration
	// BytesPerSecond bounds each direction of each connection; zero does not.
	BytesPerSecond int
	// Slice writes at most so many bytes at a time; zero does not slice.
	Slice int
}

// bufferSize is how much of a connection is on its way inside a proxy.
const bufferSize = 32 << 10

// Proxy passes the connections of one listener on to one target. Make one with
// Listen. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	passing  sync.WaitGroup

	mutex     sync.Mutex
	condition Condition
	changed   chan struct{} // closed when the condition is another
	open      map[net.Conn]bool
	closed    bool
}

// Listen opens a proxy to target, host:port, on a free loopback port. The target
// may be away: connections are then ended at once.
func Listen(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, changed: make(chan struct{}), open: make(map[net.Conn]bool)}
	p.passing.Go(p.accept)
	return p, nil
}

// Address is where the proxy listens, host:port.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Set puts a condition on all connections, those that are open included.
func (p *Proxy) Set(condition Condition) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.condition = condition
	close(p.changed)
	p.changed = make(chan struct{})
}

// Reset ends all open connections with a reset, as a crashed host would.
func (p *Proxy) Reset() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for connection := range p.open {
		if tcp, ok := connection.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = connection.Close()
	}
}

// Close ends the proxy and its connections, and returns when none passes any more.
func (p *Proxy) Close() {
	p.mutex.Lock()
	p.closed = true
	p.mutex.Unlock()
	_ = p.listener.Close()
	p.Reset()
	p.passing.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.passing.Go(func() { p.serve(client) })
	}
}

// now returns the condition, and a channel that is closed when it is another.
func (p *Proxy) now() (Condition, <-chan struct{}) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.condition, p.changed
}

// keep notes an open connection, unless the proxy is closed.
func (p *Proxy) keep(connection net.Conn) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.closed {
		_ = connection.Close()
		return false
	}
	p.open[connection] = true
	return true
}

func (p *Proxy) drop(connection net.Conn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.open, connection)
	_ = connection.Close()
}

// dialPatience bounds the wait for a target that does not answer.
const dialPatience = 5 * time.Second

func (p *Proxy) serve(client net.Conn) {
	if condition, _ := p.now(); condition.Refuse || !p.keep(client) {
		_ = client.Close()
		return
	}
	defer p.drop(client)
	server, err := net.DialTimeout("tcp", p.target, dialPatience)
	if err != nil || !p.keep(server) {
		return
	}
	defer p.drop(server)
	ended := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() { p.pump(passage{client, server, true, ended}) })
	both.Go(func() { p.pump(passage{server, client, false, ended}) })
	both.Wait()
}

// passage is one direction of one connection.
type passage struct {
	from, to net.Conn
	up       bool
	ended    chan struct{} // closed when either direction has ended
}

// pump passes one direction on until either side ends, which ends both.
func (p *Proxy) pump(way passage) {
	defer func() {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		select {
		case <-way.ended:
		default:
			close(way.ended)
		}
		_ = way.from.Close()
		_ = way.to.Close()
	}()
	buffer := make([]byte, bufferSize)
	for {
		n, err := way.from.Read(buffer)
		if n > 0 && !p.pass(way, buffer[:n]) {
			return
		}
		if err != nil {
			return
		}
	}
}

// pass writes one piece under the condition of the moment and reports whether the
// connection goes on.
func (p *Proxy) pass(way passage, piece []byte) bool {
	for len(piece) > 0 {
		condition, changed := p.now()
		if way.up && condition.HoldUp || !way.up && condition.HoldDown {
			select {
			case <-changed:
				continue
			case <-way.ended:
				return false
			}
		}
		size := len(piece)
		if condition.Slice > 0 {
			size = min(size, condition.Slice)
		}
		if condition.BytesPerSecond > 0 {
			size = min(size, max(1, condition.BytesPerSecond/10))
		}
		if !rest(condition.wait(size), way.ended) {
			return false
		}
		if _, err := way.to.Write(piece[:size]); err != nil {
			return false
		}
		piece = piece[size:]
	}
	return true
}

// wait is how long a piece of so many bytes is held back.
func (c Condition) wait(size int) time.Duration {
	wait := c.Delay
	if c.Jitter > 0 {
		wait += rand.N(c.Jitter)
	}
	if c.BytesPerSecond > 0 {
		wait += time.Duration(size) * time.Second / time.Duration(c.BytesPerSecond)
	}
	return wait
}

func rest(d time.Duration, ended <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ended:
		return false
	}
}
