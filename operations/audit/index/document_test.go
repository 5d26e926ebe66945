package index_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/operations/audit"
	"codebank.dev/operations/audit/index"
	"codebank.dev/schemas/event"
)

// document is an event as the sink writes it, with what it adds.
func document(t require.TestingT, e event.Transaction) map[string]any {
	fields := map[string]any{
		"hour": 9, "weekday": 4, "kafka_topic": "bank-001.transactions.v1", "kafka_partition": 2, "kafka_offset": 4711, "pipeline_millis": 1234,
	}
	for _, field := range event.Fields() {
		value, err := e.Get(field.Name)
		require.NoError(t, err)
		switch {
		case value.Type == 0:
		case field.Time:
			fields[field.Name] = time.UnixMilli(value.Integer).UTC().Format("2006-01-02T15:04:05.000Z")
		case value.Type == event.Integer:
			fields[field.Name] = value.Integer
		default:
			fields[field.Name] = value.Text
		}
	}
	return fields
}

func read(t require.TestingT, fields map[string]any) audit.Copy {
	source, err := json.Marshal(fields)
	require.NoError(t, err)
	var c audit.Copy
	require.NoError(t, index.Document(&c, "id", source))
	require.Equal(t, "id", c.ID)
	return c
}

// some draws an event with any values.
func some(t *rapid.T) event.Transaction {
	var e event.Transaction
	for _, field := range event.Fields() {
		value := event.TextValue(rapid.String().Draw(t, field.Name))
		switch {
		case field.Time:
			value = event.IntegerValue(rapid.Int64Range(0, 253_402_300_799_999).Draw(t, field.Name))
		case slices.Contains([]string{"attempt", "risk_score", "leg"}, field.Name):
			value = event.IntegerValue(int64(rapid.Int32().Draw(t, field.Name)))
		case field.Type == event.Integer:
			value = event.IntegerValue(rapid.Int64().Draw(t, field.Name))
		}
		if field.Nullable && rapid.Bool().Draw(t, "null") {
			value = event.Value{}
		}
		require.NoError(t, e.Set(field.Name, value))
	}
	return e
}

func TestADocumentIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := some(t)
		c := read(t, document(t, e))
		require.Empty(t, event.Diff(&e, &c.Event))
		require.Empty(t, c.Problems)
	})
}

func TestWhatNoEventCanHaveIsAProblem(t *testing.T) {
	for name, wrong := range map[string]struct {
		field string
		value any
		found string
	}{
		"text for a number":          {"amount_minor", "5", `"5"`},
		"a number with a fraction":   {"amount_minor", json.RawMessage("5.0"), "5.0"},
		"a number in another form":   {"amount_minor", json.RawMessage("5e0"), "5e0"},
		"a number that is too large": {"amount_minor", json.RawMessage("9223372036854775808"), "9223372036854775808"},
		"an attempt too large":       {"attempt", int64(1) << 40, "1099511627776"},
		"several values":             {"status", []string{"APPROVED", "DECLINED"}, `["APPROVED","DECLINED"]`},
		"an object":                  {"currency", map[string]int{"a": 1}, `{"a":1}`},
		"a truth":                    {"kind", true, "true"},
		"a number for text":          {"merchant_name", 5, "5"},
		"an empty text":              {"merchant_name", "", `""`},
		"a time with microseconds":   {"occurred_at", "2026-01-01T00:00:00.000001Z", `"2026-01-01T00:00:00.000001Z"`},
		"no time":                    {"occurred_at", "noon", `"noon"`},
		"a field of nobody's":        {"pan", "1", `"1"`},
		"a field in capitals":        {"AMOUNT_MINOR", 1, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			c := read(t, map[string]any{wrong.field: wrong.value, "bank_code": "001"})
			require.Equal(t, []audit.Problem{{Field: wrong.field, Stored: wrong.found}}, c.Problems)
			require.Equal(t, "001", c.Event.BankCode, "the others are read all the same")
		})
	}
}

func TestNullIsAsGoodAsNotThere(t *testing.T) {
	c := read(t, map[string]any{"merchant_name": nil, "sequence": nil})
	require.Equal(t, event.Transaction{}, c.Event)
	require.Empty(t, c.Problems)
}

func TestATimeMayBeInMilliseconds(t *testing.T) {
	c := read(t, map[string]any{"occurred_at": 1_767_225_600_123})
	require.EqualValues(t, 1_767_225_600_123, c.Event.OccurredAtMillis)
}

func TestWhatIsNoObjectIsAnError(t *testing.T) {
	for _, source := range []string{
		"", " ", "null", "1", `"a"`, "[]", "{", `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{"a":1}}`, `{a:1}`, `{"a":1 "b":2}`,
		`{"a":"`, `{"a":"\`, `{"a":"\u12"}`, `{"a":[}`, `{"a":nul}`, `{1:2}`, `{"a":-}`,
	} {
		var c audit.Copy
		require.Error(t, index.Document(&c, "id", []byte(source)), source)
	}
	var c audit.Copy
	require.NoError(t, index.Document(&c, "id", []byte(" { \"bank_code\" : \"0\\u00301\" ,\n\"attempt\" : 7 } ")))
	require.Equal(t, "001", c.Event.BankCode)
	require.Equal(t, event.Some[int32](7), c.Event.Attempt)
	require.NoError(t, index.Document(&c, "id", []byte("{}")))
}

// FuzzDocument holds the scanner to the library: what it takes for an object the
// library does too, and the fields of an event are the same.
func FuzzDocument(f *testing.F) {
	f.Add(`{"bank_code":"001","amount_minor":5,"merchant_name":"a\"b","sequence":null}`)
	f.Add(`{"status":["A"],"kind":{"a":[1,{"b":"}"}]},"hour":3}`)
	f.Fuzz(func(t *testing.T, source string) {
		var c audit.Copy
		if index.Document(&c, "id", []byte(source)) != nil {
			return
		}
		// Escapes are read; other faults within a text are the server's to find.
		var object map[string]any
		decoder := json.NewDecoder(strings.NewReader(source))
		decoder.UseNumber()
		if decoder.Decode(&object) != nil {
			return
		}
		for _, name := range []string{"bank_code", "merchant_name", "transaction_id"} {
			text, ok := object[name].(string)
			value, err := c.Event.Get(name)
			require.NoError(t, err)
			if ok && strings.Count(source, name) == 1 && !strings.ContainsRune(text, '\uFFFD') {
				require.Equal(t, text, value.Text, name)
			}
		}
	})
}

func BenchmarkDocument(b *testing.B) {
	source, err := json.Marshal(document(b, event.Transaction{
		EventID:       "5a1f3c1e-9d2b-4c56-8a53-0d6a5f7f2b10:42",
		TransactionID: "0f6f2c0a-3a0e-5f43-9d0a-5f2f1f6d9a77", AccountID: "5a1f3c1e-9d2b-4c56-8a53-0d6a5f7f2b10",
		CustomerID: "9be1a0d4-77c2-4b0c-8f3c-2f8f2d1c6e55", BankCode: "001", Sequence: event.Some[int64](42),
		Kind: event.KindPurchase, Direction: event.DirectionDebit, Status: event.StatusApproved, AmountMinor: 12_990, Currency: "BRL",
		BalanceAfterMinor: event.Some[int64](-212_990), HeldAfterMinor: event.Some[int64](0),
		AvailableAfterMinor: event.Some[int64](287_010), CreditLimitMinor: event.Some[int64](500_000),
		CardID: "c2a7b1de-0c39-4a5a-8f80-0b0f4a3f9d21", CardBrand: event.CardBrandVisa, CardLast4: "1111", CardBIN: "411111",
		MerchantID: "books-and-more", MerchantName: "Livraria São João", MerchantCategoryCode: "5942", MerchantCity: "São Paulo",
		MerchantCountry: "BR", Channel: event.ChannelEcommerce, Description: "Order 7", Attempt: event.Some[int32](1),
		DecisionMicros: event.Some[int64](830), OccurredAtMillis: 1_767_225_600_123,
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", ProducerVersion: "1.0.0",
	}))
	require.NoError(b, err)
	b.SetBytes(int64(len(source)))
	b.ReportAllocs()
	for b.Loop() {
		var c audit.Copy
		require.NoError(b, index.Document(&c, "id", source))
	}
}
