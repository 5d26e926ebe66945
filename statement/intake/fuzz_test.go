package intake

import (
	"log/slog"
	"testing"
	"time"

	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// FuzzVerify: whatever a body says, it is a file that can be asked for, or a letter with a cause; and without the MAC of a
// producer it is a letter.
func FuzzVerify(f *testing.F) {
	content, err := new(command.Keys).With("gateway", "gateway", true)
	require.NoError(f, err)
	keys, err := command.ParseKeys(content)
	require.NoError(f, err)
	now := func() time.Time { return time.Unix(1_800_000_000, 0) }
	service, err := New(Config{BankCode: "001", Keys: func() *command.Keys { return keys }, Mails: true, Now: now, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(f, err)
	const account = "3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"
	body, err := command.Encode(&command.StatementRequest{BankCode: "001", RequestID: "one", UserID: account, AccountID: account,
		StartAtMillis: 1, EndAtMillis: 2, Format: command.CSV, Email: "alice@example.com", Language: "pt-BR"})
	require.NoError(f, err)
	f.Add([]byte(account), body)
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, key, body []byte) {
		record := &kgo.Record{Topic: Topic("001"), Key: key, Value: append(event.AppendFrame(nil, 1), body...)}
		asked, refused := service.verify(record, keys)
		require.Nil(t, asked)
		require.Equal(t, "FORGED", refused.Cause)
		signer := keys.Signer("gateway")
		record.Headers = []kgo.RecordHeader{{Key: command.HeaderKey, Value: []byte(signer.ID)},
			{Key: command.HeaderMAC, Value: []byte(signer.Sign(command.Record{Topic: record.Topic, Key: key, Body: body}))}}
		asked, refused = service.verify(record, keys)
		require.NotEqual(t, asked == nil, refused == nil)
		if refused != nil {
			require.NotEmpty(t, refused.Cause)
			return
		}
		require.NoError(t, asked.Check(now()))
		require.Equal(t, string(key), asked.Account.String())
		require.NotEmpty(t, asked.RequestID)
	})
}
