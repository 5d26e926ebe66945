package event

import (
	"fmt"
	"strconv"
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
// FieldError it refuses a value outside its bound (schemas.Bounds): no bank code, or a
// negative partition, offset or time, or a time after the year 9999. If it refuses, it
// returns dst unchanged.
func AppendWatermark(dst []byte, mark *Watermark) ([]byte, error) {
	limits, err := watermarkBounds()
	if err != nil {
		return dst, err
	}
	numbers := [...]int64{int64(mark.Partition), mark.Offset, mark.CompleteToMillis, mark.PublishedAtMillis}
	out, wrong := appendText(dst, mark.BankCode, &limits[0])
	for i := 0; wrong == "" && i < len(numbers); i++ {
		if out, wrong = appendNumber(out, numbers[i], &limits[i+1]); wrong != "" {
			return dst, &FieldError{Field: watermarkFields[i+1], Problem: wrong}
		}
	}
	if wrong != "" {
		return dst, &FieldError{Field: watermarkFields[0], Problem: wrong}
	}
	return out, nil
}

// DecodeWatermark reads a complete Avro body that AppendWatermark wrote. A watermark
// that AppendWatermark would refuse is an error.
func DecodeWatermark(body []byte) (Watermark, error) {
	limits, err := watermarkBounds()
	if err != nil {
		return Watermark{}, err
	}
	r := reader{rest: string(body)}
	code, err := (&branch{wire: wireBytes}).read(&r)
	numbers := make([]int64, len(watermarkFields))
	for i := 1; i < len(numbers) && err == nil; i++ {
		numbers[i], err = r.long()
	}
	if err != nil {
		return Watermark{}, fmt.Errorf("event: watermark: %w", err)
	}
	if r.rest != "" {
		return Watermark{}, fmt.Errorf("event: %d bytes after the last field", len(r.rest))
	}
	for i, name := range watermarkFields {
		value := IntegerValue(numbers[i])
		if i == 0 {
			value = code
		}
		if wrong := problem(value, &limits[i]); wrong != "" {
			return Watermark{}, &FieldError{Field: name, Problem: wrong}
		}
	}
	return Watermark{BankCode: code.Text, Partition: int32(numbers[1]), Offset: numbers[2],
		CompleteToMillis: numbers[3], PublishedAtMillis: numbers[4]}, nil
}
