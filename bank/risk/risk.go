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
// was never used before, 1 for any other, as a baker has them all day. The last
// sixteen cards count: sixteen good ones are 20, the most they can be.
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

	freeWrong = 4
	perWrong  = 20
)

// CardStatus is what an attempt says about its card.
type CardStatus uint8

// The statuses, from the best to the worst.
const (
	// Proven is a card that an approved purchase was made with, and right data.
	Proven CardStatus = iota
	// New is a card that none was made with, and right data.
	New
	// Wrong is a card that the bank does not know, or wrong data.
	Wrong
)

// points of a card, by its status.
var points = [...]int{Proven: 1, New: 2, Wrong: 4}

// Attempt is one purchase that is being decided.
type Attempt struct {
	Transaction bank.ID
	// Card is what was presented. One without id is told from others by its digits.
	Card        bank.CardSnapshot
	Merchant    string
	AmountMinor int64
	CardStatus  CardStatus
	// At is the time of the decision.
	At time.Time
}

// Scorer remembers the attempts of a process, as many as there is room for: the ones
// longest not looked at are forgotten. Its time is that of the attempts, which may
// jump. It is safe for concurrent use, does no I/O and allocates nothing.
type Scorer struct {
	cards   table // attempts of a card, by transaction
	shops   table // cards of a BIN at a merchant
	numbers table // cards of a BIN that were wrong
}

// How many cards, pairs of BIN and merchant, and BINs are remembered: 6 MB when full.
const (
	rememberedCards   = 32 << 10
	rememberedShops   = 8 << 10
	rememberedNumbers = 256
)

// NewScorer returns a Scorer that has seen nothing.
func NewScorer() *Scorer {
	return &Scorer{
		cards:   newTable(rememberedCards, VelocityWindow),
		shops:   newTable(rememberedShops, TestingWindow),
		numbers: newTable(rememberedNumbers, TestingWindow),
	}
}

// Assess remembers an attempt and returns its risk. An attempt that is decided again,
// known by its transaction, counts once as long as it is remembered.
func (s *Scorer) Assess(a *Attempt) bank.Risk {
	at := a.At.UnixMilli()
	if a.Card == (bank.CardSnapshot{}) {
		return bank.Risk{Rule: bank.RiskNone}
	}
	card := cardKey(&a.Card)
	risk := bank.Risk{Rule: bank.RiskNone}
	if score := s.velocity(card, a, at); score > risk.Score {
		risk = bank.Risk{Score: score, Rule: bank.RiskVelocity}
	}
	if a.AmountMinor > SmallMinor || a.Card.BIN == "" {
		return risk
	}
	if score := s.testing(card, a, at); score > 0 && score >= risk.Score {
		risk = bank.Risk{Score: score, Rule: bank.RiskCardTesting}
	}
	return risk
}

func (s *Scorer) velocity(card uint64, a *Attempt, at int64) uint8 {
	seen := s.cards.add(card, idKey(&a.Transaction), Proven, at)
	return score(perAttempt, seen.all()-freeAttempts)
}

func (s *Scorer) testing(card uint64, a *Attempt, at int64) uint8 {
	number := textKey(startKey, a.Card.BIN)
	seen := s.shops.add(textKey(number, a.Merchant), card, a.CardStatus, at)
	sum := seen[Proven]*points[Proven] + seen[New]*points[New] + seen[Wrong]*points[Wrong]
	highest := score(perPoint, sum-freePoints)
	switch a.CardStatus {
	case Wrong:
		seen = s.numbers.add(number, card, Wrong, at)
	case New:
		seen = s.numbers.members(number, at)
	default:
		return highest
	}
	return max(highest, score(perWrong, seen[Wrong]-freeWrong))
}

// score returns so much for each above what is free.
func score(each, above int) uint8 {
	return uint8(min(max(each*above, 0), bank.MaxRiskScore))
}
