package synthetic_test

import (
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/synthetic"
)

// TestPayDaysAreTheFifthBusinessDayAndThe20th has months with holidays among their first days.
func TestPayDaysAreTheFifthBusinessDayAndThe20th(t *testing.T) {
	for month, want := range map[string]string{
		"2026-01": "2026-01-08", // the 1st is a holiday
		"2026-02": "2026-02-06",
		"2025-03": "2025-03-11", // Carnival
		"2026-04": "2026-04-08", // Good Friday is the 3rd
		"2026-05": "2026-05-08",
		"2026-06": "2026-06-08", // Corpus Christi is the 4th
		"2026-09": "2026-09-08",
		"2026-11": "2026-11-09",
		"1981-04": "1981-04-07", // Easter is the 19th, an exception of the method
	} {
		from, err := time.Parse("2006-01", month)
		require.NoError(t, err)
		days := synthetic.PayDays(from, from.AddDate(0, 1, 0))
		require.Len(t, days, 2, month)
		require.Equal(t, want, days[0].Format(time.DateOnly))
		require.Equal(t, 20, days[1].Day())
	}
	for date, want := range map[string]bool{
		"2026-04-03": false, "2026-02-16": false, "2026-02-17": false, "2026-02-18": true, "2026-06-04": false, "1981-04-17": false,
		"1954-04-16": false, "2049-04-16": false, "2076-04-17": false, "2026-11-20": false, "2023-11-20": true, "2026-11-28": false,
	} {
		day, err := time.Parse(time.DateOnly, date)
		require.NoError(t, err)
		require.Equal(t, want, synthetic.BusinessDay(day), date)
	}
}

func TestAnnotationsNameWhatAChartShouldMark(t *testing.T) {
	plan := made(t, year(1_000)).Plan()
	words := map[string]int{}
	var last time.Time
	for _, a := range plan.Annotations {
		words[a.Word]++
		require.False(t, a.At.Before(last), "in the order of time")
		require.False(t, a.To.Before(a.At))
		require.NotEmpty(t, a.Text)
		last = a.At
	}
	require.Equal(t, map[string]int{synthetic.PayDay: 24, synthetic.Outage: 1, synthetic.CatchUp: 1, synthetic.CardTesting: 1}, words)
}

// months returns, for each card, in which months of the load it was used.
func months(load *synthetic.Load) map[int][13]bool {
	used := map[int][13]bool{}
	for step := range load.Steps() {
		if step.Card < 0 || step.Follows != "" || step.Merchant.Id == load.Plan().Burst.MerchantID {
			continue
		}
		of := used[step.Card]
		of[int(step.At.Sub(load.Plan().Start)/(24*time.Hour))/30] = true
		used[step.Card] = of
	}
	return used
}

// A cohort is the cards whose first purchase is in the same month.
func TestCohortsLoseCardsAndSomeComeBack(t *testing.T) {
	var size, after [13]int // after is how many of the first cohort are used so many months later
	back, gone := 0, 0
	for _, used := range months(made(t, year(100_000))) {
		first, last := slices.Index(used[:], true), 12
		for ; !used[last]; last-- {
			continue
		}
		size[first]++
		if first == 0 {
			for month, is := range used {
				if is {
					after[month]++
				}
			}
			if last < 8 {
				gone++
			}
			if slices.Contains(used[first:last], false) {
				back++
			}
		}
	}
	for month := 1; month < 11; month++ {
		require.Positive(t, size[month], "new cards in month %d", month)
		require.Greater(t, size[0], 3*size[month], "cards that were there before")
	}
	require.Less(t, after[1], size[0]*92/100, "some try the card once")
	require.Greater(t, after[1], size[0]*65/100)
	require.Less(t, after[9], after[1]*85/100, "churn")
	require.Greater(t, after[9], size[0]*40/100, "most stay")
	require.Greater(t, gone, size[0]/6)
	require.Greater(t, back, size[0]/20, "some pause and come back")
}

func TestReversalsComeByLineOfBusiness(t *testing.T) {
	load := made(t, year(200_000))
	bought := map[string]synthetic.Step{}
	purchases, voids, refunds := map[string]int{}, map[string]int{}, map[string]int{}
	for step := range load.Steps() {
		if step.Follows == "" {
			purchases[step.Merchant.CategoryCode]++
			if step.Followers() > 0 {
				bought[step.RequestID] = step
			}
			continue
		}
		if step.Kind != synthetic.Reversal || bought[step.Follows].Later {
			continue
		}
		original := bought[step.Follows]
		lag := step.At.Sub(original.At)
		code := original.Merchant.CategoryCode
		if step.Description == "Estorno" {
			voids[code]++
			require.True(t, lag >= time.Minute && lag <= time.Hour, lag)
		} else {
			refunds[code]++
			require.Equal(t, "Devolução", step.Description)
			require.True(t, lag >= 2*time.Hour && lag <= 60*24*time.Hour, lag)
		}
	}
	rate := func(of map[string]int, code string) int { return of[code] * 1000 / purchases[code] }
	require.InDelta(t, 47, rate(refunds, "4511"), 16, "airlines")
	require.InDelta(t, 34, rate(refunds, "5651"), 10, "clothes")
	require.Zero(t, refunds["5541"], "nobody returns fuel")
	require.Positive(t, voids["5541"])
	require.Greater(t, rate(voids, "4121"), rate(refunds, "4121"), "rides are cancelled at once")
	require.Zero(t, voids["4899"], "a collected subscription is not voided")
}

func TestCustomersCatchUpAfterTheOutage(t *testing.T) {
	load := made(t, year(500_000))
	outage := load.Plan().Outage
	caughtUp, usual, again := 0, 0, 0
	within := func(at, from time.Time) bool { return !at.Before(from) && at.Before(from.Add(50*time.Minute)) }
	for step := range load.Steps() {
		switch {
		case step.Follows != "":
		case within(step.At, outage.To.AddDate(0, 0, -14)): // a week before is a pay-day
			usual++
		case within(step.At, outage.To):
			caughtUp++
		}
		if step.Description == "Nova tentativa" {
			again++
			require.GreaterOrEqual(t, step.Attempt, int32(2))
			require.False(t, step.At.Before(outage.To))
			require.True(t, step.At.Before(outage.To.Add(4*time.Hour)), "with a late try after an hour")
		}
		if step.At.After(outage.To.AddDate(0, 0, 1)) {
			break
		}
	}
	require.Greater(t, again, caughtUp/3)
	require.Greater(t, caughtUp, usual*8/5)
}

func TestAShareOfCardsIsInDollars(t *testing.T) {
	load := made(t, year(100_000))
	cards := 0
	for _, card := range load.Cards() {
		if card.Currency == synthetic.Dollar {
			cards++
		}
	}
	require.InDelta(t, len(load.Cards())*8/100, cards, 40)
	// The amounts at supermarkets, by currency.
	amounts := map[string][]int64{}
	for step := range load.Steps() {
		if step.Follows == "" && step.Merchant.CategoryCode == "5411" {
			amounts[step.Currency] = append(amounts[step.Currency], step.AmountMinor)
		}
	}
	require.Len(t, amounts, 2)
	median := func(of []int64) int64 { slices.Sort(of); return of[len(of)/2] }
	require.InDelta(t, 9_800, median(amounts[synthetic.Real]), 900)
	require.InDelta(t, 5_400, median(amounts[synthetic.Dollar]), 700)
	require.InDelta(t, 8, len(amounts[synthetic.Dollar])*100/(len(amounts[synthetic.Real])+len(amounts[synthetic.Dollar])), 3)
}

func TestStoresGrowAndShrinkAndHaveShortAndLongNames(t *testing.T) {
	load := made(t, year(200_000))
	start := load.Plan().Start
	first, last := map[string]int{}, map[string]int{}
	shortest, longest, accented := 100, 0, 0
	names := map[string]bool{}
	for step := range load.Steps() {
		if step.Follows != "" {
			continue
		}
		name := step.Merchant.Name
		switch days := step.At.Sub(start) / (24 * time.Hour); {
		case days < 90:
			first[name]++
		case days >= 275:
			last[name]++
		}
		if !names[name] {
			names[name] = true
			length := utf8.RuneCountInString(name)
			shortest, longest = min(shortest, length), max(longest, length)
			if length != len(name) {
				accented++
			}
		}
	}
	require.Equal(t, 2, shortest)
	require.Equal(t, 60, longest)
	require.Greater(t, accented, 10)
	require.Greater(t, last["Compra Fácil"], 2*first["Compra Fácil"], "grows")
	require.Less(t, last["Magazine Praia"], first["Magazine Praia"]*2/3, "shrinks, although all grow by a third")
	require.Zero(t, first["Streamly"], "opens later")
	require.Positive(t, last["Streamly"])
	require.Positive(t, first["Churrascaria do Sul"])
	require.Zero(t, last["Churrascaria do Sul"], "closes")
}
