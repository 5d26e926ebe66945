// Package synthetic makes the requests of a synthetic history: which cards the bank issued
// and what the customers bought with them, day by day. Nights are quiet, Fridays are busy,
// pay-days are busier, and December is the busiest month. New customers come all the time,
// some leave, and some come back after months. Some stores grow and some shrink. Purchases are
// voided and refunded in whole or in part, by line of business; hotels and fuel stations set an amount aside
// first. One customer in ten has a wallet: cash in and out, payments, transfers and holds. One card in twelve
// has an account in US dollars.
// Cards are declined for every reason but a closed account. There is one attack that tests stolen numbers,
// and one outage of the bank without purchases, after which customers catch up.
//
// A load is a function of its options: the same options give the same requests, byte for
// byte, on every machine. The package reads no clock and sends nothing; package sender sends
// the requests.
//
// All random draws are whole numbers (draw.go) from tables: when (calendar.go, paydays.go), by
// whom (cards.go, retention.go), where (merchants.go, categories.go), how a visit goes
// (visits.go), what is set aside (holds.go) and given back (returns.go), and what moves on wallets
// (wallets.go). The files requests.go and walletrequests.go turn them into requests of the bank's contract. Plan.Annotations names what a chart should mark.
package synthetic

import (
	"fmt"
	"hash/fnv"
	"time"
)

// The bounds of the options.
const (
	MinDays      = 2
	MaxDays      = 3653
	MinPurchases = 1_000
	MaxPurchases = 100_000_000
)

// Options identify a load. Other options make another load.
type Options struct {
	Seed uint64
	// Days is how many days there are, MinDays to MaxDays.
	Days int
	// Purchases is how many purchases by card are requested, retries, declines and those that are captured
	// later included, MinPurchases to MaxPurchases. Captures, voids, reversals and the requests on wallets are
	// not counted.
	Purchases int
	// End is the midnight after the last day, UTC.
	End time.Time
}

// Check returns nil if New accepts the options. Otherwise it returns an error of the form
// "option: why".
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

// name is a short name of the load. Its request ids begin with it.
func (o Options) name() string {
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%d %d %d %d", o.Seed, o.Days, o.Purchases, o.End.Unix())
	return fmt.Sprintf("h%012x", sum.Sum64()>>16)
}

// Load is one made-up load. New makes it; it never changes and is safe for concurrent use.
type Load struct {
	options   Options
	name      string
	plan      Plan
	cards     []Card
	wallets   []Wallet
	merchants *merchants
	// until holds, for each day, how many purchases there are up to the end of that day,
	// without those of the burst.
	until []int
}

// New returns the load of these options. It makes no purchases; Steps makes them. The error
// is that of Options.Check.
func New(options Options) (*Load, error) {
	options.End = options.End.UTC()
	if err := options.Check(); err != nil {
		return nil, err
	}
	l := &Load{options: options, name: options.name(), plan: newPlan(options), merchants: newMerchants()}
	l.cards = newCards(&l.plan)
	l.wallets = newWallets(&l.plan, l.cards)
	l.plan.Wallets = len(l.wallets)
	l.until = spread(&l.plan)
	return l, nil
}

// Plan returns what the load has, and when.
func (l *Load) Plan() Plan { return l.plan }

// Cards returns the customers' cards, the oldest customer first. Step.Card is an index of
// this list. The caller must not change it.
func (l *Load) Cards() []Card { return l.cards }

// CardRequest returns the request id with which the card of this index is issued.
func (l *Load) CardRequest(card int) string { return fmt.Sprintf("%s-card-%d", l.name, card) }

// Plan is what a load has. Times are UTC.
type Plan struct {
	Seed      uint64    `json:"seed"`
	Days      int       `json:"days"`
	Purchases int       `json:"purchases"`
	Cards     int       `json:"cards"`
	Wallets   int       `json:"wallets"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Outage    Window    `json:"outage"`
	Burst     Burst     `json:"burst"`
	// Annotations are the events that a chart over time should mark, in the order of time.
	Annotations []Annotation `json:"annotations"`
}

// Window is the time from From, inclusive, to To, exclusive.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Contains reports whether at lies in the window.
func (w Window) Contains(at time.Time) bool { return !at.Before(w.From) && at.Before(w.To) }

// Burst is a short time in which somebody tries stolen and guessed numbers of one BIN
// at one merchant. Nobody else buys there.
type Burst struct {
	Window
	BIN        string `json:"bin"`
	MerchantID string `json:"merchant_id"`
	Purchases  int    `json:"purchases"`
}

const (
	outageTime = 95 * time.Minute
	burstTime  = 6 * time.Minute
	// Times of day, UTC. The outage is in a busy afternoon, and the burst in the dead of night.
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
	plan := Plan{
		Seed: o.Seed, Days: o.Days, Purchases: o.Purchases, Start: start, End: o.End,
		Cards:  min(max(o.Purchases/purchasesPerCard, minCards), maxCards),
		Outage: Window{outage, outage.Add(outageTime)},
		Burst: Burst{
			Window: Window{burst, burst.Add(burstTime)}, BIN: burstBIN, MerchantID: burstMerchant.Id,
			Purchases: min(max(o.Purchases/800, minBurst), maxBurst),
		},
	}
	plan.Annotations = annotations(&plan)
	return plan
}
