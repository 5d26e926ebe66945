package postgres

import (
	"context"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/bank"
)

// PixEntry is an entry about a payment between banks, for an audit. Amounts are minor units.
type PixEntry struct {
	EndToEndID, Transaction string
	Kind, Direction, Status string
	AmountMinor             int64
	Currency                string
	// Counterparty is the code of the other bank.
	Counterparty string
	OccurredAt   time.Time
	// Transit is the account at the other end, and TransitMinor what it got, negative for what it gave. Both are zero
	// when no money moved.
	Transit      string
	TransitMinor int64
}

// PixEntries returns the entries with an end-to-end id: those of accounts, then those that refuse a payment for no
// account. It reads the whole ledger like Entries. An error ends the sequence.
func (s *Store) PixEntries(ctx context.Context) iter.Seq2[PixEntry, error] {
	return func(yield func(PixEntry, error) bool) {
		for _, entries := range []iter.Seq2[*bank.Entry, error]{s.Entries(ctx, Position{}), s.Refusals(ctx, bank.ID{})} {
			for e, err := range entries {
				switch {
				case err != nil:
					yield(PixEntry{}, err)
					return
				case e.EndToEndID != "" && !yield(pixEntry(e), nil):
					return
				}
			}
		}
	}
}

// PixKeyTally is the exclusive or over the digests of the active Pix keys of one kind in the bank's copy, and how many they
// are.
type PixKeyTally struct {
	Count  int64
	Digest [32]byte
}

// PixKeyTallies returns the tallies of the bank's copy of its Pix keys, by the name of the kind, for an audit. A kind without
// an active key is not there. It reads neither keys nor accounts.
func (s *Store) PixKeyTallies(ctx context.Context) (map[string]PixKeyTally, error) {
	rows, err := s.pool.Query(ctx, "SELECT kind, digest FROM pix_keys WHERE state = 'ACTIVE'")
	if err != nil {
		return nil, unavailable(err)
	}
	tallies := make(map[string]PixKeyTally)
	var kind string
	var digest []byte
	_, err = pgx.ForEachRow(rows, []any{&kind, &digest}, func() error {
		tally := tallies[kind]
		tally.Count++
		for i := range min(len(digest), len(tally.Digest)) {
			tally.Digest[i] ^= digest[i]
		}
		tallies[kind] = tally
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return tallies, nil
}

func pixEntry(e *bank.Entry) PixEntry {
	entry := PixEntry{
		EndToEndID: e.EndToEndID, Transaction: e.TransactionID.String(), Kind: e.Kind.String(), Direction: e.Direction.String(),
		Status: e.Status.String(), AmountMinor: e.Amount, Currency: e.Currency.String(), Counterparty: string(e.CounterpartyBankCode), OccurredAt: e.OccurredAt,
	}
	switch {
	case e.DebitAccount.IsZero():
	case e.DebitAccount == e.AccountID:
		entry.Transit, entry.TransitMinor = e.CreditAccount.String(), e.Amount
	default:
		entry.Transit, entry.TransitMinor = e.DebitAccount.String(), -e.Amount
	}
	return entry
}
