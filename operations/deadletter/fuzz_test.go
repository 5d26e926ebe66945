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
		require.False(t, strings.HasPrefix(letter.Origin.Topic, Prefix) || letter.Origin.Topic == ActionsTopic)
		number, err := strconv.Atoi(partition)
		require.NoError(t, err)
		require.EqualValues(t, number, letter.Origin.Partition)
		record = again(letter, "x")
		require.Equal(t, value, record.Value)
		to := 0
		for _, header := range record.Headers {
			require.False(t, strings.HasPrefix(header.Key, headerPrefix))
			if header.Key == HeaderTo {
				require.Equal(t, "x", string(header.Value))
				to++
			}
		}
		require.Equal(t, 1, to)
	})
}

// FuzzParsePlace: what is a place is written as it was read.
func FuzzParsePlace(f *testing.F) {
	f.Add("dlq.statement-postgres/0/17")
	f.Add("dlq.x/-1/2")
	f.Fuzz(func(t *testing.T, text string) {
		place, err := ParsePlace(text)
		if err != nil {
			return
		}
		again, err := ParsePlace(place.String())
		require.NoError(t, err)
		require.Equal(t, place, again)
	})
}

// FuzzParseAction: what is shown of a recorded action can be shown.
func FuzzParseAction(f *testing.F) {
	f.Add([]byte(`{"letter":{"topic":"dlq.x","partition":0,"offset":3},"topic_id":"a","action":"discarded","at":"2026-01-02T03:04:05Z","by":"ada","reason":"old"}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, value []byte) {
		action, ok := parseAction(value)
		if !ok {
			return
		}
		for _, r := range action.By + action.Reason {
			require.True(t, unicode.IsPrint(r), "%U", r)
		}
	})
}
