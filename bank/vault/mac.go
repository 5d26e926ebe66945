package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// mac is HMAC-SHA-256 with one key. It keeps prepared states, because preparing one costs two of
// the four hash blocks of a short message and several allocations.
type mac struct{ states sync.Pool }

type macState struct {
	hash   hash.Hash
	input  []byte
	output []byte // 32 bytes after sum
}

func newMAC(key []byte) *mac {
	m := new(mac)
	m.states.New = func() any {
		return &macState{
			hash:   hmac.New(sha256.New, key),
			input:  make([]byte, 0, 64),
			output: make([]byte, 0, sha256.Size),
		}
	}
	return m
}

// acquire returns a state with empty input for exclusive use.
func (m *mac) acquire() *macState { return m.states.Get().(*macState) }

// release wipes the state's input, returns the state to the pool and returns its last output.
func (m *mac) release(s *macState) [32]byte {
	sum := [32]byte(s.output)
	clear(s.input)
	s.input = s.input[:0]
	m.states.Put(s)
	return sum
}

// sum sets the output to the hash of the input.
func (s *macState) sum() { s.sumOf(s.input) }

// sumOf sets the output to the hash of message.
func (s *macState) sumOf(message []byte) {
	s.hash.Reset()
	s.hash.Write(message)
	s.output = s.hash.Sum(s.output[:0])
}
