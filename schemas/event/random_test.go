package event

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hamba/avro/v2"
	"pgregory.net/rapid"
)

// someText draws a text that may be written: UTF-8, not empty, not longer than its bound,
// without U+0000.
func someText(longest int) *rapid.Generator[string] {
	return rapid.StringN(1, -1, longest).Filter(func(s string) bool {
		return s != "" && utf8.ValidString(s) && !strings.Contains(s, "\x00")
	})
}

// draw fills every field of an event at random, with values that may be written.
func draw(t *rapid.T) Transaction {
	columns, err := columnsOf(NewestVersion)
	if err != nil {
		t.Fatal(err)
	}
	var drawn Transaction
	for i, f := range fields {
		with := columns[i].bound.With
		if with == "" && f.Nullable && rapid.Bool().Draw(t, f.Name+" is null") || with != "" && drawn.AccountID == "" {
			continue
		}
		var value Value
		switch f.Type {
		case Enum:
			value = TextValue(rapid.SampledFrom(f.symbols).Draw(t, f.Name))
		case Text:
			value = TextValue(someText(columns[i].bound.Longest).Draw(t, f.Name))
		default:
			value = IntegerValue(rapid.Int64Range(columns[i].bound.Least, columns[i].bound.Most).Draw(t, f.Name))
		}
		f.set(&drawn, value)
	}
	if drawn.RiskScore.Present = drawn.RiskRule != ""; !drawn.RiskScore.Present {
		drawn.RiskScore.Value = 0
	}
	if drawn.AccountID == "" {
		drawn.Status = StatusDeclined
		drawn.EventID = drawn.TransactionID
		return drawn
	}
	drawn.EventID = ID(drawn.AccountID, drawn.Sequence.Value)
	return drawn
}

// drawBody draws an event and writes it in a version.
func drawBody(t *rapid.T, version int) (Transaction, []byte) {
	drawn := draw(t)
	body, err := AppendTransaction(nil, version, &drawn)
	if err != nil {
		t.Fatal(err)
	}
	return drawn, body
}

// asOf returns the event as a reader gets it after it was written in a version.
func asOf(version int, t Transaction) Transaction {
	if version < 2 {
		t.CardUse, t.RiskScore, t.RiskRule = "", Optional[int32]{}, ""
	}
	if version < 3 {
		t.Leg, t.Relation, t.AccountKind, t.PrincipalKind, t.Mode = Optional[int32]{}, "", "", "", ""
		t.CounterpartyAccountID, t.CounterpartyBankCode, t.MerchantReference = "", "", ""
		t.HoldID, t.HoldExpiresAtMillis = "", Optional[int64]{}
		if t.Kind == KindClosing {
			t.Kind = KindUnknown
		}
		if t.DeclineReason == DeclineAccountClosed {
			t.DeclineReason = DeclineUnknown
		}
	}
	return t
}

// foreign reads a body with hamba's generic decoder. It is a second opinion on the
// bytes and shares no code with this package. It returns the values that Get should
// return.
func foreign(schema avro.Schema, body []byte) (map[string]Value, error) {
	var decoded map[string]any
	if err := avro.Unmarshal(schema, body, &decoded); err != nil {
		return nil, err
	}
	values := make(map[string]Value, len(decoded))
	for name, value := range decoded {
		plain, err := foreignValue(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		values[name] = plain
	}
	return values, nil
}

func foreignValue(value any) (Value, error) {
	switch value := value.(type) {
	case nil:
		return Value{}, nil
	case string:
		return TextValue(value), nil
	case []byte:
		return TextValue(string(value)), nil
	case int:
		return IntegerValue(int64(value)), nil
	case int32:
		return IntegerValue(int64(value)), nil
	case int64:
		return IntegerValue(value), nil
	case time.Time:
		return IntegerValue(value.UnixMilli()), nil
	case map[string]any:
		// The generic form of a union's value is the name of its type and the value.
		if len(value) == 1 {
			for _, inner := range value {
				return foreignValue(inner)
			}
		}
	}
	return Value{}, fmt.Errorf("unexpected %T", value)
}

// values returns the result of Get for every field.
func values(t *Transaction) map[string]Value {
	list := make(map[string]Value, len(fields))
	for _, f := range fields {
		list[f.Name] = f.get(t)
	}
	return list
}

// purchase is a usual event. Its encoding is the golden one.
func purchase() Transaction {
	return Transaction{
		EventID:              "5a1f3c1e-9d2b-4c56-8a53-0d6a5f7f2b10:42",
		TransactionID:        "0f6f2c0a-3a0e-5f43-9d0a-5f2f1f6d9a77",
		AccountID:            "5a1f3c1e-9d2b-4c56-8a53-0d6a5f7f2b10",
		CustomerID:           "9be1a0d4-77c2-4b0c-8f3c-2f8f2d1c6e55",
		BankCode:             "001",
		Sequence:             Some[int64](42),
		Kind:                 KindPurchase,
		Direction:            DirectionDebit,
		Status:               StatusApproved,
		AmountMinor:          12_990,
		Currency:             "BRL",
		BalanceAfterMinor:    Some[int64](-212_990),
		HeldAfterMinor:       Some[int64](0),
		AvailableAfterMinor:  Some[int64](287_010),
		CreditLimitMinor:     Some[int64](500_000),
		CardID:               "c2a7b1de-0c39-4a5a-8f80-0b0f4a3f9d21",
		CardBrand:            CardBrandVisa,
		CardLast4:            "1111",
		CardBIN:              "411111",
		MerchantID:           "books-and-more",
		MerchantName:         "Livraria São João",
		MerchantCategoryCode: "5942",
		MerchantCity:         "São Paulo",
		MerchantCountry:      "BR",
		Channel:              ChannelEcommerce,
		Description:          "Order 7",
		Attempt:              Some[int32](1),
		DecisionMicros:       Some[int64](830),
		OccurredAtMillis:     1_767_225_600_123,
		TraceID:              "4bf92f3577b34da6a3ce929d0e0e4736",
		ProducerVersion:      "1.0.0",
		CardUse:              CardUseLater,
		RiskScore:            Some[int32](60),
		RiskRule:             RiskRuleVelocity,

		Leg:                   Some[int32](0),
		Relation:              RelationGivenBack,
		AccountKind:           AccountKindCard,
		CounterpartyAccountID: "7d0a4b52-0e6b-4f6e-9c5b-8b3f2f1f5a61",
		CounterpartyBankCode:  "002",
		HoldID:                "a1d2b3c4-5e6f-4a7b-8c9d-0e1f2a3b4c5d",
		HoldExpiresAtMillis:   Some[int64](1_767_830_400_000),
		PrincipalKind:         PrincipalKindService,
		MerchantReference:     "order-7",
		Mode:                  ModeLive,
	}
}

// unknownCard is a decline that belongs to no account. Most of its fields are null.
func unknownCard() Transaction {
	return Transaction{
		EventID:          "3d0c5a64-5c5e-5b62-b8b1-0d5a3f9e7c02",
		TransactionID:    "3d0c5a64-5c5e-5b62-b8b1-0d5a3f9e7c02",
		BankCode:         "001",
		Kind:             KindPurchase,
		Direction:        DirectionDebit,
		Status:           StatusDeclined,
		DeclineCode:      "14",
		DeclineReason:    DeclineUnknownCard,
		AmountMinor:      500,
		Currency:         "BRL",
		Channel:          ChannelPointOfSale,
		OccurredAtMillis: 1_767_225_600_124,
		ProducerVersion:  "1.0.0",
		RiskScore:        Some[int32](0),
		RiskRule:         RiskRuleNone,
		Leg:              Some[int32](0),
	}
}
