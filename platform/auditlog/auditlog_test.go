package auditlog

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// appended returns the rows of records, and their head.
func appended(records ...Record) (rows []Row, head Head) {
	for _, record := range records {
		rows = append(rows, head.Next(record))
		head = rows[len(rows)-1].Head()
	}
	return rows, head
}

func check(rows []Row, head Head, published ...Head) error {
	checker, err := NewChecker(published...)
	for i := 0; i < len(rows) && err == nil; i++ {
		err = checker.Check(rows[i])
	}
	if err != nil {
		return err
	}
	return checker.CheckEnd(head)
}

// A log is checked years after it was written, so the hash of a row never changes.
func TestTheHashOfARowIsWhatItWas(t *testing.T) {
	first := Record{At: noon.Add(123456789), Act: "SIGNED_IN", Who: "users/1", What: "sessions/2", Address: "192.0.2.1", Trace: "t", Result: ResultOK}
	second := first
	second.WhoKind = "USER"
	rows, _ := appended(first, second)
	for i, want := range []string{
		"8396e8a2f079003453380bf98794c18830b7f36d8c2764f33619b4d6b0104fde",
		"dbf11fac27369b9262b8414788292c29471b07f81a1a8bd412a815d7e67fa9b2",
	} {
		require.Equal(t, want, hex.EncodeToString(rows[i].Hash[:]))
	}
}

// The chain finds every change of a row, of their order and of their number.
func TestEveryChangeShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 5, -1)
		count := rapid.IntRange(2, 8).Draw(t, "rows")
		var records []Record
		for n := range count {
			records = append(records, Record{
				At: noon.Add(time.Duration(n) * time.Minute), Act: Act(text.Draw(t, "act")), WhoKind: text.Draw(t, "kind"),
				Who: text.Draw(t, "who"), What: text.Draw(t, "what"), Result: ResultOK,
			})
		}
		rows, head := appended(records...)
		require.NoError(t, check(rows, head))
		at := rapid.IntRange(0, count-2).Draw(t, "at")
		switch rapid.IntRange(0, 7).Draw(t, "how") {
		case 0:
			rows[at].Result += "x"
		case 1: // A text moves into the next field.
			rows[at].Who, rows[at].What = rows[at].Who+"x", rows[at].What+"y"
		case 2:
			rows = append(rows[:at:at], rows[at+1:]...)
		case 3:
			rows[at], rows[at+1] = rows[at+1], rows[at]
		case 4:
			rows = rows[:at+1]
		case 5: // Written again with a hash that fits.
			rows[at] = Head{rows[at].Sequence - 1, rows[at].Previous}.Next(Record{At: noon, Act: "X"})
		case 6: // A row of the first version and one of the second never have one hash.
			if rows[at].WhoKind == "" {
				rows[at].WhoKind = "USER"
			} else {
				rows[at].WhoKind = ""
			}
		case 7:
			rows[at].At = rows[at].At.Add(time.Microsecond)
		}
		broken := new(BrokenError)
		require.ErrorAs(t, check(rows, head), &broken)
		require.LessOrEqual(t, broken.Sequence, int64(at+2))
	})
}

// Whoever can change a row can also hash everything after it anew. Only what was published before tells
// that the past is another one.
func TestAPastThatWasWrittenAnewShowsByThePublishedHeads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 8).Draw(t, "rows")
		records := make([]Record, count)
		for i := range records {
			records[i] = Record{At: noon, Act: "CARD_BLOCKED", WhoKind: "OPERATOR", Result: ResultOK}
		}
		rows, head := appended(records...)
		published := []Head{{}}
		for _, row := range rows {
			if rapid.Bool().Draw(t, "published") {
				published = append(published, row.Head(), row.Head())
			}
		}
		published = append(published, head)
		require.NoError(t, check(rows, head, published...))

		changed := rapid.IntRange(0, count-1).Draw(t, "changed")
		records[changed].Who = "somebody else"
		anew, other := appended(records...)
		require.NoError(t, check(anew, other), "it is a chain by itself")
		broken := new(BrokenError)
		require.ErrorAs(t, check(anew, other, published...), &broken)
		require.Greater(t, broken.Sequence, int64(changed))
		require.Contains(t, published, rows[broken.Sequence-1].Head(), "the first published row that is another one")
		for _, before := range published {
			require.False(t, before.Sequence > int64(changed) && before.Sequence < broken.Sequence)
		}
		if changed < count-1 {
			require.ErrorAs(t, check(rows[:changed+1], rows[changed].Head(), published...), &broken, "a log that is cut off")
			require.EqualValues(t, changed+2, broken.Sequence)
		}
		require.ErrorAs(t, check(nil, Head{}, other, head), &broken, "both pasts were published")
		require.ErrorContains(t, broken, "two hashes")
	})
}
