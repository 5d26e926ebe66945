package synthetic_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/operations/synthetic"
	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

var end = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func year(purchases int) synthetic.Options {
	return synthetic.Options{Seed: 7, Days: 365, Purchases: purchases, End: end}
}

func made(t testing.TB, options synthetic.Options) *synthetic.History {
	t.Helper()
	past, err := synthetic.New(options)
	require.NoError(t, err)
	return past
}

func digest(past *synthetic.History) string {
	sum := sha256.New()
	for _, card := range past.Cards() {
		fmt.Fprintf(sum, "%+v\n", card)
	}
	for step := range past.Steps() {
		merchant := step.Merchant
		step.Merchant = nil
		fmt.Fprintf(sum, "%+v %+v\n", step, merchant)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// The digest is written down, so that another machine or another Go makes no other history.
func TestTheSameOptionsMakeTheSameHistoryForEver(t *testing.T) {
	const known = "ee92a85e3edb4f34"
	require.Equal(t, known, digest(made(t, year(20_000))))
	require.Equal(t, known, digest(made(t, year(20_000))))
	other := year(20_000)
	other.Seed++
	require.NotEqual(t, known, digest(made(t, other)))
}

func TestAnotherHistoryHasOtherRequestIDs(t *testing.T) {
	base := year(1_000)
	names := map[string]bool{made(t, base).CardRequest(0): true}
	for _, change := range []func(*synthetic.Options){
		func(o *synthetic.Options) { o.Seed++ },
		func(o *synthetic.Options) { o.Days++ },
		func(o *synthetic.Options) { o.Purchases++ },
		func(o *synthetic.Options) { o.End = o.End.AddDate(0, 0, 1) },
	} {
		options := base
		change(&options)
		name := made(t, options).CardRequest(0)
		require.False(t, names[name])
		names[name] = true
	}
}

func TestEveryRequestIsOneTheBankCanTake(t *testing.T) {
	for _, options := range []synthetic.Options{
		year(50_000), {Seed: 1, Days: 2, Purchases: 1000, End: end}, {Seed: 1, Days: 40, Purchases: 5000, End: end},
	} {
		past := made(t, options)
		plan := past.Plan()
		require.True(t, plan.Start.Equal(end.AddDate(0, 0, -options.Days)))
		purchases, seen := 0, map[string]bool{}
		bought := map[string]synthetic.Step{}
		var last time.Time
		for step := range past.Steps() {
			require.NoError(t, field.Word("request_id", step.RequestID))
			require.False(t, seen[step.RequestID], step.RequestID)
			seen[step.RequestID] = true
			require.False(t, step.At.Before(last), "in the order of time")
			last = step.At
			require.Zero(t, step.At.Nanosecond()%int(time.Millisecond))
			require.True(t, !step.At.Before(plan.Start) && step.At.Before(plan.End), step.At)
			require.False(t, plan.Outage.Contains(step.At), "the bank was away")
			require.Equal(t, step.Presented == synthetic.Unknown, step.Card < 0)
			if step.Card >= 0 {
				require.False(t, step.At.Before(past.Cards()[step.Card].Issued), "no card is used before its issue")
			}
			if step.Reverses != "" {
				original, ok := bought[step.Reverses]
				require.True(t, ok, "what goes back was bought before")
				require.Equal(t, original.Card, step.Card)
				continue
			}
			purchases++
			bought[step.RequestID] = step
			require.NoError(t, step.Merchant.Check("merchant"))
			require.NoError(t, field.Amount("amount_minor", step.AmountMinor))
			require.NoError(t, field.Attempt("attempt", step.Attempt))
			require.NoError(t, field.OptionalText("description", step.Description, field.MaxDescription))
			require.Positive(t, step.Attempt)
			if step.Card < 0 {
				number, err := pan.Parse(step.Number)
				require.NoError(t, err)
				require.Equal(t, plan.Burst.BIN, number.BIN(), "of a test BIN")
			}
		}
		require.Equal(t, options.Purchases, purchases)
		for i, card := range past.Cards() {
			require.NoError(t, field.HolderName("holder_name", card.Holder))
			require.NoError(t, field.Word("request_id", past.CardRequest(i)))
			require.False(t, plan.Outage.Contains(card.Issued))
		}
	}
}

// counts is what a history has, by what it is looked at.
type counts struct {
	hours      [24]int
	weekdays   [7]int
	monthDays  [32]int
	months     map[string]int
	presented  map[synthetic.Presented]int
	channels   map[bank.Channel]int
	countries  map[string]int
	attempts   map[int32]int
	burst      int
	strays     int // the burst's merchant at another time
	reversals  int
	burstCards map[int]bool
}

func count(past *synthetic.History) counts {
	c := counts{
		months: map[string]int{}, presented: map[synthetic.Presented]int{}, channels: map[bank.Channel]int{},
		countries: map[string]int{}, attempts: map[int32]int{}, burstCards: map[int]bool{},
	}
	plan := past.Plan()
	for step := range past.Steps() {
		if step.Reverses != "" {
			c.reversals++
			continue
		}
		if step.Merchant.ID == plan.Burst.MerchantID {
			if c.burst++; !plan.Burst.Contains(step.At) {
				c.strays++
			}
			if step.Card >= 0 {
				c.burstCards[step.Card] = true
			}
		}
		c.hours[step.At.Hour()]++
		c.weekdays[step.At.Weekday()]++
		c.monthDays[step.At.Day()]++
		c.months[step.At.Format("2006-01")]++
		c.presented[step.Presented]++
		c.channels[step.Channel]++
		c.countries[step.Merchant.Country]++
		c.attempts[step.Attempt]++
	}
	return c
}

func TestAHistoryHasTheRhythmItPromises(t *testing.T) {
	past := made(t, year(100_000))
	plan, c := past.Plan(), count(past)
	require.Greater(t, c.hours[15], 8*c.hours[5], "noon in São Paulo against two in the morning")
	require.Greater(t, c.weekdays[time.Friday], c.weekdays[time.Sunday]*3/2)
	for _, payDay := range plan.PayDays {
		require.Greater(t, c.monthDays[payDay], c.monthDays[payDay-2]*5/4, "the %dth", payDay)
	}
	require.Len(t, c.months, 12)
	require.Greater(t, c.months["2025-12"], c.months["2026-02"]*5/4, "Christmas")
	require.Greater(t, c.months["2026-10"], c.months["2026-02"]*5/4, "growth")

	require.Equal(t, plan.Burst.Purchases, c.burst)
	require.Zero(t, c.strays)
	require.Greater(t, len(c.burstCards), plan.Burst.Purchases/5, "many cards of one BIN")
	for card := range c.burstCards {
		require.Equal(t, pan.Visa, past.Cards()[card].Brand)
	}
	require.Positive(t, c.reversals)
	require.Len(t, c.channels, 4)
	require.GreaterOrEqual(t, len(c.countries), 6)
	require.Len(t, c.presented, 6, "right, and wrong in every way")
	for _, attempt := range []int32{2, 3} {
		require.Positive(t, c.attempts[attempt], attempt)
	}
}

func TestCardsComeAllTheTimeAndOfEveryBrand(t *testing.T) {
	past := made(t, year(100_000))
	brands, during, expiring := map[pan.Brand]int{}, 0, 0
	for _, card := range past.Cards() {
		brands[card.Brand]++
		if card.Issued.After(past.Plan().Start) {
			during++
		}
		if card.Issued.AddDate(5, 1, 0).Before(past.Plan().End) {
			expiring++
		}
	}
	require.Len(t, brands, 8)
	require.InDelta(t, len(past.Cards())/4, during, 30)
	require.InDelta(t, len(past.Cards())/100, expiring, 1)
}

func TestWhatIsNoHistoryIsRefusedByOption(t *testing.T) {
	for option, change := range map[string]func(*synthetic.Options){
		"days":      func(o *synthetic.Options) { o.Days = 1 },
		"days:":     func(o *synthetic.Options) { o.Days = 4000 },
		"purchases": func(o *synthetic.Options) { o.Purchases = 999 },
		"end":       func(o *synthetic.Options) { o.End = o.End.Add(time.Hour) },
		"end:":      func(o *synthetic.Options) { o.End = time.Date(2006, 5, 1, 0, 0, 0, 0, time.UTC) },
	} {
		options := year(1000)
		change(&options)
		_, err := synthetic.New(options)
		require.ErrorContains(t, err, option)
	}
}

func TestAMillionPurchasesNeedLittleMemory(t *testing.T) {
	past := made(t, year(1_000_000))
	var memory runtime.MemStats
	most, n := uint64(0), 0
	for range past.Steps() {
		if n++; n%100_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&memory)
			most = max(most, memory.HeapAlloc)
		}
	}
	require.Greater(t, n, 1_000_000)
	require.Less(t, most, uint64(64<<20))
}
