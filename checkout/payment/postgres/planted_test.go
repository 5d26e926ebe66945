package postgres_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/payment/processor"
	"codebank.dev/checkout/payment/results"
	"codebank.dev/checkout/payment/seal"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// planted is card data that is looked for everywhere. The number belongs to no card.
var planted = field.RawCardData{Number: "378282246310005", HolderName: "PLANTED HOLDER", CVV: "7391", ExpiryMonth: 12, ExpiryYear: 2031}

// Whatever is stored and sent of a charge, no number and no holder is in it; the security code is sealed with them.
// After the decision neither the key nor the sealed data is in the database.
func TestNothingOfACardIsStoredOrSent(t *testing.T) {
	o := open(t)
	keys := paymenttest.Keys(t)
	var charges, answers paymenttest.Topic
	service, err := accept.New(accept.Config{
		Store: o.store, Key: keys.Signer(accept.Producer), Secret: bytes.Repeat([]byte{7}, 32), Now: func() time.Time { return paymenttest.Start },
	})
	require.NoError(t, err)
	charge, _, err := service.Charge(t.Context(), paymenttest.Cafe, &accept.ChargeRequest{
		Key: "k1", Amount: money.Amount{Minor: 500, Currency: money.MustCurrency("BRL")}, CaptureNow: true, Card: planted,
	})
	require.NoError(t, err)
	o.requireNothingPlanted(t)

	paymenttest.Send(t.Context(), t, o.store, &charges)
	records := charges.Take()
	require.Len(t, records, 1)
	_, body, err := event.ParseFrame(records[0].Value)
	require.NoError(t, err)
	requireNothingIn(t, records[0].Value)
	decoder, err := command.NewDecoder[command.ChargeRequest]("")
	require.NoError(t, err)
	request, err := decoder.Decode(body)
	require.NoError(t, err)
	key := paymenttest.KeyOf(t.Context(), t, o.keys, charge.ID)
	opened, err := seal.Open(request.SealedCard, key, charge.ID)
	require.NoError(t, err)
	require.Equal(t, planted, opened)
	require.Contains(t, o.dump(t), base64.StdEncoding.EncodeToString(key), "what is looked at has the bytes of each column")

	decide := processor.New(processor.Config{Cards: o.keys, Publisher: &answers, Keys: keys, Now: func() time.Time { return paymenttest.Start }})
	letters, err := decide.Handle(t.Context(), records)
	require.NoError(t, err)
	require.Empty(t, letters)
	given := answers.Take()
	require.Len(t, given, 1)
	requireNothingIn(t, given[0].Value)
	_, err = results.New(results.Config{Store: o.store, Keys: keys, Logger: slog.New(slog.DiscardHandler)}).Handle(t.Context(), given)
	require.NoError(t, err)

	read, _, err := o.store.Charge(t.Context(), paymenttest.Cafe, charge.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Approved, read.State)
	require.Equal(t, payment.CardOf(planted.Number), read.Card)
	require.Nil(t, paymenttest.KeyOf(t.Context(), t, o.keys, charge.ID))
	o.requireNothingPlanted(t)
	require.NotContains(t, o.dump(t), base64.StdEncoding.EncodeToString(key))
	var left int
	require.NoError(t, o.conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM charge_keys) + (SELECT count(*) FROM charge_outbox)").Scan(&left))
	require.Zero(t, left)
}

// dump returns every row of every table as text, bytes in base64.
func (o *opened) dump(t *testing.T) (all string) {
	t.Helper()
	rows, err := o.conn.Query(t.Context(), `SELECT (xpath('//text()', query_to_xml(format('SELECT * FROM %I', table_name), true, false, '')))::text
		FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var table string
		require.NoError(t, rows.Scan(&table))
		all += strings.ReplaceAll(table, "\n", "") // base64 comes in lines
	}
	require.NoError(t, rows.Err())
	require.Contains(t, all, paymenttest.Cafe.Merchant)
	return all
}

func (o *opened) requireNothingPlanted(t *testing.T) {
	t.Helper()
	requireNothingIn(t, []byte(o.dump(t)))
}

// requireNothingIn looks for the planted texts as they are, in hexadecimal digits and in base64 at each offset. The
// year and the last four digits are no secrets.
func requireNothingIn(t *testing.T, where []byte) {
	t.Helper()
	for _, secret := range []string{planted.Number, planted.HolderName} {
		forms := [][]byte{[]byte(secret), []byte(hex.EncodeToString([]byte(secret)))}
		for shift := range 3 {
			encoded := base64.RawURLEncoding.EncodeToString(append(make([]byte, shift), secret...))
			forms = append(forms, []byte(encoded[4:len(encoded)-4]))
		}
		for _, form := range forms {
			require.False(t, bytes.Contains(where, form), "%s is there as %s", secret, form)
		}
	}
}
