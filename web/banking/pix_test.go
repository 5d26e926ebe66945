package banking_test

import (
	"net/http"
	"testing"

	"codebank.dev/web/bankingtest"
	"github.com/stretchr/testify/require"
)

// pay fills in the form of a payment by Pix.
func (d *desk) pay(to, amount string) page {
	d.Helper()
	return d.send(d.open("/pix"), "/pix", map[string]string{"from": d.Wallet, "to": to, "amount": amount, "message": ""})
}

func TestAPaymentByKeyShowsWhomItPaysFirst(t *testing.T) {
	d := newDesk(t).signIn()
	confirm := d.pay(bankingtest.ForeignKey, "10")
	for _, part := range []string{"J*** d** S***", "Banco Aurora", "R$ 10.00", "Left afterwards R$ 2,347.33"} {
		require.Contains(t, confirm.text(), part)
	}
	require.Zero(t, d.Moves())
	sent := d.send(confirm, "/pix/send", nil)
	require.Equal(t, sent.location, d.send(confirm, "/pix/send", nil).location)
	require.Equal(t, 1, d.Moves())
	pending := d.open(sent.location)
	require.Contains(t, pending.text(), "On its way")
	require.Contains(t, pending.body, "data-pending")
	d.Complete()
	done := d.open(sent.location)
	require.Contains(t, done.text(), "Money sent")
	require.NotContains(t, done.body, "data-pending")
	require.Contains(t, d.open("/accounts/"+d.Wallet).text(), "J*** d** S***")
}

func TestAPaymentByCodeHasTheAmountOfTheCode(t *testing.T) {
	d := newDesk(t).signIn()
	confirm := d.pay(bankingtest.ForeignCode, "")
	require.Contains(t, confirm.text(), "Pay R$ 42.90")
	require.Contains(t, d.send(confirm, "/pix/send", nil).location, "/pix/payments/E")
	wrong := d.pay(bankingtest.ForeignCode, "10")
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Contains(t, wrong.text(), "The code asks for R$ 42.90")
}

func TestAWrongPaymentSaysWhatToChange(t *testing.T) {
	d := newDesk(t).signIn()
	for to, says := range map[string]string{"nobody@example.com": "Nobody has this key.", "": "required", "000201 x": "This is no BR Code."} {
		got := d.pay(to, "10")
		require.Equal(t, http.StatusUnprocessableEntity, got.status, to)
		require.Contains(t, got.text(), says)
	}
	require.Contains(t, d.pay(bankingtest.ForeignKey, "9,999").text(), "This account has R$ 2,357.33 available.")
	require.Contains(t, d.pay(bankingtest.ForeignKey, "").text(), "Write how much.")
	d.Leave(bankingtest.Pix, true)
	require.Equal(t, http.StatusServiceUnavailable, d.pay(bankingtest.ForeignKey, "10").status)
	require.Zero(t, d.Moves())
}

func TestARejectedPaymentSaysWhy(t *testing.T) {
	d := newDesk(t).signIn()
	confirm := d.pay(bankingtest.ForeignKey, "2000")
	d.send(d.pay(bankingtest.ForeignKey, "1000"), "/pix/send", nil)
	result := d.open(d.send(confirm, "/pix/send", nil).location)
	require.Contains(t, result.text(), "Nothing was sent")
	require.Contains(t, result.text(), "The amount is available again")
	require.Equal(t, 1, d.Moves())
}

func TestALostAnswerOfAPaymentIsAskedForAgain(t *testing.T) {
	d := newDesk(t).signIn()
	confirm := d.pay(bankingtest.ForeignKey, "10")
	d.Lose(bankingtest.Pix, true)
	got := d.send(confirm, "/pix/send", nil)
	require.Contains(t, got.text(), "We do not know yet")
	d.Lose(bankingtest.Pix, false)
	require.Contains(t, d.send(got, "/pix/send", nil).location, "/pix/payments/E")
	require.Equal(t, 1, d.Moves())
}

func TestKeysAreMadeProvedAndRemoved(t *testing.T) {
	d := newDesk(t).signIn()
	keys := d.open("/pix/keys")
	require.Contains(t, keys.text(), "No key yet")
	random := map[string]string{"kind": "random", "from": d.Wallet, "key": ""}
	require.Equal(t, "/pix/keys", d.send(keys, "/pix/keys", random).location)
	require.Equal(t, "/pix/keys", d.send(keys, "/pix/keys", random).location, "a second press")
	prove := d.send(d.open("/pix/keys"), "/pix/keys", map[string]string{"kind": "email", "key": "me@example.com", "from": d.Savings})
	require.Contains(t, prove.text(), "We have sent six digits to me@example.com")
	wrong := d.send(prove, "/pix/keys/confirm", map[string]string{"code": "000000"})
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Contains(t, d.open("/pix/keys").text(), "Not proved yet")
	require.Equal(t, "/pix/keys", d.send(wrong, "/pix/keys/confirm", map[string]string{"code": bankingtest.KeyCode}).location)
	list := d.open("/pix/keys")
	require.NotContains(t, list.text(), "Not proved yet")
	removal := d.send(list, "/pix/keys/remove", nil)
	require.Contains(t, removal.text(), "Remove this key?")
	require.Equal(t, "/pix/keys", d.send(removal, "/pix/keys/delete", nil).location)
	require.Contains(t, d.open("/pix/keys").text(), "me@example.com", "the other key stays")
}

func TestACodeIsShownAsAPicture(t *testing.T) {
	d := newDesk(t).signIn()
	fields := map[string]string{"amount": "42.90", "message": "Pizza", "from": d.Wallet}
	got := d.send(d.open("/pix/receive"), "/pix/receive", fields)
	require.Contains(t, got.text(), "The account has no active key.")
	d.send(d.open("/pix/keys"), "/pix/keys", map[string]string{"kind": "random", "from": d.Wallet})
	got = d.send(d.open("/pix/receive"), "/pix/receive", fields)
	shown := d.open(got.location)
	require.Contains(t, shown.text(), "R$ 42.90")
	require.Contains(t, shown.text(), "br.gov.bcb.pix")
	picture := d.open(got.location + "/picture")
	require.Equal(t, "image/svg+xml", picture.header.Get("Content-Type"))
	require.Contains(t, picture.header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, picture.body, "<svg")
	d.fresh()
	d.signInAs(bankingtest.Joao)
	require.Equal(t, http.StatusNotFound, d.get(got.location+"/picture").status)
}
