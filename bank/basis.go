package bank

// basis is what the decisions on a Book rest on. The accounts among it are marked in Book.accounts.
//
// Entries and token uses that were found are not part of it, because they never change.
type basis struct {
	// undecided are the transactions for which no entry was found, and unused the nonces of the
	// tokens for which no use was found.
	undecided, unused []ID
	// unproven is set when a decision rests on something that no write proves, such as the absence
	// of an account.
	unproven bool
}

// restOnAccount returns an account and makes the decisions rest on it. An account that was closed needs no
// proof, because it stays closed, and what asks is declined for that alone, whatever its figures are.
func (b *Book) restOnAccount(id ID) (*tracked[Account], bool) {
	t, ok := b.accounts[id]
	if !ok {
		b.basis.unproven = true
		return nil, false
	}
	t.read = t.read || !t.value.IsClosed()
	return t, true
}

// restOnSum makes the decisions rest on a sum. Every transaction that counts towards another one has
// an entry on the account of its leg 0, so the version of that account proves the sum. A sum that is
// final needs no proof.
func (b *Book) restOnSum(original ID, relation Relation) {
	entry := b.entry(original)
	switch {
	case entry == nil:
		b.basis.unproven = true
	case !b.isFinal(entry, relation):
		// Something may be given back to a closed account, so its sums need proof too.
		if t, ok := b.restOnAccount(entry.AccountID); ok {
			t.read = true
		}
	}
}

// isFinal reports whether no later entry can change a sum of a transaction, because the amount is used
// up. What is captured and what is released share the amount of their hold: each of the two sums is
// final when both together reach it, and neither of them has to reach it alone.
func (b *Book) isFinal(original *Entry, relation Relation) bool {
	used := b.sums[Sum{original.TransactionID, relation}]
	switch relation {
	case Captured:
		used += b.sums[Sum{original.TransactionID, Released}]
	case Released:
		used += b.sums[Sum{original.TransactionID, Captured}]
	}
	return used >= original.Amount
}

// ProvenByWrite reports whether the write of Changes proves everything that the decisions rest on,
// so that they need no locks. The store must write the accounts in Changes, and the accounts of the
// cards in Changes, only at the versions that it read, and insert entries and token uses under
// their unique keys. Then the write proves that
//
//   - accounts, their cards, and the sums of what refers to a transaction are as they were read,
//   - transactions that were taken for undecided were undecided,
//   - tokens that were taken for unused were unused.
//
// Changes may be empty: decisions that rest on nothing but entries and token uses that were found
// need no proof.
func (b *Book) ProvenByWrite() bool {
	if b.basis.unproven {
		return false
	}
	for _, t := range b.accounts {
		if t.read && !t.written && t.state == unchanged {
			return false
		}
	}
	for _, transaction := range b.basis.undecided {
		if b.entry(transaction) == nil {
			return false
		}
	}
	for _, nonce := range b.basis.unused {
		if _, used := b.users[nonce]; !used {
			return false
		}
	}
	return true
}
