// Package index reads the documents of a bank in the search index, as copies of events for
// an audit.
package index

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"codebank.dev/operations/audit"
	"codebank.dev/schemas/event"
)

// beside are the fields of a document that are not fields of the event. They say where the
// event was read from and how long it took, or they are derived from its time.
var beside = []string{"hour", "weekday", "kafka_topic", "kafka_partition", "kafka_offset", "pipeline_millis"}

// Document fills c with the document that has the id. Unknown fields, and values that no
// event can have, become problems. An error means that source is not a JSON object. A
// document from the server always is one.
//
// The texts of c share one copy of source.
func Document(c *audit.Copy, id string, source []byte) error {
	*c = audit.Copy{ID: id}
	s := scanner{rest: string(source)}
	if err := s.object(func(name string, value value) { put(c, name, value) }); err != nil {
		return fmt.Errorf("index: document %s: %w", id, err)
	}
	return nil
}

func put(c *audit.Copy, name string, value value) {
	problem := func() {
		c.Problems = append(c.Problems, audit.Problem{Field: name, Stored: value.raw})
	}
	field, known := fields[name]
	switch {
	case !known:
		if !slices.Contains(beside, name) {
			problem()
		}
		return
	case value.kind == isNull:
		return // The same as a missing field.
	}
	stored, ok := value.event(field)
	if !ok || c.Event.Set(name, stored) != nil {
		problem()
	}
}

// fields are the event's fields, by name.
var fields = byName(event.Fields())

func byName(list []event.Field) map[string]event.Field {
	named := make(map[string]event.Field, len(list))
	for _, field := range list {
		named[field.Name] = field
	}
	return named
}

// event returns the value as the value of a field of an event.
func (v value) event(field event.Field) (event.Value, bool) {
	switch {
	case field.Time:
		millis, ok := v.millis()
		return event.IntegerValue(millis), ok
	case field.Type == event.Integer:
		n, err := strconv.ParseInt(v.raw, 10, 64)
		return event.IntegerValue(n), v.kind == isNumber && err == nil
	}
	return event.TextValue(v.text), v.kind == isText && v.text != ""
}

// millis returns the value as a time, in milliseconds since 1970. The index accepts ISO 8601
// in UTC, and milliseconds since 1970.
func (v value) millis() (int64, bool) {
	if v.kind == isNumber {
		n, err := strconv.ParseInt(v.raw, 10, 64)
		return n, err == nil
	}
	if v.kind != isText {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339Nano, v.text)
	if err != nil || at.Nanosecond()%int(time.Millisecond) != 0 {
		return 0, false
	}
	return at.UnixMilli(), true
}
