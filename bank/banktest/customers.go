package banktest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/auditlog"
	"github.com/stretchr/testify/require"
)

func linksCustomers(t *testing.T, ledger Ledger) {
	user, other := NewID(), NewID()
	link := func(customer, user bank.ID, at time.Time) bank.CustomerLink {
		return bank.CustomerLink{CustomerID: customer, UserID: user, LinkedAt: at, LinkedBy: "operator"}
	}
	actor := bank.Actor{Name: "operator"}
	record := actor.Record(Start, bank.ActLink, "a customer", auditlog.ResultOK)
	var want []bank.CustomerLink
	for range 3 {
		first := link(NewID(), user, Start)
		stored, err := ledger.LinkCustomer(t.Context(), first, record)
		require.NoError(t, err)
		require.Equal(t, first, stored)
		for _, later := range []bank.ID{user, other} {
			stored, err = ledger.LinkCustomer(t.Context(), link(first.CustomerID, later, Start.Add(time.Hour)), record)
			require.NoError(t, err)
			require.Equal(t, first, stored, "the first link stays")
		}
		want = append(want, first)
	}
	// The customer of the user himself is another's now, and the other's own customer is his.
	for _, of := range []bank.CustomerLink{link(user, other, Start), link(other, user, Start)} {
		_, err := ledger.LinkCustomer(t.Context(), of, record)
		require.NoError(t, err)
		want = append(want, of)
	}
	slices.SortFunc(want, func(a, b bank.CustomerLink) int { return bytes.Compare(a.CustomerID[:], b.CustomerID[:]) })
	got, err := ledger.LinksOf(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = ledger.LinksOf(t.Context(), NewID())
	require.NoError(t, err)
	require.Empty(t, got)
}
