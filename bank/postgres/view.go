package postgres

import (
	"slices"
	"time"

	"codebank.dev/bank"
)

// view is the accounts that one batch is decided on: rows read under locks, or cached and unlocked
// rows of an optimistic batch. accounts is in the order of Keys.Accounts; accounts that do not
// exist are left out.
type view struct {
	accounts   []accountState
	index      map[bank.ID]int
	tokenUses  []bank.TokenUse // cached ones
	openHolds  []*bank.Entry   // cached ones, which are open at the versions of the accounts
	epoch      int64
	optimistic bool
	// republished says that the events are published again.
	republished bool
	// deadline is when an optimistic batch may be written at the latest. It is zero for locked
	// rows, because their transaction has an end of its own.
	deadline time.Time
}

func newView(epoch int64, accounts int) *view {
	return &view{accounts: make([]accountState, 0, accounts), index: make(map[bank.ID]int, accounts), epoch: epoch}
}

func (v *view) add(state accountState) {
	v.index[state.account.ID] = len(v.accounts)
	v.accounts = append(v.accounts, state)
}

// addCard adds a card to its account. It ignores a card whose account was not read, because no
// version guards it.
func (v *view) addCard(card bank.Card) {
	if i, ok := v.index[card.AccountID]; ok {
		v.accounts[i] = v.accounts[i].withCard(card)
	}
}

// missingCards returns the ids of cards that are not in the view.
func (v *view) missingCards(cards []bank.ID) []bank.ID {
	have := make(map[bank.ID]bool, len(v.accounts))
	for i := range v.accounts {
		for j := range v.accounts[i].cards {
			have[v.accounts[i].cards[j].ID] = true
		}
	}
	var missing []bank.ID
	for _, id := range cards {
		if !have[id] {
			missing = append(missing, id)
		}
	}
	return missing
}

// fillReadSet adds accounts, cards and token uses of the view to the other rows of a read set.
func (v *view) fillReadSet(reads bank.ReadSet) bank.ReadSet {
	reads.Accounts = make([]bank.Account, len(v.accounts))
	reads.Cards = slices.Grow(reads.Cards, len(v.accounts))
	for i := range v.accounts {
		reads.Accounts[i] = v.accounts[i].account
		reads.Cards = append(reads.Cards, v.accounts[i].cards...)
	}
	reads.TokenUses = append(reads.TokenUses, v.tokenUses...)
	for _, hold := range v.openHolds {
		reads.Entries = append(reads.Entries, *hold)
	}
	return reads
}

// version returns the version of an account's row in the view.
func (v *view) version(account bank.ID) int64 {
	if i, ok := v.index[account]; ok {
		return v.accounts[i].version
	}
	return 0
}

// addCardAccounts adds the accounts of changed cards to the accounts to be written, so that their
// versions grow. It sorts all of them in the order of locks.
func (v *view) addCardAccounts(changes *bank.Changes) {
	written := make(map[bank.ID]bool, len(changes.Accounts))
	for i := range changes.Accounts {
		written[changes.Accounts[i].ID] = true
	}
	for i := range changes.Cards {
		id := changes.Cards[i].AccountID
		if at, read := v.index[id]; read && !written[id] {
			changes.Accounts = append(changes.Accounts, v.accounts[at].account)
			written[id] = true
		}
	}
	slices.SortFunc(changes.Accounts, func(a, b bank.Account) int { return compareIDs(a.ID, b.ID) })
}

// after returns the accounts as they are once the changes are committed.
func (v *view) after(changes *bank.Changes) *view {
	left := newView(v.epoch, len(v.accounts)+len(changes.NewAccounts))
	for i := range v.accounts {
		left.add(v.accounts[i])
	}
	for i := range changes.NewAccounts {
		left.add(accountState{account: changes.NewAccounts[i]})
	}
	for i := range changes.Accounts {
		state := &left.accounts[left.index[changes.Accounts[i].ID]]
		state.account = changes.Accounts[i]
		state.version++
	}
	for i := range changes.NewCards {
		left.addCard(changes.NewCards[i].Card)
	}
	for i := range changes.Cards {
		left.addCard(changes.Cards[i])
	}
	return left
}
