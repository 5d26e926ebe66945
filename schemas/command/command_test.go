package command_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"codebank.dev/schemas"
	"codebank.dev/schemas/command"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const topic = "bank-001.commands.v1"

func keys(t *testing.T) *command.Keys {
	t.Helper()
	content := []byte(`{"keys":[]}`)
	for _, producer := range []string{"gateway", "payroll", "gateway"} {
		parsed, err := command.ParseKeys(content)
		require.NoError(t, err)
		content, err = parsed.With(fmt.Sprintf("%s-%d", producer, len(content)), producer, producer == "gateway")
		require.NoError(t, err)
	}
	parsed, err := command.ParseKeys(content)
	require.NoError(t, err)
	return parsed
}

// Every message comes back as it was, whatever its texts and numbers are, and an empty text is null.
func TestMessagesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 40, -1)
		number := rapid.Int64Range(0, 1<<52)
		kind := rapid.SampledFrom([]string{"UNKNOWN", command.Deposit, command.Withdrawal, command.Purchase, command.Transfer, command.Reversal, command.Cancellation})
		roundTrip(t, command.Command{BankCode: text.Draw(t, "bank"), RequestID: text.Draw(t, "id"), Kind: kind.Draw(t, "kind"), PrincipalKind: command.User,
			PrincipalID: text.Draw(t, "principal"), AccountID: text.Draw(t, "account"), DestinationAccountID: text.Draw(t, "destination"),
			AmountMinor: number.Draw(t, "amount"), Description: text.Draw(t, "description"), AcceptedAtMillis: number.Draw(t, "at"), TraceID: text.Draw(t, "trace")})
		roundTrip(t, command.Result{Kind: kind.Draw(t, "kind"), Status: command.Cancelled, Reason: text.Draw(t, "reason"), Sequence: number.Draw(t, "sequence"),
			DecidedAtMillis: number.Draw(t, "decided"), PublishedAtMillis: number.Draw(t, "published")})
		roundTrip(t, command.StatementRequest{UserID: text.Draw(t, "user"), Format: command.CAMT053, StartAtMillis: number.Draw(t, "start"), Email: text.Draw(t, "email")})
		roundTrip(t, command.ChargeRequest{RequestID: text.Draw(t, "request"), Kind: command.Charge, MerchantID: text.Draw(t, "merchant"), Mode: command.TestMode,
			AmountMinor: number.Draw(t, "amount"), Currency: "BRL", Capture: command.CaptureLater, SealedCard: text.Draw(t, "sealed"),
			Description: text.Draw(t, "description"), MerchantName: text.Draw(t, "name"), MerchantCategoryCode: "5812", MerchantCity: text.Draw(t, "city"),
			MerchantCountry: "BR", Purchase: text.Draw(t, "purchase"), PayoutAccount: text.Draw(t, "account"), AcceptedAtMillis: number.Draw(t, "accepted")})
		roundTrip(t, command.ChargeResult{ChargeID: text.Draw(t, "charge"), Kind: command.Refund, Mode: command.LiveMode, Status: command.Rejected,
			Code: text.Draw(t, "code"), Reason: text.Draw(t, "reason"), Message: text.Draw(t, "message"), ExpiresAtMillis: number.Draw(t, "expires"),
			Purchase: text.Draw(t, "purchase"), LapsedAtMillis: number.Draw(t, "lapsed"),
			DecidedAtMillis: number.Draw(t, "decided")})
		roundTrip(t, command.ChargeEvent{EventID: text.Draw(t, "event"), MerchantID: text.Draw(t, "merchant"), Mode: command.LiveMode, Sequence: number.Draw(t, "sequence"),
			Kind: "CHARGE_EXPIRED", Status: "EXPIRED", AmountMinor: number.Draw(t, "amount"), CardBrand: text.Draw(t, "brand"), OperationKind: command.NoOperation,
			OperationStatus: "REFUSED", OperationAmountMinor: number.Draw(t, "operation"), AcceptedAtMillis: number.Draw(t, "accepted"),
			DecidedAtMillis: number.Draw(t, "decided"), DecisionMillis: number.Draw(t, "millis"), OccurredAtMillis: number.Draw(t, "occurred")})
	})
}

func roundTrip[M command.Message](t require.TestingT, message M) {
	body, err := command.Encode(&message)
	require.NoError(t, err)
	for _, writer := range []string{"", newest(t, command.Folder[M]())} {
		decoder, err := command.NewDecoder[M](writer)
		require.NoError(t, err)
		read, err := decoder.Decode(body)
		require.NoError(t, err)
		require.Equal(t, message, read)
		_, err = decoder.Decode(append(body, 0))
		require.ErrorContains(t, err, "after the last field")
		_, err = decoder.Decode(body[:len(body)-1])
		require.Error(t, err)
	}
}

func newest(t require.TestingT, folder string) string {
	versions, err := schemas.Schemas(folder)
	require.NoError(t, err)
	return versions[len(versions)-1].Schema
}

func TestAnEnumThatIsNoneIsRefused(t *testing.T) {
	_, err := command.Encode(&command.Command{Kind: "THEFT", PrincipalKind: command.User})
	require.Error(t, err)
	decoder, err := command.NewDecoder[command.Command]("")
	require.NoError(t, err)
	_, err = decoder.Decode(make([]byte, command.MaxBody+1))
	require.ErrorIs(t, err, command.ErrTooLong)
	_, err = command.NewDecoder[command.Command](newest(t, "watermarks"))
	require.Error(t, err)
}

// A record counts as it was signed: for its topic, with its key and its body.
func TestARecordIsVerifiedAsItWasSigned(t *testing.T) {
	all := keys(t)
	signer := all.Signer("gateway")
	require.True(t, signer.ForUsers)
	require.False(t, all.Signer("payroll").ForUsers)
	require.Nil(t, all.Signer("nobody"))
	mac := signer.Sign(command.Record{Topic: topic, Key: []byte("account"), Body: []byte("body")})
	found, err := all.Verify(command.Record{Topic: topic, Key: []byte("account"), Body: []byte("body")}, signer.ID, mac)
	require.NoError(t, err)
	require.Same(t, signer, found)
	for name, forged := range map[string]func() (*command.Key, error){
		"topic": func() (*command.Key, error) {
			return all.Verify(command.Record{Topic: "bank-002.commands.v1", Key: []byte("account"), Body: []byte("body")}, signer.ID, mac)
		},
		"key": func() (*command.Key, error) {
			return all.Verify(command.Record{Topic: topic, Key: []byte("accounT"), Body: []byte("body")}, signer.ID, mac)
		},
		"boundary": func() (*command.Key, error) {
			return all.Verify(command.Record{Topic: topic, Key: []byte("accountb"), Body: []byte("ody")}, signer.ID, mac)
		},
		"body": func() (*command.Key, error) {
			return all.Verify(command.Record{Topic: topic, Key: []byte("account"), Body: []byte("bodY")}, signer.ID, mac)
		},
		"producer": func() (*command.Key, error) {
			return all.Verify(command.Record{Topic: topic, Key: []byte("account"), Body: []byte("body")}, all.Signer("payroll").ID, mac)
		},
		"unknown": func() (*command.Key, error) {
			return all.Verify(command.Record{Topic: topic, Key: []byte("account"), Body: []byte("body")}, "unknown", mac)
		},
		"no mac": func() (*command.Key, error) {
			return all.Verify(command.Record{Topic: topic, Key: []byte("account"), Body: []byte("body")}, signer.ID, "")
		},
		"not text": func() (*command.Key, error) {
			return all.Verify(command.Record{Topic: topic, Key: []byte("account"), Body: []byte("body")}, signer.ID, mac+"=")
		},
	} {
		_, err := forged()
		require.ErrorIs(t, err, command.ErrForged, name)
	}
}

func TestAKeyPrintsWithoutItsSecret(t *testing.T) {
	signer := keys(t).Signer("gateway")
	for _, printed := range []string{fmt.Sprint(signer), fmt.Sprintf("%+v", signer), fmt.Sprintf("%#v", signer), signer.LogValue().String()} {
		require.Equal(t, signer.ID, printed)
	}
}

// The file of one producer has its keys and no others.
func TestAProducerGetsItsOwnKeys(t *testing.T) {
	all := keys(t)
	content, err := all.Of("gateway")
	require.NoError(t, err)
	own, err := command.ParseKeys(content)
	require.NoError(t, err)
	require.Equal(t, all.Signer("gateway").ID, own.Signer("gateway").ID)
	require.Nil(t, own.Signer("payroll"))
	mac := own.Signer("gateway").Sign(command.Record{Topic: topic, Key: nil, Body: nil})
	_, err = all.Verify(command.Record{Topic: topic, Key: nil, Body: nil}, own.Signer("gateway").ID, mac)
	require.NoError(t, err)
}

func TestAKeyCanBeTakenOut(t *testing.T) {
	all := keys(t)
	last := all.Signer("gateway")
	content, err := all.Without(last.ID)
	require.NoError(t, err)
	fewer, err := command.ParseKeys(content)
	require.NoError(t, err)
	require.Len(t, fewer.All(), len(all.All())-1)
	require.NotNil(t, fewer.Signer("payroll"))
	require.NotEqual(t, last.ID, fewer.Signer("gateway").ID)
	record := command.Record{Topic: topic, Body: []byte("body")}
	_, err = fewer.Verify(record, last.ID, last.Sign(record))
	require.ErrorIs(t, err, command.ErrForged)
	_, err = fewer.Without(last.ID)
	require.Error(t, err)
}

func TestAFileOfKeysIsReadStrictly(t *testing.T) {
	secret := `"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`
	for content, problem := range map[string]string{
		`{"keys":[{"id":"Bad","producer":"p","secret":` + secret + `}]}`:                                                 "no valid id",
		`{"keys":[{"id":"k","producer":"","secret":` + secret + `}]}`:                                                    "no valid producer",
		`{"keys":[{"id":"k","producer":"p","secret":"AAAA"}]}`:                                                           "32 bytes",
		`{"keys":[{"id":"k","producer":"p","secret":` + secret + `},{"id":"k","producer":"p","secret":` + secret + `}]}`: "listed twice",
		`{"keys":[]} {}`: "follows",
		`{"kays":[]}`:    "right form",
		``:               "right form",
	} {
		_, err := command.ParseKeys([]byte(content))
		require.ErrorContains(t, err, problem, content)
	}
	_, err := command.ParseKeys(make([]byte, 2<<20))
	require.ErrorContains(t, err, "too long")
}

// FuzzDecode: whatever the bytes are, a decoder does not panic, and what it reads can be written again.
func FuzzDecode(f *testing.F) {
	body, err := command.Encode(&command.Command{Kind: command.Transfer, PrincipalKind: command.User, Description: "lunch"})
	require.NoError(f, err)
	f.Add(body)
	f.Add([]byte{})
	decoder, err := command.NewDecoder[command.Command]("")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		read, err := decoder.Decode(body)
		if err != nil {
			return
		}
		again, err := command.Encode(&read)
		require.NoError(t, err)
		second, err := decoder.Decode(again)
		require.NoError(t, err)
		require.Equal(t, read, second)
	})
}

// FuzzParseKeys: whatever a file holds, reading it does not panic, and an error repeats no secret.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"id":"k","producer":"p","secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		parsed, err := command.ParseKeys(content)
		if err != nil {
			var file struct{ Keys []struct{ Secret string } }
			if json.Unmarshal(content, &file) == nil {
				for _, key := range file.Keys {
					if len(key.Secret) > 8 {
						require.NotContains(t, err.Error(), key.Secret)
					}
				}
			}
			return
		}
		require.NotNil(t, parsed)
	})
}
