package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

const (
	payoutColumns = `id, merchant, mode, state, amount_minor, currency, account, rejection_code, rejection_reason, rejection_message,
	created_at, ended_at`
	insertPayout  = `INSERT INTO payouts (id, merchant, mode, state, amount_minor, currency, account, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	selectPayout  = "SELECT " + payoutColumns + " FROM payouts WHERE id = $1 AND merchant = $2 AND mode = $3"
	pageOfPayouts = "SELECT " + payoutColumns + ` FROM payouts
		WHERE merchant = $1 AND mode = $2 AND (created_at, id) < ($3, $4) AND created_at >= $6 ORDER BY created_at DESC, id DESC LIMIT $5`
	lockPayouts  = "SELECT " + payoutColumns + " FROM payouts WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"
	updatePayout = `UPDATE payouts SET state = $2, rejection_code = $3, rejection_reason = $4, rejection_message = $5, ended_at = $6 WHERE id = $1`

	// lockBalance keeps everything else from the balance until the commit.
	lockBalance = `SELECT currency, captured_minor, refunded_minor, reserved_minor, paid_out_minor, paying_out_minor FROM charge_balances
		WHERE merchant = $1 AND mode = $2 AND currency = $3 FOR NO KEY UPDATE`
	selectAccount = "SELECT settlement_account FROM merchants WHERE slug = $1"
)

// AcceptPayout implements payment.Payouts.
func (s *Store) AcceptPayout(ctx context.Context, p *payment.PayoutRequest) (stored payment.Payout, known bool, err error) {
	r := request{owner: p.Owner, id: p.ID, fingerprint: p.Fingerprint, at: p.At}
	var refusal error
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if known, refusal, err = r.begin(ctx, tx); known || refusal != nil || err != nil {
			return err
		}
		var balances []payment.Balance
		var accounts []string
		batch := &pgx.Batch{}
		batch.Queue(lockBalance, p.Merchant, int16(p.Mode), p.Currency.String()).Query(into(balanceOf, &balances))
		batch.Queue(selectAccount, p.Merchant).Query(into(pgx.RowTo[string], &accounts))
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		stored, refusal, err = r.acceptPayout(ctx, tx, p, append(balances, payment.Balance{})[0], append(accounts, "")[0])
		return err
	})
	s.failpoint.After(err, failpoints.PayoutAccepted)
	switch {
	case err != nil:
		return payment.Payout{}, false, translate(err)
	case refusal != nil:
		return payment.Payout{}, false, refusal
	case known:
		stored, err = s.payout(ctx, p.Owner, p.ID, payment.ErrKeyReused) // If it is none, the request made a charge.
		return stored, err == nil, err
	}
	return stored, false, nil
}

// acceptPayout stores a payout from a balance that is locked.
//
// tidy:parameters what is asked for, and what it depends on
func (r *request) acceptPayout(ctx context.Context, tx pgx.Tx, p *payment.PayoutRequest, balance payment.Balance, account string) (_ payment.Payout, refusal, err error) {
	accepted, refusal := payment.NewPayout(p, &balance, account)
	if refusal != nil {
		return payment.Payout{}, refusal, nil
	}
	record, refusal := p.Record(accepted)
	if refusal != nil {
		return payment.Payout{}, refusal, nil
	}
	batch := &pgx.Batch{}
	batch.Queue(insertPayout, [16]byte(accepted.ID), accepted.Merchant, int16(accepted.Mode), int16(accepted.State), accepted.Amount.Minor,
		accepted.Amount.Currency.String(), accepted.Account, accepted.CreatedAt)
	r.queue(batch)
	queueRecord(batch, &record, p.At)
	balances := balances{}
	balances.of(p.Owner).AddPayout(&accepted)
	balances.queue(batch)
	return accepted, nil, tx.SendBatch(ctx, batch).Close()
}

func queuePayoutEnd(batch *pgx.Batch, p *payment.Payout) {
	batch.Queue(updatePayout, [16]byte(p.ID), int16(p.State), p.Rejection.Code, p.Rejection.Reason, p.Rejection.Message, nullTime(p.EndedAt))
}

// Payout implements payment.Payouts.
func (s *Store) Payout(ctx context.Context, owner payment.Owner, payout id.ID) (payment.Payout, error) {
	return s.payout(ctx, owner, payout, payment.ErrNoPayout)
}

func (s *Store) payout(ctx context.Context, owner payment.Owner, payout id.ID, none error) (payment.Payout, error) {
	var found []payment.Payout
	err := s.as(ctx, readerOf(owner), func(batch *pgx.Batch) {
		batch.Queue(selectPayout, [16]byte(payout), owner.Merchant, int16(owner.Mode)).Query(into(payoutOf, &found))
	})
	switch {
	case err != nil:
		return payment.Payout{}, translate(err)
	case len(found) == 0:
		return payment.Payout{}, none
	}
	return found[0], nil
}

// Payouts implements payment.Payouts.
func (s *Store) Payouts(ctx context.Context, owner payment.Owner, wanted payment.Page) (found []payment.Payout, err error) {
	place := beginningOf(&wanted)
	err = s.as(ctx, readerOf(owner), func(batch *pgx.Batch) {
		batch.Queue(pageOfPayouts, owner.Merchant, int16(owner.Mode), time.UnixMicro(place.CreatedAtMicros), [16]byte(place.ID), wanted.Size, wanted.From).
			Query(into(payoutOf, &found))
	})
	return found, translate(err)
}

func payoutOf(row pgx.CollectableRow) (p payment.Payout, err error) {
	var currency string
	var ended *time.Time
	err = row.Scan((*[16]byte)(&p.ID), &p.Merchant, &p.Mode, &p.State, &p.Amount.Minor, &currency, &p.Account,
		&p.Rejection.Code, &p.Rejection.Reason, &p.Rejection.Message, &p.CreatedAt, &ended)
	if err != nil {
		return payment.Payout{}, err
	}
	p.CreatedAt, p.EndedAt = p.CreatedAt.UTC(), timeOf(ended)
	p.Amount.Currency, err = money.ParseCurrency(currency)
	return p, err
}
