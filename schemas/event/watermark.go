package event

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// WatermarkVersion is the version of the schema that AppendWatermark writes.
const WatermarkVersion = 1

// Watermark says how far a partition of a bank's transactions topic is complete:
// every event of it that occurred before CompleteToMillis stands below Offset. The
// fields are those of avro/watermarks, in their order.
type Watermark struct {
	BankCode string
	// Partition is that of the transactions topic, and of the topic of watermarks.
	Partition int32
	// Offset is the first that may hold a later event; 0 when the partition is empty.
	Offset int64
	// CompleteToMillis and PublishedAtMillis are milliseconds since 1970, UTC.
	CompleteToMillis  int64
	PublishedAtMillis int64
}

// Key answers the key of the watermark's record: the newest of one key is all that
// matters.
func (w *Watermark) Key() string { return w.BankCode + ":" + strconv.Itoa(int(w.Partition)) }

// AppendWatermark appends the bare Avro body of a watermark to dst, without the
// frame. It refuses, with a FieldError, what says nothing: no bank, a negative
// partition, offset or time. dst is then answered as it was.
func AppendWatermark(dst []byte, mark *Watermark) ([]byte, error) {
	if err := mark.check(); err != nil {
		return dst, err
	}
	w := writer{out: dst}
	w.text("bank_code", mark.BankCode)
	w.long(int64(mark.Partition))
	w.long(mark.Offset)
	w.long(mark.CompleteToMillis)
	w.long(mark.PublishedAtMillis)
	if w.problem != "" {
		return dst, &FieldError{Field: w.field, Problem: w.problem}
	}
	return w.out, nil
}

func (w *Watermark) check() error {
	switch {
	case w.BankCode == "":
		return &FieldError{Field: "bank_code", Problem: "is required"}
	case w.Partition < 0:
		return &FieldError{Field: "partition", Problem: "is negative"}
	case w.Offset < 0:
		return &FieldError{Field: "offset", Problem: "is negative"}
	case w.CompleteToMillis < 0:
		return &FieldError{Field: "complete_to", Problem: "is negative"}
	case w.PublishedAtMillis < 0:
		return &FieldError{Field: "published_at", Problem: "is negative"}
	}
	return nil
}

// DecodeWatermark reads a bare Avro body, all of it, that AppendWatermark wrote.
// What AppendWatermark refuses is an error here too.
func DecodeWatermark(body []byte) (Watermark, error) {
	r := reader{rest: string(body)}
	size, err := r.long()
	if err != nil {
		return Watermark{}, fmt.Errorf("event: field bank_code: %w", err)
	}
	code, err := r.take(size)
	if err == nil && !utf8.ValidString(code) {
		err = errNotUTF8
	}
	if err != nil {
		return Watermark{}, fmt.Errorf("event: field bank_code: %w", err)
	}
	mark := Watermark{BankCode: code}
	for _, field := range []struct {
		name string
		set  func(int64)
		most int64
	}{
		{"partition", func(n int64) { mark.Partition = int32(n) }, math.MaxInt32},
		{"offset", func(n int64) { mark.Offset = n }, math.MaxInt64},
		{"complete_to", func(n int64) { mark.CompleteToMillis = n }, math.MaxInt64},
		{"published_at", func(n int64) { mark.PublishedAtMillis = n }, math.MaxInt64},
	} {
		n, err := r.long()
		if err == nil && (n < 0 || n > field.most) {
			err = errVarint
		}
		if err != nil {
			return Watermark{}, fmt.Errorf("event: field %s: %w", field.name, err)
		}
		field.set(n)
	}
	if r.rest != "" {
		return Watermark{}, fmt.Errorf("event: %d bytes after the last field", len(r.rest))
	}
	if mark.BankCode == "" {
		return Watermark{}, errors.New("event: field bank_code is empty")
	}
	return mark, nil
}
