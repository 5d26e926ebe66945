package spool

import (
	"bufio"
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"io"
)

// Cursor reads a Sorter's records in order. It is for one goroutine.
type Cursor struct {
	sorter *Sorter
	// at is how many records were returned, if all records are in memory.
	at   int
	heap runs
	last *runReader
}

// Next returns the next record, or nil after the last one. The record is valid until
// the next call.
func (c *Cursor) Next() ([]byte, error) {
	if c.sorter.file == nil {
		if c.at == len(c.sorter.order) {
			return nil, nil
		}
		c.at++
		return c.sorter.record(c.sorter.order[c.at-1]), nil
	}
	if c.last != nil {
		if err := c.last.advance(); err != nil {
			return nil, err
		}
		if c.last.record == nil {
			heap.Pop(&c.heap)
		} else {
			heap.Fix(&c.heap, 0)
		}
		c.last = nil
	}
	if len(c.heap.readers) == 0 {
		return nil, nil
	}
	c.last = c.heap.readers[0]
	return c.last.record, nil
}

func (c *Cursor) push(reader *runReader) {
	c.heap.keyWidth = c.sorter.config.KeyWidth
	heap.Push(&c.heap, reader)
}

// runReader reads a run. record is the present record; nil after the last one.
type runReader struct {
	in     *bufio.Reader
	record []byte
}

func (r *runReader) advance() error {
	_, err := io.ReadFull(r.in, r.record)
	switch {
	case errors.Is(err, io.EOF):
		r.record = nil
	case err != nil:
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// runs is a heap of runs by the keys of their present records, lowest first.
type runs struct {
	readers  []*runReader
	keyWidth int
}

func (h *runs) Len() int { return len(h.readers) }

func (h *runs) Less(i, j int) bool {
	return bytes.Compare(h.readers[i].record[:h.keyWidth], h.readers[j].record[:h.keyWidth]) < 0
}

func (h *runs) Swap(i, j int) { h.readers[i], h.readers[j] = h.readers[j], h.readers[i] }

// Push implements heap.Interface.
func (h *runs) Push(x any) { h.readers = append(h.readers, x.(*runReader)) }

// Pop implements heap.Interface.
func (h *runs) Pop() any {
	last := h.readers[len(h.readers)-1]
	h.readers = h.readers[:len(h.readers)-1]
	return last
}
