package expected_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/expected"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
	"codebank.dev/schemas/event"
)

// input is an input of a panel: two days of generated events, of which the panel shows
// the second.
func input(seed uint64, documents int) expected.Input {
	random := rand.New(rand.NewPCG(seed, 1))
	to := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	q := expected.Input{From: to.Add(-24 * time.Hour), To: to, Interval: 30 * time.Minute}
	for i := range documents {
		// Never at the edge of a range, where a millisecond decides whether an event
		// belongs to it.
		at := to.UnixMilli() - 1 - random.Int64N(2*24*3600*1000-2)
		q.Documents = append(q.Documents, document(random, i, at))
	}
	return q
}

func pick[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }

func document(random *rand.Rand, i int, at int64) expected.Document {
	d := expected.Document{
		Transaction: event.Transaction{
			EventID: fmt.Sprint("e", i), TransactionID: fmt.Sprint("t", i), BankCode: pick(random, "001", "002"), OccurredAtMillis: at,
			Kind: pick(random, event.KindPurchase, event.KindPurchase, event.KindPurchase, event.KindReversal, event.KindVoid, event.KindOpening, event.KindLimitChange,
				event.KindHold, event.KindHold, event.KindCapture, event.KindExpiry, event.KindTransfer, event.KindDeposit, event.KindWithdrawal, event.KindPixOut),
			Direction: pick(random, event.DirectionDebit, event.DirectionCredit, event.DirectionNone, event.DirectionUnknown), Status: event.StatusApproved,
			AccountID:   pick(random, "", "a1", "a2"),
			AccountKind: pick(random, "", event.AccountKindCard, event.AccountKindWallet, event.AccountKindUnknown),
			Relation:    pick(random, "", event.RelationReleased, event.RelationUnknown), PrincipalKind: pick(random, "", event.PrincipalKindUser, event.PrincipalKindUnknown),
			Mode:        pick(random, "", event.ModeLive, event.ModeUnknown),
			AmountMinor: random.Int64N(150_000), Currency: pick(random, "BRL", "BRL", "USD", "JPY", "KWD"), ProducerVersion: pick(random, "1", "2"),
			CardID: pick(random, "", "c1", "c2", "c3"), CardBrand: pick(random, "", event.CardBrandVisa, event.CardBrandElo), CardBIN: pick(random, "", "400000", "500000"),
			CustomerID: pick(random, "", "k1", "k2"), MerchantID: pick(random, "", "m1", "m2"), MerchantName: pick(random, "Bar", "Café", "Loja", "Other", "Padaria", "Feira", "Banca", "Quiosque", "Livraria", "(all others)", "Armazém", "Sebo"),
			MerchantCategoryCode: pick(random, "5411", "5812"), MerchantCountry: pick(random, "BR", "PT"),
			Channel: pick(random, event.ChannelEcommerce, event.ChannelPointOfSale, event.ChannelUnknown), TraceID: pick(random, "", "f00"),
		},
		Topic: pick(random, "bank-001", "bank-002"), Partition: int32(random.IntN(3)), Offset: int64(i), PipelineMillis: random.Int64N(90_000_000),
	}
	if d.Kind == event.KindOpening || d.Kind == event.KindLimitChange {
		d.Status = event.StatusApplied
	}
	if d.Kind == event.KindTransfer && random.IntN(3) == 0 {
		d.Status = event.StatusDeclined
	}
	if d.Kind == event.KindPurchase || d.Kind == event.KindHold {
		d.CardUse = pick(random, "", event.CardUseFirst, event.CardUseLater)
		d.RiskRule, d.RiskScore = pick(random, event.RiskRuleNone, event.RiskRuleCardTesting, event.RiskRuleVelocity), event.Some(random.Int32N(101))
		if random.IntN(10) == 0 {
			d.RiskRule, d.RiskScore = "", event.Optional[int32]{}
		}
		if random.IntN(3) == 0 {
			d.Status = event.StatusDeclined
			d.AmountMinor = random.Int64N(2_000)
			d.DeclineReason = pick(random, event.DeclineUnknown, event.DeclineUnknownCard, event.DeclineNameMismatch, event.DeclineExpiryMismatch,
				event.DeclineCVVMismatch, event.DeclineExpired, event.DeclineBlocked, event.DeclineLocked, event.DeclineInsufficientFunds,
				event.DeclineOverPurchaseLimit, event.DeclineTooFrequent, event.DeclineAmountBelowMinimum, event.DeclineAccountClosed)
		}
		d.Attempt = pick(random, event.Optional[int32]{}, event.Some[int32](1), event.Some[int32](2))
		d.DecisionMicros = pick(random, event.Optional[int64]{}, event.Some(random.Int64N(600_000)), event.Some(random.Int64N(400_000)))
	}
	return d
}

// TestTheModelAgreesWithTheFiguresByHand evaluates each panel from its model (buckets,
// queries and formulas) and compares the result with the figures by hand.
func TestTheModelAgreesWithTheFiguresByHand(t *testing.T) {
	for _, board := range catalogue.Dashboards() {
		for _, p := range board.Panels {
			if len(p.Layer.Metrics) == 0 || expected.WithoutFigure[p.ID] != "" {
				continue
			}
			t.Run(board.ID+"/"+p.ID, func(t *testing.T) {
				figure := expected.Of(board.ID, p.ID)
				require.NotNil(t, figure, "a panel without a figure by hand")
				filled := 0
				for seed := range uint64(3) {
					q := input(seed, 400)
					if p.ID == "declines-per-minute" {
						q.From, q.Interval = q.To.Add(-3*time.Hour), time.Minute
					}
					filled += compare(t, p, q, figure(q))
				}
				require.Positive(t, filled, "nothing was compared")
			})
		}
	}
}

// compare compares the rows by hand with the rows of the model, and returns how many
// figures had a value.
func compare(t *testing.T, p view.Panel, q expected.Input, byHand []expected.Row) int {
	t.Helper()
	name := func(keys []string) string { return strings.Join(keys, " | ") }
	hand := make(map[string]expected.Values)
	for _, row := range byHand {
		require.Len(t, row.Keys, len(p.Layer.Buckets))
		require.Len(t, row.Values, len(p.Layer.Metrics))
		hand[name(row.Keys)] = row.Values
	}
	filled := 0
	model := evaluated(p, q)
	for _, row := range model {
		values, there := hand[name(row.keys)]
		if !there {
			require.Zero(t, row.documents, "row %s is missing by hand", name(row.keys))
			continue
		}
		delete(hand, name(row.keys))
		for i, metric := range p.Layer.Metrics {
			want, have := values[metric.ID], row.values[i]
			require.Equal(t, want == nil, have == nil, "row %s, %s: a value or none", name(row.keys), metric.ID)
			if want != nil {
				filled++
				require.InDelta(t, *want, *have, 1e-6, "row %s, %s", name(row.keys), metric.ID)
			}
		}
	}
	require.Empty(t, hand, "rows that the model does not have")
	return filled
}

// An account is opened, and a limit changed, by no channel.
func TestAHealthyIndexHasNoUnknownValue(t *testing.T) {
	to := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	q := expected.Input{From: to.Add(-time.Hour), To: to, Interval: time.Minute}
	add := func(kind event.Kind, channel event.Channel) {
		q.Documents = append(q.Documents, expected.Document{Transaction: event.Transaction{
			OccurredAtMillis: to.UnixMilli() - 1, Kind: kind, Status: event.StatusApplied, Direction: event.DirectionNone, Channel: channel,
		}})
	}
	unknown := func() float64 {
		for _, row := range expected.Of("pipeline", "missing")(q) {
			if row.Keys[0] == "Value not known to a reader" {
				return *row.Values["events"]
			}
		}
		return -1
	}
	add(event.KindOpening, event.ChannelUnknown)
	add(event.KindLimitChange, event.ChannelUnknown)
	add(event.KindPurchase, event.ChannelEcommerce)
	require.Zero(t, unknown())
	add(event.KindPurchase, event.ChannelUnknown)
	require.InDelta(t, 1, unknown(), 0)
}

func TestAVolumeIsInTheMajorUnitOfItsCurrency(t *testing.T) {
	to := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	q := expected.Input{From: to.Add(-time.Hour), To: to, Interval: time.Minute}
	want := map[string]float64{"BRL": 1234.56, "USD": 1234.56, "JPY": 123456, "CLP": 123456, "ISK": 123456, "KWD": 123.456}
	for currency := range want {
		q.Documents = append(q.Documents, expected.Document{Transaction: event.Transaction{
			OccurredAtMillis: to.UnixMilli() - 1, Kind: event.KindPurchase, Status: event.StatusApproved, AmountMinor: 123456, Currency: currency,
		}})
	}
	rows := expected.Of("overview", "currencies")(q)
	require.Len(t, rows, len(want))
	for _, row := range rows {
		require.InDelta(t, want[row.Keys[0]], *row.Values["volume"], 1e-9, row.Keys[0])
	}
	for _, board := range catalogue.Dashboards() {
		for _, p := range board.Panels {
			if p.ID == "currencies" {
				compare(t, p, q, rows)
			}
		}
	}
}

func TestEveryFigureBelongsToAPanel(t *testing.T) {
	for _, board := range catalogue.Dashboards() {
		require.Nil(t, expected.Of(board.ID, "complete-up-to"))
	}
	require.Nil(t, expected.Of("overview", "none"))
}

// A payment is what the contract of the events says it is, on every dashboard.
func TestAPaymentIsOfTheKindsThatTheContractNames(t *testing.T) {
	var payments []event.Kind
	for _, m := range event.Meanings() {
		if m.Payment {
			require.True(t, m.MovesMoney && m.Line || m.Pending, m.Kind)
			payments = append(payments, m.Kind)
		}
	}
	require.Equal(t, []event.Kind{event.KindPurchase, event.KindHold}, payments)
	counted := 0
	for _, board := range catalogue.Dashboards() {
		for _, p := range board.Panels {
			if !strings.Contains(p.Definition, "Covers payments, which are events of kind") {
				continue
			}
			counted++
			for _, m := range event.Meanings() {
				d := expected.Document{Transaction: event.Transaction{Kind: m.Kind, CardID: "c", AccountID: "a"}}
				query := p.Query
				if and, ok := query.(kql.And); ok {
					query = and[0]
				}
				require.Equal(t, m.Payment, matches(query, &d), "%s: %s of a card", p.ID, m.Kind)
				d.CardID = ""
				require.Equal(t, m.Kind == event.KindPurchase, matches(query, &d), "%s: %s of a wallet", p.ID, m.Kind)
				d.AccountID = ""
				require.Equal(t, m.Payment, matches(query, &d), "%s: %s of an unknown card", p.ID, m.Kind)
			}
		}
	}
	require.Greater(t, counted, 20)
}

// dayOfHolds is a store's purchases, a hold that is captured in part and then given back in part, a hold
// that is voided, one that expires, and transfers, one of which is given back.
func dayOfHolds() expected.Input {
	to := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	q := expected.Input{From: to.Add(-time.Hour), To: to, Interval: time.Minute}
	add := func(kind event.Kind, direction event.Direction, amount int64, with ...func(*event.Transaction)) {
		e := event.Transaction{
			Kind: kind, Direction: direction, Status: event.StatusApproved, AmountMinor: amount, Currency: "BRL",
			AccountID: "account", OccurredAtMillis: to.UnixMilli() - 1000,
		}
		for _, one := range with {
			one(&e)
		}
		q.Documents = append(q.Documents, expected.Document{Transaction: e})
	}
	card := func(e *event.Transaction) { e.CardID, e.MerchantID = "card", "store" }
	store := func(e *event.Transaction) { e.MerchantID = "store" }
	declined := func(e *event.Transaction) {
		e.Status, e.DeclineReason = event.StatusDeclined, event.DeclineInsufficientFunds
	}
	add(event.KindPurchase, event.DirectionDebit, 100_00, card)
	add(event.KindPurchase, event.DirectionDebit, 30_00, store) // of a wallet
	add(event.KindVoid, event.DirectionCredit, 30_00, store)
	add(event.KindHold, event.DirectionDebit, 80_00, card)
	add(event.KindCapture, event.DirectionDebit, 60_00, card)
	add(event.KindVoid, event.DirectionNone, 20_00, card)
	add(event.KindReversal, event.DirectionCredit, 10_00, card)
	add(event.KindHold, event.DirectionDebit, 50_00, card)
	add(event.KindVoid, event.DirectionNone, 50_00, card)
	add(event.KindHold, event.DirectionDebit, 7_00) // of a wallet
	add(event.KindHold, event.DirectionDebit, 5_00) // of a wallet
	add(event.KindExpiry, event.DirectionNone, 5_00)
	add(event.KindHold, event.DirectionDebit, 999_00, card, declined)
	for _, direction := range []event.Direction{event.DirectionDebit, event.DirectionCredit} {
		add(event.KindTransfer, direction, 500_00)
		add(event.KindReversal, direction, 200_00)
	}
	add(event.KindTransfer, event.DirectionDebit, 900_00, declined)
	add(event.KindDeposit, event.DirectionCredit, 1000_00)
	add(event.KindWithdrawal, event.DirectionDebit, 40_00)
	return q
}

// The figures of a day with holds, transfers and cash, worked out on paper.
func TestHoldsTransfersAndCashCountForWhatTheyAre(t *testing.T) {
	q := dayOfHolds()
	for _, one := range []struct {
		panel, figure string
		want          float64
	}{
		{"overview/payments", "payments", 5},        // Two purchases and three holds on a card.
		{"overview/approval-rate", "rate", 4.0 / 5}, // The fifth is declined.
		{"overview/approved-volume", "volume", 260}, // 100 + 30 + 80 + 50
		{"overview/net-volume", "volume", 150},      // 100 + 30 + 60 - 30 - 10
		{"overview/reversed-volume", "volume", 40},  // 30 + 10
		{"risk/reversals", "reversals", 2},          // A void and a reversal.
		{"risk/reversal-rate", "rate", 2.0 / 3},     // Two purchases and a capture.
		{"risk/reversal-rate-by-volume", "rate", 40.0 / 190},
		{"stores/active-cards", "number", 1},
		{"wallets/transferred", "volume", 500},
		{"wallets/transferred", "number", 1},
		{"wallets/deposited", "volume", 1000},
		{"wallets/withdrawn", "volume", 40},
		{"wallets/placed", "holds", 4},
		{"wallets/captured", "volume", 60},
		{"wallets/expired", "holds", 1},
		{"wallets/held", "volume", 7}, // 80 + 50 + 7 + 5 - 60 - 20 - 50 - 5
	} {
		board, panel, _ := strings.Cut(one.panel, "/")
		rows := expected.Of(board, panel)(q)
		require.Len(t, rows, 1, one.panel)
		require.NotNil(t, rows[0].Values[one.figure], one.panel)
		require.InDelta(t, one.want, *rows[0].Values[one.figure], 1e-9, "%s, %s", one.panel, one.figure)
		for _, dashboard := range catalogue.Dashboards() {
			for _, p := range dashboard.Panels {
				if dashboard.ID == board && p.ID == panel {
					require.Positive(t, compare(t, p, q, rows))
				}
			}
		}
	}
}
