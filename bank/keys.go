package bank

import "slices"

// Keys names everything that a command reads. Duplicates are allowed.
type Keys struct {
	Accounts []ID // locked, in id order
	Cards    []ID // guarded by the lock or version of their account: name that account too
	// Transactions are those whose earlier entries are read, every leg.
	Transactions []ID
	// Originals are the transactions whose sums Decide asks for: what was given back, captured and
	// released of them. Name them among Transactions too.
	Originals []ID
	// Tokens are the ids of the nonces of the card tokens that the command uses.
	Tokens []ID
	// StoredTokens are the hashes of those of the tokens that are stored; they are locked.
	StoredTokens [][32]byte
}

// Add appends other's keys.
func (k *Keys) Add(other Keys) {
	k.Accounts = append(k.Accounts, other.Accounts...)
	k.Cards = append(k.Cards, other.Cards...)
	k.Transactions = append(k.Transactions, other.Transactions...)
	k.Originals = append(k.Originals, other.Originals...)
	k.Tokens = append(k.Tokens, other.Tokens...)
	k.StoredTokens = append(k.StoredTokens, other.StoredTokens...)
}

// Sort orders every list by bytes and removes duplicates. Every batch takes its locks in this
// order.
func (k *Keys) Sort() {
	k.Accounts = sortIDs(k.Accounts)
	k.Cards = sortIDs(k.Cards)
	k.Transactions = sortIDs(k.Transactions)
	k.Originals = sortIDs(k.Originals)
	k.Tokens = sortIDs(k.Tokens)
	slices.SortFunc(k.StoredTokens, func(a, b [32]byte) int { return slices.Compare(a[:], b[:]) })
	k.StoredTokens = slices.Compact(k.StoredTokens)
}

func sortIDs(ids []ID) []ID {
	slices.SortFunc(ids, func(a, b ID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}
