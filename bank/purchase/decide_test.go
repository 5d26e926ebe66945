package purchase

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/reversal"
	"codebank.dev/bank/risk"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	brl  = money.MustCurrency("BRL")
)

func fixture() (bank.Account, bank.Card, *authorize) {
	account := bank.Account{ID: bank.ID{1}, CustomerID: bank.ID{2}, Kind: bank.AccountCard, Currency: brl, CreditLimit: 1000, Sequence: 1, LastAt: noon}
	card := bank.Card{
		CardSnapshot: bank.CardSnapshot{ID: bank.ID{3}, Brand: pan.Visa, BIN: "411111", Last4: "1111"},
		AccountID:    account.ID, HolderName: "ADA LOVELACE", Expiry: pan.Expiry{Month: 3, Year: 2031},
	}
	command := &authorize{
		id: bank.ID{4}, request: bank.Request{Caller: "shop", ID: "r1", Fingerprint: [32]byte{1}},
		card: card.CardSnapshot, account: account.ID, amount: money.Amount{Minor: 400, Currency: brl},
		merchant: bank.Merchant{ID: "m1", Name: "Books"}, settlement: bank.ID{9}, channel: bank.ChannelECommerce,
	}
	return account, card, command
}

func decide(account bank.Account, card bank.Card, command bank.Command, now time.Time) (bank.Outcome, bank.Changes) {
	book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account}, Cards: []bank.Card{card}})
	outcome := command.Decide(book, now)
	return outcome, book.Changes()
}

func TestAnApprovedPurchaseMovesItsAmountOnce(t *testing.T) {
	account, card, command := fixture()
	outcome, changes := decide(account, card, command, noon)
	require.NoError(t, outcome.Err)
	require.Equal(t, bank.Approved, outcome.Entry.Status)
	require.Equal(t, int64(2), outcome.Entry.Sequence)
	require.Equal(t, int64(-400), outcome.Entry.BalanceAfter)
	require.Equal(t, account.ID, outcome.Entry.DebitAccount)
	require.Equal(t, command.settlement, outcome.Entry.CreditAccount)
	require.Len(t, changes.Accounts, 1)
	require.Equal(t, int64(600), changes.Accounts[0].Available())
}

func TestACardIsWrittenOnceToRecordItsFirstUse(t *testing.T) {
	account, card, command := fixture()
	outcome, changes := decide(account, card, command, noon)
	require.Equal(t, bank.FirstUse, outcome.Entry.CardUse)
	require.Len(t, changes.Cards, 1)
	require.True(t, changes.Cards[0].Used)

	outcome, changes = decide(changes.Accounts[0], changes.Cards[0], command, noon)
	require.Equal(t, bank.LaterUse, outcome.Entry.CardUse)
	require.Empty(t, changes.Cards, "a card without a frequency rule is not written again")
}

func TestADeclineDoesNotUseACard(t *testing.T) {
	account, card, command := fixture()
	account.CreditLimit = 0
	for range 2 {
		outcome, changes := decide(account, card, command, noon)
		require.Equal(t, bank.InsufficientFunds, outcome.Entry.Decline)
		require.Equal(t, bank.FirstUse, outcome.Entry.CardUse)
		require.Empty(t, changes.Cards)
	}
	card.Used = true
	outcome, _ := decide(account, card, command, noon)
	require.Equal(t, bank.LaterUse, outcome.Entry.CardUse)
}

func TestARepeatHasTheUseAndTheScoreOfItsFirstOutcome(t *testing.T) {
	account, card, command := fixture()
	command.scorer = risk.NewScorer()
	book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account}, Cards: []bank.Card{card}})
	first := command.Decide(book, noon)
	require.Equal(t, bank.FirstUse, first.Entry.CardUse)
	require.Equal(t, bank.Risk{Rule: bank.RiskNone}, first.Entry.Risk)
	again := *command
	require.Same(t, first.Entry, again.Decide(book, noon.Add(time.Second)).Entry)
}

func TestACommandDecidedAgainCountsAsOneAttempt(t *testing.T) {
	account, card, command := fixture()
	command.scorer = risk.NewScorer()
	for range 20 {
		outcome, _ := decide(account, card, command, noon)
		require.Zero(t, outcome.Entry.Risk.Score, "each time on a fresh book: nothing was committed")
	}
	for n := byte(1); n <= 5; n++ {
		other := *command
		other.id, other.assessed = bank.ID{9, n}, bank.Risk{}
		outcome, _ := decide(account, card, &other, noon)
		require.Equal(t, n >= 4, outcome.Entry.Risk.Rule == bank.RiskVelocity, "attempt %d", n+1)
	}
}

func TestABatchDecidedAgainKeepsItsScores(t *testing.T) {
	account, card, command := fixture()
	command.scorer = risk.NewScorer()
	var batch []*authorize
	for n := byte(1); n <= 8; n++ {
		other := *command
		other.id = bank.ID{9, n}
		batch = append(batch, &other)
	}
	scores := func() (all []bank.Risk) {
		book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account}, Cards: []bank.Card{card}})
		for _, one := range batch {
			all = append(all, one.Decide(book, noon).Entry.Risk)
		}
		return all
	}
	first := scores()
	require.Equal(t, bank.Risk{Score: 80, Rule: bank.RiskVelocity}, first[7])
	require.Equal(t, first, scores())
}

func TestAScoreDeclinesNothing(t *testing.T) {
	account, card, command := fixture()
	command.scorer = risk.NewScorer()
	for n := byte(1); n <= 20; n++ {
		other := *command
		other.id = bank.ID{9, n}
		outcome, _ := decide(account, card, &other, noon)
		require.Equal(t, bank.Approved, outcome.Entry.Status)
		if n > 9 {
			require.EqualValues(t, bank.MaxRiskScore, outcome.Entry.Risk.Score)
		}
	}
}

func TestVoidsAndReversalsHaveNeitherUseNorScore(t *testing.T) {
	account, card, command := fixture()
	command.scorer = risk.NewScorer()
	book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account}, Cards: []bank.Card{card}})
	require.NoError(t, command.Decide(book, noon).Err)
	voided := (&void{id: bank.ID{6}, purchase: command.id, account: account.ID}).Decide(book, noon)
	require.Zero(t, voided.Entry.CardUse)
	require.Zero(t, voided.Entry.Risk)
	used, _ := book.Card(card.ID)
	require.True(t, used.Used, "a purchase that was given back has still used the card")
}

func TestEachDeclineReasonHasItsRule(t *testing.T) {
	cases := []struct {
		reason  bank.DeclineReason
		arrange func(*bank.Account, *bank.Card, *authorize)
	}{
		{bank.NameMismatch, func(_ *bank.Account, _ *bank.Card, a *authorize) { a.cardCheck.Decline = bank.NameMismatch }},
		{bank.ExpiryMismatch, func(_ *bank.Account, _ *bank.Card, a *authorize) { a.cardCheck.Decline = bank.ExpiryMismatch }},
		{bank.CVVMismatch, func(_ *bank.Account, _ *bank.Card, a *authorize) { a.cardCheck.Decline = bank.CVVMismatch }},
		{bank.Expired, func(_ *bank.Account, c *bank.Card, _ *authorize) { c.Expiry = pan.Expiry{Month: 2, Year: 2026} }},
		{bank.AccountClosed, func(a *bank.Account, _ *bank.Card, _ *authorize) { a.ClosedAt = noon }},
		{bank.Blocked, func(_ *bank.Account, c *bank.Card, _ *authorize) { c.Blocks = bank.BlockedByBank }},
		{bank.Locked, func(_ *bank.Account, c *bank.Card, _ *authorize) { c.LockedUntil = noon.Add(time.Minute) }},
		{bank.InsufficientFunds, func(a *bank.Account, _ *bank.Card, _ *authorize) { a.Balance = -601 }},
		{bank.InsufficientFunds, func(a *bank.Account, _ *bank.Card, _ *authorize) { a.Held = 601 }},
		{bank.OverPurchaseLimit, func(_ *bank.Account, c *bank.Card, _ *authorize) { c.Rules.Limit = 399 }},
		{bank.AmountBelowMinimum, func(_ *bank.Account, c *bank.Card, _ *authorize) { c.Rules.Minimum = 401 }},
		{bank.TooFrequent, func(_ *bank.Account, c *bank.Card, _ *authorize) {
			c.Rules.PerMinute, c.Frequency = 1, bank.Frequency{Level: 1, At: noon}
		}},
	}
	covered := map[bank.DeclineReason]bool{bank.UnknownCard: true} // below
	for _, test := range cases {
		t.Run(test.reason.String(), func(t *testing.T) {
			account, card, command := fixture()
			test.arrange(&account, &card, command)
			outcome, changes := decide(account, card, command, noon)
			require.NoError(t, outcome.Err)
			require.Equal(t, bank.Declined, outcome.Entry.Status)
			require.Equal(t, test.reason, outcome.Entry.Decline)
			require.Equal(t, int64(2), outcome.Entry.Sequence, "a decline takes a sequence too")
			require.Equal(t, account.Balance, changes.Accounts[0].Balance, "and moves nothing")
			require.True(t, outcome.Entry.DebitAccount.IsZero())
			require.Equal(t, command.cardCheck.CountsAsAttempt(), len(changes.Cards) == 1)
		})
		covered[test.reason] = true
	}
	for _, reason := range bank.DeclineReasons() {
		require.True(t, covered[reason], "no case for %s", reason)
	}
}

func TestAnUnknownCardIsRefusedWithoutAnAccount(t *testing.T) {
	_, _, command := fixture()
	command.account, command.card.ID = bank.ID{}, bank.ID{}
	command.cardCheck.Decline = bank.UnknownCard
	outcome := command.Decide(bank.NewBook(bank.ReadSet{}), noon)
	require.Equal(t, bank.UnknownCard, outcome.Entry.Decline)
	require.True(t, outcome.Entry.IsRefusal())
	require.Zero(t, outcome.Entry.CardUse)
	require.Equal(t, command.id.String(), outcome.Entry.EventID())
}

func TestTheLastCentMayBeSpentAndNoMore(t *testing.T) {
	account, card, command := fixture()
	command.amount.Minor = 1000
	outcome, _ := decide(account, card, command, noon)
	require.Equal(t, bank.Approved, outcome.Entry.Status)
	command.amount.Minor = 1001
	outcome, _ = decide(account, card, command, noon)
	require.Equal(t, bank.InsufficientFunds, outcome.Entry.Decline)
}

func TestALockedCardDeclinesRightAndWrongDataAlike(t *testing.T) {
	for _, check := range []bank.DeclineReason{0, bank.CVVMismatch} {
		account, card, command := fixture()
		card.LockedUntil = noon.Add(time.Minute)
		command.cardCheck.Decline = check
		outcome, changes := decide(account, card, command, noon)
		require.Equal(t, bank.Locked, outcome.Entry.Decline)
		require.Empty(t, changes.Cards, "nor does guessing prolong the lock")
	}
}

func TestAnotherCurrencyIsRefusedByFieldName(t *testing.T) {
	account, card, command := fixture()
	command.amount.Currency = money.MustCurrency("USD")
	outcome, changes := decide(account, card, command, noon)
	require.ErrorContains(t, outcome.Err, "currency")
	require.True(t, changes.IsEmpty())
}

func TestATokenIsGoodForOnePurchaseAndItsRepeats(t *testing.T) {
	account, card, command := fixture()
	command.token = bank.TokenUse{Nonce: bank.ID{7}, TransactionID: command.id, ExpiresAt: noon.Add(time.Minute)}
	reads := bank.ReadSet{Accounts: []bank.Account{account}, Cards: []bank.Card{card}}
	book := bank.NewBook(reads)

	first := command.Decide(book, noon)
	require.NoError(t, first.Err)
	again := command.Decide(book, noon.Add(time.Hour))
	require.NoError(t, again.Err)
	require.Same(t, first.Entry, again.Entry, "a repeat answers the first outcome, token spent or not")

	other := *command
	other.id = bank.ID{5}
	require.ErrorContains(t, other.Decide(book, noon).Err, "card_token")

	changes := book.Changes()
	require.Equal(t, []bank.TokenUse{command.token}, changes.TokenUses)

	reads.TokenUses = []bank.TokenUse{{Nonce: command.token.Nonce, TransactionID: bank.ID{9}}}
	used := bank.NewBook(reads)
	require.ErrorContains(t, command.Decide(used, noon).Err, "card_token")
	changes = used.Changes()
	require.True(t, changes.IsEmpty())

	reads.TokenUses = nil
	late := bank.NewBook(reads)
	require.ErrorContains(t, command.Decide(late, noon.Add(time.Minute)).Err, "card_token")
	changes = late.Changes()
	require.True(t, changes.IsEmpty())
}

func TestAnotherRequestUnderTheSameIDIsAborted(t *testing.T) {
	account, card, command := fixture()
	book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account}, Cards: []bank.Card{card}})
	require.NoError(t, command.Decide(book, noon).Err)
	other := *command
	other.request.Fingerprint = [32]byte{2}
	require.ErrorIs(t, other.Decide(book, noon).Err, bank.ErrRequestIDReused)
}

func TestVoidsAndReversalsNeverCheckFundsOrBlocks(t *testing.T) {
	account, card, command := fixture()
	book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account}, Cards: []bank.Card{card}})
	require.NoError(t, command.Decide(book, noon).Err)
	blocked, _ := book.Card(card.ID)
	blocked.Blocks = bank.BlockedByHolder
	book.SetCard(blocked)
	_, err := book.Post(bank.Entry{AccountID: account.ID, Kind: bank.KindLimitChange}, bank.Effect{CreditLimit: -1000}, noon)
	require.NoError(t, err)

	voided := (&void{id: bank.ID{6}, purchase: command.id, account: account.ID}).Decide(book, noon)
	require.NoError(t, voided.Err)
	require.Equal(t, bank.KindVoid, voided.Entry.Kind)
	require.Zero(t, voided.Entry.BalanceAfter)
	require.Equal(t, command.settlement, voided.Entry.DebitAccount)

	again := (&void{id: bank.ID{6}, purchase: command.id, account: account.ID}).Decide(book, noon)
	require.NoError(t, again.Err)
	require.Nil(t, again.Entry, "a second void gives nothing more")
	reversed := reversalOf(command, 0).Decide(book, noon)
	requireReason(t, "ALREADY_REVERSED", reversed)
}

func TestAVoidOfAnUnusedIDIsFinal(t *testing.T) {
	account, card, command := fixture()
	book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account}, Cards: []bank.Card{card}})
	voided := (&void{id: bank.ID{6}, purchase: command.id, request: command.request}).Decide(book, noon)
	require.Equal(t, bank.Voided, voided.Entry.Status)
	late := command.Decide(book, noon)
	require.NoError(t, late.Err)
	require.Equal(t, bank.Voided, late.Entry.Status)
	unspent, _ := book.Account(account.ID)
	require.Equal(t, account, unspent)
}

func TestAVoidResolvedBeforeItsPurchaseIsStale(t *testing.T) {
	account, _, command := fixture()
	approved := bank.Entry{TransactionID: command.id, AccountID: account.ID, Kind: bank.KindPurchase, Status: bank.Approved, Amount: 5}
	book := bank.NewBook(bank.ReadSet{Entries: []bank.Entry{approved}})
	outcome := (&void{id: bank.ID{6}, purchase: command.id}).Decide(book, noon)
	require.ErrorIs(t, outcome.Err, bank.ErrStale)
}

// reversalOf returns the command that Reverse submits for a purchase.
func reversalOf(command *authorize, amount int64) *reversal.Command {
	return &reversal.Command{
		ID: bank.ID{8}, Original: command.id, Parties: bank.Parties{AccountID: command.account}, Amount: amount,
		Request: command.request, OwnPurchase: true, Missing: errNoPurchase,
	}
}

func requireReason(t *testing.T, want string, outcome bank.Outcome) {
	t.Helper()
	require.Error(t, outcome.Err)
	require.Equal(t, want, fault.Of(outcome.Err).Reason)
}

// bought returns a book with an approved purchase of 400.
func bought(t *testing.T) (*bank.Book, *authorize) {
	account, card, command := fixture()
	book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account}, Cards: []bank.Card{card}})
	require.NoError(t, command.Decide(book, noon).Err)
	return book, command
}

func TestAPurchaseIsGivenBackInPartsUpToItsAmount(t *testing.T) {
	book, command := bought(t)
	giveBack := func(n byte, amount int64) bank.Outcome {
		r := reversalOf(command, amount)
		r.ID, r.Request.Fingerprint = bank.ID{8, n}, [32]byte{n}
		return r.Decide(book, noon)
	}
	requireReason(t, "AMOUNT_ABOVE_LEFT", giveBack(1, 401))
	first := giveBack(2, 150)
	require.NoError(t, first.Err)
	require.EqualValues(t, 150, first.Entry.Amount)
	require.EqualValues(t, -250, first.Entry.BalanceAfter)
	require.Equal(t, command.settlement, first.Entry.DebitAccount)
	require.Same(t, first.Entry, giveBack(2, 150).Entry, "a repeat gets the first outcome")
	requireReason(t, "ALREADY_REVERSED", giveBack(3, 0)) // The whole is not left.
	requireReason(t, "AMOUNT_ABOVE_LEFT", giveBack(4, 251))
	last := giveBack(5, 250)
	require.NoError(t, last.Err)
	require.Zero(t, last.Entry.BalanceAfter)
	for _, amount := range []int64{0, 1, 400} {
		requireReason(t, "ALREADY_REVERSED", giveBack(6, amount))
	}
	require.EqualValues(t, 400, book.Sum(command.id, bank.GivenBack))
}

func TestAVoidGivesBackWhatIsLeft(t *testing.T) {
	book, command := bought(t)
	part := reversalOf(command, 150)
	require.NoError(t, part.Decide(book, noon).Err)
	voided := (&void{id: bank.ID{6}, purchase: command.id, account: command.account}).Decide(book, noon)
	require.NoError(t, voided.Err)
	require.EqualValues(t, 250, voided.Entry.Amount)
	require.Zero(t, voided.Entry.BalanceAfter)
	again := (&void{id: bank.ID{6}, purchase: command.id, account: command.account}).Decide(book, noon)
	require.NoError(t, again.Err)
	require.Nil(t, again.Entry)
}

func TestAReversalOfTheWholeHasTheFormItAlwaysHad(t *testing.T) {
	whole := (&ReverseRequest{Description: "estorno", At: noon}).canonical(bank.ID{4})
	require.Equal(t, bank.NewCanonical("reverse").Text(bank.ID{4}.String()).Text("estorno").Moment(noon), whole)
	require.NotEqual(t, whole, (&ReverseRequest{Description: "estorno", At: noon, AmountMinor: 1}).canonical(bank.ID{4}))
}

func TestOnlyTheCallersOwnApprovedPurchaseIsReversed(t *testing.T) {
	account, _, command := fixture()
	purchase := func(change func(*bank.Entry)) bank.Entry {
		e := bank.Entry{
			TransactionID: command.id, Request: bank.Request{Caller: "shop"}, AccountID: account.ID,
			Kind: bank.KindPurchase, Status: bank.Approved, Amount: 5,
		}
		change(&e)
		return e
	}
	for name, test := range map[string]struct {
		entry bank.Entry
		want  string
	}{
		"another caller's": {purchase(func(e *bank.Entry) { e.Request.Caller = "other" }), "PURCHASE_NOT_FOUND"},
		"no purchase":      {purchase(func(e *bank.Entry) { e.Kind = bank.KindVoid }), "PURCHASE_NOT_FOUND"},
		"declined":         {purchase(func(e *bank.Entry) { e.Status = bank.Declined }), "NOT_REVERSIBLE"},
		"voided":           {purchase(func(e *bank.Entry) { e.Status = bank.Voided }), "NOT_REVERSIBLE"},
	} {
		t.Run(name, func(t *testing.T) {
			book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account}, Entries: []bank.Entry{test.entry}})
			command := reversalOf(command, 0)
			command.Parties.AccountID, command.Request = account.ID, bank.Request{Caller: "shop", ID: "r2"}
			requireReason(t, test.want, command.Decide(book, noon))
			changes := book.Changes()
			require.True(t, changes.IsEmpty())
		})
	}
}
