package event

import (
	"testing"

	"github.com/hamba/avro/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/schemas"
)

func watermark() Watermark {
	return Watermark{BankCode: "001", Partition: 5, Offset: 4711, CompleteToMillis: 1_795_252_770_123, PublishedAtMillis: 1_795_252_780_456}
}

func watermarkSchema(t *testing.T) avro.Schema {
	t.Helper()
	versions, err := schemas.Schemas("watermarks")
	require.NoError(t, err)
	require.Len(t, versions, WatermarkVersion)
	parsed, err := avro.ParseWithCache(versions[WatermarkVersion-1].Schema, "", &avro.SchemaCache{})
	require.NoError(t, err)
	return parsed
}

func TestAWatermarkIsReadAsWrittenByAnotherDecoderToo(t *testing.T) {
	schema := watermarkSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		drawn := Watermark{
			BankCode:  rapid.StringMatching(`[0-9]{3}`).Draw(t, "code"),
			Partition: rapid.Int32Min(0).Draw(t, "partition"), Offset: rapid.Int64Min(0).Draw(t, "offset"),
			CompleteToMillis:  rapid.Int64Range(0, 1<<45).Draw(t, "complete to"),
			PublishedAtMillis: rapid.Int64Range(0, 1<<45).Draw(t, "published at"),
		}
		body, err := AppendWatermark(nil, &drawn)
		require.NoError(t, err)
		read, err := DecodeWatermark(body)
		require.NoError(t, err)
		require.Equal(t, drawn, read)
		var foreign struct {
			BankCode    string `avro:"bank_code"`
			Partition   int32  `avro:"partition"`
			Offset      int64  `avro:"offset"`
			CompleteTo  int64  `avro:"complete_to"`
			PublishedAt int64  `avro:"published_at"`
		}
		require.NoError(t, avro.Unmarshal(schema, body, &foreign))
		require.Equal(t, drawn, Watermark{foreign.BankCode, foreign.Partition, foreign.Offset, foreign.CompleteTo, foreign.PublishedAt})
	})
}

func TestAnInvalidWatermarkIsRefused(t *testing.T) {
	for field, change := range map[string]func(*Watermark){
		"bank_code":    func(w *Watermark) { w.BankCode = "" },
		"partition":    func(w *Watermark) { w.Partition = -1 },
		"offset":       func(w *Watermark) { w.Offset = -1 },
		"complete_to":  func(w *Watermark) { w.CompleteToMillis = -1 },
		"published_at": func(w *Watermark) { w.PublishedAtMillis = -1 },
	} {
		mark := watermark()
		change(&mark)
		body, err := AppendWatermark([]byte("before"), &mark)
		require.Equal(t, "before", string(body), field)
		var refused *FieldError
		require.ErrorAs(t, err, &refused, field)
		require.Equal(t, field, refused.Field)
	}
}

func TestABrokenWatermarkIsRefused(t *testing.T) {
	mark := watermark()
	body, err := AppendWatermark(nil, &mark)
	require.NoError(t, err)
	for size := range body {
		_, err := DecodeWatermark(body[:size])
		require.Error(t, err, "the first %d bytes", size)
	}
	for name, broken := range map[string][]byte{
		"something follows":         append(body[:len(body):len(body)], 0),
		"no bank":                   {0, 0, 0, 0, 0},
		"a bank that is not UTF-8":  {2, 0xff, 0, 0, 0, 0},
		"a partition below zero":    {2, '1', 1, 0, 0, 0},
		"a partition beyond an int": {2, '1', 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0},
		"an offset below zero":      {2, '1', 0, 1, 0, 0},
	} {
		_, err := DecodeWatermark(broken)
		require.Error(t, err, name)
	}
}

func TestTheKeyOfAWatermarkNamesBankAndPartition(t *testing.T) {
	mark := watermark()
	require.Equal(t, "001:5", mark.Key())
}

// FuzzDecodeWatermark: a watermark that was read keeps the rules. Writing it gives the
// same bytes, unless a number was written with more bytes than needed.
func FuzzDecodeWatermark(f *testing.F) {
	mark := watermark()
	body, err := AppendWatermark(nil, &mark)
	require.NoError(f, err)
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		read, err := DecodeWatermark(body)
		if err != nil {
			return
		}
		written, err := AppendWatermark(nil, &read)
		if err != nil {
			require.ErrorContains(t, err, "U+0000")
			return
		}
		require.LessOrEqual(t, len(written), len(body))
		again, err := DecodeWatermark(written)
		require.NoError(t, err)
		require.Equal(t, read, again)
	})
}
