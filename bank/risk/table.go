package risk

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"time"

	"codebank.dev/bank"
)

// The keys are hashes. After a collision two cards count as one, and the advice is a little wrong;
// nothing depends on it.
const (
	startKey = 0x9e3779b97f4a7c15
	mixKey   = 0xd6e8feb86659fd93
)

// mix folds the product of two numbers, so that every bit of both counts in every bit of the
// result.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^startKey, b^mixKey)
	return high ^ low
}

// textKey extends a key by a text and its length.
func textKey(key uint64, text string) uint64 {
	key = mix(key, uint64(len(text)))
	for len(text) > 0 {
		var chunk [8]byte
		text = text[copy(chunk[:], text):]
		key = mix(key, binary.LittleEndian.Uint64(chunk[:]))
	}
	return key
}

func idKey(id *bank.ID) uint64 {
	return mix(binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:]))
}

func cardKey(card *bank.CardSnapshot) uint64 {
	if !card.ID.IsZero() {
		return idKey(&card.ID)
	}
	return textKey(textKey(startKey, card.BIN), card.Last4)
}

// counts is how many members of a group are within a window, by status.
type counts [Wrong + 1]int

func (s *counts) all() int { return s[Proven] + s[New] + s[Wrong] }

// The shape of a table: groups in sets of a few ways, the sets under a few locks.
const (
	ways  = 4
	locks = 64
)

// table keeps groups of members with their times, and counts which of them are within its window,
// in milliseconds.
type table struct {
	sets   []set
	locks  *[locks]sync.Mutex
	window int64
}

func newTable(groups int, window time.Duration) table {
	return table{sets: make([]set, groups/ways), locks: new([locks]sync.Mutex), window: window.Milliseconds()}
}

// set is where a group can be. A group without a place takes the place of the least recently used
// one. The keys lie together at the front, because a search reads them first.
type set struct {
	keys   [ways]uint64
	used   [ways]uint32
	uses   uint32
	next   [ways]uint8
	groups [ways]group
}

// groupSize is how many members of a group are kept; then a new one replaces the oldest.
const groupSize = 16

type group [groupSize]slot

// slot is a member. From the top: 40 bits of its time in milliseconds, 22 bits of its key, and 2
// bits of its status plus 1, so that 0 means no member. Times wrap around after 35 years, and
// comparisons allow for that.
type slot uint64

const (
	memberBits = 22
	statusBits = 2
	timeShift  = memberBits + statusBits
)

func newSlot(member uint64, status CardStatus, at int64) slot {
	return slot(uint64(at)<<timeShift | member>>(64-memberBits)<<statusBits | uint64(status+1))
}

func (s slot) status() CardStatus { return CardStatus(s&(1<<statusBits-1)) - 1 }

func (s slot) sameMember(other slot) bool { return (s^other)<<(64-timeShift)>>(64-memberBits) == 0 }

// within reports whether two times are less than a window apart, whichever is first. The attempts
// of several lanes do not come in the order of their times.
func (s slot) within(other slot, window int64) bool {
	distance := int64(s>>timeShift<<timeShift-other>>timeShift<<timeShift) >> timeShift
	return s != 0 && distance < window && distance > -window
}

// add adds a member, or keeps the worse status of one that is within the window already, and counts
// the members within the window around at.
func (t *table) add(key, member uint64, status CardStatus, at int64) counts {
	place, lock := t.locate(key)
	lock.Lock()
	defer lock.Unlock()
	way := place.find(key)
	g, added, into := &place.groups[way], newSlot(member, status, at), int(place.next[way])
	found, old := g.count(added, t.window)
	if old >= 0 {
		if worse := g[old].status(); worse > status {
			added += slot(worse - status)
		}
		into = old
	} else {
		place.next[way] = uint8((into + 1) % groupSize)
		if oldest := g[into]; oldest.within(added, t.window) {
			found[oldest.status()]--
		}
	}
	g[into] = added
	found[added.status()]++
	return found
}

// members counts the members within the window around at and records nothing.
func (t *table) members(key uint64, at int64) counts {
	place, lock := t.locate(key)
	lock.Lock()
	defer lock.Unlock()
	for way := range place.keys {
		if place.keys[way] == key {
			found, old := place.groups[way].count(newSlot(0, Proven, at), t.window)
			if old >= 0 { // This member counts like any other.
				found[place.groups[way][old].status()]++
			}
			return found
		}
	}
	return counts{}
}

// count counts the members within the window around a member's time, except the member itself, and
// returns the place of the member if it is within the window, else -1.
func (g *group) count(member slot, window int64) (found counts, old int) {
	old = -1
	for i, s := range g {
		switch {
		case !s.within(member, window):
		case s.sameMember(member):
			old = i
		default:
			found[s.status()]++
		}
	}
	return found, old
}

func (t *table) locate(key uint64) (*set, *sync.Mutex) {
	i := key % uint64(len(t.sets))
	return &t.sets[i], &t.locks[i%locks]
}

// find returns the way of the group with this key. A group that was not there is empty.
func (s *set) find(key uint64) int {
	s.uses++
	oldest := 0
	for way := range s.keys {
		if s.keys[way] == key {
			s.used[way] = s.uses
			return way
		}
		if s.uses-s.used[way] > s.uses-s.used[oldest] {
			oldest = way
		}
	}
	s.keys[oldest], s.used[oldest], s.next[oldest], s.groups[oldest] = key, s.uses, 0, group{}
	return oldest
}
