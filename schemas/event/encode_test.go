package event

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the goldens anew")

func TestEveryFieldIsWrittenWhereTheSchemaHasIt(t *testing.T) {
	for version := 1; version <= NewestVersion; version++ {
		schema, err := parseVersion(version)
		require.NoError(t, err)
		rapid.Check(t, func(t *rapid.T) {
			drawn, body := drawBody(t, version)
			read, err := foreign(schema, body)
			if err != nil {
				t.Fatal(err)
			}
			told := asOf(version, drawn)
			for _, field := range schema.Fields() {
				want, err := told.Get(field.Name())
				if err != nil {
					t.Fatal(err)
				}
				if have := read[field.Name()]; have != want {
					t.Fatalf("%s: hamba reads %s, written was %s", field.Name(), have, want)
				}
			}
		})
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	for name, fixture := range map[string]Transaction{"purchase": purchase(), "unknown card": unknownCard()} {
		t.Run(name, func(t *testing.T) {
			room := make([]byte, 0, 1024)
			var err error
			allocs := testing.AllocsPerRun(100, func() {
				room, err = AppendTransaction(AppendFrame(room[:0], 7), NewestVersion, &fixture)
			})
			require.NoError(t, err)
			require.Zero(t, allocs)
		})
	}
}

func TestEncodingAppends(t *testing.T) {
	tx := purchase()
	alone, err := AppendTransaction(nil, 1, &tx)
	require.NoError(t, err)
	after, err := AppendTransaction([]byte("before"), 1, &tx)
	require.NoError(t, err)
	require.Equal(t, append([]byte("before"), alone...), after)
}

func TestAnEventThatBreaksTheContractIsNotWritten(t *testing.T) {
	for name, broken := range map[string]struct {
		field  string
		change func(*Transaction)
	}{
		"no currency":                      {"currency", func(t *Transaction) { t.Currency = "" }},
		"no producer version":              {"producer_version", func(t *Transaction) { t.ProducerVersion = "" }},
		"no kind":                          {"kind", func(t *Transaction) { t.Kind = "" }},
		"an invalid kind":                  {"kind", func(t *Transaction) { t.Kind = "GIFT" }},
		"an invalid brand":                 {"card_brand", func(t *Transaction) { t.CardBrand = "VISTA" }},
		"an invalid reason":                {"decline_reason", func(t *Transaction) { t.DeclineReason = "MOOD" }},
		"broken UTF-8":                     {"description", func(t *Transaction) { t.Description = "a\xff" }},
		"U+0000":                           {"merchant_name", func(t *Transaction) { t.MerchantName = "a\x00b" }},
		"a negative amount":                {"amount_minor", func(t *Transaction) { t.AmountMinor = -1 }},
		"an account without sequence":      {"sequence", func(t *Transaction) { t.Sequence = Optional[int64]{} }},
		"sequence zero":                    {"sequence", func(t *Transaction) { t.Sequence = Some[int64](0) }},
		"another sequence in the id":       {"event_id", func(t *Transaction) { t.Sequence = Some[int64](43) }},
		"another account in the id":        {"event_id", func(t *Transaction) { t.AccountID = "a" }},
		"an id that is only the account's": {"event_id", func(t *Transaction) { t.EventID = t.AccountID }},
		"no account, but approved":         {"account_id", func(t *Transaction) { t.AccountID = "" }},
		"no account, but a sequence": {"sequence", func(t *Transaction) {
			t.AccountID, t.Status = "", StatusDeclined
		}},
		"no account, but its event id": {"event_id", func(t *Transaction) {
			t.AccountID, t.Status, t.Sequence = "", StatusDeclined, Optional[int64]{}
		}},
		"an invalid use":         {"card_use", func(t *Transaction) { t.CardUse = "AGAIN" }},
		"an invalid rule":        {"risk_rule", func(t *Transaction) { t.RiskRule = "MOOD" }},
		"a score without a rule": {"risk_score", func(t *Transaction) { t.RiskRule = "" }},
		"a rule without a score": {"risk_score", func(t *Transaction) { t.RiskScore = Optional[int32]{} }},
		"a score above 100":      {"risk_score", func(t *Transaction) { t.RiskScore.Value = 101 }},
		"a leg 2":                {"leg", func(t *Transaction) { t.Leg = Some[int32](2) }},
		"an invalid relation":    {"relation", func(t *Transaction) { t.Relation = "FRIEND" }},
		"a long bank code":       {"counterparty_bank_code", func(t *Transaction) { t.CounterpartyBankCode = "0001" }},
		"a score below 0":        {"risk_score", func(t *Transaction) { t.RiskScore.Value = -1 }},
	} {
		t.Run(name, func(t *testing.T) {
			tx := purchase()
			broken.change(&tx)
			out, err := AppendTransaction([]byte("before"), NewestVersion, &tx)
			var fieldError *FieldError
			require.ErrorAs(t, err, &fieldError)
			require.Equal(t, broken.field, fieldError.Field, err)
			require.Equal(t, "before", string(out))
		})
	}
}

func TestAVersionThatDoesNotExistIsNotWritten(t *testing.T) {
	tx := purchase()
	for _, version := range []int{-1, 0, NewestVersion + 1} {
		_, err := AppendTransaction(nil, version, &tx)
		require.Error(t, err)
	}
}

// AsOf says by the schemas what asOf says by hand.
func TestAnEventAsOfAVersionIsWhatItsReadersGet(t *testing.T) {
	for version := 1; version <= NewestVersion; version++ {
		rapid.Check(t, func(t *rapid.T) {
			drawn := draw(t)
			told := drawn
			if err := told.AsOf(version); err != nil {
				t.Fatal(err)
			}
			if want := asOf(version, drawn); told != want {
				t.Fatalf("%v", Diff(&want, &told))
			}
		})
	}
	require.Error(t, new(Transaction).AsOf(0))
	require.Error(t, new(Transaction).AsOf(NewestVersion+1))
}

// The goldens hold the bytes of each version, forever. -update writes the goldens of a
// new version and never changes existing ones.
func TestGolden(t *testing.T) {
	for version := 1; version <= NewestVersion; version++ {
		for name, fixture := range map[string]Transaction{"purchase": purchase(), "unknown-card": unknownCard()} {
			t.Run(fmt.Sprintf("%s.v%d", name, version), func(t *testing.T) {
				path := fmt.Sprintf("testdata/%s.v%d.hex", name, version)
				body, err := AppendTransaction(nil, version, &fixture)
				require.NoError(t, err)
				if _, err := os.Stat(path); *update && errors.Is(err, fs.ErrNotExist) {
					require.NoError(t, os.WriteFile(path, []byte(wrap(hex.EncodeToString(body))), 0o644))
				}
				golden, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, string(golden), wrap(hex.EncodeToString(body)))
				decoder, err := NewVersionDecoder(version)
				require.NoError(t, err)
				var read Transaction
				require.NoError(t, decoder.Decode(body, &read))
				require.Equal(t, asOf(version, fixture), read)
			})
		}
	}
}

func wrap(s string) string {
	var lines strings.Builder
	for len(s) > 64 {
		lines.WriteString(s[:64] + "\n")
		s = s[64:]
	}
	return lines.String() + s + "\n"
}

func BenchmarkAppendTransaction(b *testing.B) {
	tx := purchase()
	room := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		body, err := AppendTransaction(room[:0], NewestVersion, &tx)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(body)))
	}
}
