package bank

import "slices"

// Keys names everything that a command reads. Duplicates are allowed.
type Keys struct {
	Accounts []ID // locked, in id order
	Cards    []ID // guarded by the lock or version of their account: name that account too
	// Transactions are those that the command decides. They are new, unless the command is a repeat,
	// so a store may take those for new that it does not know (Book.ProvenByWrite).
	Transactions []ID
	// Originals are the earlier transactions that the command refers to. They must exist, so a store
	// reads them, and their sums: what was given back, captured and released of them. It need not read a
	// hold that it knows, and of which it knows that nothing was captured or released.
	Originals []ID
	// Tokens are the ids of the nonces of the card tokens that the command uses.
	Tokens []ID
	// StoredTokens are the hashes of those of the tokens that are stored; they are locked.
	StoredTokens [][32]byte
	// PixCodes are the codes that payments from other banks name. They need not exist.
	PixCodes []ID
}

// Add appends other's keys.
func (k *Keys) Add(other Keys) {
	k.Accounts = append(k.Accounts, other.Accounts...)
	k.Cards = append(k.Cards, other.Cards...)
	k.Transactions = append(k.Transactions, other.Transactions...)
	k.Originals = append(k.Originals, other.Originals...)
	k.Tokens = append(k.Tokens, other.Tokens...)
	k.StoredTokens = append(k.StoredTokens, other.StoredTokens...)
	k.PixCodes = append(k.PixCodes, other.PixCodes...)
}

// Sort orders every list by bytes and removes duplicates. Every batch takes its locks in this
// order.
func (k *Keys) Sort() {
	k.Accounts = sortIDs(k.Accounts)
	k.Cards = sortIDs(k.Cards)
	k.Transactions = sortIDs(k.Transactions)
	k.Originals = sortIDs(k.Originals)
	k.Tokens = sortIDs(k.Tokens)
	k.PixCodes = sortIDs(k.PixCodes)
	slices.SortFunc(k.StoredTokens, func(a, b [32]byte) int { return slices.Compare(a[:], b[:]) })
	k.StoredTokens = slices.Compact(k.StoredTokens)
}

// Entries returns the transactions whose entries are read, every leg: Transactions and Originals, each
// once. The keys must be sorted.
func (k *Keys) Entries() []ID {
	if len(k.Originals) == 0 {
		return k.Transactions
	}
	return sortIDs(slices.Concat(k.Transactions, k.Originals))
}

func sortIDs(ids []ID) []ID {
	slices.SortFunc(ids, func(a, b ID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}
