package postgres

import (
	"context"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"codebank.dev/codepix/key"
	"codebank.dev/codepix/payment"
)

// AuditedPayment is a payment for an audit. Amounts are minor units.
type AuditedPayment struct {
	EndToEndID string
	// Original is the payment that a return gives back; empty for a payment.
	Original string
	// State is PENDING, CONFIRMED, COMPLETED or REJECTED.
	State string
	// Held says that a return waits for the end of its original.
	Held                             bool
	SenderBankCode, ReceiverBankCode string
	AmountMinor, ReturnedMinor       int64
	Currency                         string
	InitiatedAt                      time.Time
}

// auditedPage finds the payments behind an id, by the primary key.
const auditedPage = "SELECT " + columns + " FROM payments WHERE id > $1 ORDER BY id LIMIT 1000"

// Audited returns all payments and returns, by their ids. It reads a page at a time, each as of its own moment, and
// holds no connection between pages. An error ends the sequence.
func (s *Store) Audited(ctx context.Context) iter.Seq2[AuditedPayment, error] {
	return func(yield func(AuditedPayment, error) bool) {
		for after := payment.ID(""); ; {
			rows, err := s.pool.Query(ctx, auditedPage, after)
			var found []payment.Payment
			if err == nil {
				found, err = pgx.CollectRows(rows, scanPayment)
			}
			if err != nil {
				yield(AuditedPayment{}, translate(err))
				return
			}
			for i := range found {
				if !yield(audited(&found[i]), nil) {
					return
				}
			}
			if len(found) == 0 {
				return
			}
			after = found[len(found)-1].ID
		}
	}
}

// AuditedKeys is the exclusive or over the digests of a bank's active keys of one kind, and how many they are.
type AuditedKeys struct {
	Count  int64
	Digest [32]byte
}

// AuditedKeys returns the tallies over a bank's keys as they are kept, by the name of the kind, for an audit. A kind without
// an active key is not there.
func (s *Store) AuditedKeys(ctx context.Context, bankCode string) (map[string]AuditedKeys, error) {
	rows, err := s.pool.Query(ctx, "SELECT kind, count, digest FROM pix_tallies WHERE bank_code = $1 AND count > 0", bankCode)
	if err != nil {
		return nil, translate(err)
	}
	tallies := make(map[string]AuditedKeys)
	var kind key.Kind
	var digest pgtype.Bits
	var one AuditedKeys
	_, err = pgx.ForEachRow(rows, []any{&kind, &one.Count, &digest}, func() error {
		copy(one.Digest[:], digest.Bytes)
		tallies[kind.String()] = one
		return nil
	})
	return tallies, translate(err)
}

func audited(p *payment.Payment) AuditedPayment {
	return AuditedPayment{
		EndToEndID: string(p.ID), Original: string(p.Terms.Original), State: p.State.String(), Held: p.Held,
		SenderBankCode: p.Terms.Sender.Bank, ReceiverBankCode: p.Terms.Receiver.Bank, AmountMinor: p.Terms.Amount.Minor,
		ReturnedMinor: p.Returned, Currency: p.Terms.Amount.Currency.String(), InitiatedAt: p.Terms.InitiatedAt,
	}
}
