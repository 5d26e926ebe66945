package processor_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/inmem"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/sandbox"
	"codebank.dev/platform/id"
)

// live is the owner of live charges.
var live = paymenttest.OtherMode

// sent moves what is due to the topic of charges and returns the records.
func (w *way) sent() []*kgo.Record {
	w.t.Helper()
	paymenttest.Send(w.t.Context(), w.t, w.store, &w.charges)
	return w.charges.Take()
}

// decide lets the processor handle records, and applies its answers.
func (w *way) decide(records []*kgo.Record) error {
	w.t.Helper()
	letters, err := w.processor.Handle(w.t.Context(), records)
	require.Empty(w.t, letters)
	_, applied := w.results.Handle(w.t.Context(), w.answers.Take())
	require.NoError(w.t, applied)
	return err
}

func (w *way) operate(charge id.ID, key string, kind payment.Kind, amount int64) payment.Operation {
	w.t.Helper()
	accepted, _, err := w.accept.Operate(w.t.Context(), live, &accept.OperationRequest{Key: key, Charge: charge, Kind: kind, AmountMinor: amount})
	require.NoError(w.t, err)
	return accepted
}

// ask asks after the authorizations whose time is over.
func (w *way) ask() int {
	w.t.Helper()
	asked, err := w.store.AskExpiries(w.t.Context(), w.now, 100, w.accept.ExpiryRecord)
	require.NoError(w.t, err)
	return asked
}

func (w *way) requireState(charge id.ID, state payment.State) payment.Charge {
	w.t.Helper()
	read, _ := w.read(live, charge)
	require.Equal(w.t, state, read.State, "%+v", read.Rejection)
	return read
}

func TestTheBankDecidesLiveChargesAndNoOthers(t *testing.T) {
	w := newWay(t)
	w.bank.Decline("1881", payment.Rejection{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."})
	test := w.charge("t", good, 1_000, true)
	require.Empty(t, w.run())
	require.Zero(t, w.bank.Calls(), "test charges never reach the bank")
	read, _ := w.read(paymenttest.Cafe, test.ID)
	require.Empty(t, read.Purchase)

	now := w.chargeOf(live, "k1", good, 2_000_00, true)
	later := w.chargeOf(live, "k2", good, 500, false)
	declined := w.chargeOf(live, "k3", "4012888888881881", 1_000, true)
	require.Empty(t, w.run())
	require.Equal(t, int64(2_000_00), w.requireState(now.ID, payment.Approved).Captured)
	authorized := w.requireState(later.ID, payment.Authorized)
	require.Equal(t, w.now.Add(inmem.AuthorizationLife), authorized.ExpiresAt)
	require.Regexp(t, "^purchases/", authorized.Purchase)
	require.Equal(t, payment.Rejection{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."}, w.requireState(declined.ID, payment.Rejected).Rejection)

	asked := w.bank.Asked()
	require.Len(t, asked, 3)
	at := slices.IndexFunc(asked, func(a payment.Authorization) bool { return a.Charge == later.ID })
	require.Equal(t, live.Merchant, asked[at].Merchant)
	require.Equal(t, payment.Profile{Name: live.Merchant}, asked[at].Profile)
	require.False(t, asked[at].CaptureNow)
	require.Equal(t, "MARIA DA SILVA", asked[at].Card.HolderName)
	require.Equal(t, good, asked[at].Card.Number.Reveal())
}

func TestOperationsAreDoneByTheBank(t *testing.T) {
	w := newWay(t)
	captured := w.chargeOf(live, "k1", good, 1_000, false)
	released := w.chargeOf(live, "k2", good, 1_000, false)
	require.Empty(t, w.run())
	w.operate(captured.ID, "c", payment.Capture, 700)
	w.operate(released.ID, "v", payment.Void, 0)
	require.Empty(t, w.run())
	w.requireState(released.ID, payment.Voided)
	require.Equal(t, int64(700), w.requireState(captured.ID, payment.Approved).Captured)
	w.operate(captured.ID, "r1", payment.Refund, 200)
	w.operate(captured.ID, "r2", payment.Refund, 0)
	require.Empty(t, w.run())
	require.Equal(t, int64(700), w.requireState(captured.ID, payment.Approved).Refunded)
	taken, _ := w.bank.Taken(captured.ID)
	require.Zero(t, taken)
}

// What the bank refuses without deciding it, or would refuse, is ended there before it is rejected: a later try of
// the same charge is never approved.
func TestARefusedChargeCanNeverBeApprovedLater(t *testing.T) {
	for name, c := range map[string]struct {
		number, reason string
		faults         []inmem.Fault
	}{
		"the bank refuses it":   {good, "INVALID_FIELD", []inmem.Fault{inmem.Refusing}},
		"no card has such data": {"4111111111111112", sandbox.ReasonInvalidNumber, nil},
		"there is no number":    {"", sandbox.ReasonInvalidNumber, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWay(t)
			w.bank.Script(c.faults...)
			charge := w.chargeOf(live, "k1", c.number, 1_000, true)
			records := w.sent()
			require.NoError(t, w.decide(records))
			require.Equal(t, c.reason, w.requireState(charge.ID, payment.Rejected).Rejection.Reason)
			_, state := w.bank.Taken(charge.ID)
			require.Equal(t, payment.Voided, state)
			require.NoError(t, w.decide(records))
			taken, _ := w.bank.Taken(charge.ID)
			require.Zero(t, taken)
		})
	}
	// Nothing is rejected before the void is known to have arrived: the bank may be asked again instead.
	w := newWay(t)
	w.bank.Script(inmem.Refusing, inmem.Unreached)
	charge := w.chargeOf(live, "k1", good, 1_000, true)
	require.NoError(t, w.decide(w.sent()))
	w.requireState(charge.ID, payment.Approved)
}

// While the bank is away nothing is rejected, and all is decided once it is back, also when answers were lost.
func TestABankThatIsAwayRejectsNothing(t *testing.T) {
	w := newWay(t)
	charge := w.chargeOf(live, "k1", good, 1_000, false)
	test := w.charge("t1", good, 1_000, true)
	records := w.sent()
	w.bank.Away(true)
	for range 3 {
		require.Error(t, w.decide(records))
		w.requireState(charge.ID, payment.Pending)
	}
	read, _ := w.read(paymenttest.Cafe, test.ID)
	require.Equal(t, payment.Approved, read.State, "test charges do not wait for the bank")
	w.bank.Away(false)
	w.bank.Script(inmem.LostAnswer)
	require.Error(t, w.decide(records))
	w.requireState(charge.ID, payment.Pending)
	require.NoError(t, w.decide(records))
	w.requireState(charge.ID, payment.Authorized)
	require.Positive(t, w.processor.Stats().Unknown)

	w.operate(charge.ID, "c", payment.Capture, 300)
	records = w.sent()
	w.bank.Script(inmem.LostAnswer)
	require.Error(t, w.decide(records))
	require.NoError(t, w.decide(records))
	w.operate(charge.ID, "r", payment.Refund, 100)
	records = w.sent()
	w.bank.Script(inmem.LostAnswer)
	require.Error(t, w.decide(records))
	require.NoError(t, w.decide(records))
	require.Equal(t, int64(100), w.requireState(charge.ID, payment.Approved).Refunded)
	taken, _ := w.bank.Taken(charge.ID)
	require.Equal(t, int64(200), taken)
}

// A charge at which the bank fails keeps nobody waiting. It is decided when it is sent again.
func TestAChargeAtWhichTheBankFailsBlocksNobody(t *testing.T) {
	for _, fault := range []inmem.Fault{inmem.Breaking, inmem.Unreached, inmem.Hanging} {
		w := newWay(t)
		broken := w.chargeOf(live, "k0", good, 1_000, true)
		w.bank.Break(broken.ID, fault)
		var others []payment.Charge
		for i := range 5 {
			others = append(others, w.chargeOf(live, "k1"+strconv.Itoa(i), good, 1_000, true))
		}
		records := w.sent()
		err := w.decide(records)
		for err != nil { // As the consumer does.
			err = w.decide(records)
		}
		w.requireState(broken.ID, payment.Pending)
		for _, other := range others {
			w.requireState(other.ID, payment.Approved)
		}
		require.Equal(t, int64(1), w.processor.Stats().Unanswered)
		w.bank.Break(broken.ID, inmem.NoFault)
		require.NoError(t, w.decide(records[:1]))
		w.requireState(broken.ID, payment.Approved)
	}
}

// A processor that is told to stop leaves nothing out: whoever reads next decides it.
func TestABatchThatIsAbandonedIsNotDone(t *testing.T) {
	w := newWay(t)
	w.chargeOf(live, "k1", good, 1_000, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.processor.Handle(ctx, w.sent())
	require.Error(t, err)
	require.Empty(t, w.answers.Take())
}

// An authorization ends as the bank says, not as a clock of this side does.
func TestAnAuthorizationExpiresWhenTheBankSaysSo(t *testing.T) {
	w := newWay(t)
	charge := w.chargeOf(live, "k1", good, 1_000, false)
	test := w.charge("t1", good, 1_000, false)
	require.Empty(t, w.run())
	require.Zero(t, w.ask())
	w.now = w.now.Add(inmem.AuthorizationLife)
	require.Equal(t, 2, w.ask())
	require.Empty(t, w.run())
	read, _ := w.read(paymenttest.Cafe, test.ID)
	require.Equal(t, payment.Expired, read.State)
	w.requireState(charge.ID, payment.Authorized)
	require.Zero(t, w.ask(), "it was asked a moment ago")

	w.bank.Expire()
	w.now = w.now.Add(payment.ExpiryRepeat)
	require.Equal(t, 1, w.ask())
	require.Empty(t, w.run())
	w.requireState(charge.ID, payment.Expired)
	_, _, err := w.accept.Operate(t.Context(), live, &accept.OperationRequest{Key: "late", Charge: charge.ID, Kind: payment.Capture})
	require.ErrorContains(t, err, "allows no such request")
}

// What comes after the end of an authorization, or meets it, leaves the charge as it is at the bank.
func TestAnOperationThatMeetsTheEndOfAnAuthorization(t *testing.T) {
	for _, kind := range []payment.Kind{payment.Capture, payment.Void} {
		w := newWay(t)
		charge := w.chargeOf(live, "k1", good, 1_000, false)
		require.Empty(t, w.run())
		w.now = w.now.Add(inmem.AuthorizationLife)
		require.Equal(t, 1, w.ask())
		question := w.sent()
		w.operate(charge.ID, "o", kind, 0)
		late := w.sent()
		w.bank.Expire()
		require.NoError(t, w.decide(question))
		w.requireState(charge.ID, payment.Authorized)
		require.NoError(t, w.decide(late))
		w.requireState(charge.ID, payment.Expired)
		_, operations := w.read(live, charge.ID)
		require.Equal(t, payment.Refused, operations[0].Outcome)
		require.Equal(t, "AUTHORIZATION_EXPIRED", operations[0].Rejection.Reason)
	}
	// Time is over, and the bank has not ended it yet: a capture waits for that, a void releases it.
	w := newWay(t)
	capture := w.chargeOf(live, "k1", good, 1_000, false)
	void := w.chargeOf(live, "k2", good, 1_000, false)
	require.Empty(t, w.run())
	w.now = w.now.Add(inmem.AuthorizationLife)
	w.operate(capture.ID, "c", payment.Capture, 0)
	w.operate(void.ID, "v", payment.Void, 0)
	records := w.sent()
	require.NoError(t, w.decide(records))
	w.requireState(capture.ID, payment.Authorized)
	w.requireState(void.ID, payment.Voided)
	w.bank.Expire()
	require.NoError(t, w.decide(records))
	w.requireState(capture.ID, payment.Expired)
}

// An operation of the gateway that the bank can never accept goes to the dead letters.
func TestAnOperationThatTheBankRefusesForItsContentIsALetter(t *testing.T) {
	w := newWay(t)
	charge := w.chargeOf(live, "k1", good, 1_000, true)
	other := w.chargeOf(live, "k2", good, 1_000, true)
	require.Empty(t, w.run())
	w.operate(charge.ID, "r1", payment.Refund, 1)
	w.operate(other.ID, "r2", payment.Refund, 1)
	records := w.sent()
	w.bank.Script(inmem.Refusing)
	letters, err := w.processor.Handle(t.Context(), records)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, "REFUSED", letters[0].Cause)
	require.Len(t, w.answers.Take(), 1)
}

// Whatever goes wrong on the way, and however often a record comes, every charge ends here as it ended at the bank.
func TestEveryChargeEndsAsAtTheBank(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWay(t)
		w.bank.Decline("1881", payment.Rejection{Code: "51", Reason: "INSUFFICIENT_FUNDS"})
		var ids []id.ID
		var records []*kgo.Record
		for step := range rapid.IntRange(1, 30).Draw(rt, "steps") {
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0, 1:
				number := rapid.SampledFrom([]string{good, "4012888888881881", "4111111111111112"}).Draw(rt, "number")
				ids = append(ids, w.chargeOf(live, "k"+strconv.Itoa(step), number, 1_000, rapid.Bool().Draw(rt, "now")).ID)
			case 2:
				if len(ids) > 0 {
					kind := payment.Kind(rapid.IntRange(1, 3).Draw(rt, "kind"))
					_, _, _ = w.accept.Operate(t.Context(), live, &accept.OperationRequest{
						Key: "o" + strconv.Itoa(step), Charge: rapid.SampledFrom(ids).Draw(rt, "charge"), Kind: kind,
						AmountMinor: rapid.SampledFrom([]int64{0, 0, 300}).Draw(rt, "amount"),
					})
				}
			case 3:
				w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Minute, inmem.AuthorizationLife}).Draw(rt, "time"))
				w.ask()
			case 4:
				w.bank.Expire()
			case 5:
				w.bank.Script(rapid.SliceOfN(rapid.SampledFrom([]inmem.Fault{inmem.Unreached, inmem.LostAnswer, inmem.Hanging, inmem.Breaking}), 1, 3).Draw(rt, "faults")...)
			case 6: // Old records come again, too.
				records = append(records, w.sent()...)
				_ = w.decide(records[rapid.IntRange(0, len(records)).Draw(rt, "from"):])
			}
		}
		w.bank.Heal()
		records = append(records, w.sent()...)
		require.NoError(rt, w.decide(records))
		w.bank.Expire()
		w.now = w.now.Add(payment.ExpiryRepeat)
		w.ask()
		records = append(records, w.sent()...)
		require.NoError(rt, w.decide(records))
		require.NoError(rt, w.decide(records))
		for _, charge := range ids {
			read, _ := w.read(live, charge)
			taken, state := w.bank.Taken(charge)
			require.Equal(rt, taken, read.Captured-read.Refunded)
			if read.State == payment.Rejected {
				require.Contains(rt, []payment.State{payment.Rejected, payment.Voided}, state)
				continue
			}
			require.Equal(rt, state, read.State)
		}
	})
}
