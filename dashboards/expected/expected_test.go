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
			Kind:      pick(random, event.KindPurchase, event.KindPurchase, event.KindPurchase, event.KindReversal, event.KindVoid, event.KindOpening, event.KindLimitChange),
			Direction: pick(random, event.DirectionDebit, event.DirectionNone, event.DirectionUnknown), Status: event.StatusApproved,
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
	if d.Kind == event.KindPurchase {
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
				event.DeclineOverPurchaseLimit, event.DeclineTooFrequent, event.DeclineAmountBelowMinimum)
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
	var payments []string
	for _, m := range event.Meanings() {
		if m.Payment {
			require.True(t, m.MovesMoney && m.Line, m.Kind)
			payments = append(payments, string(m.Kind))
		}
	}
	require.Len(t, payments, 1, "the query below names one kind")
	counted := 0
	for _, board := range catalogue.Dashboards() {
		for _, p := range board.Panels {
			if strings.Contains(p.Definition, "Covers payments, which are events of kind") {
				counted++
				require.Equal(t, "kind: "+payments[0], strings.SplitN(kql.Text(p.Query), " and ", 2)[0], p.ID)
			}
		}
	}
	require.Greater(t, counted, 20)
}
