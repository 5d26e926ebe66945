package output

import (
	"fmt"
	"io"
	"sync"
)

// Checked is a writer that keeps its first error, so that a program cannot report success
// after it lost a part of its results. It is safe for concurrent use.
type Checked struct {
	to    io.Writer
	mutex sync.Mutex
	lost  error
}

// NewChecked returns a Checked that writes to a program's standard output.
func NewChecked(to io.Writer) *Checked { return &Checked{to: to} }

// Write implements io.Writer. After an error it writes nothing more and returns that error.
func (c *Checked) Write(text []byte) (int, error) {
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

// Err returns the first error of a Write, or nil if there was none.
func (c *Checked) Err() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.lost
}
