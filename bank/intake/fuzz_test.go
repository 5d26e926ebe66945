package intake_test

import (
	"testing"

	"codebank.dev/bank/intake"
	"codebank.dev/schemas/command"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// FuzzHandle: whatever a record is, also one that a known producer has signed, it is a command with one result
// or a dead letter, and the money of the two accounts stays the same together.
func FuzzHandle(f *testing.F) {
	asked := command.Command{BankCode: "001", RequestID: "r", Kind: command.Transfer, PrincipalKind: command.Service, AccountID: "a", AmountMinor: 1, Currency: "BRL"}
	body, err := command.Encode(&asked)
	require.NoError(f, err)
	f.Add([]byte("a"), body, []byte{0, 0, 0, 0, 1}, true)
	f.Add([]byte("a"), body, []byte{0, 0, 0, 0, 1}, false)
	f.Add([]byte{}, []byte{}, []byte{1}, false)
	f.Fuzz(func(t *testing.T, key, body, frame []byte, signed bool) {
		b := newBench(t)
		record := &kgo.Record{Topic: intake.Topic("001"), Key: key, Value: append(append([]byte{}, frame...), body...)}
		if signed {
			signer := b.keys.Signer(gateway)
			record.Headers = []kgo.RecordHeader{
				{Key: command.HeaderKey, Value: []byte(signer.ID)},
				{Key: command.HeaderMAC, Value: []byte(signer.Sign(command.Record{Topic: record.Topic, Key: key, Body: body}))},
			}
		}
		letters, err := b.Handle(t.Context(), []*kgo.Record{record})
		require.NoError(t, err)
		require.Equal(t, 1, len(letters)+len(b.results.results))
		require.Equal(t, int64(2_000), b.balance(b.mine)+b.balance(b.yours))
	})
}
