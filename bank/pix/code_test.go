package pix_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/brcode"
	"codebank.dev/bank/pix"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"codebank.dev/schemas/command"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// newKey gives the account of a participant a key, as the hub has it in directory.
func (p *participant) newKey(t testing.TB, key string) {
	t.Helper()
	require.NoError(t, p.store.PutPixKey(t.Context(), bank.PixKey{
		Kind: pix.KindRandom, Key: key, State: "ACTIVE", Account: p.account, Digest: []byte{1}, CreatedAt: banktest.Start,
	}))
}

// once is a request for a code that is paid once, reusable one for a code that is paid again and again.
func (p *participant) once(requestID string, amount int64) pix.CodeRequest {
	return pix.CodeRequest{
		Call: pix.Call{Caller: "app", RequestID: requestID, Subject: p.owner()}, Account: "accounts/" + p.account.String(),
		Once: true, AmountMinor: amount, Currency: "BRL", Message: "table 12",
	}
}

func (p *participant) reusable(requestID string, amount int64) pix.CodeRequest {
	request := p.once(requestID, amount)
	request.Once, request.Reusable = false, true
	return request
}

func (p *participant) newCode(t tester, request pix.CodeRequest) bank.PixCode {
	t.Helper()
	code, err := p.codes.Create(t.Context(), request)
	require.NoError(t, err)
	return code
}

func (p *participant) stored(t tester, code *bank.PixCode) bank.PixCode {
	t.Helper()
	found, err := p.codes.Get(t.Context(), p.owner(), "codes/"+code.ID.String())
	require.NoError(t, err)
	return found
}

// payText sends a payment by the text of a code.
func (p *participant) payText(t testing.TB, requestID, text string, amount int64) pix.Payment {
	t.Helper()
	sent, err := p.Send(t.Context(), pix.SendRequest{
		Call:    pix.Call{Caller: "app", RequestID: requestID, Subject: p.owner()},
		Account: "accounts/" + p.account.String(), Code: text, AmountMinor: amount, Currency: "BRL",
	})
	require.NoError(t, err)
	return sent
}

// paying is the message of a payment to a participant from another bank.
func paying(to *participant, txID string, amount int64) command.PixMessage {
	return command.PixMessage{
		EndToEndID: pix.EndToEnd{Bank: "001", Transaction: banktest.NewID()}.String(), Step: command.PixInitiated, Kind: command.PixPaymentKind,
		SenderBankCode: "001", ReceiverBankCode: string(to.Code), AmountMinor: amount, Currency: "BRL", SenderAccountID: banktest.NewID().String(),
		SenderName: "Ada L***", ReceiverAccountID: to.account.String(), ReceiverName: "Bob D***", KeyKind: "EMAIL", Reference: txID,
		InitiatedAtMillis: banktest.Start.UnixMilli(), DecidedAtMillis: banktest.Start.UnixMilli(),
	}
}

// pays lets a payment arrive and returns what became of it.
func (p *participant) pays(t tester, m command.PixMessage) pix.Payment {
	t.Helper()
	require.Empty(t, p.take(t, m))
	return p.state(t, "pix/"+m.EndToEndID)
}

func TestACodeIsPaidOnceAndTheSecondPaymentIsFreeAgain(t *testing.T) {
	one, two := twoBanks(t)
	two.newKey(t, "bob")
	code := two.newCode(t, two.once("c1", 250))
	require.Equal(t, [2]any{bank.PixCodeActive, "bob"}, [2]any{code.State, code.Key})
	said, err := brcode.Parse(code.Text)
	require.NoError(t, err)
	require.Equal(t, &brcode.Code{
		Once: true, Key: "bob", Description: "table 12", AmountMinor: 250, Name: "Ada A*** L***", City: "BRASIL", TxID: code.TxID,
	}, said)

	var sent []pix.Payment
	for i, state := range []pix.State{pix.Completed, pix.Rejected} {
		payment := one.payText(t, fmt.Sprint("r", i), code.Text, 0)
		initiated := one.outgoing(t)
		require.Len(t, initiated, 1)
		require.Equal(t, code.TxID, initiated[0].Reference)
		for range 2 { // A repeat gets the same answer.
			require.Empty(t, two.take(t, initiated...))
		}
		require.Empty(t, one.take(t, two.outgoing(t)...))
		one.outgoing(t)
		require.Equal(t, state, one.state(t, name(&payment)).State)
		sent = append(sent, payment)
	}
	require.Equal(t, "PIX_CODE_PAID", one.state(t, name(&sent[1])).Reason)
	balance, held := one.balance(t, one.account)
	require.Equal(t, [2]int64{1_000_000 - 250, 0}, [2]int64{balance, held})
	balance, _ = two.balance(t, two.account)
	require.EqualValues(t, 1_000_250, balance)
	paid := two.stored(t, &code)
	require.Equal(t, [2]any{bank.PixCodePaid, sent[0].Entry.EndToEndID}, [2]any{paid.State, paid.PaidBy})
	require.Equal(t, code.TxID, two.state(t, name(&sent[0])).Entry.MerchantReference)
	_, err = two.codes.Cancel(t.Context(), two.owner(), "codes/"+code.ID.String())
	require.Equal(t, "PIX_CODE_PAID", fault.Of(err).Reason)
}

func TestACodeIsPaidAsItAsksInTimeAndNotAfterItsEnd(t *testing.T) {
	_, two := twoBanks(t)
	two.newKey(t, "bob")
	cancel := func(code *bank.PixCode) {
		for range 2 {
			cancelled, err := two.codes.Cancel(t.Context(), two.owner(), "codes/"+code.ID.String())
			require.NoError(t, err)
			require.Equal(t, bank.PixCodeCancelled, cancelled.State)
		}
	}
	short := two.once("short", 100)
	short.LifetimeSeconds = 60
	for what, test := range map[string]struct {
		request pix.CodeRequest
		before  func(*bank.PixCode)
		amounts map[int64]string
	}{
		"another amount":                   {two.once("other", 100), nil, map[int64]string{99: "PIX_CODE_AMOUNT", 101: "PIX_CODE_AMOUNT"}},
		"one that was cancelled":           {two.once("cancelled", 100), cancel, map[int64]string{100: "PIX_CODE_CANCELLED"}},
		"one that has expired":             {short, func(*bank.PixCode) { two.clock.Advance(time.Minute) }, map[int64]string{100: "PIX_CODE_EXPIRED"}},
		"a static one with an amount":      {two.reusable("priced", 100), nil, map[int64]string{100: "", 101: "PIX_CODE_AMOUNT"}},
		"a static one for any amount":      {two.reusable("any", 0), nil, map[int64]string{1: "", 2: "", 100: ""}},
		"a static one that was cancelled":  {two.reusable("ended", 0), cancel, map[int64]string{100: "PIX_CODE_CANCELLED"}},
		"one just before it would expire":  {two.once("late", 100), func(*bank.PixCode) { two.clock.Advance(24*time.Hour - time.Millisecond) }, map[int64]string{100: ""}},
		"one of somebody else with a txid": {pix.CodeRequest{}, nil, map[int64]string{100: ""}},
	} {
		code := bank.PixCode{TxID: "unknown"}
		if test.request.RequestID != "" {
			code = two.newCode(t, test.request)
		}
		if test.before != nil {
			test.before(&code)
		}
		for amount, reason := range test.amounts {
			for range 2 {
				payment := two.pays(t, paying(two, code.TxID, amount))
				require.Equal(t, reason, payment.Reason, what)
				require.Equal(t, reason == "", payment.State == pix.Completed, what)
				if code.Once && reason == "" {
					break
				}
			}
		}
	}
	closed := paying(two, "x", 5)
	closed.ReceiverAccountID = two.closed.String()
	require.Equal(t, "ACCOUNT_CLOSED", two.pays(t, closed).Reason)
}

func TestABadRequestForACodeIsRefusedByItsField(t *testing.T) {
	_, two := twoBanks(t)
	two.newKey(t, "bob")
	require.NoError(t, two.store.PutPixKey(t.Context(), bank.PixKey{Kind: pix.KindEmail, Key: "late", State: "PENDING", Account: two.account, CreatedAt: banktest.Start}))
	require.NoError(t, two.store.PutPixKey(t.Context(), bank.PixKey{Kind: pix.KindEmail, Key: "theirs", State: "ACTIVE", Account: two.closed, CreatedAt: banktest.Start}))
	for field, changes := range map[string][]func(*pix.CodeRequest){
		"request_id": {func(r *pix.CodeRequest) { r.RequestID = "" }},
		"account": {
			func(r *pix.CodeRequest) { r.Account = "x" }, func(r *pix.CodeRequest) { r.Account = "accounts/" + banktest.NewID().String() },
			func(r *pix.CodeRequest) {
				r.Subject = bank.Subject{Kind: principal.User, Name: "eve", Customers: []bank.ID{{1}}}
			},
		},
		"kind": {func(r *pix.CodeRequest) { r.Once = false }, func(r *pix.CodeRequest) { r.Reusable = true }},
		"amount_minor": {
			func(r *pix.CodeRequest) { r.AmountMinor = 0 }, func(r *pix.CodeRequest) { r.AmountMinor = -1 },
			func(r *pix.CodeRequest) { r.AmountMinor = brcode.MaxMinor + 1 },
		},
		"currency": {func(r *pix.CodeRequest) { r.Currency = "USD" }, func(r *pix.CodeRequest) { r.Currency = "" }},
		"message": {
			func(r *pix.CodeRequest) { r.Message = strings.Repeat("m", 73) }, func(r *pix.CodeRequest) { r.Message = "almoço" },
			func(r *pix.CodeRequest) { r.Message = "a\n" },
		},
		"txid": {func(r *pix.CodeRequest) { r.TxID = strings.Repeat("t", 26) }, func(r *pix.CodeRequest) { r.TxID = "a-b" }},
		"lifetime_seconds": {
			func(r *pix.CodeRequest) { r.LifetimeSeconds = 59 }, func(r *pix.CodeRequest) { r.LifetimeSeconds = 90*24*3600 + 1 },
			func(r *pix.CodeRequest) { r.LifetimeSeconds = -1 },
			func(r *pix.CodeRequest) { r.Once, r.Reusable, r.LifetimeSeconds = false, true, 60 },
		},
		"key": {
			func(r *pix.CodeRequest) { r.Key = "late" }, func(r *pix.CodeRequest) { r.Key = "theirs" }, func(r *pix.CodeRequest) { r.Key = "unknown" },
		},
	} {
		for i, change := range changes {
			request := two.once("bad", 100)
			change(&request)
			_, err := two.codes.Create(t.Context(), request)
			require.Equal(t, field, fault.Of(err).Field, "%s %d: %v", field, i, err)
		}
	}
	codes, err := two.codes.List(t.Context(), two.owner(), "accounts/"+two.account.String(), 0, 10)
	require.NoError(t, err)
	require.Empty(t, codes)
}

func TestARequestMakesOneCodeAndATxIDIsTheAccounts(t *testing.T) {
	_, two := twoBanks(t)
	_, err := two.codes.Create(t.Context(), two.once("c", 100))
	require.Equal(t, "NO_ACTIVE_KEY", fault.Of(err).Reason)
	two.newKey(t, "bob")
	request := two.once("c", 100)
	request.TxID = "Order7"
	first := two.newCode(t, request)
	require.Equal(t, "Order7", first.TxID)
	two.clock.Advance(time.Hour)
	require.NoError(t, two.store.DropPixKey(t.Context(), pix.KindRandom, "bob"))
	require.Equal(t, first, two.newCode(t, request), "also when the key is gone")
	two.newKey(t, "bob")
	request.AmountMinor++
	_, err = two.codes.Create(t.Context(), request)
	require.Equal(t, "REQUEST_ID_REUSED", fault.Of(err).Reason)
	request.RequestID = "d"
	_, err = two.codes.Create(t.Context(), request)
	require.Equal(t, [2]string{"TXID_TAKEN", "txid"}, [2]string{fault.Of(err).Reason, fault.Of(err).Field})
	request.TxID = "order7"
	require.NotEqual(t, first.ID, two.newCode(t, request).ID, "a txid has capitals")
}

func TestAnAccountHasAThousandActiveCodes(t *testing.T) {
	_, two := twoBanks(t)
	two.newKey(t, "bob")
	for i := range pix.MaxActiveCodes {
		two.newCode(t, two.once(fmt.Sprint(i), 1))
	}
	_, err := two.codes.Create(t.Context(), two.once("more", 1))
	require.Equal(t, "TOO_MANY_PIX_CODES", fault.Of(err).Reason)
	two.clock.Advance(24 * time.Hour)
	two.newCode(t, two.once("more", 1))
}

func TestNobodySeesOrEndsTheCodesOfOthers(t *testing.T) {
	_, two := twoBanks(t)
	two.newKey(t, "bob")
	code := two.newCode(t, two.once("c", 100))
	eve := bank.Subject{Kind: principal.User, Name: "eve", Customers: []bank.ID{{1}}}
	for _, name := range []string{"codes/" + code.ID.String(), "codes/" + banktest.NewID().String()} {
		_, err := two.codes.Get(t.Context(), eve, name)
		require.Equal(t, "PIX_CODE_NOT_FOUND", fault.Of(err).Reason)
		_, err = two.codes.Cancel(t.Context(), eve, name)
		require.Equal(t, "PIX_CODE_NOT_FOUND", fault.Of(err).Reason)
	}
	_, err := two.codes.List(t.Context(), eve, "accounts/"+two.account.String(), 0, 10)
	require.Equal(t, "ACCOUNT_NOT_FOUND", fault.Of(err).Reason)
	_, err = two.codes.Get(t.Context(), two.owner(), "x")
	require.Equal(t, "name", fault.Of(err).Field)
	require.Equal(t, code, two.stored(t, &code))
}

func TestACodeIsReadBeforeItIsPaid(t *testing.T) {
	one, two := twoBanks(t)
	two.newKey(t, "bob")
	code := two.newCode(t, two.once("c", 100))
	parse := func(p *participant, text string) (pix.ReadCode, error) {
		return p.codes.Parse(t.Context(), p.owner(), "accounts/"+p.account.String(), text)
	}
	read, err := parse(one, " "+code.Text+"\n")
	require.NoError(t, err)
	require.Equal(t, [3]any{"Bob D***", bank.Code("002"), int64(100)}, [3]any{read.To.HolderName, read.To.BankCode, read.Said.AmountMinor})
	require.Nil(t, read.Own, "only the other bank knows whether it is paid")
	read, err = parse(two, code.Text)
	require.NoError(t, err)
	require.Equal(t, &code, read.Own)
	similar, err := brcode.Make(&brcode.Code{Key: "bob", Name: "B", City: "C", TxID: code.TxID})
	require.NoError(t, err)
	read, err = parse(two, similar)
	require.NoError(t, err)
	require.Nil(t, read.Own, "another text hears nothing of the code")
	for _, text := range []string{"", code.Text[1:], must(brcode.Make(&brcode.Code{Once: true, URL: "x.y/z", Name: "B", City: "C"})),
		must(brcode.Make(&brcode.Code{Key: "unknown", Name: "B", City: "C"}))} {
		_, err = parse(one, text)
		require.Equal(t, "code", fault.Of(err).Field, text)
	}
	_, err = one.codes.Parse(t.Context(), two.owner(), "accounts/"+one.account.String(), code.Text)
	require.Equal(t, "ACCOUNT_NOT_FOUND", fault.Of(err).Reason)
}

// handle has a message decided, from any goroutine. It comes again while the ledger is busy.
func (p *participant) handle(t tester, message command.PixMessage) (err error) {
	for range 100 {
		if _, err = p.handler.Handle(t.Context(), []*kgo.Record{p.record(message, command.PixHub)}); err == nil {
			return nil
		}
	}
	return err
}

// Payers, the owner and the clock meet at codes on two replicas with one database: each code is paid at most once, and
// whoever was not credited is told why.
func TestNeverTwoPaymentsOfOneCode(t *testing.T) {
	url := ledgertest.Migrated(t, postgrestest.Database(t))
	clock := banktest.NewClock()
	var replicas []*participant
	for range 2 {
		store, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "002", MaxConnections: 4})
		require.NoError(t, err)
		t.Cleanup(store.Close)
		replicas = append(replicas, newReplica(t, "002", directory{}, clock, store))
	}
	one, two := replicas[0], replicas[1]
	one.openAccounts(t)
	two.account, two.customer, two.keys = one.account, one.customer, one.keys
	one.newKey(t, "bob")
	requests := 0
	rapid.Check(t, func(rt *rapid.T) {
		requests++
		request := one.once(fmt.Sprint(requests), 100)
		request.LifetimeSeconds = 60
		code := one.newCode(t, request)
		before, _ := one.balance(t, one.account)
		var messages []command.PixMessage
		for range rapid.IntRange(2, 5).Draw(rt, "payers") {
			messages = append(messages, paying(one, code.TxID, rapid.SampledFrom([]int64{100, 100, 100, 101}).Draw(rt, "amount")))
		}
		end := rapid.SampledFrom([]string{"", "cancelled", "expired"}).Draw(rt, "end")
		cancelled := false
		var group sync.WaitGroup
		trouble := make(chan error, 2*len(messages))
		for i, m := range messages {
			for _, p := range []*participant{replicas[i%2], replicas[rapid.IntRange(0, 1).Draw(rt, "again")]} {
				group.Go(func() { trouble <- p.handle(t, m) })
			}
		}
		switch end {
		case "cancelled":
			group.Go(func() {
				_, err := two.codes.Cancel(t.Context(), two.owner(), "codes/"+code.ID.String())
				cancelled = err == nil
			})
		case "expired":
			group.Go(func() { clock.Advance(time.Minute) })
		}
		group.Wait()
		for range cap(trouble) {
			require.NoError(rt, <-trouble)
		}
		completed := ""
		for _, m := range messages {
			payment := two.state(rt, "pix/"+m.EndToEndID)
			if payment.State == pix.Completed {
				require.Empty(rt, completed, "two payments of one code")
				require.EqualValues(rt, 100, m.AmountMinor)
				completed = m.EndToEndID
				continue
			}
			require.Contains(rt, []string{"PIX_CODE_PAID", "PIX_CODE_AMOUNT", "PIX_CODE_CANCELLED", "PIX_CODE_EXPIRED"}, payment.Reason)
		}
		code = two.stored(rt, &code)
		require.False(rt, cancelled && completed != "", "the owner was told that nobody pays the code any more")
		require.Equal(rt, completed, code.PaidBy)
		require.Equal(rt, completed != "", code.State == bank.PixCodePaid)
		after, _ := one.balance(rt, one.account)
		if completed != "" {
			before += 100
		}
		require.Equal(rt, before, after)
	})
}
