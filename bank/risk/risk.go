// Package risk watches the attempts to pay and says of each how much it looks like a
// part of an attack. It is advice, kept with the decision and shown to analysts; it
// declines nothing.
//
// Two rules, each a score from 0 to 100 in whole numbers that only grows with what
// was seen. The higher one is the purchase's; CARD_TESTING when they are equal, NONE
// when both are 0.
//
// VELOCITY: somebody tries one card again and again. n is the number of attempts with
// the card, this one included, whatever came of them, less than a minute apart from it:
//
//	score = 20 × (n − 4), at least 0
//
// Four a minute are nothing, the fifth has 20, the ninth and all after it 100.
//
// CARD_TESTING: somebody finds out which card numbers are good, with amounts too small
// to be noticed. Of attempts of at most SmallMinor less than five minutes apart it
// counts the distinct cards with one BIN (the first six digits), each by what it was
// worst: 4 points for a card that is unknown or whose data was wrong, 2 for a card that
// was never used before, 1 for any other – these are what a baker has all day, and
// together they give no more than 20.
//
//	at one merchant:  score = 5 × (points − 12), at least 0
//	across merchants: score = 20 × (wrong − 4), at least 0
//
// where wrong is how many cards were unknown or had wrong data. The second is for
// attempts with cards that were never used, are unknown or have wrong data: while one
// BIN is under attack, its other customers go on paying. An attempt above SmallMinor
// has no score by this rule.
//
// An example: numbers of one BIN are tried at a shop of postcards, 1.00 each, three
// seconds apart. The first three are unknown: 4, 8, 12 points, score 0. The fourth
// is unknown too: 16 points, 20. The fifth is the good card of a customer who has used
// it for years: 17 points, so the hit itself is seen: 25.
package risk

import (
	"sync"
	"time"

	"codebank.dev/bank"
)

// The bounds of the rules.
const (
	// SmallMinor is the largest amount, in minor units of whatever currency, that a
	// test of a card is made with.
	SmallMinor = 500
	// TestingWindow and VelocityWindow are how far apart attempts may be.
	TestingWindow  = 5 * time.Minute
	VelocityWindow = time.Minute

	freeAttempts = 4
	perAttempt   = 20

	freePoints = 12
	perPoint   = 5
	mostProven = 20

	freeWrong = 4
	perWrong  = 20
)

// Standing is what an attempt says about its card.
type Standing uint8

// The standings, from the best to the worst.
const (
	// Proven is a card that an approved purchase was made with, and right data.
	Proven Standing = iota
	// New is a card that none was made with, and right data.
	New
	// Wrong is a card that the bank does not know, or wrong data.
	Wrong
)

// points of a card, by its standing.
var points = [...]int{Proven: 1, New: 2, Wrong: 4}

// Attempt is one purchase that is being decided.
type Attempt struct {
	Transaction bank.ID
	// Card is what was presented. One without id is told from others by its digits.
	Card        bank.CardFace
	Merchant    string
	AmountMinor int64
	Standing    Standing
	// At is the time of the decision.
	At time.Time
}

// Watch remembers the attempts of a process, as many as there is room for: the ones
// longest not looked at are forgotten. Its time is that of the attempts, which may
// jump. It is safe for concurrent use, does no I/O and allocates nothing.
type Watch struct {
	cards   table // attempts of a card, by transaction
	shops   table // cards of a BIN at a merchant
	numbers table // cards of a BIN that were wrong
}

// How many cards, pairs of BIN and merchant, and BINs are remembered: 13 MB when full.
const (
	rememberedCards   = 32 << 10
	rememberedShops   = 8 << 10
	rememberedNumbers = 256
)

// NewWatch returns a Watch that has seen nothing.
func NewWatch() *Watch {
	return &Watch{
		cards:   newTable(rememberedCards, VelocityWindow),
		shops:   newTable(rememberedShops, TestingWindow),
		numbers: newTable(rememberedNumbers, TestingWindow),
	}
}

// Assess remembers an attempt and returns its risk. An attempt that is decided again,
// known by its transaction, counts once as long as it is remembered.
func (w *Watch) Assess(a *Attempt) bank.Risk {
	at := a.At.UnixMilli()
	if a.Card == (bank.CardFace{}) {
		return bank.Risk{Rule: bank.RiskNone}
	}
	card := cardKey(&a.Card)
	risk := bank.Risk{Rule: bank.RiskNone}
	if score := w.velocity(card, a, at); score > risk.Score {
		risk = bank.Risk{Score: score, Rule: bank.RiskVelocity}
	}
	if a.AmountMinor > SmallMinor || a.Card.BIN == "" {
		return risk
	}
	if score := w.testing(card, a, at); score > 0 && score >= risk.Score {
		risk = bank.Risk{Score: score, Rule: bank.RiskCardTesting}
	}
	return risk
}

func (w *Watch) velocity(card uint64, a *Attempt, at int64) uint8 {
	seen := w.cards.add(card, idKey(a.Transaction), Proven, at)
	return score(perAttempt, seen.all()-freeAttempts)
}

func (w *Watch) testing(card uint64, a *Attempt, at int64) uint8 {
	number := textKey(startKey, a.Card.BIN)
	seen := w.shops.add(textKey(number, a.Merchant), card, a.Standing, at)
	sum := min(seen[Proven]*points[Proven], mostProven) + seen[New]*points[New] + seen[Wrong]*points[Wrong]
	highest := score(perPoint, sum-freePoints)
	switch a.Standing {
	case Wrong:
		seen = w.numbers.add(number, card, Wrong, at)
	case New:
		seen = w.numbers.look(number, at)
	default:
		return highest
	}
	return max(highest, score(perWrong, seen[Wrong]-freeWrong))
}

// score returns so much for each above what is free.
func score(each, above int) uint8 {
	return uint8(min(max(each*above, 0), bank.MaxRiskScore))
}

// The keys are hashes: a collision makes one too many of two, which is no more than
// advice that is a little wrong.
const (
	startKey = 14695981039346656037
	primeKey = 1099511628211
)

// textKey goes on with a hash (FNV-1a) over a text and its end.
func textKey(key uint64, text string) uint64 {
	for i := range len(text) {
		key = (key ^ uint64(text[i])) * primeKey
	}
	return (key ^ 0xff) * primeKey
}

func idKey(id bank.ID) uint64 {
	key := uint64(startKey)
	for _, b := range id {
		key = (key ^ uint64(b)) * primeKey
	}
	return key
}

func cardKey(card *bank.CardFace) uint64 {
	if !card.ID.IsZero() {
		return idKey(card.ID)
	}
	return textKey(textKey(startKey, card.BIN), card.Last4)
}

// seen is how many members of a group are within a window, by standing.
type seen [Wrong + 1]int

func (s *seen) all() int { return s[Proven] + s[New] + s[Wrong] }

// The shape of a table: groups in sets, each set under one of a few locks.
const (
	ways  = 4
	locks = 64
)

// table remembers groups of members with their times, and tells which of them are
// within its window, in milliseconds.
type table struct {
	sets   []set
	locks  *[locks]sync.Mutex
	window int64
}

// set is where a group can be. A group that has no place takes that of the one
// longest not used.
type set struct {
	groups [ways]group
	used   [ways]uint32
	uses   uint32
}

// room is how many members of a group are remembered; then the oldest gives way.
const room = 24

type group struct {
	key      uint64
	next     uint8
	times    [room]int64 // milliseconds since 1970, and 1 more, so that 0 is none
	members  [room]uint32
	standing [room]Standing
}

func newTable(groups int, window time.Duration) table {
	return table{sets: make([]set, groups/ways), locks: new([locks]sync.Mutex), window: window.Milliseconds()}
}

// add adds a member, or the worse standing of one that is within the window already,
// and returns who is within the window around at.
func (t *table) add(key, member uint64, standing Standing, at int64) seen {
	place, lock := t.place(key)
	lock.Lock()
	defer lock.Unlock()
	g := place.find(key)
	for i := range g.members {
		if g.members[i] == uint32(member) && within(g.times[i], at, t.window) {
			g.times[i], g.standing[i] = at+1, max(g.standing[i], standing)
			return g.count(at, t.window)
		}
	}
	g.members[g.next], g.times[g.next], g.standing[g.next] = uint32(member), at+1, standing
	g.next = (g.next + 1) % room
	return g.count(at, t.window)
}

// look returns who is within the window around at, and remembers nothing.
func (t *table) look(key uint64, at int64) seen {
	place, lock := t.place(key)
	lock.Lock()
	defer lock.Unlock()
	for i := range place.groups {
		if place.groups[i].key == key {
			return place.groups[i].count(at, t.window)
		}
	}
	return seen{}
}

func (t *table) place(key uint64) (*set, *sync.Mutex) {
	i := (key ^ key>>32) % uint64(len(t.sets))
	return &t.sets[i], &t.locks[i%locks]
}

// find returns the group with a key, empty when it was not there.
func (s *set) find(key uint64) *group {
	s.uses++
	oldest := 0
	for i := range s.groups {
		if s.groups[i].key == key {
			s.used[i] = s.uses
			return &s.groups[i]
		}
		if s.uses-s.used[i] > s.uses-s.used[oldest] {
			oldest = i
		}
	}
	s.used[oldest] = s.uses
	s.groups[oldest] = group{key: key}
	return &s.groups[oldest]
}

// count returns who is within the window around at.
func (g *group) count(at, window int64) (found seen) {
	for i := range g.times {
		if within(g.times[i], at, window) {
			found[g.standing[i]]++
		}
	}
	return found
}

// within reports whether a time that is kept lies less than a window from at, on
// either side: the attempts of several lanes do not come in the order of their times.
func within(kept, at, window int64) bool {
	distance := at + 1 - kept
	return kept != 0 && distance < window && distance > -window
}
