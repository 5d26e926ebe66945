package deadletter

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/pan"
)

// The headers that Connect adds to a record that it writes to a dead-letter topic.
const (
	headerPrefix    = "__connect.errors."
	headerTopic     = headerPrefix + "topic"
	headerPartition = headerPrefix + "partition"
	headerOffset    = headerPrefix + "offset"
	headerConnector = headerPrefix + "connector.name"
	headerStage     = headerPrefix + "stage"
	headerException = headerPrefix + "exception.class.name"
	headerMessage   = headerPrefix + "exception.message"
)

// Place is where a record lies.
type Place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// String returns topic/partition/offset.
func (p Place) String() string {
	return p.Topic + "/" + strconv.Itoa(int(p.Partition)) + "/" + strconv.FormatInt(p.Offset, 10)
}

// Letter is what may be shown of a dead letter. The value is not part of it, because it
// may be anything. Texts are bounded and without control characters, and card numbers in
// them are masked.
type Letter struct {
	// At is where the letter lies.
	At Place `json:"at"`
	// Origin is where it came from; nil when its headers do not say where.
	Origin *Place `json:"origin"`
	// Time is that of the record, which is that of the original.
	Time time.Time `json:"time"`
	// Key is the record's key.
	Key string `json:"key"`
	// Connector is the connector that could not handle it, and Stage is where it failed
	// (VALUE_CONVERTER, TASK_PUT …).
	Connector string `json:"connector"`
	Stage     string `json:"stage"`
	// Exception is the class of the error, Message its text.
	Exception string `json:"exception"`
	Message   string `json:"message"`
	// Readable says that the value begins as an event does. Any other value would come
	// back.
	Readable bool `json:"readable"`

	record *kgo.Record
}

// The bounds of shown texts, in bytes.
const (
	keyWidth     = 80
	wordWidth    = 200
	messageWidth = 400
)

func parse(record *kgo.Record) Letter {
	headers := make(map[string]string, len(record.Headers))
	for _, header := range record.Headers {
		headers[header.Key] = string(header.Value)
	}
	return Letter{
		At:        Place{record.Topic, record.Partition, record.Offset},
		Origin:    origin(headers),
		Time:      record.Timestamp.UTC(),
		Key:       showable(string(record.Key), keyWidth),
		Connector: showable(headers[headerConnector], wordWidth),
		Stage:     showable(headers[headerStage], wordWidth),
		Exception: showable(headers[headerException], wordWidth),
		Message:   showable(headers[headerMessage], messageWidth),
		Readable:  framed(record.Value),
		record:    record,
	}
}

// origin reads where a letter came from. It is nil when the headers do not say where, or
// name a dead-letter topic: a redrive must not write to one.
func origin(headers map[string]string) *Place {
	partition, err := strconv.ParseInt(headers[headerPartition], 10, 32)
	if err != nil || partition < 0 {
		return nil
	}
	offset, err := strconv.ParseInt(headers[headerOffset], 10, 64)
	if err != nil {
		return nil
	}
	topic := headers[headerTopic]
	if topic == "" || strings.HasPrefix(topic, Prefix) {
		return nil
	}
	return &Place{Topic: showable(topic, wordWidth), Partition: int32(partition), Offset: offset}
}

// framed reports whether a value has the Confluent frame: a zero byte and four more.
func framed(value []byte) bool { return len(value) > 5 && value[0] == 0 }

// number matches digits that may be a card number, in one piece or in groups of four.
var number = regexp.MustCompile(`[0-9]{13,19}|[0-9]{4}([ -][0-9]{4}){2}[ -][0-9]{1,7}`)

// showable returns text as it may be printed: at most width bytes, one line, valid,
// nothing that a terminal obeys, no card number.
func showable(text string, width int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = number.ReplaceAllStringFunc(text, func(digits string) string {
		if _, err := pan.Parse(digits); err != nil {
			return digits
		}
		return "[number]"
	})
	if len(text) > width {
		text = strings.ToValidUTF8(text[:width], "") + "…"
	}
	return text
}
