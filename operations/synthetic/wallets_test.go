package synthetic_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/synthetic"
	"codebank.dev/platform/field"
)

func TestHotelsAndFuelStationsSetAnAmountAside(t *testing.T) {
	const hotel, fuel = "7011", "5541"
	purchases, later, ends := map[string]int{}, map[string]int{}, map[string]map[string]int{hotel: {}, fuel: {}}
	held := map[string]synthetic.Step{}
	back, parts := 0, 0
	load := made(t, year(200_000))
	for step := range load.Steps() {
		if step.Kind == synthetic.Purchase {
			purchases[step.Merchant.CategoryCode]++
			if step.Later {
				later[step.Merchant.CategoryCode]++
				held[step.RequestID] = step
			}
			continue
		}
		hold, ok := held[step.Follows]
		if step.Kind == synthetic.Reversal {
			require.True(t, !ok || hold.Followers() == 2, "only what was captured is given back")
			if back++; step.AmountMinor > 0 {
				parts++
			}
			continue
		}
		require.True(t, ok)
		lag, code := step.At.Sub(hold.At), hold.Merchant.CategoryCode
		require.True(t, lag >= 2*time.Minute && lag <= 6*24*time.Hour, "before the hold expires: %v", lag)
		switch {
		case step.Kind == synthetic.Void:
			ends[code]["voided"]++
		case step.AmountMinor > 0:
			require.Less(t, step.AmountMinor, hold.AmountMinor)
			ends[code]["captured in part"]++
		default:
			ends[code]["captured"]++
		}
	}
	require.Len(t, later, 2)
	require.InDelta(t, 85, later[hotel]*100/purchases[hotel], 4)
	require.InDelta(t, 56, later[fuel]*100/purchases[fuel], 5, "of the visits that are meant to succeed")
	for code, how := range ends {
		require.Len(t, how, 3, code)
		open := later[code] - how["voided"] - how["captured in part"] - how["captured"]
		require.Positive(t, open, "some are never ended: %s", code)
		require.Less(t, open, later[code]/20)
	}
	require.Greater(t, ends[fuel]["captured in part"], ends[fuel]["captured"], "nobody fills up for a round amount")
	require.Greater(t, ends[hotel]["captured"], ends[hotel]["captured in part"])
	require.InDelta(t, 22, parts*100/back, 8, "part refunds, of all reversals")
}

// TestEveryRequestOnAWalletIsOneTheBankCanTake also checks that the accounts are those of wallets that are
// open.
func TestEveryRequestOnAWalletIsOneTheBankCanTake(t *testing.T) {
	load := made(t, year(50_000))
	plan, wallets := load.Plan(), load.Wallets()
	require.Equal(t, plan.Wallets, len(wallets))
	require.InDelta(t, plan.Cards/10, plan.Wallets, float64(plan.Cards/100), "one customer in ten")
	seen, kinds, left := map[string]synthetic.Step{}, map[synthetic.Kind]int{}, map[string]int{}
	opened, currencies, payDays := map[string]bool{}, map[string]bool{}, map[time.Time]bool{}
	for i, wallet := range wallets {
		opened[load.WalletRequest(i)] = true
		currencies[wallet.Currency] = true
		require.Equal(t, load.Cards()[wallet.Card].Currency, wallet.Currency)
		require.True(t, wallet.Opened.After(load.Cards()[wallet.Card].Issued) && wallet.Opened.Before(plan.End))
		require.False(t, wallet.Opened.Before(plan.Start) || plan.Outage.Contains(wallet.Opened))
	}
	require.Len(t, opened, len(wallets))
	require.Len(t, currencies, 2)
	for _, date := range synthetic.PayDays(plan.Start, plan.End) {
		payDays[date] = true
	}
	var last time.Time
	onPayDays := 0
	for step := range load.WalletSteps() {
		kinds[step.Kind]++
		require.NoError(t, field.Word("request_id", step.RequestID))
		require.NotContains(t, seen, step.RequestID)
		seen[step.RequestID] = step
		require.False(t, step.At.Before(last), "in the order of time")
		last = step.At
		require.True(t, step.At.After(wallets[step.Wallet].Opened) && step.At.Before(plan.End) && !plan.Outage.Contains(step.At))
		if step.To >= 0 {
			require.NotEqual(t, step.Wallet, step.To)
			require.True(t, step.At.After(wallets[step.To].Opened))
			require.Equal(t, wallets[step.Wallet].Currency, wallets[step.To].Currency)
		}
		if step.Follows != "" {
			original, ok := seen[step.Follows]
			require.True(t, ok)
			require.Equal(t, [2]int{original.Wallet, original.To}, [2]int{step.Wallet, step.To})
			require.LessOrEqual(t, step.AmountMinor, original.AmountMinor)
			left[step.Follows]--
			continue
		}
		require.NoError(t, field.Amount("amount_minor", step.AmountMinor))
		require.NoError(t, field.OptionalText("description", step.Description, field.MaxDescription))
		require.Equal(t, wallets[step.Wallet].Currency, step.Currency)
		require.Equal(t, step.Kind == synthetic.Transfer, step.To >= 0)
		require.Equal(t, step.Kind == synthetic.Payment || step.Kind == synthetic.Hold, step.Merchant != nil)
		if step.Merchant != nil {
			requireMerchant(t, step.Merchant)
		}
		if step.Kind == synthetic.Deposit && payDays[step.At.Truncate(24*time.Hour)] {
			onPayDays++
		}
		left[step.RequestID] += step.Followers()
	}
	for id, n := range left {
		require.Zero(t, n, "what follows %s", id)
	}
	require.Len(t, kinds, 8, "all but a purchase by card: %v", kinds)
	require.Greater(t, onPayDays, kinds[synthetic.Deposit]/2)
	require.Greater(t, kinds[synthetic.Payment], kinds[synthetic.Transfer])
	require.Greater(t, kinds[synthetic.Transfer], kinds[synthetic.Withdrawal])
	require.Greater(t, kinds[synthetic.Hold], kinds[synthetic.Capture]+kinds[synthetic.Void], "a few stay open")
	t.Log(kinds)
}
