// Package history makes up the past of a bank: who its customers are and what they
// bought, day by day, with a rhythm that is worth looking at. Nights are quiet, Fridays
// busy, pay-days busier and December the busiest; cards are declined for every reason
// there is; once somebody tests stolen numbers, and once the bank is away.
//
// It is a function of its options: the same options give the same cards and the same
// requests, on every machine and for ever. It keeps no clock and does nothing; what a
// bank makes of the requests is the bank's to decide.
//
// Everything is drawn with whole numbers (draw.go) out of tables: when (calendar.go),
// by whom (cards.go), where (merchants.go), and how it goes (visits.go).
package synthetic

import (
	"fmt"
	"hash/fnv"
	"time"
)

// The bounds of what may be asked for.
const (
	MinDays      = 2
	MaxDays      = 3653
	MinPurchases = 1_000
	MaxPurchases = 100_000_000
)

// Options say which history. They are its identity: another option, another history.
type Options struct {
	Seed uint64
	// Days is how many there are, MinDays to MaxDays.
	Days int
	// Purchases is how many are asked for, retries and declines included, MinPurchases to
	// MaxPurchases. Reversals come on top.
	Purchases int
	// End is the midnight, UTC, behind the last day.
	End time.Time
}

// Check returns nil when there is such a history, else an error of the form "option: why".
func (o Options) Check() error {
	switch {
	case o.Days < MinDays || o.Days > MaxDays:
		return fmt.Errorf("days: %d is not between %d and %d", o.Days, MinDays, MaxDays)
	case o.Purchases < MinPurchases || o.Purchases > MaxPurchases:
		return fmt.Errorf("purchases: %d is not between %d and %d", o.Purchases, MinPurchases, MaxPurchases)
	case !o.End.Equal(o.End.UTC().Truncate(day)):
		return fmt.Errorf("end: %s is no midnight, UTC", o.End.Format(time.RFC3339))
	case o.End.AddDate(0, 0, -o.Days).Year()-cardYears < 2001:
		return fmt.Errorf("end: a history that begins %d days before %s begins too early", o.Days, o.End.Format(time.DateOnly))
	}
	return nil
}

// name is a short name of the history, which its request ids begin with.
func (o Options) name() string {
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%d %d %d %d", o.Seed, o.Days, o.Purchases, o.End.Unix())
	return fmt.Sprintf("h%012x", sum.Sum64()>>16)
}

// History is one past. Make it with New; it never changes and is safe for concurrent use.
type History struct {
	options   Options
	name      string
	plan      Plan
	cards     []Card
	merchants *merchants
	// until holds, for each day, how many purchases there are up to its end, the burst's not counted.
	until []int
}

// New makes the history of these options up, without its purchases: those are made when
// they are asked for. An error is that of Options.Check.
func New(options Options) (*History, error) {
	options.End = options.End.UTC()
	if err := options.Check(); err != nil {
		return nil, err
	}
	h := &History{options: options, name: options.name(), plan: newPlan(options), merchants: newMerchants()}
	h.cards = newCards(&h.plan)
	h.until = spread(&h.plan)
	return h, nil
}

// Plan says what is to be found in the history, and where.
func (h *History) Plan() Plan { return h.plan }

// Cards returns the customers' cards in the order in which they are issued; the index is what Step.Card
// names. They must not be changed.
func (h *History) Cards() []Card { return h.cards }

// CardRequest returns the request id with which a card is issued.
func (h *History) CardRequest(card int) string { return fmt.Sprintf("%s-card-%d", h.name, card) }

// Plan is what a history holds. Times are UTC.
type Plan struct {
	Seed      uint64    `json:"seed"`
	Days      int       `json:"days"`
	Purchases int       `json:"purchases"`
	Cards     int       `json:"cards"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	// PayDays are the days of a month on which many are paid, and buy.
	PayDays []int  `json:"pay_days"`
	Outage  Window `json:"outage"`
	Burst   Burst  `json:"burst"`
}

// Window is a time from From up to, but not including, To.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Contains reports whether at lies in the window.
func (w Window) Contains(at time.Time) bool { return !at.Before(w.From) && at.Before(w.To) }

// Burst is somebody who tries stolen and guessed numbers of one BIN at one merchant,
// which sells to nobody else.
type Burst struct {
	Window
	BIN        string `json:"bin"`
	MerchantID string `json:"merchant_id"`
	Purchases  int    `json:"purchases"`
}

const (
	outageTime = 40 * time.Minute
	burstTime  = 6 * time.Minute
	// Of a day, UTC: the outage is in a busy afternoon, the burst in the dead of night.
	outageAt = 18*time.Hour + 10*time.Minute
	burstAt  = 6*time.Hour + 12*time.Minute

	purchasesPerCard = 50
	minCards         = 100
	maxCards         = 100_000
	minBurst         = 60
	maxBurst         = 600
)

func newPlan(o Options) Plan {
	start := o.End.AddDate(0, 0, -o.Days)
	outage := start.AddDate(0, 0, o.Days*2/5).Add(outageAt)
	burst := start.AddDate(0, 0, o.Days*3/5).Add(burstAt)
	return Plan{
		Seed: o.Seed, Days: o.Days, Purchases: o.Purchases, Start: start, End: o.End,
		Cards:   min(max(o.Purchases/purchasesPerCard, minCards), maxCards),
		PayDays: payDays(),
		Outage:  Window{outage, outage.Add(outageTime)},
		Burst: Burst{
			Window: Window{burst, burst.Add(burstTime)}, BIN: burstBIN, MerchantID: burstMerchant.ID,
			Purchases: min(max(o.Purchases/800, minBurst), maxBurst),
		},
	}
}
