package customer_test

import (
	"context"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/customer"
	"codebank.dev/bank/inmem"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

func link(customerID, user bank.ID) customer.LinkRequest {
	return customer.LinkRequest{Customer: "customers/" + customerID.String(), User: "users/" + user.String(), Actor: bank.Actor{Name: "operator"}}
}

func TestACustomerBelongsToOneUser(t *testing.T) {
	clock := banktest.NewClock()
	service := customer.New(inmem.New(clock.Now), clock.Now)
	ada, bob, old := banktest.NewID(), banktest.NewID(), banktest.NewID()
	requireOwned := func(user bank.ID, want ...bank.ID) {
		t.Helper()
		got, err := service.Of(t.Context(), user)
		require.NoError(t, err)
		require.ElementsMatch(t, want, got)
	}
	requireOwned(ada, ada)
	requireOwned(old, old)
	unlinked, err := service.Get(t.Context(), "customers/"+old.String())
	require.NoError(t, err)
	require.Equal(t, bank.CustomerLink{CustomerID: old, UserID: old}, unlinked)

	first, err := service.Link(t.Context(), link(old, ada))
	require.NoError(t, err)
	require.Equal(t, bank.CustomerLink{CustomerID: old, UserID: ada, LinkedAt: clock.Now(), LinkedBy: "operator"}, first)
	clock.Advance(time.Minute)
	again, err := service.Link(t.Context(), link(old, ada))
	require.NoError(t, err)
	require.Equal(t, first, again, "a repeat gets the first answer")
	_, err = service.Link(t.Context(), link(old, bob))
	require.Equal(t, "CUSTOMER_LINKED", fault.Of(err).Reason)
	require.Equal(t, fault.FailedPrecondition, fault.CodeOf(err))
	requireOwned(ada, ada, old)
	requireOwned(old)
	requireOwned(bob, bob)
	got, err := service.Get(t.Context(), "customers/"+old.String())
	require.NoError(t, err)
	require.Equal(t, first, got)

	_, err = service.Link(t.Context(), link(bob, ada))
	require.NoError(t, err)
	requireOwned(bob)
	requireOwned(ada, ada, old, bob)
	for name, request := range map[string]customer.LinkRequest{
		"customer": {Customer: "customers/ada", User: "users/" + ada.String()}, "user": {Customer: "customers/" + old.String(), User: ada.String()},
	} {
		_, err = service.Link(t.Context(), request)
		require.Equal(t, name, fault.Of(err).Field)
	}
}

// reads counts how often the links were read.
type reads struct {
	*inmem.Store
	count int
}

func (r *reads) LinksOf(ctx context.Context, user bank.ID) ([]bank.CustomerLink, error) {
	r.count++
	return r.Store.LinksOf(ctx, user)
}

func TestALinkIsObeyedByEveryProcessWithinFiveSeconds(t *testing.T) {
	clock := banktest.NewClock()
	store := &reads{Store: inmem.New(clock.Now)}
	one, two := customer.New(store, clock.Now), customer.New(store, clock.Now)
	ada, old := banktest.NewID(), banktest.NewID()
	of := func(service *customer.Service) int {
		customers, err := service.Of(t.Context(), ada)
		require.NoError(t, err)
		return len(customers)
	}
	require.Equal(t, []int{1, 1}, []int{of(one), of(two)})
	_, err := one.Link(t.Context(), link(old, ada))
	require.NoError(t, err)
	require.Equal(t, 2, of(one), "the process that has linked him knows at once")
	read := store.count
	clock.Advance(4999 * time.Millisecond)
	require.Equal(t, 1, of(two), "the other still has what it has read")
	require.Equal(t, read, store.count)
	clock.Advance(time.Millisecond)
	require.Equal(t, 2, of(two))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	clock.Advance(time.Hour)
	_, err = one.Of(ctx, ada)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "nobody owns what cannot be read")
}
