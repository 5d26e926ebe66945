package event

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"codebank.dev/schemas"
	"github.com/hamba/avro/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAnEventIsReadAsWritten(t *testing.T) {
	for version := 1; version <= NewestVersion; version++ {
		decoder, err := NewVersionDecoder(version)
		require.NoError(t, err)
		rapid.Check(t, func(t *rapid.T) {
			drawn, body := drawBody(t, version)
			// Earlier content of the Transaction must not remain.
			read := purchase()
			if err := decoder.Decode(body, &read); err != nil {
				t.Fatal(err)
			}
			if want := asOf(version, drawn); read != want {
				t.Fatalf("the event was read differently: %v", Diff(&want, &read))
			}
		})
	}
}

func TestEveryShorterBodyIsRefused(t *testing.T) {
	for version := 1; version <= NewestVersion; version++ {
		decoder, err := NewVersionDecoder(version)
		require.NoError(t, err)
		tx := purchase()
		body, err := AppendTransaction(nil, version, &tx)
		require.NoError(t, err)
		var read Transaction
		for size := range body {
			require.Error(t, decoder.Decode(body[:size], &read), "the first %d bytes", size)
		}
		require.ErrorContains(t, decoder.Decode(append(body, 0), &read), "1 bytes after the last field")
	}
}

func TestBrokenBytesAreRefused(t *testing.T) {
	decoder, err := NewVersionDecoder(1)
	require.NoError(t, err)
	var read Transaction
	for name, body := range map[string][]byte{
		"a text longer than the body":           {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'a'},
		"a text of negative length":             {0x01},
		"a length of eleven bytes":              bytes.Repeat([]byte{0x80}, 11),
		"a length beyond 64 bits":               append(bytes.Repeat([]byte{0xff}, 9), 0x7f),
		"a length of 65 bits":                   append(bytes.Repeat([]byte{0x80}, 9), 0x02),
		"text that is not UTF-8":                {0x02, 0xff},
		"a branch that the union does not have": {0x02, 'e', 0x02, 't', 0x04},
		"a branch below zero":                   {0x02, 'e', 0x02, 't', 0x01},
		"a branch number of more than int":      {0x02, 'e', 0x02, 't', 0xff, 0xff, 0xff, 0xff, 0x7f},
		"a symbol that the enum does not have":  {0x02, 'e', 0x02, 't', 0, 0, 0x02, 'b', 0, 0x7e},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, decoder.Decode(body, &read))
		})
	}
}

// edit returns the newest schema as JSON, after a change to its fields.
func edit(t testing.TB, change func(fields []map[string]any) []map[string]any) string {
	t.Helper()
	versions, err := schemas.Schemas(subjectFolder)
	require.NoError(t, err)
	var record map[string]any
	require.NoError(t, json.Unmarshal([]byte(versions[len(versions)-1].Schema), &record))
	var list []map[string]any
	for _, field := range record["fields"].([]any) {
		list = append(list, field.(map[string]any))
	}
	record["fields"] = change(list)
	out, err := json.Marshal(record)
	require.NoError(t, err)
	return string(out)
}

func named(fields []map[string]any, name string) map[string]any {
	i := slices.IndexFunc(fields, func(f map[string]any) bool { return f["name"] == name })
	return fields[i]
}

// otherWriter returns a schema as another version could have it: the fields in another
// order, some fields missing, some added, one symbol added, one number narrower.
func otherWriter(t testing.TB) string {
	return edit(t, func(fields []map[string]any) []map[string]any {
		slices.Reverse(fields)
		kind := named(fields, "kind")["type"].(map[string]any)
		kind["symbols"] = append([]any{"GIFT"}, kind["symbols"].([]any)...)
		named(fields, "decision_micros")["type"] = []any{"int", "null"}
		delete(named(fields, "decision_micros"), "default")
		named(fields, "amount_minor")["type"] = "int"
		named(fields, "merchant_city")["type"] = "string"
		delete(named(fields, "merchant_city"), "default")
		fields = slices.DeleteFunc(fields, func(f map[string]any) bool {
			return f["name"] == "trace_id" || f["name"] == "held_after_minor" || f["name"] == "card_brand"
		})
		more := []map[string]any{
			{"name": "more_flag", "type": "boolean"},
			{"name": "more_text", "type": []any{"null", "string", "bytes"}},
			{"name": "more_numbers", "type": []any{"float", "double", "long"}},
			{"name": "more_bytes", "type": map[string]any{"type": "fixed", "name": "Sixteen", "size": 16}},
		}
		fields = append(fields, map[string]any{"name": "more_kind", "type": "Kind"})
		return slices.Insert(fields, 5, more...)
	})
}

func TestAnotherWritersSchemaIsResolvedByAvrosRules(t *testing.T) {
	source := otherWriter(t)
	decoder, err := NewDecoder(source)
	require.NoError(t, err)
	writer, err := parseRecord(source)
	require.NoError(t, err)
	newest, err := parseVersion(NewestVersion)
	require.NoError(t, err)
	resolved, err := avro.NewSchemaCompatibility().Resolve(newest, writer)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		drawn := draw(t)
		body := writeGeneric(t, writer, &drawn)
		want, err := foreign(resolved, body)
		if err != nil {
			t.Fatal(err)
		}
		// Earlier content must not remain, above all here, where the writer lacks
		// fields.
		read := purchase()
		if err := decoder.Decode(body, &read); err != nil {
			t.Fatal(err)
		}
		for name, have := range values(&read) {
			if have != want[name] {
				t.Fatalf("%s: read %s, hamba reads %s", name, have, want[name])
			}
		}
	})
}

// writeGeneric writes with hamba the record that another version of the bank would
// write.
func writeGeneric(t *rapid.T, writer *avro.RecordSchema, drawn *Transaction) []byte {
	record := map[string]any{
		"more_flag":    rapid.Bool().Draw(t, "more_flag"),
		"more_text":    rapid.SampledFrom([]any{nil, "text", []byte("bytes")}).Draw(t, "more_text"),
		"more_numbers": rapid.SampledFrom([]any{float32(1), float64(2), int64(3)}).Draw(t, "more_numbers"),
		"more_bytes":   [16]byte{1, 2, 3},
		"more_kind":    "GIFT",
	}
	for name, value := range values(drawn) {
		switch {
		case value.Type == Text:
			record[name] = value.Text
		case value.Type == Integer:
			record[name] = value.Integer
		default:
			record[name] = nil
		}
	}
	record["kind"] = rapid.SampledFrom([]string{"GIFT", "PURCHASE", "PIX_RETURN"}).Draw(t, "kind")
	record["amount_minor"] = int(rapid.Int32Min(0).Draw(t, "amount_minor"))
	record["merchant_city"] = drawn.MerchantCity
	if drawn.DecisionMicros.Present {
		record["decision_micros"] = int(rapid.Int32Min(0).Draw(t, "decision_micros"))
	}
	inUnions(record)
	body, err := avro.Marshal(writer, record)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// inUnions puts the values of a record into the form that hamba needs.
func inUnions(record map[string]any) {
	newest, err := parseVersion(NewestVersion)
	if err != nil {
		panic(err)
	}
	for i := range fields {
		f, described := &fields[i], newest.Fields()[i].Type()
		number, isNumber := record[f.Name].(int64)
		symbol, isText := record[f.Name].(string)
		switch types := singles(described); {
		case isNumber && logicalType(types[len(types)-1]) != "":
			record[f.Name] = time.UnixMilli(number).UTC()
			if f.Nullable {
				record[f.Name] = map[string]any{"long.timestamp-millis": record[f.Name]}
			}
		case isNumber && f.narrow:
			record[f.Name] = int(number)
		case isText && f.Nullable && f.Type == Enum:
			record[f.Name] = map[string]any{enumOf(described).FullName(): symbol}
		}
	}
}

func TestAnUnknownSymbolIsReadAsUnknown(t *testing.T) {
	source := edit(t, func(fields []map[string]any) []map[string]any {
		for name, symbol := range map[string]string{"kind": "GIFT", "channel": "WATCH"} {
			enum := named(fields, name)["type"].(map[string]any)
			enum["symbols"] = append(enum["symbols"].([]any), symbol)
		}
		brand := named(fields, "card_brand")["type"].([]any)[1].(map[string]any)
		brand["symbols"] = append(brand["symbols"].([]any), "VISTA")
		return fields
	})
	writer, err := parseRecord(source)
	require.NoError(t, err)
	tx := purchase()
	record := map[string]any{}
	for name, value := range values(&tx) {
		record[name] = nil
		switch value.Type {
		case Text:
			record[name] = value.Text
		case Integer:
			record[name] = value.Integer
		}
	}
	record["kind"], record["channel"], record["card_brand"] = "GIFT", "WATCH", "VISTA"
	inUnions(record)
	body, err := avro.Marshal(writer, record)
	require.NoError(t, err)

	decoder, err := NewDecoder(source)
	require.NoError(t, err)
	var read Transaction
	require.NoError(t, decoder.Decode(body, &read))
	want := purchase()
	want.Kind, want.Channel, want.CardBrand = KindUnknown, ChannelUnknown, CardBrandUnknown
	require.Equal(t, want, read)
}

func TestANumberOf32BitsIsLimitedTo32Bits(t *testing.T) {
	for _, fits := range []string{"\xfe\xff\xff\xff\x0f", "\xff\xff\xff\xff\x0f"} {
		_, err := (&reader{rest: fits}).int()
		require.NoError(t, err)
	}
	for _, larger := range []string{"\x80\x80\x80\x80\x10", "\x80\x80\x80\x80\x80\x00"} {
		_, err := (&reader{rest: larger}).int()
		require.ErrorIs(t, err, errVarint)
	}
}

// A later version may add a required field with a default. A reader gets the default
// for earlier events.
func TestAFieldTheWriterLacksHasItsDefault(t *testing.T) {
	reader, err := parseRecord(edit(t, func(fields []map[string]any) []map[string]any {
		named(fields, "currency")["default"] = "BRL"
		named(fields, "amount_minor")["default"] = 7
		named(fields, "channel")["default"] = "API"
		return fields
	}))
	require.NoError(t, err)
	writer, err := parseRecord(edit(t, func(fields []map[string]any) []map[string]any {
		return slices.DeleteFunc(fields, func(f map[string]any) bool {
			return slices.Contains([]any{"currency", "amount_minor", "channel", "trace_id"}, f["name"])
		})
	}))
	require.NoError(t, err)
	decoder, err := resolve(reader, writer)
	require.NoError(t, err)
	require.Equal(t, Transaction{Currency: "BRL", AmountMinor: 7, Channel: ChannelAPI}, decoder.empty)
}

func TestASchemaThatCannotBeReadIsRefused(t *testing.T) {
	for name, source := range map[string]string{
		"not JSON":      `{`,
		"not a record":  `"string"`,
		"another event": `{"type": "record", "name": "TransactionEvent", "fields": [{"name": "a", "type": "string"}]}`,
		"a required field is missing": edit(t, func(fields []map[string]any) []map[string]any {
			return fields[1:]
		}),
		"a required field may be null": edit(t, func(fields []map[string]any) []map[string]any {
			named(fields, "currency")["type"] = []any{"null", "string"}
			return fields
		}),
		"a number that is wider": edit(t, func(fields []map[string]any) []map[string]any {
			named(fields, "attempt")["type"] = []any{"null", "long"}
			return fields
		}),
		"a float near money": edit(t, func(fields []map[string]any) []map[string]any {
			named(fields, "amount_minor")["type"] = "double"
			return fields
		}),
		"microseconds for milliseconds": edit(t, func(fields []map[string]any) []map[string]any {
			named(fields, "occurred_at")["type"] = map[string]any{"type": "long", "logicalType": "timestamp-micros"}
			return fields
		}),
		"a list inside": edit(t, func(fields []map[string]any) []map[string]any {
			return append(fields, map[string]any{"name": "more", "type": map[string]any{"type": "array", "items": "null"}})
		}),
		"a record inside": edit(t, func(fields []map[string]any) []map[string]any {
			return append(fields, map[string]any{"name": "more", "type": []any{"null", "TransactionEvent"}})
		}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewDecoder(source)
			require.Error(t, err)
		})
	}
	_, err := NewVersionDecoder(NewestVersion + 1)
	require.Error(t, err)
}

func TestDecodingAllocatesOneCopyOfTheBody(t *testing.T) {
	decoder, err := NewVersionDecoder(NewestVersion)
	require.NoError(t, err)
	tx := purchase()
	body, err := AppendTransaction(nil, NewestVersion, &tx)
	require.NoError(t, err)
	var read Transaction
	allocs := testing.AllocsPerRun(100, func() { err = decoder.Decode(body, &read) })
	require.NoError(t, err)
	require.LessOrEqual(t, allocs, 1.0)
	clear(body)
	require.Equal(t, tx, read, "the event must not share the caller's memory")
}

// FuzzDecode: any bytes are an event or an error. hamba reads each accepted event
// equally, and the event can be written and read again.
func FuzzDecode(f *testing.F) {
	var schemas []*avro.RecordSchema
	var decoders []*Decoder
	for version := 1; version <= NewestVersion; version++ {
		schema, err := parseVersion(version)
		require.NoError(f, err)
		decoder, err := NewVersionDecoder(version)
		require.NoError(f, err)
		schemas, decoders = append(schemas, schema), append(decoders, decoder)
		for _, tx := range []Transaction{purchase(), unknownCard()} {
			body, err := AppendTransaction(nil, version, &tx)
			require.NoError(f, err)
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for i, decoder := range decoders {
			var read Transaction
			if decoder.Decode(body, &read) != nil {
				continue
			}
			want, err := foreign(schemas[i], body)
			require.NoError(t, err)
			for name, have := range values(&read) {
				require.Equal(t, want[name], have, name)
			}
			again, err := AppendTransaction(nil, i+1, &read)
			if err != nil {
				continue
			}
			var second Transaction
			require.NoError(t, decoder.Decode(again, &second))
			require.Equal(t, read, second)
		}
	})
}

// FuzzDecodeOtherWriter does the same with a schema whose fields are skipped and
// promoted.
func FuzzDecodeOtherWriter(f *testing.F) {
	source := otherWriter(f)
	decoder, err := NewDecoder(source)
	require.NoError(f, err)
	writer, err := parseRecord(source)
	require.NoError(f, err)
	newest, err := parseVersion(NewestVersion)
	require.NoError(f, err)
	resolved, err := avro.NewSchemaCompatibility().Resolve(newest, writer)
	require.NoError(f, err)
	bodies := rapid.Custom(func(t *rapid.T) []byte {
		drawn := draw(t)
		return writeGeneric(t, writer, &drawn)
	})
	for seed := range 4 {
		f.Add(bodies.Example(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var read Transaction
		if decoder.Decode(body, &read) != nil {
			return
		}
		want, err := foreign(resolved, body)
		require.NoError(t, err)
		for name, have := range values(&read) {
			require.Equal(t, want[name], have, name)
		}
	})
}

// FuzzRecord: any record is parsed into a frame and a body, or is refused.
func FuzzRecord(f *testing.F) {
	decoder, err := NewVersionDecoder(1)
	require.NoError(f, err)
	tx := purchase()
	record, err := AppendTransaction(AppendFrame(nil, 1), 1, &tx)
	require.NoError(f, err)
	f.Add(record)
	f.Add([]byte("not a frame"))
	f.Fuzz(func(t *testing.T, record []byte) {
		id, body, err := ParseFrame(record)
		if err != nil {
			require.ErrorIs(t, err, ErrNotFramed)
			return
		}
		require.Equal(t, record, append(AppendFrame(nil, id), body...))
		_ = decoder.Decode(body, new(Transaction))
	})
}

func BenchmarkDecode(b *testing.B) {
	decoder, err := NewVersionDecoder(NewestVersion)
	require.NoError(b, err)
	tx := purchase()
	body, err := AppendTransaction(nil, NewestVersion, &tx)
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	var read Transaction
	for b.Loop() {
		if err := decoder.Decode(body, &read); err != nil {
			b.Fatal(err)
		}
	}
}
