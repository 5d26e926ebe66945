package checkouttest

import (
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/checkout/inmem"
	"codebank.dev/checkout/order"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// scene is a store with a catalogue, a bank, and a clock that moves when told.
type scene struct {
	*testing.T
	store Store
	bank  *inmem.Acquirer
	clock *Clock
}

func newScene(t *testing.T, store Store) *scene {
	require.NoError(t, store.Seed(t.Context(), Seeds(), Start()))
	clock := NewClock()
	bank := inmem.NewAcquirer(clock)
	bank.Decline("1881", checkout.Decline{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."})
	return &scene{T: t, store: store, bank: bank, clock: clock}
}

// shop starts a process.
func (s *scene) shop(hook failpoint.Hook) *Shop {
	return NewShop(s, Setting{Store: s.store, Bank: s.bank, Clock: s.clock, Hook: hook})
}

// reconciled returns an order after a new process has ended every open order.
func (s *scene) reconciled(requestID string) checkout.Order {
	s.Helper()
	open, err := s.shop(nil).ReconcileAll(s.Context(), s.clock, 10)
	require.NoError(s, err)
	require.Zero(s, open, "orders left open")
	return s.stored(requestID)
}

func (s *scene) stored(requestID string) checkout.Order {
	s.Helper()
	stored, err := s.store.ByRequest(s.Context(), "shop", requestID)
	require.NoError(s, err)
	return stored
}

// TestLifecycle shows the whole life of orders on a store: placed, decided, repeated,
// interrupted, ended. open returns an empty store.
func TestLifecycle(t *testing.T, open func(testing.TB) Store) {
	for _, rule := range []struct {
		name string
		show func(*scene)
	}{
		{"an approved order is paid and keeps no token", approved},
		{"a declined order says why", declined},
		{"a repeat is answered with the order as it is and charges nothing", repeated},
		{"another body under the same request id is refused", reused},
		{"without a token nothing is stored", noToken},
		{"a lost answer is asked for again within the call", lostAnswer},
		{"an order the bank never answered is sent again later", sentAgain},
		{"an order too old to be sent again is voided and given back", voidedWhenOld},
		{"a decline found while voiding is kept as the reason", declinedWhileVoiding},
		{"what the bank refuses is voided and declined", refused},
		{"an approval that comes after the decision to void is not honoured", lateApproval},
		{"a decision to void survives a crash and nothing is sent again", voidDecisionStands},
		{"a crash at any failpoint loses and doubles nothing", crashed},
		{"a void the bank does not answer is sent until it does", voidedInTheEnd},
		{"a purchase that arrives after its void is not kept", arrivesAfterVoid},
		{"a paid order is refunded in parts and no further", refunded},
		{"a refund is made once, however often it is asked for", refundRepeated},
		{"what is not the requester's to refund is not there", refundedByNobodyElse},
		{"a refund that the bank does not answer is made later", refundedLater},
		{"a refund that the bank refuses for good frees its amount", refundRefused},
		{"a crash at any failpoint loses and doubles no refund", refundCrashed},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.show(newScene(t, open(t))) })
	}
	t.Run("a hundred equal requests at once charge once and get the same answer", func(t *testing.T) { hundredAtOnce(t, open(t)) })
	t.Run("refunds at once by two processes are together no more than was paid", func(t *testing.T) { refundsAtOnce(t, open(t)) })
	t.Run("a caller out of time is answered with the pending order", func(t *testing.T) { outOfTime(t, open(t)) })
	t.Run("two processes place and reconcile side by side while calls fail", func(t *testing.T) { sideBySide(t, open(t)) })
}

func approved(s *scene) {
	placed, err := s.shop(nil).Orders.Place(s.Context(), Request(s, "r1", VisaNumber))
	require.NoError(s, err)
	require.Equal(s, checkout.Approved, placed.State)
	require.Equal(s, Reais(7980), placed.Total)
	require.Equal(s, "2 × Romance", placed.Description)
	require.Equal(s, "1111", placed.CardLast4)
	require.NotEmpty(s, placed.Purchase)
	require.Equal(s, checkout.PendingCharge{}, placed.PendingCharge)
	require.Equal(s, placed, s.stored("r1"))
	require.Equal(s, s.bank.Kept()[placed.ID.String()], placed.Total)
}

func declined(s *scene) {
	placed, err := s.shop(nil).Orders.Place(s.Context(), Request(s, "r1", DecliningNumber))
	require.NoError(s, err)
	require.Equal(s, checkout.Declined, placed.State)
	require.Equal(s, checkout.Decline{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."}, placed.Decline)
	require.Empty(s, s.bank.Kept())
}

func repeated(s *scene) {
	first, err := s.shop(nil).Orders.Place(s.Context(), Request(s, "r1", VisaNumber))
	require.NoError(s, err)
	calls := s.bank.Calls()
	Retire(s, s.store, "novel") // Even when the product is gone.
	again, err := s.shop(nil).Orders.Place(s.Context(), Request(s, "r1", VisaNumber))
	require.NoError(s, err)
	require.Equal(s, first, again)
	require.Equal(s, calls, s.bank.Calls())
}

func reused(s *scene) {
	shop := s.shop(nil)
	_, err := shop.Orders.Place(s.Context(), Request(s, "r1", VisaNumber))
	require.NoError(s, err)
	for name, change := range map[string]func(*order.Request){
		"quantity": func(r *order.Request) { r.Lines = []checkout.Line{{Product: "novel", Quantity: 3}} },
		"product":  func(r *order.Request) { r.Lines = []checkout.Line{{Product: "atlas", Quantity: 2}} },
		"items":    func(r *order.Request) { r.Lines = append(r.Lines, r.Lines[0]) },
		"attempt":  func(r *order.Request) { r.Attempt++ },
		"card":     func(r *order.Request) { r.Card = Card(s, AmexNumber) },
	} {
		other := Request(s, "r1", VisaNumber)
		change(&other)
		_, err := shop.Orders.Place(s.Context(), other)
		require.Equal(s, fault.Aborted, fault.CodeOf(err), name)
	}
	require.Len(s, s.bank.Kept(), 1)
}

func noToken(s *scene) {
	s.bank.SetAway(true)
	_, err := s.shop(nil).Orders.Place(s.Context(), Request(s, "r1", VisaNumber))
	require.Equal(s, fault.Unavailable, fault.CodeOf(err))
	_, err = s.store.ByRequest(s.Context(), "shop", "r1")
	require.ErrorIs(s, err, checkout.ErrNoOrder)
}

func lostAnswer(s *scene) {
	s.bank.Script(inmem.LostAnswer, inmem.Unreached, inmem.NoFault, inmem.LostAnswer, inmem.Breaking, inmem.Unreached)
	placed, err := s.shop(nil).Orders.Place(s.Context(), Request(s, "r1", VisaNumber))
	require.NoError(s, err)
	require.Equal(s, checkout.Approved, placed.State)
	require.Len(s, s.bank.Kept(), 1)
}

// placePending places an order that the bank does not answer within the call.
func (s *scene) placePending(requestID string, first inmem.Fault) checkout.Order {
	s.Helper()
	s.bank.Script(inmem.NoFault, first)
	s.bank.SetAway(true)
	placed, err := s.shop(nil).Orders.Place(s.Context(), Request(s, requestID, VisaNumber))
	require.NoError(s, err)
	require.Equal(s, checkout.Pending, placed.State)
	s.bank.SetAway(false)
	return placed
}

func sentAgain(s *scene) {
	s.placePending("r1", inmem.Unreached)
	require.Empty(s, s.bank.Kept())
	s.clock.Advance(10 * time.Second)
	claimed, err := s.shop(nil).Reconciler.Pass(s.Context())
	require.NoError(s, err)
	require.Equal(s, 1, claimed)
	require.Equal(s, checkout.Approved, s.stored("r1").State)
	require.Len(s, s.bank.Kept(), 1)
}

func voidedWhenOld(s *scene) {
	s.placePending("r1", inmem.LostAnswer)
	require.Len(s, s.bank.Kept(), 1)
	s.clock.Advance(Limits().SendAgain)
	ended := s.reconciled("r1")
	require.Equal(s, checkout.Declined, ended.State)
	require.Equal(s, checkout.ReasonTimedOut, ended.Decline.Reason)
	require.Empty(s, s.bank.Kept())
}

func declinedWhileVoiding(s *scene) {
	s.bank.Decline("1111", checkout.Decline{Code: "54", Reason: "EXPIRED", Message: "Vencido."})
	s.placePending("r1", inmem.LostAnswer)
	s.clock.Advance(Limits().SendAgain)
	require.Equal(s, "EXPIRED", s.reconciled("r1").Decline.Reason)
}

func refused(s *scene) {
	s.bank.Script(inmem.NoFault, inmem.Refusing)
	placed, err := s.shop(nil).Orders.Place(s.Context(), Request(s, "r1", VisaNumber))
	require.NoError(s, err)
	require.Equal(s, checkout.Declined, placed.State)
	require.Equal(s, checkout.ReasonRefused, placed.Decline.Reason)
	require.Empty(s, s.bank.Kept())
}

func lateApproval(s *scene) {
	voider := s.shop(nil)
	interlude := func(point failpoint.Point) {
		if point != failpoints.AfterBankAnswer {
			return
		}
		require.Len(s, s.bank.Kept(), 1, "the bank has approved")
		s.clock.Advance(Limits().SendAgain)
		_, err := voider.Reconciler.Pass(s.Context())
		require.NoError(s, err)
	}
	placed, err := s.shop(interlude).Orders.Place(s.Context(), Request(s, "r1", VisaNumber))
	require.NoError(s, err)
	require.Equal(s, checkout.Declined, placed.State)
	require.Equal(s, checkout.ReasonTimedOut, placed.Decline.Reason)
	require.Empty(s, s.bank.Kept())
}

func voidDecisionStands(s *scene) {
	s.placePending("r1", inmem.LostAnswer)
	s.clock.Advance(Limits().SendAgain)
	var dying *Shop
	dying = s.shop(func(point failpoint.Point) {
		if point == failpoints.AfterVoidDecision {
			dying.Kill(0)
		}
	})
	_, err := dying.Reconciler.Pass(s.Context())
	require.NoError(s, err)
	require.Equal(s, checkout.TimedOut, s.stored("r1").PendingCharge.Voiding)
	require.Equal(s, checkout.Pending, s.stored("r1").State)
	require.Len(s, s.bank.Kept(), 1, "the bank has not been told")

	calls := s.bank.Calls()
	require.Equal(s, checkout.ReasonTimedOut, s.reconciled("r1").Decline.Reason)
	require.Equal(s, calls+1, s.bank.Calls(), "one void and nothing else")
	require.Empty(s, s.bank.Kept())
}

func crashed(s *scene) {
	for _, point := range failpoints.Order() {
		var dying *Shop
		dying = s.shop(func(passed failpoint.Point) {
			if passed == point {
				dying.Kill(0)
			}
		})
		requestID := string(point)
		voids := point == failpoints.AfterVoidDecision || point == failpoints.AfterVoidAnswer
		if voids {
			s.bank.Script(inmem.NoFault, inmem.Refusing)
		}
		_, _ = dying.Orders.Place(s.Context(), Request(s, requestID, VisaNumber))
		if point == failpoints.AfterToken {
			_, err := s.store.ByRequest(s.Context(), "shop", requestID)
			require.ErrorIs(s, err, checkout.ErrNoOrder)
			continue
		}
		require.Equal(s, checkout.Pending, s.stored(requestID).State, point)
		ended := s.reconciled(requestID)
		want := checkout.Approved
		if voids {
			want = checkout.Declined
		}
		require.Equal(s, want, ended.State, point)
		_, kept := s.bank.Kept()[ended.ID.String()]
		require.Equal(s, want == checkout.Approved, kept, point)
		again, err := s.shop(nil).Orders.Place(s.Context(), Request(s, requestID, VisaNumber))
		require.NoError(s, err)
		require.Equal(s, ended, again)
	}
	require.Len(s, s.bank.Kept(), 2)
}

func voidedInTheEnd(s *scene) {
	s.placePending("r1", inmem.LostAnswer)
	s.clock.Advance(Limits().SendAgain)
	s.bank.Script(inmem.Unreached, inmem.LostAnswer, inmem.Breaking, inmem.Refusing)
	require.Equal(s, checkout.ReasonTimedOut, s.reconciled("r1").Decline.Reason)
	require.Empty(s, s.bank.Kept())
}

func arrivesAfterVoid(s *scene) {
	s.placePending("r1", inmem.Late)
	s.clock.Advance(Limits().SendAgain)
	require.Equal(s, checkout.ReasonTimedOut, s.reconciled("r1").Decline.Reason)
	s.bank.DeliverLate()
	require.Empty(s, s.bank.Kept())
}
