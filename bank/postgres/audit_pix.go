package postgres

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
)

// PixEntry is an entry about a payment between banks, for an audit. Amounts are minor units.
type PixEntry struct {
	EndToEndID, Transaction string
	// Account is empty for a refusal. Reference is the payer's word for the payment, such as the txid of a code.
	Account, Reference      string
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

// unauditedCodeColumns are what an audit does not need of a code: above all what it says to people.
var unauditedCodeColumns = []string{"request_id", "fingerprint", "key", "message", "text", "position", "expires_at", "ended_at"}

var (
	auditedCodeColumns = slices.DeleteFunc(slices.Clone(pixCodeReads), func(c column[bank.PixCode]) bool {
		return slices.Contains(unauditedCodeColumns, c.name)
	})
	pageOfPixCodes = &wire.Statement{Name: "page_of_pix_codes", SQL: `SELECT ` + selected("c", auditedCodeColumns) + ` FROM pix_codes c
		WHERE c.id > $1::uuid ORDER BY c.id LIMIT 1000`}
)

// AuditedPixCode is a code by which others pay, for an audit. Amounts are minor units.
type AuditedPixCode struct {
	ID, Account, TxID string
	// Once says that the code is paid at most once.
	Once bool
	// State is as it is stored: a code that has expired is ACTIVE.
	State       string
	AmountMinor int64
	// PaidBy is the end-to-end id of the payment; empty while there is none.
	PaidBy    string
	CreatedAt time.Time
}

// HasPixCodes reports whether the ledger has had the migration that brings codes by which others pay.
func (s *Store) HasPixCodes(ctx context.Context) (has bool, err error) {
	err = s.pool.QueryRow(ctx, "SELECT to_regclass('pix_codes') IS NOT NULL").Scan(&has)
	if err != nil {
		return false, unavailable(err)
	}
	return has, nil
}

// AuditedPixCodes returns all codes by which others pay, by id, for an audit. It reads like Entries, and neither what a code
// says nor its key.
func (s *Store) AuditedPixCodes(ctx context.Context) iter.Seq2[AuditedPixCode, error] {
	return func(yield func(AuditedPixCode, error) bool) {
		var after bank.ID
		for {
			var codes []bank.PixCode
			err := s.query(ctx, pageOfPixCodes, func(p *wire.Parameters) { p.UUIDArgument(after) }, func(r wire.Row) {
				codes = append(codes, bank.PixCode{})
				read(&r, auditedCodeColumns, &codes[len(codes)-1])
			})
			if err != nil {
				yield(AuditedPixCode{}, err)
				return
			}
			for i := range codes {
				if !yield(auditedCode(&codes[i]), nil) {
					return
				}
			}
			if len(codes) < page {
				return
			}
			after = codes[len(codes)-1].ID
		}
	}
}

func auditedCode(c *bank.PixCode) AuditedPixCode {
	return AuditedPixCode{
		ID: c.ID.String(), Account: c.Account.String(), TxID: c.TxID, Once: c.Once, State: string(c.State), AmountMinor: c.AmountMinor,
		PaidBy: c.PaidBy, CreatedAt: c.CreatedAt,
	}
}

func pixEntry(e *bank.Entry) PixEntry {
	entry := PixEntry{
		EndToEndID: e.EndToEndID, Transaction: e.TransactionID.String(), Reference: e.MerchantReference, Kind: e.Kind.String(), Direction: e.Direction.String(),
		Status: e.Status.String(), AmountMinor: e.Amount, Currency: e.Currency.String(), Counterparty: string(e.CounterpartyBankCode), OccurredAt: e.OccurredAt,
	}
	if !e.AccountID.IsZero() {
		entry.Account = e.AccountID.String()
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
