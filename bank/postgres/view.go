package postgres

import (
	"slices"
	"time"

	"codebank.dev/bank"
)

// view is what one batch is decided on: rows read under locks, or presumed from
// memory. known is in the order of Keys.Accounts; accounts that do not exist are left out.
type view struct {
	known    []known
	index    map[bank.ID]int
	epoch    int64
	presumed bool
	// until is when what was presumed may be written at the latest; zero for rows that
	// are locked: their transaction has an end of its own.
	until time.Time
}

func newView(epoch int64, accounts int) *view {
	return &view{known: make([]known, 0, accounts), index: make(map[bank.ID]int, accounts), epoch: epoch}
}

func (v *view) add(k known) {
	v.index[k.account.ID] = len(v.known)
	v.known = append(v.known, k)
}

// addCard adds a card to its account. One whose account was not read is not the
// view's business: nothing guards it.
func (v *view) addCard(card bank.Card) {
	if i, ok := v.index[card.AccountID]; ok {
		v.known[i] = v.known[i].with(card)
	}
}

// lackedCards returns those of cards that are not in the view.
func (v *view) lackedCards(cards []bank.ID) []bank.ID {
	have := make(map[bank.ID]bool, len(v.known))
	for i := range v.known {
		for j := range v.known[i].cards {
			have[v.known[i].cards[j].ID] = true
		}
	}
	var lacked []bank.ID
	for _, id := range cards {
		if !have[id] {
			lacked = append(lacked, id)
		}
	}
	return lacked
}

// snapshot adds the accounts and cards of the view to what else was read.
func (v *view) snapshot(more bank.ReadSet) bank.ReadSet {
	more.Accounts = make([]bank.Account, len(v.known))
	more.Cards = slices.Grow(more.Cards, len(v.known))
	for i := range v.known {
		more.Accounts[i] = v.known[i].account
		more.Cards = append(more.Cards, v.known[i].cards...)
	}
	return more
}

// version returns the version that an account's row had.
func (v *view) version(account bank.ID) int64 {
	if i, ok := v.index[account]; ok {
		return v.known[i].version
	}
	return 0
}

// guard adds to the accounts to be written those of which only a card changed, so
// that their version tells of it. It leaves all of them in the order of locks.
func (v *view) guard(changes *bank.Changes) {
	written := make(map[bank.ID]bool, len(changes.Accounts))
	for i := range changes.Accounts {
		written[changes.Accounts[i].ID] = true
	}
	for i := range changes.Cards {
		id := changes.Cards[i].AccountID
		if at, read := v.index[id]; read && !written[id] {
			changes.Accounts = append(changes.Accounts, v.known[at].account)
			written[id] = true
		}
	}
	slices.SortFunc(changes.Accounts, func(a, b bank.Account) int { return slices.Compare(a.ID[:], b.ID[:]) })
}

// proves reports whether writing changes proves everything that was presumed: every
// account that was looked at is written under its version, and every transaction
// that was taken for new is inserted under its key.
func (v *view) proves(keys *bank.Keys, changes *bank.Changes) bool {
	if len(changes.Accounts) < len(keys.Accounts) {
		return false
	}
	posted := make(map[bank.ID]bool, len(changes.Entries))
	for _, entry := range changes.Entries {
		posted[entry.TransactionID] = true
	}
	return !slices.ContainsFunc(keys.Transactions, func(id bank.ID) bool { return !posted[id] })
}

// after returns what is known of the accounts once changes are committed.
func (v *view) after(changes *bank.Changes) *view {
	left := newView(v.epoch, len(v.known)+len(changes.NewAccounts))
	for i := range v.known {
		left.add(v.known[i])
	}
	for i := range changes.NewAccounts {
		left.add(known{account: changes.NewAccounts[i]})
	}
	for i := range changes.Accounts {
		k := &left.known[left.index[changes.Accounts[i].ID]]
		k.account = changes.Accounts[i]
		k.version++
	}
	for i := range changes.NewCards {
		left.addCard(changes.NewCards[i].Card)
	}
	for i := range changes.Cards {
		left.addCard(changes.Cards[i])
	}
	return left
}
