package pix_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/brcode"
	"codebank.dev/bank/pix"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"codebank.dev/schemas/command"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

func TestAPaymentIsSetAsideCreditedAndTaken(t *testing.T) {
	one, two := twoBanks(t)
	sent, err := one.pay(t, "r1", "bob", 100)
	require.NoError(t, err)
	require.Equal(t, pix.Pending, sent.State)
	balance, held := one.balance(t, one.account)
	require.Equal(t, [2]int64{1_000_000, 100}, [2]int64{balance, held})

	messages := one.outgoing(t)
	require.Len(t, messages, 1)
	initiated := messages[0]
	require.Equal(t, command.PixMessage{
		EndToEndID: sent.Entry.EndToEndID, Step: command.PixInitiated, Kind: command.PixPaymentKind, SenderBankCode: "001", ReceiverBankCode: "002",
		AmountMinor: 100, Currency: "BRL", SenderAccountID: one.account.String(), SenderName: "Ada A*** L***", ReceiverAccountID: two.account.String(),
		ReceiverName: "Bob D***", KeyKind: "EMAIL", Description: "lunch",
		InitiatedAtMillis: sent.Entry.OccurredAt.UnixMilli(), DecidedAtMillis: sent.Entry.OccurredAt.UnixMilli(),
	}, initiated)

	for range 2 { // A repeat changes nothing and gets the same answer.
		require.Empty(t, two.take(t, initiated))
		balance, _ = two.balance(t, two.account)
		require.EqualValues(t, 1_000_100, balance)
		confirmed := two.outgoing(t)
		require.Len(t, confirmed, 1)
		require.Equal(t, command.PixConfirmed, confirmed[0].Step)
		require.Empty(t, one.take(t, confirmed...))
		balance, held = one.balance(t, one.account)
		require.Equal(t, [2]int64{999_900, 0}, [2]int64{balance, held})
		completed := one.outgoing(t)
		require.Len(t, completed, 1)
		require.Equal(t, command.PixCompleted, completed[0].Step)
	}
	require.Equal(t, pix.Completed, one.state(t, name(&sent)).State)
	came := two.state(t, name(&sent))
	require.Equal(t, pix.Completed, came.State)
	require.Equal(t, "Ada A*** L***", came.Entry.CounterpartyName)
	require.Equal(t, bank.Code("001"), came.Entry.CounterpartyBankCode)
	require.True(t, came.Incoming())
}

func TestAPaymentThatIsNotCreditedIsFreeAgain(t *testing.T) {
	for key, reason := range map[string]string{"gone": "ACCOUNT_CLOSED", "nobody": "ACCOUNT_NOT_FOUND"} {
		t.Run(key, func(t *testing.T) {
			one, two := twoBanks(t)
			sent, err := one.pay(t, "r1", key, 100)
			require.NoError(t, err)
			initiated := one.outgoing(t)
			for range 2 {
				require.Empty(t, two.take(t, initiated...))
				rejected := two.outgoing(t)
				require.Len(t, rejected, 1)
				require.Equal(t, [2]string{command.PixRejected, reason}, [2]string{rejected[0].Step, rejected[0].Reason})
				require.Empty(t, one.take(t, rejected...))
			}
			balance, held := one.balance(t, one.account)
			require.Equal(t, [2]int64{1_000_000, 0}, [2]int64{balance, held})
			state := one.state(t, name(&sent))
			require.Equal(t, pix.Rejected, state.State)
			require.Equal(t, reason, state.Reason)
			waits, err := one.store.Waits(t.Context(), bank.MessageID{EndToEndID: sent.Entry.EndToEndID, Step: command.PixInitiated})
			require.NoError(t, err)
			require.False(t, waits)
		})
	}
}

// One random key of some thousands has digits that read as a card number.
func TestAKeyWhoseDigitsReadAsACardNumberIsAKey(t *testing.T) {
	one, _ := twoBanks(t)
	for key, code := range map[string]fault.Code{
		"aaaaaaaa-4111-4111-8111-111111111111": fault.NotFound, "AAAAAAAA-4111-1111-1111-1111AAAAAAAA": fault.NotFound, "+551141111111111": fault.NotFound,
		"4111 1111 1111 1111": fault.InvalidArgument, "4111-1111-1111-1111": fault.InvalidArgument,
	} {
		_, err := one.LookUp(t.Context(), operator, "accounts/"+one.account.String(), key)
		require.Equal(t, code, fault.CodeOf(err), key)
	}
}

func TestWhatCannotBePaidSetsNothingAside(t *testing.T) {
	one, _ := twoBanks(t)
	for what, refused := range map[string]struct {
		change func(*pix.SendRequest)
		code   fault.Code
		field  string
	}{
		"the payer's own account":     {func(r *pix.SendRequest) { r.Key = "ada" }, fault.InvalidArgument, "key"},
		"an account of the same bank": {func(r *pix.SendRequest) { r.Key = "sister" }, fault.FailedPrecondition, "key"},
		"no key":                      {func(r *pix.SendRequest) { r.Key = "" }, fault.InvalidArgument, "key"},
		"an unknown key":              {func(r *pix.SendRequest) { r.Key = "unknown" }, fault.NotFound, "key"},
		"nothing":                     {func(r *pix.SendRequest) { r.AmountMinor = 0 }, fault.InvalidArgument, "amount_minor"},
		"less than nothing":           {func(r *pix.SendRequest) { r.AmountMinor = -1 }, fault.InvalidArgument, "amount_minor"},
		"another currency":            {func(r *pix.SendRequest) { r.Currency = "USD" }, fault.InvalidArgument, "currency"},
		"somebody else's account": {func(r *pix.SendRequest) {
			r.Subject = bank.Subject{Kind: principal.User, Name: "eve", Customers: []bank.ID{{1}}}
		}, fault.NotFound, "account"},
	} {
		request := pix.SendRequest{
			Call:    pix.Call{Caller: "app", RequestID: "r", Subject: one.owner()},
			Account: "accounts/" + one.account.String(), Key: "bob", AmountMinor: 1, Currency: "BRL",
		}
		refused.change(&request)
		_, err := one.Send(t.Context(), request)
		require.Equal(t, refused.code, fault.CodeOf(err), "%s: %v", what, err)
		require.Equal(t, refused.field, fault.Of(err).Field, what)
	}
	declined, err := one.pay(t, "much", "bob", 1_000_001)
	require.NoError(t, err)
	require.Equal(t, [2]any{pix.Rejected, "INSUFFICIENT_FUNDS"}, [2]any{declined.State, declined.Reason})
	_, held := one.balance(t, one.account)
	require.Zero(t, held)
	require.Empty(t, one.outgoing(t))
}

// The hub may be away, and a key may have another owner, when a request comes again.
func TestARepeatIsAnsweredWithoutTheHub(t *testing.T) {
	one, _ := twoBanks(t)
	first, err := one.pay(t, "r1", "bob", 100)
	require.NoError(t, err)
	delete(one.Keys.(directory), "bob")
	again, err := one.pay(t, "r1", "bob", 100)
	require.NoError(t, err)
	require.True(t, again.Repeat)
	require.Equal(t, first.Entry, again.Entry)
	_, err = one.pay(t, "r1", "bob", 101)
	require.Equal(t, "REQUEST_ID_REUSED", fault.Of(err).Reason)
	_, err = one.pay(t, "r2", "bob", 100)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

// settle lets every message arrive until nobody has one, each a random number of times and in any order. It is the
// hub: it forwards, and sends again what was not answered.
func settle(t *rapid.T, banks map[string]*participant, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	var flight []command.PixMessage
	for range 200 {
		for _, b := range banks {
			b.clock.Advance(70_000_000_000) // Everything is due again.
			flight = append(flight, b.outgoing(t)...)
		}
		waiting := int64(0)
		for _, b := range banks {
			n, _, err := b.store.MessageBacklog(t.Context())
			require.NoError(t, err)
			waiting += n
		}
		if waiting == 0 && len(flight) == 0 {
			return
		}
		random.Shuffle(len(flight), func(i, j int) { flight[i], flight[j] = flight[j], flight[i] })
		var later []command.PixMessage
		for _, m := range flight {
			to := banks[m.ReceiverBankCode]
			switch {
			case m.Step == command.PixCompleted:
				continue
			case m.Step != command.PixInitiated:
				to = banks[m.SenderBankCode]
			}
			switch random.IntN(4) {
			case 0:
				later = append(later, m) // It is late.
			case 1: // It is lost, and its sender sends it again; an answer is asked for again.
			default:
				for range 1 + random.IntN(2) {
					to.take(t, m)
				}
			}
		}
		flight = later
	}
	t.Fatal("the payments have no end")
}

// In any order, doubled, late or lost: both debit and credit, or neither, and at rest nothing is in transit.
func TestEveryPaymentHasBothEndsOrNone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		one, two := twoBanks(t)
		banks := map[string]*participant{"001": one, "002": two}
		var names []string
		for i := range rapid.IntRange(1, 6).Draw(rt, "payments") {
			key := rapid.SampledFrom([]string{"bob", "ada", "gone", "nobody"}).Draw(rt, "key")
			from := one
			if key == "ada" {
				from = two
			}
			sent, err := from.pay(t, fmt.Sprint("r", i), key, rapid.Int64Range(1, 600_000).Draw(rt, "amount"))
			require.NoError(rt, err)
			if sent.State == pix.Pending {
				names = append(names, name(&sent))
			}
		}
		if rapid.Bool().Draw(rt, "resolve") && len(names) > 0 {
			_, err := two.Resolve(t.Context(), pix.Call{Caller: "branch", Subject: operator}, names[0])
			if err != nil && fault.CodeOf(err) != fault.FailedPrecondition {
				require.NoError(rt, err)
			}
		}
		settle(rt, banks, rapid.Uint64().Draw(rt, "seed"))
		for _, n := range names {
			from, to := ends(banks, n)
			sent, came := from.state(rt, n), to.state(rt, n)
			require.Equal(rt, came.State, sent.State, n)
			require.Equal(rt, came.Reason, sent.Reason)
			if came.State == pix.Completed && rapid.Bool().Draw(rt, "return") {
				giveBack(rt, to, n)
			}
		}
		settle(rt, banks, rapid.Uint64().Draw(rt, "seed"))
		sum := int64(0)
		for _, b := range banks {
			balance, held := b.balance(t, b.account)
			require.Zero(rt, held)
			sum += balance
		}
		require.EqualValues(rt, 2_000_000, sum, "nothing is in transit, and nothing was made or lost")
	})
}

func ends(banks map[string]*participant, name string) (from, to *participant) {
	if name[len("pix/E00000"):len("pix/E00000")+3] == "001" {
		return banks["001"], banks["002"]
	}
	return banks["002"], banks["001"]
}

func giveBack(t *rapid.T, to *participant, name string) {
	whole := to.state(t, name).Entry.Amount
	part := rapid.Int64Range(0, whole).Draw(t, "part")
	returned, err := to.Return(t.Context(), pix.ReturnRequest{
		Call: pix.Call{Caller: "app", RequestID: "return." + name[len("pix/"):], Subject: to.owner()}, Name: name, AmountMinor: part,
	})
	require.NoError(t, err)
	if part == 0 {
		part = whole
	}
	require.Equal(t, part, returned.Entry.Amount)
}

func TestACodeNamesKeyAmountAndReference(t *testing.T) {
	one, _ := twoBanks(t)
	code, err := brcode.Make(&brcode.Code{Key: "bob", AmountMinor: 250, Name: "Bob", City: "Olinda", TxID: "table12"})
	require.NoError(t, err)
	request := pix.SendRequest{
		Call:    pix.Call{Caller: "app", RequestID: "r1", Subject: one.owner()},
		Account: "accounts/" + one.account.String(), Code: code, Currency: "BRL",
	}
	sent, err := one.Send(t.Context(), request)
	require.NoError(t, err)
	require.EqualValues(t, 250, sent.Entry.Amount)
	require.Equal(t, "table12", sent.Entry.MerchantReference)
	require.Equal(t, "table12", one.outgoing(t)[0].Reference)
	request.RequestID, request.AmountMinor = "r2", 251
	_, err = one.Send(t.Context(), request)
	require.Equal(t, "amount_minor", fault.Of(err).Field)
	request.Code = code[:len(code)-1] + "0"
	_, err = one.Send(t.Context(), request)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), "the checksum is wrong")
}

// A return that the hub rejects was given back to nobody, so the customer gets it again.
func TestARejectedReturnComesAgain(t *testing.T) {
	one, two := twoBanks(t)
	sent, err := one.pay(t, "r1", "bob", 100)
	require.NoError(t, err)
	require.Empty(t, two.take(t, one.outgoing(t)...))
	two.outgoing(t)
	back, err := two.Return(t.Context(), pix.ReturnRequest{Call: pix.Call{Caller: "app", RequestID: "b", Subject: two.owner()}, Name: name(&sent)})
	require.NoError(t, err)
	require.Equal(t, pix.Pending, two.state(t, name(&back)).State)
	initiated := two.outgoing(t)[0]
	for range 2 {
		rejected := initiated
		rejected.Step, rejected.Reason = command.PixRejected, "RETURN_MISMATCH"
		require.Empty(t, two.take(t, rejected))
		balance, _ := two.balance(t, two.account)
		require.EqualValues(t, 1_000_100, balance)
	}
	state := two.state(t, name(&back))
	require.Equal(t, [2]any{pix.Rejected, "RETURN_MISMATCH"}, [2]any{state.State, state.Reason})
	initiated.Step = command.PixConfirmed
	require.Equal(t, []string{"CONTRADICTION"}, two.take(t, initiated))
}

// arriving is a reader to which a payment comes right after the first look for it.
type arriving struct {
	bank.Reader
	come func()
}

func (r *arriving) Transaction(ctx context.Context, transaction bank.ID) (bank.Entry, int64, error) {
	entry, returned, err := r.Reader.Transaction(ctx, transaction)
	if come := r.come; come != nil {
		r.come = nil
		come()
	}
	return entry, returned, err
}

// A payment that arrives while its return is asked for is not there yet. It is not refused for good.
func TestAPaymentThatArrivesMeanwhileCanBeReturned(t *testing.T) {
	one, two := twoBanks(t)
	sent, err := one.pay(t, "r1", "bob", 100)
	require.NoError(t, err)
	initiated := one.outgoing(t)
	two.Service.Reader = &arriving{two.Service.Reader, func() { require.Empty(t, two.take(t, initiated...)) }}
	request := pix.ReturnRequest{Call: pix.Call{Caller: "app", RequestID: "b", Subject: two.owner()}, Name: name(&sent)}
	_, err = two.Return(t.Context(), request)
	require.Equal(t, "PIX_NOT_FOUND", fault.Of(err).Reason)
	_, err = two.Return(t.Context(), request)
	require.NoError(t, err)
	_, err = one.Return(t.Context(), pix.ReturnRequest{Call: pix.Call{Caller: "app", RequestID: "c", Subject: one.owner()}, Name: name(&sent)})
	require.Equal(t, "NOT_RETURNABLE", fault.Of(err).Reason, "a customer's own payment")
}

// What the hub did not say, or what does not fit, is a dead letter and changes nothing.
func TestWhatContradictsTheLedgerIsADeadLetter(t *testing.T) {
	one, two := twoBanks(t)
	_, err := one.pay(t, "r1", "bob", 100)
	require.NoError(t, err)
	initiated := one.outgoing(t)[0]
	require.Empty(t, two.take(t, initiated))
	confirmed := two.outgoing(t)[0]
	for cause, change := range map[string]func(*command.PixMessage){
		"CONTRADICTION":     func(m *command.PixMessage) { m.AmountMinor++ },
		"OTHER_BANK":        func(m *command.PixMessage) { m.ReceiverBankCode = "001" },
		"BAD_AMOUNT":        func(m *command.PixMessage) { m.AmountMinor = 0 },
		"BAD_END_TO_END_ID": func(m *command.PixMessage) { m.SenderBankCode = "002" },
		"UNKNOWN_STEP":      func(m *command.PixMessage) { m.Step = command.PixCompleted },
		"UNKNOWN_PAYMENT": func(m *command.PixMessage) {
			m.EndToEndID = pix.EndToEnd{Bank: "001", Transaction: bank.ID{1}}.String()
		},
	} {
		wrong := confirmed
		change(&wrong)
		require.Equal(t, []string{cause}, one.take(t, wrong))
	}
	forged := one.record(confirmed, command.PixBank("001"))
	letters, err := one.handler.Handle(t.Context(), []*kgo.Record{forged, {Topic: forged.Topic, Value: []byte("x")}})
	require.NoError(t, err)
	require.Equal(t, [2]string{"FORGED", "NOT_FRAMED"}, [2]string{letters[0].Cause, letters[1].Cause})
	balance, held := one.balance(t, one.account)
	require.Equal(t, [2]int64{1_000_000, 100}, [2]int64{balance, held})
	require.Empty(t, one.take(t, confirmed))
	rejected := confirmed
	rejected.Step = command.PixRejected
	require.Equal(t, []string{"CONTRADICTION"}, one.take(t, rejected), "never both")
}
