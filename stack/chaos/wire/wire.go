// Package wire puts faults into connections. Proxy is a proxy for TCP that cuts, holds, delays
// and slices data. HTTP is a proxy for HTTP that can answer instead of its server. A proxy
// without a fault changes nothing.
package wire

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Condition is the fault of a proxy's connections. The zero value is no fault.
type Condition struct {
	// HoldUpstream keeps back the data that clients send, and HoldDownstream the data that they
	// receive. Both together are a black hole. Nothing is lost while the connection lives,
	// because TCP would send it again.
	HoldUpstream, HoldDownstream bool
	// Refuse ends every new connection at once.
	Refuse bool
	// Delay delays each piece by this time, and by up to Jitter more.
	Delay, Jitter time.Duration
	// BytesPerSecond limits each direction of each connection; zero is no limit.
	BytesPerSecond int
	// Slice is the largest number of bytes in one write; zero is no limit.
	Slice int
}

// bufferSize is how much data of a connection a proxy holds.
const bufferSize = 32 << 10

// Proxy forwards the connections of one listener to one target. Make one with Listen. It is
// safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	working  sync.WaitGroup

	mutex     sync.Mutex
	condition Condition
	changed   chan struct{} // closed when the condition changes
	open      map[net.Conn]bool
	closed    bool
}

// Listen opens a proxy to target, host:port, on a free loopback port. If the target is down,
// connections are ended at once.
func Listen(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, changed: make(chan struct{}), open: make(map[net.Conn]bool)}
	p.working.Go(p.accept)
	return p, nil
}

// Address is the address of the proxy, host:port.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Set sets the condition of all connections, the open ones included.
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

// Close ends the proxy and its connections. It returns when no connection is left.
func (p *Proxy) Close() {
	p.mutex.Lock()
	p.closed = true
	p.mutex.Unlock()
	_ = p.listener.Close()
	p.Reset()
	p.working.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.working.Go(func() { p.serve(client) })
	}
}

// current returns the condition, and a channel that is closed when the condition changes.
func (p *Proxy) current() (Condition, <-chan struct{}) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.condition, p.changed
}

// add records an open connection. It returns false if the proxy is closed.
func (p *Proxy) add(connection net.Conn) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.closed {
		_ = connection.Close()
		return false
	}
	p.open[connection] = true
	return true
}

func (p *Proxy) remove(connection net.Conn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.open, connection)
	_ = connection.Close()
}

// dialTimeout bounds the wait for a target that does not answer.
const dialTimeout = 5 * time.Second

func (p *Proxy) serve(client net.Conn) {
	if condition, _ := p.current(); condition.Refuse || !p.add(client) {
		_ = client.Close()
		return
	}
	defer p.remove(client)
	server, err := net.DialTimeout("tcp", p.target, dialTimeout)
	if err != nil || !p.add(server) {
		return
	}
	defer p.remove(server)
	ended := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() { p.copyUntilEnd(direction{client, server, true, ended}) })
	both.Go(func() { p.copyUntilEnd(direction{server, client, false, ended}) })
	both.Wait()
}

// direction is one direction of one connection.
type direction struct {
	from, to net.Conn
	up       bool
	ended    chan struct{} // closed when either direction has ended
}

// copyUntilEnd forwards one direction until either side ends; then it ends both.
func (p *Proxy) copyUntilEnd(way direction) {
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
		if n > 0 && !p.forward(way, buffer[:n]) {
			return
		}
		if err != nil {
			return
		}
	}
}

// forward writes one piece under the current condition. It returns false if the connection must
// end.
func (p *Proxy) forward(way direction, piece []byte) bool {
	for len(piece) > 0 {
		condition, changed := p.current()
		if way.up && condition.HoldUpstream || !way.up && condition.HoldDownstream {
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
		if !sleep(condition.delay(size), way.ended) {
			return false
		}
		if _, err := way.to.Write(piece[:size]); err != nil {
			return false
		}
		piece = piece[size:]
	}
	return true
}

// delay returns how long a piece of size bytes is held back.
func (c Condition) delay(size int) time.Duration {
	wait := c.Delay
	if c.Jitter > 0 {
		wait += rand.N(c.Jitter)
	}
	if c.BytesPerSecond > 0 {
		wait += time.Duration(size) * time.Second / time.Duration(c.BytesPerSecond)
	}
	return wait
}

func sleep(d time.Duration, ended <-chan struct{}) bool {
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
