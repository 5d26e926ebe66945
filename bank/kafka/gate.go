package kafka

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// gate stands between a producer and its brokers while a group is handed to the producer. No record
// leaves, and no answer arrives, before the producer has the whole group.
//
// Manual flushing alone does not ensure that. The producer's sender may still be finishing the last
// group; it then finds the first records of the next group and sends them. If those fail, only the
// records that were buffered by then fail with them, and the others overtake them.
type gate struct {
	mutex  sync.RWMutex
	broken atomic.Bool
}

// close makes every connection wait; open lets them go on.
func (g *gate) close() { g.mutex.Lock() }
func (g *gate) open()  { g.mutex.Unlock() }

// abort ends every connection at its next step, once the gate is open.
func (g *gate) abort() { g.broken.Store(true) }

// pass waits while the gate is closed.
func (g *gate) pass() error {
	g.mutex.RLock()
	defer g.mutex.RUnlock()
	if g.broken.Load() {
		return net.ErrClosed
	}
	return nil
}

// dialer returns the function with which a producer opens connections through the gate.
func (g *gate) dialer(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &gatedConn{connection, g}, nil
	}
}

type gatedConn struct {
	net.Conn
	gate *gate
}

// Read implements net.Conn. The caller gets no bytes before the gate is open.
func (c *gatedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil {
		err = c.gate.pass()
	}
	return n, err
}

// Write implements net.Conn. Nothing leaves before the gate is open.
func (c *gatedConn) Write(b []byte) (int, error) {
	if err := c.gate.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
