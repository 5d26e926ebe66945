package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/native/await"
	"codebank.dev/platform/failpoint"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// payOut asks for a payout until it is answered.
func (s *liveShop) payOut(p *process, key, body string) (made shown) {
	s.Helper()
	answer, text := p.send(s.T, s.secret, "POST", "/v1/payouts", key, body)
	require.NotNil(s, answer, text)
	require.Equal(s, 202, answer.StatusCode, text)
	require.NoError(s, json.Unmarshal([]byte(text), &made))
	return made
}

// awaitPayout waits until a payout is as it should be.
func (s *liveShop) awaitPayout(p *process, id, status string) (now shown) {
	s.Helper()
	await.Until(s, func() bool {
		answer, text := p.send(s.T, s.secret, "GET", "/v1/payouts/"+id, "", "")
		now = shown{}
		return answer != nil && answer.StatusCode == 200 && json.Unmarshal([]byte(text), &now) == nil && now.Status != "pending"
	}, time.Minute, 5*time.Millisecond)
	require.Equal(s, status, now.Status, "%+v", now.Error)
	return now
}

// paidTo says which account the café is paid to.
func (s *liveShop) paidTo(account string) {
	s.Helper()
	_, err := s.admin.Exec(s.Context(), "UPDATE merchants SET settlement_account = $1 WHERE slug = 'cafe'", account)
	require.NoError(s, err)
}

func (s *liveShop) balanceOf(account string) int64 {
	s.Helper()
	found, err := bankv1.NewWalletServiceClient(s.bank.Dial(s, "operator")).GetBalance(s.Context(), &bankv1.GetBalanceRequest{Name: account})
	require.NoError(s, err)
	return found.GetAccount().GetBalanceMinor()
}

// requireBalance compares the balance with what the bank has moved on the merchant's settlement account.
func (s *liveShop) requireBalance(p *process, available int64) {
	s.Helper()
	answer, text := p.send(s.T, s.secret, "GET", "/v1/balance", "", "")
	require.NotNil(s, answer, text)
	var shown struct {
		Balances []struct {
			Balance   int64 `json:"balance_minor"`
			Available int64 `json:"available_minor"`
		}
	}
	require.NoError(s, json.Unmarshal([]byte(text), &shown), text)
	conn, err := pgx.Connect(s.Context(), s.ledger)
	require.NoError(s, err)
	defer conn.Close(s.Context())
	var moved int64
	require.NoError(s, conn.QueryRow(s.Context(), `SELECT sum(CASE direction WHEN 1 THEN amount ELSE -amount END)::bigint FROM entries
		WHERE status = 1 AND merchant_id = 'cafe' AND debit_account IS NOT NULL`).Scan(&moved))
	require.Equal(s, []int64{moved, available}, []int64{shown.Balances[0].Balance, shown.Balances[0].Available})
}

// What was sold goes to the merchant's account, once, wherever the programs are killed. What the bank declines or
// refuses is available again.
func TestWhatWasSoldIsPaidOutOnce(t *testing.T) {
	t.Parallel()
	s := newLiveShop(t)
	p, processor := s.start("--failpoint="+string(failpoints.PayoutAccepted)), s.live()
	sold := p.charge(t, s.secret, "sold", s.order(s.card.Number.Reveal(), true))
	p.await(t, s.secret, sold.ID, is("approved"))
	account, closed := s.bank.Wallet(t), s.bank.Wallet(t)
	s.bank.Close(t, closed)
	s.paidTo(account)

	_, _ = p.send(t, s.secret, "POST", "/v1/payouts", "first", `{"amount_minor": 1000, "currency": "BRL"}`)
	p.AwaitKilledAt(t, string(failpoints.PayoutAccepted))
	p = s.start()
	first := s.payOut(p, "first", `{"amount_minor": 1000, "currency": "BRL"}`)
	s.awaitPayout(p, first.ID, "paid")
	require.Equal(t, int64(1000), s.balanceOf(account))
	s.requireBalance(p, 3250)

	killed := func(point failpoint.Point, key string) shown {
		t.Helper()
		processor.Interrupt(t)
		processor.AwaitEnd(t)
		processor = s.live("--failpoint=" + string(point))
		made := s.payOut(p, key, `{"amount_minor": 250, "currency": "BRL"}`)
		processor.AwaitKilledAt(t, string(point))
		processor = s.live()
		s.hasten()
		return made
	}
	s.awaitPayout(p, killed(failpoints.PayoutDone, "second").ID, "paid")
	require.Equal(t, int64(1250), s.balanceOf(account))
	s.paidTo("accounts/00000000-0000-4000-8000-000000000001")
	s.awaitPayout(p, killed(failpoints.PayoutEnded, "third").ID, "failed")
	s.requireBalance(p, 3000)

	s.paidTo(closed)
	require.Equal(t, "ACCOUNT_CLOSED", s.awaitPayout(p, s.payOut(p, "fourth", `{"currency": "BRL"}`).ID, "failed").Error.Reason)
	s.paidTo(account)
	s.awaitPayout(p, s.payOut(p, "rest", `{"currency": "BRL"}`).ID, "paid")
	s.requireBalance(p, 0)
	require.Equal(t, int64(4250), s.balanceOf(account))

	// What is given back after a payout makes the balance negative, and nothing is paid out.
	s.operate(p, sold.ID, "refund", "back", `{"amount_minor": 250}`)
	p.await(t, s.secret, sold.ID, func(c *shown) bool { return c.RefundedMinor == 250 })
	s.requireBalance(p, -250)
	answer, text := p.send(t, s.secret, "POST", "/v1/payouts", "more", `{"currency": "BRL"}`)
	require.NotNil(t, answer, text)
	require.Equal(t, 422, answer.StatusCode, text)
}
