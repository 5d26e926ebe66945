package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// payoutsPath is the path of all payouts.
const payoutsPath = "/v1/payouts"

// payoutPaid is the state of a payout that was paid.
const payoutPaid = 2

// storedPayout is a row of a payout.
type storedPayout struct {
	amount int64
	state  int16
	isLive bool
}

// payOut asks for a payout of what the till has sold, or of a part of it.
func (t *till) payOut(ctx context.Context, random *rand.Rand) {
	p := &posted{till: t, path: payoutsPath, body: `{"currency": "BRL"}`}
	if random.IntN(4) != 0 {
		p.body = fmt.Sprintf(`{"currency": "BRL", "amount_minor": %d}`, 1+random.Int64N(10_000))
	}
	c := &t.load.charges
	c.mutex.Lock()
	p.key = fmt.Sprintf("%spayout-%d", requestPrefix, c.posts)
	c.posts++
	c.payouts = append(c.payouts, p)
	c.mutex.Unlock()
	if random.IntN(4) == 0 {
		t.postConcurrently(ctx, p)
		return
	}
	t.post(ctx, p, random.IntN(sentOnceEvery) == 0)
}

// readPayouts reads the payouts, and compares them with those that merchants asked for.
func (r *run) readPayouts(ctx context.Context, connection *pgx.Conn) error {
	c := &r.load.charges
	c.storedPayouts = make(map[uuid.UUID]storedPayout)
	rows, err := connection.Query(ctx, "SELECT id, amount_minor, state, mode = 2 FROM payouts")
	if err != nil {
		return err
	}
	var id [16]byte
	var one storedPayout
	if _, err = pgx.ForEachRow(rows, []any{&id, &one.amount, &one.state, &one.isLive}, func() error {
		c.storedPayouts[id] = one
		return nil
	}); err != nil {
		return err
	}
	asked := 0
	for _, p := range c.payouts {
		if !p.isAccepted() {
			continue
		}
		asked++
		if found, there := c.storedPayouts[p.id]; !there || found.state != payoutPaid {
			r.load.observed.report(chargesDecided, "%s was accepted as %s, and is stored as %+v", p.key, p.id, found)
		}
	}
	if asked != len(c.storedPayouts) {
		r.load.observed.report(chargesKept, "%d payouts were accepted, and %d are stored", asked, len(c.storedPayouts))
	}
	return nil
}

// checkPayouts compares the payouts with the deposits of the payment processor.
func (b *chargeCheck) checkPayouts() {
	for id, p := range b.load.charges.storedPayouts {
		var paid, count int64
		for _, e := range b.entries[id] {
			if e.kind == kindDeposit && e.status == statusApproved {
				paid, count = paid+e.amount, count+1
			}
		}
		isPaid := p.isLive && p.state == payoutPaid
		if isPaid && (count != 1 || paid != p.amount) || !isPaid && count > 0 {
			b.load.observed.report(chargesAtBank, "the payout %s is %+v, and the bank has %d deposits of %d", id, p, count, paid)
		}
		if isPaid {
			b.paid++
		}
		delete(b.entries, id)
	}
}
