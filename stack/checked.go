package main

import (
	"fmt"
	"io"
	"sync"
)

// checked is a writer that keeps its first error, so that a command that lost a part of its
// results cannot end as if all were well. It is safe for concurrent use.
//
// operations/output has the same writer. The two stay apart: stack and operations may both import
// contracts, connectors and dashboards, and nothing else, and a writer belongs to none of these.
type checked struct {
	to    io.Writer
	mutex sync.Mutex
	lost  error
}

// Write implements io.Writer. After an error it writes nothing more and returns that error.
func (c *checked) Write(text []byte) (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.lost != nil {
		return 0, c.lost
	}
	n, err := c.to.Write(text)
	if err != nil {
		c.lost = fmt.Errorf("the results cannot be written to standard output: %w", err)
	}
	return n, c.lost
}

// err returns the first error of a Write, and nil while all is written.
func (c *checked) err() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.lost
}
