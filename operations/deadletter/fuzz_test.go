package deadletter

import (
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// FuzzLetter: headers are Connect's or anybody's. What is shown can be shown, an
// origin is never a dead-letter topic, and what goes back has none of our headers.
func FuzzLetter(f *testing.F) {
	f.Add("bank-001.transactions.v1", "2", "41", "cannot read it", []byte("account-1"), []byte("\x00\x00\x00\x00\x01v"))
	f.Add("dlq.statement-postgres", "2", "41", "4111111111111111", []byte{}, []byte{})
	f.Add("", "-1", "x", "\x1b[31m", []byte("\xff"), []byte("\x00"))
	f.Fuzz(func(t *testing.T, topic, partition, offset, message string, key, value []byte) {
		record := &kgo.Record{Topic: "dlq.x", Key: key, Value: value, Headers: []kgo.RecordHeader{
			{Key: headerTopic, Value: []byte(topic)}, {Key: headerPartition, Value: []byte(partition)},
			{Key: headerOffset, Value: []byte(offset)}, {Key: headerMessage, Value: []byte(message)},
			{Key: headerException, Value: key}, {Key: message, Value: value},
		}}
		letter := parse(record)
		for _, shown := range []string{letter.Key, letter.Connector, letter.Stage, letter.Exception, letter.Message} {
			for _, r := range shown {
				require.True(t, unicode.IsPrint(r), "%U", r)
			}
		}
		if letter.Origin == nil {
			return
		}
		require.False(t, strings.HasPrefix(letter.Origin.Topic, Prefix))
		number, err := strconv.Atoi(partition)
		require.NoError(t, err)
		require.EqualValues(t, number, letter.Origin.Partition)
		again := original(letter)
		require.Equal(t, value, again.Value)
		for _, header := range again.Headers {
			require.False(t, strings.HasPrefix(header.Key, headerPrefix))
		}
	})
}
