package synthetic

import (
	"sort"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// Card says when and with which data a customer's card is issued. Amounts are minor
// units.
type Card struct {
	Holder     string
	Brand      bankv1.CardBrand
	Issued     time.Time
	LimitMinor int64
	// Rules are the card's own limits for a purchase; zero if it has none.
	Rules PurchaseRules
	// BlockedSoon says that the customer loses the card before the first purchase.
	BlockedSoon bool
	// city is where the holder lives, an index of cities.
	city int
	kind kind
	// Currency is that of the card's account.
	Currency string
	// came is when the holder begins to use the card. Cards are ordered by it.
	came time.Time
	// left is when the holder stops to use the card; zero if never. away is a time in which
	// the holder uses another one.
	left time.Time
	away Window
	// activity is how often the card is used, 1 to maxActivity.
	activity int
}

// PurchaseRules are the limits that a card has for one purchase; 0 is no limit.
type PurchaseRules struct {
	LimitMinor   int64
	MinimumMinor int64
	PerMinute    int32
}

// The currencies of accounts.
const (
	Real   = "BRL"
	Dollar = "USD"
)

// inDollars is how many of a thousand cards have an account in dollars. Most of their holders
// live in Miami.
const inDollars = 80

// cardYears is for how many years the bank issues a card.
const cardYears = 5

// kind says for which visits a card is used.
type kind int

const (
	// usual cards have limits that are rarely met.
	usual kind = iota
	// ruled cards have limits of their own for a purchase.
	ruled
	// tight cards have a low credit limit.
	tight
	// lost cards are blocked.
	lost
	// old cards expire within the days of the load.
	old
)

// kinds are the kinds of each hundred successive cards, so that at any time there are
// cards of each kind. Entries that are not listed are usual.
var kinds = [100]kind{old, lost, tight, tight, ruled, ruled, ruled, ruled, ruled, ruled}

// fewKinds is how many entries of kinds are not usual. They come first.
const fewKinds = 10

const maxActivity = 4

// The limits, in minor units.
const (
	ruledMost  = 150_000
	ruledLeast = 500
	ruledRate  = 3 // purchases a minute
)

var (
	creditLimits = []int64{3_000_000, 4_000_000, 6_000_000, 9_000_000, 15_000_000}
	dollarLimits = []int64{1_500_000, 2_000_000, 2_500_000, 4_000_000, 6_000_000}
)

// brands are the brands that the bank issues, with their weights.
var (
	brands = []bankv1.CardBrand{
		bankv1.CardBrand_CARD_BRAND_VISA, bankv1.CardBrand_CARD_BRAND_MASTERCARD, bankv1.CardBrand_CARD_BRAND_ELO,
		bankv1.CardBrand_CARD_BRAND_AMEX, bankv1.CardBrand_CARD_BRAND_HIPERCARD, bankv1.CardBrand_CARD_BRAND_JCB,
		bankv1.CardBrand_CARD_BRAND_DISCOVER, bankv1.CardBrand_CARD_BRAND_DINERS,
	}
	brandWeights = []int{380, 330, 140, 50, 50, 25, 15, 10}
)

const (
	burstBrand = bankv1.CardBrand_CARD_BRAND_VISA
	// burstBIN is the BIN under which the bank issues that brand. It belongs to the
	// scheme's test numbers.
	burstBIN = "411111"
)

var (
	givenNames = []string{"Ana", "Bruno", "Camila", "Diego", "Eduarda", "Felipe", "Gabriela", "Heitor", "Isabela", "João", "Karina", "Lucas", "Mariana", "Nícolas", "Olívia", "Paulo", "Renata", "Sérgio", "Talita", "Vinícius"}
	surnames   = []string{"Almeida", "Barbosa", "Cardoso", "Duarte", "Esteves", "Ferreira", "Gonçalves", "Lima", "Moura", "Nunes", "Oliveira", "Pereira", "Queiroz", "Ribeiro", "Souza", "Teixeira", "Vieira", "Xavier"}
)

// thereFirst is how many of a thousand cards are in use when the load begins.
const thereFirst = 450

// newCards makes the cards of a plan, in the order in which their holders begin to use
// them. Some are in use when the load begins; the others follow one by one.
func newCards(plan *Plan) []Card {
	cards := make([]Card, plan.Cards)
	there := len(cards) * thereFirst / 1000
	span := plan.End.Sub(plan.Start) * 95 / 100
	for i := range cards {
		c := &cards[i]
		c.came = plan.Start.Add(-12 * time.Hour * time.Duration(there-i) / time.Duration(there)).Truncate(time.Millisecond)
		if late := i - there; late > 0 {
			c.came = plan.Start.Add(span / time.Duration(len(cards)-there) * time.Duration(late)).Truncate(time.Millisecond)
		}
		if plan.Outage.Contains(c.came) {
			c.came = plan.Outage.To
		}
		c.draw(newDraw(plan.Seed, aboutCard+i), kinds[i%len(kinds)])
		if c.kind == old {
			c.Issued = firstIssue(plan).Add(time.Duration(i) * time.Second)
		}
	}
	return cards
}

// draw draws what a card is, once it is known when its holder begins to use it.
func (c *Card) draw(d draw, of kind) {
	c.kind, c.Issued, c.Currency = of, c.came, Real
	c.Holder = givenNames[d.below(len(givenNames))] + " " + surnames[d.below(len(surnames))]
	c.Brand = brands[d.pick(brandWeights)]
	c.city = d.pick(cityWeights[:homeCities])
	c.activity = d.between(1, maxActivity)
	limits := creditLimits
	if d.chance(inDollars) {
		c.Currency, limits = Dollar, dollarLimits
		if d.chance(600) {
			c.city = miami
		}
	}
	c.LimitMinor = limits[d.below(len(limits))]
	switch c.kind {
	case usual:
		c.retain(d)
	case ruled:
		c.Rules = PurchaseRules{LimitMinor: ruledMost, MinimumMinor: ruledLeast, PerMinute: ruledRate}
	case tight:
		c.LimitMinor = int64(d.between(30, 90)) * 1000
	case lost:
		c.BlockedSoon = true
	}
}

// firstIssue is when the old cards were issued. A card expires at the end of a month. In
// a load of few days that is the month before the load begins.
func firstIssue(plan *Plan) time.Time {
	const long = 62
	year, month, _ := plan.Start.Date()
	if plan.Days < long {
		month--
	}
	return time.Date(year-cardYears, month, 1, 12, 0, 0, 0, time.UTC)
}

// customers returns how many cards are in use at a time.
func (l *Load) customers(at time.Time) int {
	return sort.Search(len(l.cards), func(i int) bool { return l.cards[i].came.After(at) })
}

// someone draws a card for an ordinary purchase.
func (l *Load) someone(d draw, at time.Time) int {
	there := l.customers(at)
	for {
		i := d.below(there)
		c := &l.cards[i]
		if (c.kind == usual || c.kind == ruled) && d.below(maxActivity) < c.activity && c.used(at) {
			return i
		}
	}
}

// oneOf draws a card of a kind that is not usual.
func (l *Load) oneOf(d draw, at time.Time, of kind) int {
	there := l.customers(at)
	for {
		round := d.below(there/len(kinds) + 1)
		i := round*len(kinds) + d.below(fewKinds)
		if i < there && l.cards[i].kind == of {
			return i
		}
	}
}
