package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"codebank.dev/stack/launch"
	"github.com/google/uuid"
)

// chargingMerchants is how many merchants charge cards through the payment gateway, each in test mode and in live
// mode, and tillWorkers how many devices each of them has in either mode.
const chargingMerchants, tillWorkers = 3, 2

// till is a merchant's program in one of his modes. It is safe for concurrent use.
type till struct {
	load                   *load
	merchant, mode, secret string
	client                 *http.Client
	url                    string
	follower               *follower
}

// isLive reports whether its charges are decided by the bank.
func (t *till) isLive() bool { return t.mode == "live" }

// charges holds what merchants asked for at the payment gateway. It is safe for concurrent use.
type charges struct {
	tills []*till
	// paidTo are the accounts to which merchants are paid out.
	paidTo   map[uuid.UUID]bool
	mailroom *mailroom
	pace     pacer

	mutex sync.Mutex
	all   []*charged
	// payouts are what merchants asked to be paid out, storedPayouts the rows of them in the end.
	payouts       []*posted
	storedPayouts map[uuid.UUID]storedPayout
	// posts counts all requests, for their keys.
	posts int64
	// tables says how many charges and events there were in the end.
	tables chargeTables

	// accepted counts charges, and operations captures, voids and refunds. The others count answers: repeats that were
	// compared with the first answer, refusals of another request under a used key, refusals of operations, reads.
	accepted, operations, repeats, reuses, refusals, reads atomic.Int64
	// samples counts the looks at the tables under load.
	samples atomic.Int64
}

// openTills makes the merchants and their programs, before the first fault.
func (l *load) openTills(ctx context.Context, stack *launch.Stack) error {
	l.charges.paidTo = make(map[uuid.UUID]bool)
	for i := range chargingMerchants {
		test, live, err := stack.NewMerchant(ctx, fmt.Sprintf("Loja %d", i+1))
		if err != nil {
			return fmt.Errorf("merchant %d: %w", i, err)
		}
		account, err := stack.PayTo(ctx, live.Merchant, operator)
		if err != nil {
			return fmt.Errorf("account of merchant %d: %w", i, err)
		}
		id, err := uuid.Parse(strings.TrimPrefix(account, "accounts/"))
		if err != nil {
			return fmt.Errorf("account of merchant %d: %w", i, err)
		}
		l.charges.paidTo[id] = true
		for _, secret := range []launch.Secret{test, live} {
			client, err := stack.HTTPClient("")
			if err != nil {
				return err
			}
			t := &till{
				load: l, merchant: secret.Merchant, mode: secret.Mode, secret: secret.Text,
				client: client, url: launch.URL(stack.Addresses().PaymentsHTTP()),
			}
			streams := *client // Streams have no timeout.
			t.follower = &follower{till: t, client: &streams}
			client.Timeout = callTimeout
			l.charges.tills = append(l.charges.tills, t)
		}
	}
	return nil
}

// call sends one request. Reasons in expected are refusals that the request provokes.
func (t *till) call(ctx context.Context, request deskRequest, expected ...string) (*deskAnswer, class) {
	request.toPayments = true
	answer := send(ctx, t.client, t.url, request, t.secret)
	return answer, t.load.observed.classifyAnswer(ctx, request, answer, expected...)
}

// posted is a request that a till has sent, and what it knows of it.
type posted struct {
	till            *till
	key, path, body string

	mutex sync.Mutex
	// accepted is the first answer, word for word; nil until then. id is the one that the answer gave.
	accepted []byte
	id       uuid.UUID
	// fresh counts the answers that do not say that they are repeats.
	fresh int
	// refused says that the rules did not allow it when it was sent last.
	refused bool
}

func (p *posted) request() deskRequest {
	return deskRequest{method: http.MethodPost, path: p.path, key: p.key, body: p.body}
}

// isAccepted reports whether the till knows that it was accepted.
func (p *posted) isAccepted() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.accepted != nil
}

// The reasons for which an operation on a charge, or a payout, is refused.
var operationRefusals = []string{"CHARGE_PENDING", "CHARGE_STATE", "OPERATION_UNDER_WAY", "CHARGE_AMOUNT", "PAYOUT_AMOUNT"}

// post sends a request until it is accepted or refused, a few times at most. One that is sent once may stay unknown
// until the end. It returns true if it is accepted.
func (t *till) post(ctx context.Context, p *posted, once bool) bool {
	for try := range maxTries {
		if kind := t.postOnce(ctx, p); kind == classOK || kind == classRefused {
			return kind == classOK
		}
		if once || !sleep(ctx, retryDelay<<min(try, 3)) {
			return false
		}
	}
	return false
}

// postOnce sends a request, or sends it again.
func (t *till) postOnce(ctx context.Context, p *posted) class {
	answer, kind := t.call(ctx, p.request(), operationRefusals...)
	switch kind {
	case classOK:
		t.load.observed.reportIf(p.accept(answer, &t.load.charges), chargesKept)
	case classRefused:
		t.load.charges.refusals.Add(1)
		p.mutex.Lock()
		defer p.mutex.Unlock()
		if p.refused = p.accepted == nil; !p.refused {
			t.load.observed.report(chargesKept, "%s %s was accepted as %s, and is refused: %s", p.key, p.path, p.accepted, answer.body)
		}
	}
	return kind
}

// postConcurrently sends one request several times at once.
func (t *till) postConcurrently(ctx context.Context, p *posted) {
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() { t.postOnce(ctx, p) })
	}
	asking.Wait()
}

// accept records an acceptance and returns what is wrong with it. A repeat must be the first answer.
func (p *posted) accept(answer *deskAnswer, counts *charges) (wrong string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if answer.status != http.StatusAccepted {
		return fmt.Sprintf("%s %s was answered %d %s", p.key, p.path, answer.status, answer.body)
	}
	if !answer.replayed {
		p.fresh++
	}
	if p.accepted != nil {
		counts.repeats.Add(1)
		if p.fresh > 1 || !bytes.Equal(p.accepted, answer.body) {
			return fmt.Sprintf("%s %s was answered %s, and then, replayed %v, %s", p.key, p.path, p.accepted, answer.replayed, answer.body)
		}
		return ""
	}
	var shown struct {
		ID     uuid.UUID
		Status string
	}
	if err := json.Unmarshal(answer.body, &shown); err != nil {
		return fmt.Sprintf("%s %s was answered %s: %v", p.key, p.path, answer.body, err)
	}
	p.accepted, p.id, p.refused = answer.body, shown.ID, false
	if p.path == chargesPath {
		counts.accepted.Add(1)
	} else {
		counts.operations.Add(1)
	}
	if shown.Status != chargePending {
		return fmt.Sprintf("%s %s was accepted as %s", p.key, p.path, answer.body)
	}
	return ""
}

// reuse sends another body under the key of a charge that was accepted. It must be refused.
func (t *till) reuse(ctx context.Context, c *charged) {
	request := c.request()
	request.body = c.bodyOf(c.amount + 1)
	switch _, kind := t.call(ctx, request, "IDEMPOTENCY_KEY_REUSED"); kind {
	case classRefused:
		t.load.charges.reuses.Add(1)
	case classOK:
		t.load.observed.report(chargesKept, "%s was sent with another amount and accepted", c.key)
	}
}

// chargeCards is one device of a merchant: it charges cards, captures, voids and refunds, and asks for payouts.
func (l *load) chargeCards(ctx context.Context, worker int, random *rand.Rand) {
	t := l.charges.tills[worker%len(l.charges.tills)]
	var recent []*charged
	for !l.over(ctx) {
		l.charges.pace.wait(ctx, 1)
		draw := random.IntN(100)
		if draw < NewChargesPercent || len(recent) == 0 {
			c := l.beginCharge(t, random)
			if t.post(ctx, &c.posted, random.IntN(sentOnceEvery) == 0) {
				recent = append(recent[max(0, len(recent)-recentCommands):], c)
			}
			continue
		}
		c := recent[random.IntN(len(recent))]
		switch {
		case draw < 55:
			t.postOnce(ctx, &c.posted) // again; the answer must be the same
		case draw < 58:
			t.postConcurrently(ctx, &l.beginCharge(t, random).posted)
		case draw < 61:
			t.reuse(ctx, c)
		case draw < 64:
			t.payOut(ctx, random)
		case draw < 68 && len(c.operations) > 0:
			t.postOnce(ctx, &c.operations[random.IntN(len(c.operations))].posted)
		case draw < 92:
			t.operate(ctx, c, random)
		default:
			t.read(ctx, c)
		}
	}
}
