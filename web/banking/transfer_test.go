package banking_test

import (
	"net/http"
	"strings"
	"testing"

	"codebank.dev/web/bankingtest"
	"github.com/stretchr/testify/require"
)

// transfer fills in the form of a transfer to João.
func (d *desk) transfer(fields map[string]string) page {
	d.Helper()
	all := map[string]string{"from": d.Wallet, "own": "", "number": d.Other, "amount": "42.90", "message": "Pizza"}
	for name, value := range fields {
		all[name] = value
	}
	return d.send(d.open("/transfer"), "/transfer", all)
}

func TestATransferMovesMoneyOnce(t *testing.T) {
	d := newDesk(t).signIn()
	before := d.Balance(d.Wallet)
	confirm := d.transfer(nil)
	require.Equal(t, http.StatusOK, confirm.status)
	for _, part := range []string{"R$ 42.90", "Pizza", d.Other, "Left afterwards R$ 2,314.43", "Nothing has moved yet"} {
		require.Contains(t, confirm.text(), part)
	}
	require.Zero(t, d.Moves(), "a confirmation moves nothing")
	sent := d.send(confirm, "/transfer/send", nil)
	require.Equal(t, http.StatusSeeOther, sent.status, sent.text())
	again := d.send(confirm, "/transfer/send", nil)
	require.Equal(t, sent.location, again.location, "a second press leads to the same transfer")
	require.Equal(t, 1, d.Moves())
	for range 2 {
		result := d.open(sent.location)
		for _, part := range []string{"Money sent", "R$ 42.90", "R$ 2,314.43 is left"} {
			require.Contains(t, result.text(), part, "the page can be loaded again")
		}
	}
	require.Equal(t, before-4290, d.Balance(d.Wallet))
	require.Contains(t, d.open("/accounts/"+d.Wallet).text(), "−R$ 42.90")
	d.fresh()
	d.signInAs(bankingtest.Joao)
	require.Contains(t, d.open("/accounts/"+d.Other).text(), "+R$ 42.90", "the line is on both sides")
	require.Contains(t, d.open(sent.location).text(), "Money received")
}

func TestTheSameAmountIsSentTwiceByTwoForms(t *testing.T) {
	d := newDesk(t).signIn()
	for range 2 {
		d.send(d.transfer(nil), "/transfer/send", nil)
	}
	require.Equal(t, 2, d.Moves())
}

func TestAFormThatWasChangedBehindItsIDIsRefused(t *testing.T) {
	d := newDesk(t).signIn()
	confirm := d.transfer(nil)
	d.send(confirm, "/transfer/send", nil)
	got := d.send(confirm, "/transfer/send", map[string]string{"minor": "1"})
	require.Equal(t, http.StatusConflict, got.status)
	require.Equal(t, 1, d.Moves())
}

func TestAWrongTransferSaysWhatToChange(t *testing.T) {
	d := newDesk(t).signIn()
	for rule, tt := range map[string]struct {
		fields map[string]string
		says   string
	}{
		"no amount":          {map[string]string{"amount": ""}, "Write how much."},
		"no number":          {map[string]string{"amount": "much"}, "Write an amount such as 1,234.56."},
		"too many places":    {map[string]string{"amount": "1.234"}, "more decimal places"},
		"too much":           {map[string]string{"amount": "5,000"}, "This account has R$ 2,357.33 available."},
		"no account":         {map[string]string{"number": "12"}, "Write the whole number"},
		"the same account":   {map[string]string{"number": d.Wallet}, "Choose another account"},
		"another's account":  {map[string]string{"from": d.Other}, "Choose one of your accounts"},
		"a message too long": {map[string]string{"message": strings.Repeat("é", 141)}, "At most 140 characters."},
	} {
		got := d.transfer(tt.fields)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, rule)
		require.Contains(t, got.text(), tt.says, rule)
		require.Contains(t, got.body, `aria-invalid="true"`, rule)
	}
	got := d.send(d.transfer(map[string]string{"number": "0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f"}), "/transfer/send", nil)
	require.Contains(t, got.text(), "This bank has no account with this number")
	require.Zero(t, d.Moves())
}

func TestADeclinedTransferSaysWhy(t *testing.T) {
	d := newDesk(t).signIn()
	confirm := d.transfer(map[string]string{"amount": "2000"})
	d.send(d.transfer(map[string]string{"amount": "1000"}), "/transfer/send", nil)
	got := d.send(confirm, "/transfer/send", nil)
	require.Contains(t, got.text(), "Nothing was sent")
	require.Contains(t, got.text(), "does not cover this amount")
	require.Equal(t, 1, d.Moves())
}

func TestAnAnswerThatWasLostIsAskedForAgainAndActsOnce(t *testing.T) {
	d := newDesk(t).signIn()
	confirm := d.transfer(nil)
	d.Lose(bankingtest.Wallets, true)
	got := d.send(confirm, "/transfer/send", nil)
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Contains(t, got.text(), "We do not know yet whether it was sent")
	d.Lose(bankingtest.Wallets, false)
	sent := d.send(got, "/transfer/send", nil)
	require.Contains(t, sent.location, "/transfers/")
	require.Equal(t, 1, d.Moves())
}

func TestAnotherUsersFormMovesNothingOfMine(t *testing.T) {
	d := newDesk(t).signIn()
	confirm := d.transfer(nil)
	d.fresh()
	d.signInAs(bankingtest.Joao)
	require.Equal(t, http.StatusForbidden, d.send(confirm, "/transfer/send", nil).status)
	got := d.send(d.transfer(map[string]string{"from": d.Other, "number": d.Wallet, "amount": "1"}), "/transfer/send", map[string]string{"source": d.Wallet, "destination": d.Other})
	require.Equal(t, http.StatusNotFound, got.status)
	require.Zero(t, d.Moves())
}

func TestASessionThatEndsBeforeTheLastPressMovesNothing(t *testing.T) {
	d := newDesk(t).signIn()
	confirm := d.transfer(nil)
	d.EndSessions()
	got := d.send(confirm, "/transfer/send", nil)
	require.Equal(t, "/sign-in?why=ended", got.location)
	require.Contains(t, d.open(got.location).text(), "Nothing was done since")
	require.Zero(t, d.Moves())
}
