// Package risk gives each attempt to pay a score: how much the attempt looks like a part of an
// attack. The score is advice. It is stored with the decision and shown to analysts; it declines
// nothing.
//
// There are two rules. Each gives a score from 0 to 100 in whole numbers, and more attempts never
// lower it. A purchase has the higher score and its rule; the rule is CARD_TESTING when both scores
// are equal, and NONE when both are 0.
//
// VELOCITY: one card is tried again and again. n is the number of attempts with the card, this one
// included and whatever their outcome, that are less than a minute apart from this one:
//
//	score = 20 × (n − 4), at least 0
//
// Four attempts a minute score 0, the fifth scores 20, the ninth and all after it score 100.
//
// CARD_TESTING: an attacker finds out which card numbers are good, with amounts too small to be
// noticed. The rule covers attempts of at most SmallMinor that are less than five minutes apart.
// It counts the distinct cards with one BIN (the first six digits of the number), each by its worst
// attempt:
//
//	4 points  the card is unknown, or its data was wrong
//	2 points  the card was never used before
//	1 point   any other card: a baker has such purchases all day
//
// Only the last sixteen cards count. Sixteen good cards score 20, the most that good cards can
// reach.
//
//	at one merchant:  score = 5 × (points − 12), at least 0
//	across merchants: score = 20 × (wrong − 4), at least 0
//
// wrong is the number of cards that were unknown or had wrong data. The second formula applies only
// to attempts with a card that is unknown, has wrong data or was never used: while one BIN is under
// attack, its other customers go on paying. An attempt above SmallMinor has no score by this rule.
//
// An example: an attacker tries numbers of one BIN at a shop of postcards, 1.00 each, three seconds
// apart.
//
//	attempt  card                                  points  score
//	1 to 3   unknown                               4, 8, 12    0
//	4        unknown                               16         20
//	5        good, and used by its owner for years 17         25
//
// So the attempt that finds a good card is scored too.
//
// risk.go has the rules, table.go the bounded memory that they count in.
package risk

import (
	"time"

	"codebank.dev/bank"
)

// The bounds of the rules.
const (
	// SmallMinor is the largest amount with which a card counts as tested, in minor units of any
	// currency.
	SmallMinor = 500
	// TestingWindow and VelocityWindow are how far apart two attempts may be to count together.
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
	// Proven is a card with right data that has an approved purchase.
	Proven CardStatus = iota
	// New is a card with right data that has no approved purchase.
	New
	// Wrong is a card that the bank does not know, or a card with wrong data.
	Wrong
)

// points of a card, by its status.
var points = [...]int{Proven: 1, New: 2, Wrong: 4}

// Attempt is one purchase that is being decided.
type Attempt struct {
	Transaction bank.ID
	// Card is the presented card. Cards without an id are told apart by their digits.
	Card        bank.CardSnapshot
	Merchant    string
	AmountMinor int64
	CardStatus  CardStatus
	// At is the time of the decision.
	At time.Time
}

// Scorer scores attempts by the earlier attempts of this process. Its memory is bounded: it drops
// the cards, merchants and BINs that were used least recently. Its clock is the time of the
// attempts, which may jump. It is safe for concurrent use, does no I/O and allocates nothing.
type Scorer struct {
	cards     table // attempts of a card, by transaction
	merchants table // cards of a BIN at a merchant
	bins      table // wrong cards of a BIN
}

// How many cards, pairs of BIN and merchant, and BINs are kept; 6 MB when full.
const (
	maxCards     = 32 << 10
	maxMerchants = 8 << 10
	maxBINs      = 256
)

// NewScorer returns a Scorer that has seen no attempt.
func NewScorer() *Scorer {
	return &Scorer{
		cards:     newTable(maxCards, VelocityWindow),
		merchants: newTable(maxMerchants, TestingWindow),
		bins:      newTable(maxBINs, TestingWindow),
	}
}

// Assess records an attempt and returns its risk. An attempt that is decided again, known by its
// transaction, counts once as long as it is kept.
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
	if score := s.cardTesting(card, a, at); score > 0 && score >= risk.Score {
		risk = bank.Risk{Score: score, Rule: bank.RiskCardTesting}
	}
	return risk
}

func (s *Scorer) velocity(card uint64, a *Attempt, at int64) uint8 {
	seen := s.cards.add(card, idKey(&a.Transaction), Proven, at)
	return score(perAttempt, seen.all()-freeAttempts)
}

func (s *Scorer) cardTesting(card uint64, a *Attempt, at int64) uint8 {
	number := textKey(startKey, a.Card.BIN)
	seen := s.merchants.add(textKey(number, a.Merchant), card, a.CardStatus, at)
	sum := seen[Proven]*points[Proven] + seen[New]*points[New] + seen[Wrong]*points[Wrong]
	highest := score(perPoint, sum-freePoints)
	switch a.CardStatus {
	case Wrong:
		seen = s.bins.add(number, card, Wrong, at)
	case New:
		seen = s.bins.members(number, at)
	default:
		return highest
	}
	return max(highest, score(perWrong, seen[Wrong]-freeWrong))
}

// score multiplies what is above the free allowance, within 0 and MaxRiskScore.
func score(each, above int) uint8 {
	return uint8(min(max(each*above, 0), bank.MaxRiskScore))
}
