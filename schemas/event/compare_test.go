package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// change changes the value of one field.
func change(t *Transaction, f *field) {
	switch value := f.get(t); {
	case f.Type == Integer:
		f.set(t, IntegerValue(value.Integer+1))
	default:
		f.set(t, TextValue(value.Text+"x"))
	}
}

func TestEveryFieldCountsInTheDigestAndTheDiff(t *testing.T) {
	for _, original := range []Transaction{purchase(), unknownCard()} {
		seen := map[[32]byte]string{Digest(&original): "nothing"}
		for i := range fields {
			f := &fields[i]
			other := original
			change(&other, f)
			digest := Digest(&other)
			require.NotContains(t, seen, digest, "%s has the digest of %s", f.Name, seen[digest])
			seen[digest] = f.Name
			differences := Diff(&original, &other)
			require.Len(t, differences, 1, f.Name)
			require.Equal(t, f.Name, differences[0].Field)
			require.Equal(t, f.get(&original), differences[0].A)
			require.Equal(t, f.get(&other), differences[0].B)
		}
	}
}

func TestNullAndZeroDiffer(t *testing.T) {
	null, zero := purchase(), purchase()
	null.HeldAfterMinor = Optional[int64]{}
	zero.HeldAfterMinor = Some[int64](0)
	require.NotEqual(t, Digest(&null), Digest(&zero))
	require.Equal(t, "held_after_minor: null, 0", Diff(&null, &zero)[0].String())
}

func TestEqualEventsHaveEqualDigests(t *testing.T) {
	decoder, err := NewVersionDecoder(NewestVersion)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		drawn := draw(t)
		body, err := AppendTransaction(nil, NewestVersion, &drawn)
		if err != nil {
			t.Fatal(err)
		}
		var read, copied Transaction
		if err := decoder.Decode(body, &read); err != nil {
			t.Fatal(err)
		}
		for _, f := range Fields() {
			value, err := drawn.Get(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			if err := copied.Set(f.Name, value); err != nil {
				t.Fatal(err)
			}
		}
		if Digest(&read) != Digest(&drawn) || Digest(&copied) != Digest(&drawn) || len(Diff(&drawn, &copied)) > 0 {
			t.Fatal("a copy differs")
		}
	})
}

// The comment of Digest documents the form. This test builds the form by hand.
func TestTheDigestHasTheDocumentedForm(t *testing.T) {
	tx := Transaction{EventID: "é", Sequence: Some[int64](-2), Kind: KindVoid}
	number := func(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	form := "codebank.dev/transaction/1\n" +
		"event_id\x00T" + number(2) + "é" +
		"sequence\x00I" + number(-2) +
		"kind\x00T" + number(4) + "VOID" +
		"amount_minor\x00I" + number(0) +
		"occurred_at\x00I" + number(0)
	require.Equal(t, sha256.Sum256([]byte(form)), Digest(&tx))
}

// The digest may not change, because copies from years ago are compared with it.
func TestTheDigestIsStable(t *testing.T) {
	for version, want := range map[int]string{
		1: "b87c11a7cd1b076568157eb372c3d0d3b7956319c69d444e1942cdb95b36c4b7",
		2: "cec913bcd5e59a97757fb3b6ebb1f9e77533120951d8d71c222eb7a1d61b2601",
	} {
		tx := asOf(version, purchase())
		digest := Digest(&tx)
		require.Equal(t, want, hex.EncodeToString(digest[:]), "version %d", version)
	}
}

func TestADigesterUsesOnlyItsFields(t *testing.T) {
	omitted := []string{"attempt", "decision_micros", "trace_id", "producer_version"}
	without, err := NewDigesterWithout(omitted...)
	require.NoError(t, err)
	var kept []string
	for i := len(fields) - 1; i >= 0; i-- {
		if name := fields[i].Name; name != omitted[0] && name != omitted[1] && name != omitted[2] && name != omitted[3] {
			kept = append(kept, name)
		}
	}
	with, err := NewDigester(kept...)
	require.NoError(t, err)
	original := purchase()
	require.Equal(t, with.Digest(&original), without.Digest(&original), "the order of names does not matter")
	for i := range fields {
		other := original
		change(&other, &fields[i])
		same := without.Digest(&original) == without.Digest(&other)
		require.Equal(t, fields[i].Name == omitted[0] || fields[i].Name == omitted[1] ||
			fields[i].Name == omitted[2] || fields[i].Name == omitted[3], same, fields[i].Name)
	}
	all, err := NewDigesterWithout()
	require.NoError(t, err)
	require.Equal(t, Digest(&original), all.Digest(&original))
	_, err = NewDigester("event_id", "pan")
	require.Error(t, err)
	_, err = NewDigester("event_id", "event_id")
	require.Error(t, err)
	_, err = NewDigesterWithout("pan")
	require.Error(t, err)
}

func TestAFieldTakesOnlyValuesOfItsType(t *testing.T) {
	for name, set := range map[string]struct {
		field string
		value Value
		ok    bool
	}{
		"text":                        {"currency", TextValue("USD"), true},
		"no text":                     {"currency", Value{}, true},
		"an unknown symbol":           {"kind", TextValue("GIFT"), true},
		"null":                        {"sequence", Value{}, true},
		"an int":                      {"attempt", IntegerValue(1<<31 - 1), true},
		"an int too large":            {"attempt", IntegerValue(1 << 31), false},
		"null for a required number":  {"amount_minor", Value{}, false},
		"a number for text":           {"currency", IntegerValue(1), false},
		"text for a number":           {"amount_minor", TextValue("1"), false},
		"a field that does not exist": {"pan", TextValue("1"), false},
	} {
		t.Run(name, func(t *testing.T) {
			tx := purchase()
			err := tx.Set(set.field, set.value)
			if !set.ok {
				require.Error(t, err)
				require.Equal(t, purchase(), tx)
				return
			}
			require.NoError(t, err)
			value, err := tx.Get(set.field)
			require.NoError(t, err)
			require.Equal(t, set.value, value)
		})
	}
	_, err := new(Transaction).Get("pan")
	require.Error(t, err)
}

func TestEveryGoFieldIsAFieldOfTheEvent(t *testing.T) {
	require.Equal(t, reflect.TypeOf(Transaction{}).NumField(), len(Fields()))
}

func TestKeyAndID(t *testing.T) {
	approved, refused := purchase(), unknownCard()
	require.Equal(t, approved.AccountID, approved.Key())
	require.Equal(t, refused.TransactionID, refused.Key())
	require.Equal(t, approved.EventID, ID(approved.AccountID, approved.Sequence.Value))
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 123e6, time.UTC), approved.OccurredAt())
}

func TestAFrameIsFiveBytes(t *testing.T) {
	require.Equal(t, []byte{0, 0x01, 0x02, 0x03, 0x04}, AppendFrame(nil, 0x01020304))
	id, body, err := ParseFrame([]byte{0, 0xff, 0xff, 0xff, 0xff, 'b'})
	require.NoError(t, err)
	require.Equal(t, uint32(0xffffffff), id)
	require.Equal(t, "b", string(body))
	for _, record := range [][]byte{nil, {0}, {0, 0, 0, 1}, {1, 0, 0, 0, 1}, []byte(`{"json": 1}`)} {
		_, _, err := ParseFrame(record)
		require.ErrorIs(t, err, ErrNotFramed)
	}
}

func BenchmarkDigest(b *testing.B) {
	tx := purchase()
	b.ReportAllocs()
	for b.Loop() {
		Digest(&tx)
	}
}
