package bank_test

import (
	"fmt"
	"testing"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
)

// The table is read here by columns, so that a wrong cell differs.
func TestEachKindDoesWhatItsNameSays(t *testing.T) {
	name := func(r bank.Rules) string {
		if r.Of == 0 {
			return r.Kind.String()
		}
		return r.Kind.String() + " of " + r.Of.String()
	}
	column := func(chosen func(bank.Rules) bool) (names []string) {
		for _, r := range bank.AllRules() {
			if chosen(r) {
				names = append(names, name(r))
			}
		}
		return names
	}
	moves := []string{
		"PURCHASE", "REVERSAL of PURCHASE", "REVERSAL of CAPTURE", "REVERSAL of TRANSFER", "DEPOSIT", "WITHDRAWAL", "TRANSFER",
		"CAPTURE of HOLD", "VOID of PURCHASE", "VOID of CAPTURE", "PIX_OUT of HOLD", "PIX_IN", "PIX_RETURN of PIX_OUT", "PIX_RETURN of PIX_IN",
	}
	for what, test := range map[string]struct {
		chosen func(bank.Rules) bool
		want   []string
	}{
		"asks the limit": {func(r bank.Rules) bool { return r.AsksLimit }, []string{
			"PURCHASE", "REVERSAL of PURCHASE", "REVERSAL of CAPTURE", "REVERSAL of TRANSFER", "WITHDRAWAL", "TRANSFER", "HOLD",
			"PIX_RETURN of PIX_OUT", "PIX_RETURN of PIX_IN",
		}},
		"moves money":             {func(r bank.Rules) bool { return r.Moves }, moves},
		"is a line":               {func(r bank.Rules) bool { return r.Line == bank.PostedLine }, moves},
		"is a pending line":       {func(r bank.Rules) bool { return r.Line == bank.PendingLine }, []string{"HOLD"}},
		"adds to what is held":    {func(r bank.Rules) bool { return r.Held == bank.HeldGrows }, []string{"HOLD"}},
		"takes from what is held": {func(r bank.Rules) bool { return r.Held == bank.HeldShrinks }, []string{"CAPTURE of HOLD", "VOID of HOLD", "EXPIRY of HOLD", "PIX_OUT of HOLD"}},
		"has a second leg of its own kind": {func(r bank.Rules) bool { return r.SecondLeg == r.Kind }, []string{
			"REVERSAL of TRANSFER", "TRANSFER",
		}},
		"releases the rest": {func(r bank.Rules) bool { return r.SecondLeg == bank.KindVoid }, []string{"CAPTURE of HOLD"}},
		"has one leg": {func(r bank.Rules) bool { return r.SecondLeg == 0 }, []string{
			"OPENING", "LIMIT_CHANGE", "PURCHASE", "REVERSAL of PURCHASE", "REVERSAL of CAPTURE", "DEPOSIT", "WITHDRAWAL", "HOLD",
			"VOID of PURCHASE", "VOID of HOLD", "VOID of CAPTURE", "EXPIRY of HOLD", "PIX_OUT of HOLD", "PIX_IN", "PIX_RETURN of PIX_OUT", "PIX_RETURN of PIX_IN",
			"CLOSING",
		}},
		"gives back": {func(r bank.Rules) bool { return r.Relation == bank.GivenBack }, []string{
			"REVERSAL of PURCHASE", "REVERSAL of CAPTURE", "REVERSAL of TRANSFER", "VOID of PURCHASE", "VOID of CAPTURE", "PIX_RETURN of PIX_OUT", "PIX_RETURN of PIX_IN",
		}},
		"captures": {func(r bank.Rules) bool { return r.Relation == bank.Captured }, []string{"CAPTURE of HOLD", "PIX_OUT of HOLD"}},
		"releases": {func(r bank.Rules) bool { return r.Relation == bank.Released }, []string{"VOID of HOLD", "EXPIRY of HOLD"}},
	} {
		require.Equal(t, test.want, column(test.chosen), what)
	}
}

func TestAnOutcomeHasTheEntriesOfBothLegs(t *testing.T) {
	first, second := &bank.Entry{}, &bank.Entry{Leg: 1}
	for _, tt := range []struct {
		outcome bank.Outcome
		want    []*bank.Entry
	}{
		{bank.Outcome{}, nil},
		{bank.Outcome{Entry: first}, []*bank.Entry{first}},
		{bank.Outcome{Entry: first, Second: second}, []*bank.Entry{first, second}},
	} {
		require.Equal(t, tt.want, tt.outcome.Entries())
	}
}

// What a command decides and what it refers to are read together, each once.
func TestTheEntriesOfKeysAreThoseOfItsTransactionsAndOriginals(t *testing.T) {
	keys := bank.Keys{Transactions: []bank.ID{{3}, {1}, {3}}}
	keys.Sort()
	require.Equal(t, []bank.ID{{1}, {3}}, keys.Entries())
	keys.Add(bank.Keys{Transactions: []bank.ID{{4}}, Originals: []bank.ID{{2}, {3}}})
	keys.Sort()
	require.Equal(t, []bank.ID{{1}, {2}, {3}, {4}}, keys.Entries())
	require.Equal(t, []bank.ID{{1}, {3}, {4}}, keys.Transactions)
	require.Equal(t, []bank.ID{{2}, {3}}, keys.Originals)
}

func TestTheTableOfKindsIsWhole(t *testing.T) {
	of := make(map[string]bool)
	kinds := make(map[bank.Kind]bool)
	relations := make(map[string]bank.Relation)
	for _, r := range bank.AllRules() {
		row := fmt.Sprint(r.Kind, r.Of)
		require.False(t, of[row], "%s has two rows", row)
		of[row], kinds[r.Kind] = true, true
		require.Equal(t, r.Of != 0, r.Relation != 0, "%s: what refers to a transaction counts towards it", row)
		// An entry tells its relation by its kind and by whether it moves money.
		told := fmt.Sprint(r.Kind, r.Moves)
		if other, exists := relations[told]; exists {
			require.Equal(t, other, r.Relation, row)
		}
		relations[told] = r.Relation
	}
	for kind := bank.KindOpening; kind.String() != "UNKNOWN"; kind++ {
		require.True(t, kinds[kind], "%s has no rules", kind)
	}
}

func TestAnEntryCountsTowardsWhatItRefersToByTheTable(t *testing.T) {
	for _, r := range bank.AllRules() {
		entry := bank.Entry{Kind: r.Kind, Status: bank.Approved, OriginalID: bank.ID{1}}
		if r.Moves {
			entry.DebitAccount, entry.CreditAccount = bank.ID{2}, bank.ID{3}
		}
		require.Equal(t, r.Relation, entry.Relation(), "%s of %s", r.Kind, r.Of)
		second := entry
		second.Leg = 1
		if r.Moves {
			require.Zero(t, second.Relation(), "the second leg of %s of %s: a movement counts once", r.Kind, r.Of)
		} else {
			require.Equal(t, r.Relation, second.Relation(), "the second leg of %s of %s", r.Kind, r.Of)
		}
		for _, change := range []func(*bank.Entry){
			func(e *bank.Entry) { e.Status = bank.Declined },
			func(e *bank.Entry) { e.Status = bank.Applied },
			func(e *bank.Entry) { e.OriginalID = bank.ID{} },
		} {
			other := entry
			change(&other)
			require.Zero(t, other.Relation(), "%s of %s", r.Kind, r.Of)
		}
	}
}
