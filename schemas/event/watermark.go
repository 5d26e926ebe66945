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

// Watermark states how far a partition of a bank's transactions topic is complete.
// Every event of the partition that occurred before CompleteToMillis has an offset
// below Offset. The fields are those of avro/watermarks, in their order.
type Watermark struct {
	BankCode string
	// Partition is a partition of the transactions topic, and has the same number in
	// the topic of watermarks.
	Partition int32
	// Offset is the first offset that may hold a later event. It is 0 if the partition
	// is empty.
	Offset int64
	// CompleteToMillis and PublishedAtMillis are milliseconds since 1970, UTC.
	CompleteToMillis  int64
	PublishedAtMillis int64
}

// Key returns the key of the watermark's record. Only the newest watermark of a key
// matters.
func (w *Watermark) Key() string { return w.BankCode + ":" + strconv.Itoa(int(w.Partition)) }

// AppendWatermark appends the Avro body of a watermark to dst, without a frame. With a
// FieldError it refuses an invalid watermark: no bank code, or a negative partition,
// offset or time. If it refuses, it returns dst unchanged.
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

// DecodeWatermark reads a complete Avro body that AppendWatermark wrote. A watermark
// that AppendWatermark would refuse is an error.
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
