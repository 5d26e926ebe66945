package serve

import (
	"net/netip"
	"sync"
)

// shares bounds what is open at once, in all and for one network, so that one network leaves room for the others.
// It is safe for concurrent use.
type shares struct {
	all, ofOne int

	mutex sync.Mutex
	open  int
	of    map[netip.Addr]int
}

func newShares(all, ofOne int) *shares {
	return &shares{all: all, ofOne: ofOne, of: make(map[netip.Addr]int)}
}

// take counts one more for the network of an address. It reports false, and counts nothing, if there is no room.
// The zero Addr has no share of its own: only the bound on all holds for it.
func (s *shares) take(from netip.Addr) bool {
	key := network(from)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.open >= s.all || key.IsValid() && s.of[key] >= s.ofOne {
		return false
	}
	s.open++
	s.of[key]++
	return true
}

// give counts one less. Call it once for each take that reported true, with the same address.
func (s *shares) give(from netip.Addr) {
	key := network(from)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.open--
	if s.of[key]--; s.of[key] == 0 {
		delete(s.of, key)
	}
}

// sharing returns the address whose share a connection counts for. A trusted proxy has none, because many clients
// come by it.
func (c *Config) sharing(remote string) netip.Addr {
	parsed, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	address := parsed.Addr().Unmap().WithZone("")
	if c.trusts(address) {
		return netip.Addr{}
	}
	return address
}
