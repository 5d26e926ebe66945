package codepixtest

import (
	"fmt"
	"testing"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// round counts the sequences of a process, so that each has people of its own in a store that is not emptied.
var rounds int

// tallied makes random changes of a few keys by a few people, and requires that the digests are those of the keys and
// that a key has one owner.
func tallied(t *testing.T, d *desk) {
	rapid.Check(t, func(rt *rapid.T) {
		rounds++
		w := walk{desk: d, t: rt}
		for i := range 3 {
			number := 1000 + rounds*3 + i
			w.people = append(w.people, directory.Holder{AccountID: AccountID(number), Name: "Ana", Document: key.MakeCPF(pad(number))})
		}
		w.texts = []string{fmt.Sprintf("ana%d@exemplo.com", rounds), fmt.Sprintf("+5511%d", 900_000_000+rounds)}
		for range rapid.IntRange(1, 10).Draw(rt, "steps") {
			if err := w.step(); err != nil {
				require.Contains(rt, []fault.Code{fault.FailedPrecondition, fault.NotFound, fault.InvalidArgument}, fault.CodeOf(err), "%v", err)
			}
			d.clock.Advance(time.Hour)
		}
		w.compare()
	})
}

// walk is one random sequence.
type walk struct {
	*desk
	t      *rapid.T
	people []directory.Holder
	texts  []string
	claims []directory.Claim
}

// step makes one change.
func (w *walk) step() error {
	holder, bank := rapid.SampledFrom(w.people).Draw(w.t, "who"), rapid.SampledFrom([]string{One, Two}).Draw(w.t, "bank")
	text := rapid.SampledFrom(append([]string{holder.Document}, w.texts...)).Draw(w.t, "key")
	wanted, err := key.Detect("key", text)
	require.NoError(w.t, err)
	switch what := rapid.IntRange(0, 5).Draw(w.t, "what"); {
	case what <= 1:
		if _, err = w.create(w.t, who{bank, holder}, wanted.Kind, text); err != nil || !wanted.Kind.Proved() {
			return err
		}
	case what == 2:
		return w.DeleteKey(w.ctx, bank, &directory.Deletion{RequestID: w.request(), Text: text, AccountID: holder.AccountID})
	case what == 3:
		claim, err := w.claim(w.t, bank, holder, text)
		if err != nil {
			return err
		}
		if w.claims = append(w.claims, claim); !wanted.Kind.Proved() {
			return nil
		}
	case len(w.claims) == 0:
		return nil
	default:
		end := []directory.End{directory.Consent, directory.Complete}[what-4]
		claim := rapid.SampledFrom(w.claims).Draw(w.t, "claim")
		_, err = w.EndClaim(w.ctx, bank, claim.Name(), end)
		return err
	}
	_, err = w.confirm(w.t, who{bank, holder}, text, w.code(w.t, wanted.Kind, text))
	return err
}

// compare requires that all views agree.
func (w *walk) compare() {
	owners := map[key.Key]int{}
	for _, code := range []string{One, Two} {
		differences, err := w.CheckTallies(w.ctx, code)
		require.NoError(w.t, err)
		require.Empty(w.t, differences)
		for _, holder := range w.people {
			entries, _, err := w.ListKeys(w.ctx, code, directory.List{AccountID: holder.AccountID}, directory.Place{})
			require.NoError(w.t, err)
			for _, entry := range entries {
				if entry.State == directory.Active {
					owners[entry.Key]++
				}
			}
		}
	}
	for _, count := range owners {
		require.Equal(w.t, 1, count)
	}
}

func rekeyed(t *testing.T, d *desk) {
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	before, keyID, err := d.Tallies(t.Context(), One)
	require.NoError(t, err)
	require.Equal(t, "one-1", keyID)
	require.EqualValues(t, 1, before[key.CPF].Count)
	d.banks.Rekey(One, "one-2")
	d.have(t, who{One, bia}, key.CPF, bia.Document)
	d.banks.Rekey(One, "one-3")
	after, keyID, err := d.Tallies(t.Context(), One)
	require.NoError(t, err)
	require.Equal(t, "one-3", keyID)
	require.EqualValues(t, 2, after[key.CPF].Count)
	d.requireOwner(t, bia.Document, One, bia)
	require.NoError(t, d.DeleteKey(t.Context(), One, &directory.Deletion{RequestID: "d", Text: bia.Document, AccountID: bia.AccountID}))
	d.banks.Rekey(One, "one-1")
	again, _, err := d.Tallies(t.Context(), One)
	require.NoError(t, err)
	require.Equal(t, before, again, "a key that came and went leaves nothing")
	_, _, err = d.Tallies(t.Context(), "009")
	require.ErrorIs(t, err, directory.ErrNoBank)
}
