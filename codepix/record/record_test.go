package record_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/record"
	"codebank.dev/schemas/command"
)

// valid is the message of a bank that initiates a payment.
func valid() command.PixMessage {
	return command.PixMessage{
		EndToEndID: string(codepixtest.Payment(1).ID), Step: command.PixInitiated, Kind: command.PixPaymentKind, SenderBankCode: "001", ReceiverBankCode: "002",
		AmountMinor: 1000, Currency: "BRL", SenderAccountID: "0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f", SenderName: "M**** S****",
		ReceiverAccountID: "0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e70", ReceiverName: "J*** P****", KeyKind: "EMAIL",
		InitiatedAtMillis: codepixtest.Noon.UnixMilli(), DecidedAtMillis: codepixtest.Noon.UnixMilli(),
	}
}

func encoded(t testing.TB, message command.PixMessage) []byte {
	t.Helper()
	body, err := command.Encode(&message)
	require.NoError(t, err)
	return body
}

func TestWhatNoBankMaySendIsNoMessage(t *testing.T) {
	read, err := record.Parse(encoded(t, valid()))
	require.NoError(t, err)
	require.Equal(t, payment.Initiate, read.Step)
	require.EqualValues(t, 1000, read.Terms.Amount.Minor)
	for rule, change := range map[string]func(*command.PixMessage){
		"no end-to-end id":                  func(m *command.PixMessage) { m.EndToEndID = "E1" },
		"an unknown step":                   func(m *command.PixMessage) { m.Step = "UNKNOWN" },
		"an unknown kind":                   func(m *command.PixMessage) { m.Kind = "UNKNOWN" },
		"a return with the id of a payment": func(m *command.PixMessage) { m.Kind = command.PixReturnKind },
		"a payment with an original":        func(m *command.PixMessage) { m.OriginalEndToEndID = string(codepixtest.ID("002", 1)) },
		"a return without an original": func(m *command.PixMessage) {
			m.EndToEndID, m.Kind, m.KeyKind = string(codepixtest.ReturnID("001", 1)), command.PixReturnKind, command.PixNoKey
		},
		"a return of a return": func(m *command.PixMessage) {
			m.EndToEndID, m.Kind, m.KeyKind = string(codepixtest.ReturnID("001", 1)), command.PixReturnKind, command.PixNoKey
			m.OriginalEndToEndID = string(codepixtest.ReturnID("002", 1))
		},
		"a bank that is none":         func(m *command.PixMessage) { m.ReceiverBankCode = "2" },
		"no amount":                   func(m *command.PixMessage) { m.AmountMinor = 0 },
		"a negative amount":           func(m *command.PixMessage) { m.AmountMinor = -1 },
		"an amount of sixteen digits": func(m *command.PixMessage) { m.AmountMinor = 1_000_000_000_000_000 },
		"a currency that is none":     func(m *command.PixMessage) { m.Currency = "XXX" },
		"an account that is none":     func(m *command.PixMessage) { m.SenderAccountID = "1" },
		"a payment to no key":         func(m *command.PixMessage) { m.KeyKind = command.PixNoKey },
		"an unknown kind of key":      func(m *command.PixMessage) { m.KeyKind = "UNKNOWN" },
		"a reason that is not asked":  func(m *command.PixMessage) { m.Reason = "ACCOUNT_CLOSED" },
		"a rejection without one":     func(m *command.PixMessage) { m.Step = command.PixRejected },
		"a reason that is a sentence": func(m *command.PixMessage) { m.Step, m.Reason = command.PixRejected, "it is closed" },
		"a text that is too long":     func(m *command.PixMessage) { m.Description = string(make([]rune, 300)) },
		"a text that no table takes":  func(m *command.PixMessage) { m.Reference = "a\x00b" },
		"a time before all banks":     func(m *command.PixMessage) { m.InitiatedAtMillis = -1 },
		"a year of five digits":       func(m *command.PixMessage) { m.DecidedAtMillis = 1 << 60 },
	} {
		message := valid()
		change(&message)
		_, err := record.Parse(encoded(t, message))
		require.ErrorIs(t, err, record.ErrMeaningless, rule)
	}
	_, err = record.Parse([]byte("no Avro"))
	require.ErrorIs(t, err, record.ErrUnreadable)
}

func TestAMessageIsReadAsItWasWritten(t *testing.T) {
	first := codepixtest.Payment(1)
	back := codepixtest.Return(1, &first, 400)
	for _, message := range []payment.Message{
		first, codepixtest.Answer(first, payment.Confirm), codepixtest.Answer(first, payment.Reject), back, codepixtest.Answer(back, payment.Complete),
	} {
		row, err := record.Row(&payment.Send{To: "002", Message: message})
		require.NoError(t, err)
		require.Equal(t, "codepix.bank-002.in.v1", row.Topic)
		require.Equal(t, []byte(first.ID), row.Key, "a return keeps its place behind the original")
		read, err := record.Parse(row.Body)
		require.NoError(t, err)
		require.Equal(t, message, read)
		again, err := record.Row(&payment.Send{To: "002", Message: message})
		require.NoError(t, err)
		require.Equal(t, row, again)
	}
}

func TestAnEventNamesNeitherAccountsNorHolders(t *testing.T) {
	p := payment.Payment{
		ID: codepixtest.ID("001", 1), Terms: codepixtest.Payment(1).Terms, State: payment.Rejected, Reason: "ACCOUNT_CLOSED", Version: 2,
		ChangedAt: codepixtest.Noon.Add(1500 * time.Millisecond),
	}
	row, err := record.EventRow(&p)
	require.NoError(t, err)
	decoder, err := command.NewDecoder[command.PixPayment]("")
	require.NoError(t, err)
	event, err := decoder.Decode(row.Body)
	require.NoError(t, err)
	require.Equal(t, command.PixPayment{
		EventID: string(p.ID) + "/2", EndToEndID: string(p.ID), Version: 2, Kind: command.PixPaymentKind, Status: "REJECTED", SenderBankCode: "001",
		ReceiverBankCode: "002", AmountMinor: 1000, Currency: "BRL", KeyKind: "EMAIL", Reason: "ACCOUNT_CLOSED",
		InitiatedAtMillis: codepixtest.Noon.UnixMilli(), ElapsedMillis: 1500, OccurredAtMillis: p.ChangedAt.UnixMilli(),
	}, event)
	p.ChangedAt = codepixtest.Noon.Add(-time.Second)
	require.Zero(t, p.Elapsed(), "the clocks of bank and hub differ")
}

// FuzzParse: whatever bytes come, they are a message that is written as it was read, or none.
func FuzzParse(f *testing.F) {
	f.Add(encoded(f, valid()))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		message, err := record.Parse(body)
		if err != nil {
			return
		}
		row, err := record.Row(&payment.Send{To: "002", Message: message})
		require.NoError(t, err)
		again, err := record.Parse(row.Body)
		require.NoError(t, err)
		require.Equal(t, message, again)
	})
}
