package inmem

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"codebank.dev/bank"
)

// maxLegs is how many entries a transaction may have.
const maxLegs = 2

// check applies the constraints of the database of package postgres to the changes. A key that
// exists is bank.ErrRetry, a broken invariant bank.ErrRejected. When a batch has several faults,
// the first one counts, in the order in which the database finds them. check changes nothing.
func (s *Store) check(changes *bank.Changes) error {
	for i := range changes.Accounts {
		account := &changes.Accounts[i]
		if err := checkAccount(account); err != nil {
			return err
		}
		if before := s.accounts[account.ID]; before.IsClosed() && !staysClosed(&before, account) {
			return rejected("a closed account stays closed, and nothing is taken from it")
		}
	}
	opened := make(map[bank.ID]bool)
	for i := range changes.NewAccounts {
		account := &changes.NewAccounts[i]
		if err := checkAccount(account); err != nil {
			return err
		}
		if _, exists := s.accounts[account.ID]; exists || opened[account.ID] {
			return conflict("account")
		}
		opened[account.ID] = true
	}
	if err := s.checkNewCards(changes.NewCards, opened); err != nil {
		return err
	}
	if err := s.checkEntries(changes.Entries); err != nil {
		return err
	}
	if err := s.checkTokenUses(changes.TokenUses); err != nil {
		return err
	}
	if err := s.checkPaidCodes(changes.PaidCodes); err != nil {
		return err
	}
	for i := range changes.Events {
		if changes.Events[i].SchemaVersion < 1 {
			return rejected("an event names the schema version it was written with")
		}
	}
	for i := range changes.Cards {
		if err := checkCard(&changes.Cards[i]); err != nil {
			return err
		}
	}
	return checkMessages(changes)
}

func conflict(what string) error { return fmt.Errorf("%w: %s exists", bank.ErrRetry, what) }

func rejected(rule string) error { return fmt.Errorf("%w: %s", bank.ErrRejected, rule) }

// rule is a condition with the sentence that it stands for.
type rule struct {
	holds bool
	text  string
}

func must(holds bool, text string) rule { return rule{holds, text} }

// firstBroken refuses the data by the first rule that does not hold.
func firstBroken(rules ...rule) error {
	for _, r := range rules {
		if !r.holds {
			return rejected(r.text)
		}
	}
	return nil
}

func checkAccount(a *bank.Account) error {
	return firstBroken(
		must(a.Held >= 0, "the held amount is not negative"),
		must(a.Sequence >= 1, "an account begins with its opening"),
		must(a.Kind >= 1, "an account has a kind"),
		must(a.Currency.String() != "", "an account has a currency"),
		must(storable(a.Currency.String()), "text is UTF-8 without U+0000"),
		must(a.Kind != bank.AccountWallet || a.CreditLimit == 0 && a.Balance >= a.Held, "a wallet is never below zero"),
		must(!a.IsClosed() || a.Balance >= 0 && a.Held == 0, "a closed account holds nothing and owes nothing"),
	)
}

// staysClosed reports whether a closed account may become what it is after a batch.
func staysClosed(before, after *bank.Account) bool {
	return before.ClosedAt.Equal(after.ClosedAt) && before.Balance <= after.Balance && before.Held == after.Held &&
		before.CreditLimit == after.CreditLimit
}

func (s *Store) checkNewCards(issued []bank.NewCard, opened map[bank.ID]bool) error {
	ids, lookups := make(map[bank.ID]bool), make(map[[32]byte]bool)
	for i := range issued {
		card := &issued[i].Card
		if err := checkCard(card); err != nil {
			return err
		}
		_, exists := s.cards[card.ID]
		_, known := s.lookups[issued[i].Lookup]
		_, existing := s.accounts[card.AccountID]
		switch {
		case exists || ids[card.ID] || known || lookups[issued[i].Lookup]:
			return conflict("card")
		case !existing && !opened[card.AccountID]:
			return rejected("a card belongs to an account")
		case !storable(issued[i].Sealed.KeyID):
			return rejected("text is UTF-8 without U+0000")
		}
		ids[card.ID], lookups[issued[i].Lookup] = true, true
	}
	return nil
}

func checkCard(c *bank.Card) error {
	return firstBroken(
		must(c.Rules.Limit >= 0 && c.Rules.Minimum >= 0 && c.Rules.PerMinute >= 0, "a card's rules are not negative"),
		must(c.Expiry.Month >= 1 && c.Expiry.Month <= 12, "an expiry has a month"),
		must(int(int32(c.Expiry.Year)) == c.Expiry.Year, "a year fits 32 bits"),
		must(len(c.WrongAt) <= bank.WrongAttemptsToLock, "a card keeps a limited number of wrong attempts"),
		must(storable(c.BIN, c.Last4, c.HolderName), "text is UTF-8 without U+0000"),
		must(storableTime(c.IssuedAt) && storableTime(c.LockedUntil) && storableTime(c.Frequency.At), "a time is within the calendar"),
	)
}

func (s *Store) checkEntries(entries []*bank.Entry) error {
	for _, e := range entries {
		if err := checkTexts(e); err != nil {
			return err
		}
	}
	entries = slices.SortedFunc(slices.Values(entries), func(x, y *bank.Entry) int {
		return cmp.Or(bytes.Compare(x.TransactionID[:], y.TransactionID[:]), cmp.Compare(x.Leg, y.Leg))
	})
	keys, places, ended := make(map[leg]bool), make(map[position]bool), make(map[bank.ID]bool)
	for _, e := range entries {
		if err := checkEntry(e); err != nil {
			return err
		}
		key, at := leg{e.TransactionID, e.Leg}, position{e.AccountID, e.Sequence}
		if _, exists := s.entries[key]; exists || keys[key] {
			return conflict("transaction")
		}
		keys[key] = true
		if e.IsRefusal() {
			continue
		}
		if _, exists := s.positions[at]; exists || places[at] {
			return conflict("sequence")
		}
		places[at] = true
		if !e.EndsHold() {
			continue
		}
		if _, exists := s.holds.endings[e.OriginalID]; exists || ended[e.OriginalID] {
			return conflict("what ends a hold")
		}
		ended[e.OriginalID] = true
	}
	return s.checkEnds(entries)
}

// checkTexts is apart from checkEntry, because a value that cannot be sent is refused before the
// first row is written.
func checkTexts(e *bank.Entry) error {
	return firstBroken(
		must(storable(e.Texts()...), "text is UTF-8 without U+0000"),
		must(storableTime(e.OccurredAt) && storableTime(e.HoldExpiresAt), "a time is within the calendar"),
	)
}

func checkEntry(e *bank.Entry) error {
	moves := !e.DebitAccount.IsZero() || !e.CreditAccount.IsZero()
	return firstBroken(
		must(e.Leg < maxLegs, "a transaction has at most two legs"),
		must(e.Kind >= 1 && e.Direction >= bank.Debit && e.Direction <= bank.NoDirection, "an entry has kind and direction"),
		must(e.Status >= bank.Approved && e.Status <= bank.Voided, "an entry has a status"),
		must(e.Amount >= 0 && e.HeldAfter >= 0, "amounts are not negative"),
		must((e.Sequence == 0) == e.IsRefusal() && e.Sequence >= 0, "an account's entry has a sequence"),
		must(!moves || !e.DebitAccount.IsZero() && !e.CreditAccount.IsZero() && e.DebitAccount != e.CreditAccount, "a movement has two ends"),
		must((e.Status == bank.Declined) == (e.Decline > 0), "a decline has a reason"),
		must(!e.IsRefusal() || e.Status == bank.Declined || e.Status == bank.Voided, "a refusal is declined or voided"),
		must(e.Status != bank.Voided || e.IsRefusal(), "a voided request id has no account"),
		must(e.Status == bank.Approved || !moves, "only an approved entry moves money"),
		must(e.Status != bank.Applied || e.Amount == 0, "an applied entry has no amount"),
		must(withinLimit(e), "a new debit or hold is within the available amount"),
		must(movesByKind(e), "what moves money by its kind has moved it"),
		must(!moves || hasOwnSide(e), "a debit leaves the entry's own account, and a credit goes to it"),
		must(hasDirection(e), "the direction is that of the kind and the leg"),
		must(e.Leg == 0 || hasSecondLeg(e.Kind), "a transfer, its reversal and a capture have a second leg"),
		must(refersByKind(e), "what captures, releases or gives back names its transaction, and nothing else refers to one"),
		must(e.Kind != bank.KindClosing || e.Status != bank.Applied || e.BalanceAfter == 0 && e.HeldAfter == 0, "only an account that has nothing and owes nothing is closed"),
		must(e.Kind != bank.KindHold || e.HoldID == e.TransactionID, "a hold names itself"),
		must(!isEnd(e) || !e.HoldID.IsZero() && e.HoldID == e.OriginalID, "what ends a hold names it"),
		must(movesAsHold(e), "a hold and its expiry move nothing, and a capture takes money from its account"),
	)
}

// hasRule reports whether the table of kinds has a row of a kind of which is holds.
func hasRule(kind bank.Kind, is func(*bank.Rules) bool) bool {
	for _, r := range bank.AllRules() {
		if r.Kind == kind && is(&r) {
			return true
		}
	}
	return false
}

func withinLimit(e *bank.Entry) bool {
	asks := e.Status == bank.Approved && e.Direction != bank.Credit && hasRule(e.Kind, func(r *bank.Rules) bool { return r.AsksLimit })
	return !asks || e.AvailableAfter() >= 0
}

func movesByKind(e *bank.Entry) bool {
	always := hasRule(e.Kind, func(r *bank.Rules) bool { return r.Moves }) && !hasRule(e.Kind, func(r *bank.Rules) bool { return !r.Moves })
	return e.Status != bank.Approved || !always || e.Moves()
}

func hasOwnSide(e *bank.Entry) bool {
	switch e.Direction {
	case bank.Debit:
		return e.DebitAccount == e.AccountID
	case bank.Credit:
		return e.CreditAccount == e.AccountID
	}
	return false
}

func hasDirection(e *bank.Entry) bool {
	if e.Status != bank.Approved && e.Status != bank.Declined {
		return true
	}
	leg := bank.Direction(e.Leg)
	switch e.Kind {
	case bank.KindPurchase, bank.KindWithdrawal:
		return e.Direction == bank.Debit
	case bank.KindDeposit, bank.KindPixIn:
		return e.Direction == bank.Credit
	case bank.KindTransfer:
		return e.Direction == bank.Debit+leg
	case bank.KindReversal:
		return e.Direction == bank.Credit-leg
	}
	return true
}

func hasSecondLeg(kind bank.Kind) bool {
	return slices.ContainsFunc(bank.AllRules(), func(r bank.Rules) bool { return r.SecondLeg == kind })
}

func refersByKind(e *bank.Entry) bool {
	if hasRule(e.Kind, func(r *bank.Rules) bool { return r.Of != 0 }) {
		return e.Status != bank.Approved || !e.OriginalID.IsZero()
	}
	return e.OriginalID.IsZero()
}

func (s *Store) checkTokenUses(uses []bank.TokenUse) error {
	nonces := make(map[bank.ID]bool)
	for _, use := range uses {
		if _, exists := s.tokenUses[use.Nonce]; exists || nonces[use.Nonce] {
			return conflict("token use")
		}
		if !storableTime(use.ExpiresAt) {
			return rejected("a time is within the calendar")
		}
		nonces[use.Nonce] = true
	}
	return nil
}

func storable(texts ...string) bool {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			return false
		}
	}
	return true
}

// storableTime reports whether Postgres can store a time. The zero time is in the year 1.
func storableTime(at time.Time) bool { return at.Year() >= 1 && at.Year() < 294_000 }
