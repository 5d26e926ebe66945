package deadletter

import (
	"errors"
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

// The headers of a record that was sent again. Our sinks skip a record whose HeaderTo names
// another connector.
const (
	redrivePrefix = "codebank.redrive."
	// HeaderTo is the connector that takes the record.
	HeaderTo = redrivePrefix + "to"
	// headerTime is the time of the first record, RFC 3339 in milliseconds. The record that is sent
	// has the present time, because a topic may refuse an old one.
	headerTime = redrivePrefix + "time"
	// headerFirst is the place of the first record, and headerCount how often the record was sent
	// again.
	headerFirst = redrivePrefix + "origin"
	headerCount = redrivePrefix + "count"
)

// timeFormat is RFC 3339 in milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// State says what became of a letter.
type State string

// The states.
const (
	// Waiting is a letter that nobody has dealt with.
	Waiting State = "waiting"
	// WasSent is a letter that was sent again.
	WasSent State = "sent"
	// Discarded is a letter that nobody needs.
	Discarded State = "discarded"
	// PassedOver is a letter that a redrive did not send, or that was sent before actions were
	// recorded.
	PassedOver State = "passed over"
)

// Place is the place of a record.
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
	// At is the letter's place.
	At Place `json:"at"`
	// Origin is the place where it came from; nil if its headers do not say where.
	Origin *Place `json:"origin"`
	// Time is the time of the first record.
	Time time.Time `json:"time"`
	// State says what became of the letter. Redrives is how often the record was sent again before
	// it became this letter.
	State    State `json:"state"`
	Redrives int   `json:"redrives"`
	// Key is the record's key.
	Key string `json:"key"`
	// Connector is the connector that failed, and Stage is the stage at which it failed
	// (VALUE_CONVERTER, TASK_PUT …).
	Connector string `json:"connector"`
	Stage     string `json:"stage"`
	// Exception is the class of the error, and Message its text.
	Exception string `json:"exception"`
	Message   string `json:"message"`
	// Readable says that the value begins like an event. Any other value would come back as a
	// letter.
	Readable bool `json:"readable"`

	record *kgo.Record
}

// maxPlace is the longest place of a first record, in bytes. The sink of the index has the same
// bound.
const maxPlace = 512

// The bounds of shown texts, in bytes.
const (
	keyWidth     = 80
	wordWidth    = 200
	messageWidth = 400
	valueWidth   = 4000
)

func parse(record *kgo.Record) Letter {
	headers := make(map[string]string, len(record.Headers))
	for _, header := range record.Headers {
		headers[header.Key] = string(header.Value)
	}
	return Letter{
		At:        Place{record.Topic, record.Partition, record.Offset},
		Origin:    origin(headers),
		Time:      firstTime(record, headers),
		Redrives:  redrives(headers),
		Key:       showable(string(record.Key), keyWidth),
		Connector: showable(headers[headerConnector], wordWidth),
		Stage:     showable(headers[headerStage], wordWidth),
		Exception: showable(headers[headerException], wordWidth),
		Message:   showable(headers[headerMessage], messageWidth),
		Readable:  framed(record.Value),
		record:    record,
	}
}

// first returns where the first record is, as topic/partition/offset: the letter's origin,
// unless the record there had been sent again. It is empty when neither is known. A header that is
// longer than a place does not count: anybody may write headers, and an action must fit its topic.
func (l *Letter) first() string {
	first := ""
	if l.Origin != nil {
		first = l.Origin.String()
	}
	for _, header := range l.record.Headers {
		if header.Key == headerFirst && len(header.Value) <= maxPlace {
			first = string(header.Value)
		}
	}
	return first
}

// firstTime returns the time of the first record. It is the letter's own time, unless the record
// was sent again.
func firstTime(record *kgo.Record, headers map[string]string) time.Time {
	if first, err := time.Parse(timeFormat, headers[headerTime]); err == nil {
		return first.UTC()
	}
	return record.Timestamp.UTC()
}

// redrives returns how often a record was sent again. It is bounded, because anybody may write
// headers.
func redrives(headers map[string]string) int {
	count, err := strconv.ParseUint(headers[headerCount], 10, 16)
	if err != nil {
		return 0
	}
	return int(count)
}

// ParsePlace reads a place as String writes it: topic/partition/offset.
func ParsePlace(text string) (Place, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 || parts[0] == "" {
		return Place{}, errNoPlace
	}
	partition, err := strconv.ParseUint(parts[1], 10, 31)
	if err != nil {
		return Place{}, errNoPlace
	}
	offset, err := strconv.ParseUint(parts[2], 10, 63)
	if err != nil {
		return Place{}, errNoPlace
	}
	return Place{Topic: parts[0], Partition: int32(partition), Offset: int64(offset)}, nil
}

var errNoPlace = errors.New("deadletter: a letter is named by topic/partition/offset, as bankctl dlq list shows it")

// origin returns where a letter came from. It returns nil if the headers do not say where. It
// also returns nil if they name a dead-letter topic or the topic of actions, because a redrive must
// not write to these: anybody may write headers, and the value would be an action in the name of
// an operator.
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
	if topic == "" || strings.HasPrefix(topic, Prefix) || topic == ActionsTopic {
		return nil
	}
	return &Place{Topic: showable(topic, wordWidth), Partition: int32(partition), Offset: offset}
}

// framed reports whether a value has the Confluent frame: a zero byte and four more.
func framed(value []byte) bool { return len(value) > 5 && value[0] == 0 }

// showable returns text in a form that may be printed: one line of at most width bytes, valid
// UTF-8, without control characters and card numbers.
func showable(text string, width int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, pan.Mask(strings.ToValidUTF8(text, "\uFFFD")))
	if len(text) > width {
		text = strings.ToValidUTF8(text[:width], "") + "…"
	}
	return text
}
