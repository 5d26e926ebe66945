package pix_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/audit/pix"
)

const (
	paid     = "E00000001AAAAAAAAAAAAAAAAAAAAAAA"
	refused  = "E00000001BBBBBBBBBBBBBBBBBBBBBBB"
	underway = "E00000002CCCCCCCCCCCCCCCCCCCCCCC"
	returned = "D00000002DDDDDDDDDDDDDDDDDDDDDDD"
)

var began = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// world is two banks and a hub at rest but for one payment that is on its way: credited and not yet captured.
type world struct {
	banks map[string][]pix.Entry
	hub   []pix.Payment
}

func entry(id, kind, direction, other string, minor int64) pix.Entry {
	e := pix.Entry{
		EndToEndID: id, Transaction: id + kind, Kind: kind, Direction: direction, Status: "APPROVED", AmountMinor: minor, Currency: "BRL",
		Counterparty: other, At: began,
	}
	if kind == "PIX_OUT" || kind == "PIX_IN" || kind == "PIX_RETURN" {
		e.Transit, e.TransitMinor = "transit of the bank that pays "+other, minor
		if direction == "CREDIT" {
			e.TransitMinor = -minor
		}
	}
	return e
}

func newWorld() *world {
	voided := entry(refused, "PIX_IN", "NONE", "001", 300)
	voided.Status, voided.Transit, voided.TransitMinor = "VOIDED", "", 0
	return &world{
		banks: map[string][]pix.Entry{
			"001": {
				entry(paid, "HOLD", "DEBIT", "002", 1000), entry(paid, "PIX_OUT", "DEBIT", "002", 1000),
				entry(refused, "HOLD", "DEBIT", "002", 300), entry(refused, "VOID", "NONE", "002", 300),
				entry(underway, "PIX_IN", "CREDIT", "002", 50),
				entry(returned, "PIX_RETURN", "CREDIT", "002", 400),
			},
			"002": {
				entry(paid, "PIX_IN", "CREDIT", "001", 1000), voided, entry(underway, "HOLD", "DEBIT", "001", 50),
				entry(returned, "PIX_RETURN", "DEBIT", "001", 400),
			},
		},
		hub: []pix.Payment{
			{EndToEndID: paid, State: "COMPLETED", Sender: "001", Receiver: "002", AmountMinor: 1000, Returned: 400, Currency: "BRL", At: began},
			{EndToEndID: refused, State: "REJECTED", Sender: "001", Receiver: "002", AmountMinor: 300, Currency: "BRL", At: began},
			{EndToEndID: underway, State: "PENDING", Sender: "002", Receiver: "001", AmountMinor: 50, Currency: "BRL", At: began},
			{EndToEndID: returned, Original: paid, State: "COMPLETED", Sender: "002", Receiver: "001", AmountMinor: 400, Currency: "BRL", At: began},
		},
	}
}

func each[T any](values []T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range values {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			yield(*new(T), err)
		}
	}
}

func (w *world) run(t *testing.T) *pix.Report {
	t.Helper()
	var banks []pix.Bank
	for _, code := range []string{"001", "002"} {
		banks = append(banks, pix.Bank{Code: code, Entries: each(w.banks[code], nil)})
	}
	report, err := pix.Run(t.Context(), banks, func(context.Context) iter.Seq2[pix.Payment, error] { return each(w.hub, nil) }, began.Add(90*time.Second))
	require.NoError(t, err)
	return report
}

// find returns an entry of a bank, to be changed.
func (w *world) find(bank, id, kind string) *pix.Entry {
	list := w.banks[bank]
	return &list[slices.IndexFunc(list, func(e pix.Entry) bool { return e.EndToEndID == id && e.Kind == kind })]
}

func (w *world) remove(bank, id, kind string) {
	w.banks[bank] = slices.DeleteFunc(w.banks[bank], func(e pix.Entry) bool { return e.EndToEndID == id && e.Kind == kind })
}

func TestPlacesThatAgreeAreEqualAndWhatIsInDoubtIsListed(t *testing.T) {
	report := newWorld().run(t)
	require.Empty(t, report.Findings)
	require.True(t, report.Equal)
	require.Equal(t, 3, report.Payments)
	require.Equal(t, 1, report.Returns)
	require.Equal(t, []pix.Sum{{Currency: "BRL", Minor: 50}}, report.Waiting, "credited and not yet captured")
	require.Len(t, report.Open, 1)
	require.Equal(t, underway, report.Open[0].EndToEndID)
	require.Equal(t, 90*time.Second, report.Open[0].Age)
	require.Contains(t, report.Table(), "in doubt: "+underway+" from 002 to 001, 50 BRL, PENDING for 1m30s\n")
	require.Contains(t, report.Table(), "audit pix: equal\n")
}

func TestEachTamperedRowIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		tamper func(*world)
		found  pix.Finding // Detail is not compared
	}{
		"a credit is gone":            {func(w *world) { w.remove("002", paid, "PIX_IN") }, pix.Finding{Place: "002", EndToEndID: paid, Field: "kind"}},
		"a credit is twice":           {func(w *world) { w.banks["002"] = append(w.banks["002"], *w.find("002", paid, "PIX_IN")) }, pix.Finding{Place: "002", EndToEndID: paid, Field: "kind"}},
		"a credit has another amount": {func(w *world) { w.find("002", paid, "PIX_IN").AmountMinor++ }, pix.Finding{Place: "002", EndToEndID: paid, Field: "amount_minor"}},
		"a credit in other money":     {func(w *world) { w.find("002", paid, "PIX_IN").Currency = "USD" }, pix.Finding{Place: "002", EndToEndID: paid, Field: "currency"}},
		"a capture is gone":           {func(w *world) { w.remove("001", paid, "PIX_OUT") }, pix.Finding{Place: "hub", EndToEndID: paid, Field: "state"}},
		"a hold is gone":              {func(w *world) { w.remove("001", paid, "HOLD") }, pix.Finding{Place: "001", EndToEndID: paid, Field: "kind"}},
		"released and captured": {func(w *world) { w.banks["001"] = append(w.banks["001"], entry(paid, "VOID", "NONE", "002", 1000)) },
			pix.Finding{Place: "001", EndToEndID: paid, Field: "kind"}},
		"credited although refused": {func(w *world) {
			w.banks["002"] = append(w.banks["002"], entry(refused, "PIX_IN", "CREDIT", "001", 300))
		},
			pix.Finding{Place: "002", EndToEndID: refused, Field: "status"}},
		"captured by itself": {func(w *world) {
			w.banks["002"] = append(w.banks["002"], entry(underway, "PIX_OUT", "DEBIT", "001", 50))
		},
			pix.Finding{Place: "hub", EndToEndID: underway, Field: "state"}},
		"another receiver":       {func(w *world) { w.hub[0].Receiver = "003" }, pix.Finding{Place: "hub", EndToEndID: paid, Field: "receiver_bank_code"}},
		"another amount at hub":  {func(w *world) { w.hub[0].AmountMinor = 999 }, pix.Finding{Place: "hub", EndToEndID: paid, Field: "amount_minor"}},
		"another state at hub":   {func(w *world) { w.hub[1].State = "COMPLETED" }, pix.Finding{Place: "hub", EndToEndID: refused, Field: "state"}},
		"the hub has lost one":   {func(w *world) { w.hub = w.hub[1:] }, pix.Finding{Place: "hub", EndToEndID: paid, Field: "end_to_end_id"}},
		"the hub invents one":    {func(w *world) { w.hub[0].EndToEndID = "E00000001EEEEEEEEEEEEEEEEEEEEEEE" }, pix.Finding{Place: "001", EndToEndID: "E00000001EEEEEEEEEEEEEEEEEEEEEEE", Field: "kind"}},
		"too much is given back": {func(w *world) { w.find("002", returned, "PIX_RETURN").AmountMinor = 1001 }, pix.Finding{Place: "002", EndToEndID: paid, Field: "amount_minor"}},
		"returns are miscounted": {func(w *world) { w.hub[0].Returned = 0 }, pix.Finding{Place: "hub", EndToEndID: paid, Field: "returned_minor"}},
		"money from elsewhere":   {func(w *world) { w.find("002", paid, "PIX_IN").Transit = "cash" }, pix.Finding{Place: "002", EndToEndID: returned, Field: "transit"}},
		"a movement is changed":  {func(w *world) { w.find("002", paid, "PIX_IN").TransitMinor = 0 }, pix.Finding{Place: "002", EndToEndID: paid, Field: "transit"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			test.tamper(w)
			report := w.run(t)
			require.False(t, report.Equal)
			found := slices.ContainsFunc(report.Findings, func(f pix.Finding) bool {
				return f.Place == test.found.Place && f.EndToEndID == test.found.EndToEndID && f.Field == test.found.Field && f.Detail != ""
			})
			require.True(t, found, "%+v", report.Findings)
			require.Contains(t, report.Table(), "audit pix: DIFFERENT (")
		})
	}
}

func TestARejectedReturnGivesTheMoneyBack(t *testing.T) {
	w := newWorld()
	const id = "D00000002FFFFFFFFFFFFFFFFFFFFFFF"
	w.banks["002"] = append(w.banks["002"], entry(id, "PIX_RETURN", "DEBIT", "001", 900), entry(id, "PIX_IN", "CREDIT", "001", 900))
	w.hub = append(w.hub, pix.Payment{EndToEndID: id, Original: paid, State: "REJECTED", Sender: "002", Receiver: "001", AmountMinor: 900, Currency: "BRL", At: began})
	report := w.run(t)
	require.Empty(t, report.Findings)
	require.Len(t, report.Open, 1)
}

func TestAPaymentThatTheHubHasNotHeardOfIsInDoubt(t *testing.T) {
	w := newWorld()
	const id = "E00000001GGGGGGGGGGGGGGGGGGGGGGG"
	w.banks["001"] = append(w.banks["001"], entry(id, "HOLD", "DEBIT", "002", 7))
	report := w.run(t)
	require.True(t, report.Equal)
	require.Contains(t, report.Table(), "in doubt: "+id+" from 001 to 002, 7 BRL, NOT AT THE HUB for 1m30s\n")
}

func TestAPlaceThatIsAwayIsNamed(t *testing.T) {
	away := errors.New("connection refused")
	_, err := pix.Run(t.Context(), []pix.Bank{{Code: "002", Entries: each[pix.Entry](nil, away)}}, nil, began)
	require.ErrorIs(t, err, away)
	require.ErrorContains(t, err, "bank 002")
	_, err = pix.Run(t.Context(), nil, func(context.Context) iter.Seq2[pix.Payment, error] { return each[pix.Payment](nil, away) }, began)
	require.ErrorContains(t, err, "hub: connection refused")
}
