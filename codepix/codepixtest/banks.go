package codepixtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/record"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// Banks are banks with their files of keys, as the hub is started with them.
type Banks struct {
	// Path is the file of the banks.
	Path string
	keys map[string]*command.Keys
}

// NewBanks writes the files of banks with these codes.
func NewBanks(t testing.TB, codes ...string) *Banks {
	t.Helper()
	b := &Banks{Path: filepath.Join(t.TempDir(), "banks.json"), keys: map[string]*command.Keys{}}
	b.Write(t, codes...)
	return b
}

// Write replaces the file with one that has these banks. A bank that was there before keeps its keys.
func (b *Banks) Write(t testing.TB, codes ...string) {
	t.Helper()
	var entries []string
	for _, code := range codes {
		if b.keys[code] == nil {
			b.makeKeys(t, code)
		}
		entries = append(entries, fmt.Sprintf(`{"code":%q,"name":"Bank %s","key_file":"keys-%s.json"}`, code, code, code))
	}
	require.NoError(t, os.WriteFile(b.Path+".new", []byte(`{"banks":[`+strings.Join(entries, ",")+`]}`), 0o600))
	require.NoError(t, os.Rename(b.Path+".new", b.Path))
}

func (b *Banks) makeKeys(t testing.TB, code string) {
	t.Helper()
	content := []byte(`{"keys":[]}`)
	for _, producer := range []string{command.PixBank(code), command.PixHub} {
		keys, err := command.ParseKeys(content)
		require.NoError(t, err)
		content, err = keys.With(producer+"-of-"+code, producer, false)
		require.NoError(t, err)
	}
	var err error
	b.keys[code], err = command.ParseKeys(content)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(b.Path), "keys-"+code+".json"), content, 0o600))
}

// Signed returns the record of a message of a bank, as the bank puts it on its topic.
func (b *Banks) Signed(t testing.TB, bank string, message payment.Message) *kgo.Record {
	t.Helper()
	row, err := record.Row(&payment.Send{To: bank, Message: message})
	require.NoError(t, err)
	return b.Sign(bank, command.PixBank(bank), &kgo.Record{Topic: command.PixFromBank(bank), Key: row.Key, Value: append(event.AppendFrame(nil, 1), row.Body...)})
}

// Sign signs a record with a key of a bank's file, in place of what it was signed with.
func (b *Banks) Sign(bank, producer string, to *kgo.Record) *kgo.Record {
	key := b.keys[bank].Signer(producer)
	_, body, _ := event.ParseFrame(to.Value) // Without a frame there is nothing to sign.
	mac := key.Sign(command.Record{Topic: to.Topic, Key: to.Key, Body: body})
	to.Headers = []kgo.RecordHeader{{Key: command.HeaderKey, Value: []byte(key.ID)}, {Key: command.HeaderMAC, Value: []byte(mac)}}
	return to
}

// Read returns the message of a record to a bank, which the hub must have signed.
func (b *Banks) Read(t testing.TB, bank string, from *kgo.Record) payment.Message {
	t.Helper()
	_, body, err := event.ParseFrame(from.Value)
	require.NoError(t, err)
	header := map[string]string{}
	for _, h := range from.Headers {
		header[h.Key] = string(h.Value)
	}
	key, err := b.keys[bank].Verify(command.Record{Topic: from.Topic, Key: from.Key, Body: body}, header[command.HeaderKey], header[command.HeaderMAC])
	require.NoError(t, err)
	require.Equal(t, command.PixHub, key.Producer)
	message, err := record.Parse(body)
	require.NoError(t, err)
	return message
}
