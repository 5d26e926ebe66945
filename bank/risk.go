package bank

// CardUse says whether a purchase was attempted with a card that had been used
// before. The numbers are stored: append only.
type CardUse uint8

// The uses of a card. 0 marks an entry that is not a purchase with a card of the bank.
const (
	// FirstUse is an attempt before the card's first approved purchase.
	FirstUse CardUse = iota + 1
	// LaterUse is an attempt after the card's first approved purchase, even one that was given back.
	LaterUse
)

var cardUseNames = [...]string{"", "FIRST", "LATER"}

// String returns the use as the event names it, or "" for none.
func (u CardUse) String() string { return nameOf(cardUseNames[:], int(u)) }

// RiskRule is the rule that gave a purchase its score. The numbers are stored: append only.
type RiskRule uint8

// The rules, see package risk. 0 means not assessed.
const (
	// RiskNone goes with the score 0: no rule matched.
	RiskNone RiskRule = iota + 1
	RiskCardTesting
	RiskVelocity
)

var riskRuleNames = [...]string{"", "NONE", "CARD_TESTING", "VELOCITY"}

// String returns the rule as the event names it, or "" for none.
func (r RiskRule) String() string { return nameOf(riskRuleNames[:], int(r)) }

// MaxRiskScore is the highest score.
const MaxRiskScore = 100

// Risk is how much a purchase looked like a part of an attack when it was decided. It
// is advice, stored with the decision, and declines nothing. An entry that is not a
// purchase has the zero Risk.
type Risk struct {
	Score uint8 // 0 to MaxRiskScore
	Rule  RiskRule
}
