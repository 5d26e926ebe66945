package synthetic

import (
	"sort"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/pan"
)

// Card is what a customer's card is issued with, and when.
type Card struct {
	Holder      string
	Brand       pan.Brand
	Issued      time.Time
	LimitMinor  int64
	Rules       bank.PurchaseRules
	BlockedSoon bool // the customer loses it before the first purchase
	// city is where its holder lives, an index of the cities.
	city int
	kind kind
	// came is since when it is used: the order of all cards.
	came time.Time
	// activity is how often it is used, 1 to maxActivity.
	activity int
}

// Currency is that of all accounts.
const Currency = "BRL"

// cardYears is for how long the bank issues a card.
const cardYears = 5

// kind is what a card is there for.
type kind int

const (
	// usual cards buy, and little stands in their way.
	usual kind = iota
	// ruled ones have limits of their own for a purchase.
	ruled
	// tight ones have a credit limit that is soon reached.
	tight
	// lost ones are blocked.
	lost
	// old ones end during the history.
	old
)

// kinds repeat in this order, so that at any time there are cards of each.
var kinds = [100]kind{old, lost, tight, tight, ruled, ruled, ruled, ruled, ruled, ruled}

// fewKinds is how many of them are not usual; those come first.
const fewKinds = 10

const maxActivity = 4

// The limits, in minor units.
const (
	ruledMost  = 150_000
	ruledLeast = 500
	ruledRate  = 3 // purchases a minute
)

var creditLimits = []int64{2_000_000, 3_000_000, 5_000_000, 8_000_000, 12_000_000}

// brands are those that the bank issues, by how common they are.
var (
	brands       = []pan.Brand{pan.Visa, pan.Mastercard, pan.Elo, pan.Amex, pan.Hipercard, pan.JCB, pan.Discover, pan.Diners}
	brandWeights = []int{380, 330, 140, 50, 50, 25, 15, 10}
)

const (
	burstBrand = pan.Visa
	// burstBIN is the one under which the bank issues that brand, of the scheme's test numbers.
	burstBIN = "411111"
)

var (
	givenNames = []string{"Ana", "Bruno", "Camila", "Diego", "Eduarda", "Felipe", "Gabriela", "Heitor", "Isabela", "João", "Karina", "Lucas", "Mariana", "Nícolas", "Olívia", "Paulo", "Renata", "Sérgio", "Talita", "Vinícius"}
	surnames   = []string{"Almeida", "Barbosa", "Cardoso", "Duarte", "Esteves", "Ferreira", "Gonçalves", "Lima", "Moura", "Nunes", "Oliveira", "Pereira", "Queiroz", "Ribeiro", "Souza", "Teixeira", "Vieira", "Xavier"}
)

// newCards makes the cards of a plan in the order in which their holders come: most are
// there when the history begins, the others come one by one.
func newCards(plan *Plan) []Card {
	cards := make([]Card, plan.Cards)
	there := len(cards) * 3 / 4
	span := plan.End.Sub(plan.Start) * 95 / 100
	for i := range cards {
		d := newDraw(plan.Seed, aboutCard+i)
		c := &cards[i]
		c.kind = kinds[i%len(kinds)]
		c.came = plan.Start.Add(-12 * time.Hour * time.Duration(there-i) / time.Duration(there)).Truncate(time.Millisecond)
		if late := i - there; late > 0 {
			c.came = plan.Start.Add(span / time.Duration(len(cards)-there) * time.Duration(late)).Truncate(time.Millisecond)
		}
		if plan.Outage.Contains(c.came) {
			c.came = plan.Outage.To
		}
		c.Issued = c.came
		c.Holder = givenNames[d.below(len(givenNames))] + " " + surnames[d.below(len(surnames))]
		c.Brand = brands[d.pick(brandWeights)]
		c.city = d.pick(cityWeights[:homeCities])
		c.activity = d.between(1, maxActivity)
		c.LimitMinor = creditLimits[d.below(len(creditLimits))]
		switch c.kind {
		case ruled:
			c.Rules = bank.PurchaseRules{Limit: ruledMost, Minimum: ruledLeast, PerMinute: ruledRate}
		case tight:
			c.LimitMinor = int64(d.between(30, 90)) * 1000
		case lost:
			c.BlockedSoon = true
		case old:
			c.Issued = firstIssue(plan).Add(time.Duration(i) * time.Second)
		}
	}
	return cards
}

// firstIssue is when the old cards were issued. A card is good to the end of its month;
// in a short history that is the one before it begins.
func firstIssue(plan *Plan) time.Time {
	const long = 62
	year, month, _ := plan.Start.Date()
	if plan.Days < long {
		month--
	}
	return time.Date(year-cardYears, month, 1, 12, 0, 0, 0, time.UTC)
}

// customers returns how many cards were in use at a time.
func (h *History) customers(at time.Time) int {
	return sort.Search(len(h.cards), func(i int) bool { return h.cards[i].came.After(at) })
}

// someone draws a card for an ordinary purchase.
func (h *History) someone(d draw, at time.Time) int {
	there := h.customers(at)
	for {
		i := d.below(there)
		c := &h.cards[i]
		if (c.kind == usual || c.kind == ruled) && d.below(maxActivity) < c.activity {
			return i
		}
	}
}

// oneOf draws a card of a kind.
func (h *History) oneOf(d draw, at time.Time, of kind) int {
	there := h.customers(at)
	for {
		round := d.below(there/len(kinds) + 1)
		i := round*len(kinds) + d.below(fewKinds)
		if i < there && h.cards[i].kind == of {
			return i
		}
	}
}
