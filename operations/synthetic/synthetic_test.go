package synthetic_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"codebank.dev/operations/synthetic"
	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

var end = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func year(purchases int) synthetic.Options {
	return synthetic.Options{Seed: 7, Days: 365, Purchases: purchases, End: end}
}

func made(t testing.TB, options synthetic.Options) *synthetic.Load {
	t.Helper()
	load, err := synthetic.New(options)
	require.NoError(t, err)
	return load
}

// issued is what a bank answers to the issue of a card, as far as requests need it.
func issued(card int, holder string) *bankv1.IssueCardResponse {
	return &bankv1.IssueCardResponse{
		Card: &bankv1.Card{Name: fmt.Sprintf("cards/%d", card)},
		CardData: &bankv1.CardData{
			Number: fmt.Sprintf("4111%012d", card), HolderName: holder, Cvv: fmt.Sprintf("%03d", card%1000),
			ExpiryMonth: int32(card%12) + 1, ExpiryYear: 2030,
		},
	}
}

// digest is a hash over all requests of a load, as they are sent.
func digest(t *testing.T, load *synthetic.Load) string {
	t.Helper()
	sum := sha256.New()
	put := func(request proto.Message) {
		body, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
		require.NoError(t, err)
		fmt.Fprintf(sum, "%d:%s", len(body), body)
	}
	var cards []*bankv1.IssueCardResponse
	for i, card := range load.Cards() {
		put(load.IssueRequest(i))
		fmt.Fprintf(sum, "%v", card.BlockedSoon)
		cards = append(cards, issued(i, card.Holder))
	}
	for step := range load.Steps() {
		switch {
		case step.Kind == synthetic.Capture:
			put(step.CaptureRequest(step.Follows))
		case step.Kind == synthetic.Void:
			put(step.VoidRequest())
		case step.Kind == synthetic.Reversal:
			put(step.ReversalRequest(step.Follows))
		case step.Card < 0:
			put(step.PurchaseRequest(nil))
		default:
			put(step.PurchaseRequest(cards[step.Card]))
		}
	}
	for i := range load.Wallets() {
		put(load.OpenRequest(i, "customer"))
	}
	for step := range load.WalletSteps() {
		put(walletRequest(t, &step))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// walletRequest returns the request of a step on a wallet. Accounts have the numbers of the wallets as names.
func walletRequest(t *testing.T, step *synthetic.Step) proto.Message {
	t.Helper()
	account := strconv.Itoa(step.Wallet)
	switch step.Kind {
	case synthetic.Deposit:
		return step.DepositRequest(account)
	case synthetic.Withdrawal:
		return step.WithdrawRequest(account)
	case synthetic.Payment:
		return step.PaymentRequest(account)
	case synthetic.Transfer:
		return step.TransferRequest(account, strconv.Itoa(step.To))
	case synthetic.Hold:
		return step.HoldRequest(account)
	case synthetic.Capture:
		return step.CaptureHoldRequest(step.Follows)
	case synthetic.Void:
		return step.VoidHoldRequest(step.Follows)
	case synthetic.Reversal:
		return step.GiveBackRequest(step.Follows)
	}
	t.Fatalf("kind %d is not of a wallet", step.Kind)
	return nil
}

// The digests are written down, so that another machine, another version of Go and another
// version of this package make the same requests.
func TestTheSameOptionsMakeTheSameRequestsForEver(t *testing.T) {
	for known, options := range map[string]synthetic.Options{
		"66e6eb97f9dcb64f051c4b987b9a1021": year(20_000),
		"04dc39d29e3c3c18b2965c47eebb8e91": {Seed: 1, Days: 2, Purchases: 1000, End: end},
		"a4b6b0e489c5bfa5ca1dba7305050f43": {Seed: 1, Days: 40, Purchases: 5000, End: end},
	} {
		require.Equal(t, known, digest(t, made(t, options)))
		require.Equal(t, known, digest(t, made(t, options)))
		options.Seed++
		require.NotEqual(t, known, digest(t, made(t, options)))
	}
}

func TestAnotherLoadHasOtherRequestIDs(t *testing.T) {
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

// requireMerchant checks a merchant against the bank's contract.
func requireMerchant(t *testing.T, merchant *bankv1.Merchant) {
	t.Helper()
	require.NoError(t, field.Word("merchant.id", merchant.GetId()))
	require.NoError(t, field.Text("merchant.name", merchant.GetName(), field.MaxName))
	require.NoError(t, field.CategoryCode("merchant.category_code", merchant.GetCategoryCode()))
	require.NoError(t, field.Text("merchant.city", merchant.GetCity(), field.MaxCity))
	require.NoError(t, field.Country("merchant.country", merchant.GetCountry()))
}

func TestEveryRequestIsOneTheBankCanTake(t *testing.T) {
	for _, options := range []synthetic.Options{
		year(50_000), {Seed: 1, Days: 2, Purchases: 1000, End: end}, {Seed: 1, Days: 40, Purchases: 5000, End: end},
	} {
		load := made(t, options)
		plan := load.Plan()
		require.True(t, plan.Start.Equal(end.AddDate(0, 0, -options.Days)))
		purchases, seen := 0, map[string]bool{}
		bought, followers := map[string]synthetic.Step{}, map[string]int{}
		var last time.Time
		for step := range load.Steps() {
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
				require.False(t, step.At.Before(load.Cards()[step.Card].Issued), "no card is used before its issue")
			}
			if step.Follows != "" {
				original, ok := bought[step.Follows]
				require.True(t, ok, "what goes back was bought before")
				require.Equal(t, original.Card, step.Card)
				require.True(t, original.At.Before(step.At))
				require.LessOrEqual(t, step.AmountMinor, original.AmountMinor)
				require.Equal(t, step.Kind != synthetic.Reversal, original.Later && followers[step.Follows] == original.Followers(), "a capture or a void comes first")
				followers[step.Follows]--
				continue
			}
			purchases++
			bought[step.RequestID] = step
			if step.Followers() > 0 {
				followers[step.RequestID] = step.Followers()
			}
			if step.Card >= 0 {
				require.Equal(t, load.Cards()[step.Card].Currency, step.Currency, "the currency of the account")
			}
			requireMerchant(t, step.Merchant)
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
		for _, left := range followers {
			require.Zero(t, left, "what is to follow follows")
		}
		for i, card := range load.Cards() {
			require.NoError(t, field.HolderName("holder_name", card.Holder))
			require.NoError(t, field.Word("request_id", load.CardRequest(i)))
			require.False(t, plan.Outage.Contains(card.Issued))
		}
	}
}

// counts is how many purchases a load has, by several properties.
type counts struct {
	hours      [24]int
	weekdays   [7]int
	payDays    int
	months     map[string]int
	presented  map[synthetic.Presented]int
	channels   map[bankv1.Channel]int
	countries  map[string]int
	attempts   map[int32]int
	burst      int
	strays     int // the burst's merchant at another time
	reversals  int
	burstCards map[int]bool
}

func count(load *synthetic.Load) counts {
	c := counts{
		months: map[string]int{}, presented: map[synthetic.Presented]int{}, channels: map[bankv1.Channel]int{},
		countries: map[string]int{}, attempts: map[int32]int{}, burstCards: map[int]bool{},
	}
	plan := load.Plan()
	payDays := map[time.Time]bool{}
	for _, date := range synthetic.PayDays(plan.Start, plan.End) {
		payDays[date] = true
	}
	for step := range load.Steps() {
		if step.Follows != "" {
			c.reversals++
			continue
		}
		if step.Merchant.Id == plan.Burst.MerchantID {
			if c.burst++; !plan.Burst.Contains(step.At) {
				c.strays++
			}
			if step.Card >= 0 {
				c.burstCards[step.Card] = true
			}
		}
		c.hours[step.At.Hour()]++
		c.weekdays[step.At.Weekday()]++
		if payDays[step.At.Truncate(24*time.Hour)] {
			c.payDays++
		}
		c.months[step.At.Format("2006-01")]++
		c.presented[step.Presented]++
		c.channels[step.Channel]++
		c.countries[step.Merchant.Country]++
		c.attempts[step.Attempt]++
	}
	return c
}

func TestALoadHasTheRhythmItPromises(t *testing.T) {
	options := year(100_000)
	load := made(t, options)
	plan, c := load.Plan(), count(load)
	require.Greater(t, c.hours[15], 8*c.hours[5], "noon in São Paulo against two in the morning")
	require.Greater(t, c.weekdays[time.Friday], c.weekdays[time.Sunday]*3/2)
	require.Greater(t, c.payDays, 24*options.Purchases/365*5/4, "twenty-four busy days")
	require.Len(t, c.months, 12)
	require.Greater(t, c.months["2025-12"], c.months["2026-02"]*5/4, "Christmas")
	require.Greater(t, c.months["2026-10"], c.months["2026-02"]*5/4, "growth")

	require.Equal(t, plan.Burst.Purchases, c.burst)
	require.Zero(t, c.strays)
	require.Greater(t, len(c.burstCards), plan.Burst.Purchases/5, "many cards of one BIN")
	for card := range c.burstCards {
		require.Equal(t, bankv1.CardBrand_CARD_BRAND_VISA, load.Cards()[card].Brand)
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
	load := made(t, year(100_000))
	brands, during, expiring := map[bankv1.CardBrand]int{}, 0, 0
	for _, card := range load.Cards() {
		brands[card.Brand]++
		if card.Issued.After(load.Plan().Start) {
			during++
		}
		if card.Issued.AddDate(5, 1, 0).Before(load.Plan().End) {
			expiring++
		}
	}
	require.Len(t, brands, 8)
	require.InDelta(t, len(load.Cards())*55/100, during, 30)
	require.InDelta(t, len(load.Cards())/100, expiring, 1)
}

func TestOptionsOfNoLoadAreRefusedByName(t *testing.T) {
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
	load := made(t, year(1_000_000))
	var memory runtime.MemStats
	most, n := uint64(0), 0
	for range load.Steps() {
		if n++; n%100_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&memory)
			most = max(most, memory.HeapAlloc)
		}
	}
	require.Greater(t, n, 1_000_000)
	require.Less(t, most, uint64(64<<20))
}
