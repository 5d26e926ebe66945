package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"

	"codebank.dev/stack/launch"
	"github.com/google/uuid"
)

// CommandRate is the most requests that the customers begin at the gateway in a second. It is low, because each
// transfer costs a commit of the gateway, a record, a decision, a result, and another commit.
const CommandRate = 16

// NewTransfersPercent is how many of a hundred of these requests are new transfers. The others ask again, ask for
// another transfer under a key that was used, cancel, or read.
const NewTransfersPercent = 66

// asked is a transfer that a customer asked for by command, and what the customer knows of it.
type asked struct {
	customer *customer
	key      string
	from, to uuid.UUID
	amount   int64
	// toNobody says that the destination does not exist.
	toNobody bool

	mutex sync.Mutex
	// accepted is the first answer, word for word; nil until then. id is the one that the answer gave.
	accepted []byte
	id       uuid.UUID
	// fresh counts the answers that do not say that they are repeats.
	fresh int
	// ended is how it was first seen to have ended; empty until then.
	ended transferEnd
	// cancelWanted says that the customer has asked to cancel it. tooLate says that he was told that the money
	// had moved.
	cancelWanted, tooLate bool
}

// transferEnd is how a transfer ended.
type transferEnd struct {
	Status string  `json:"status"`
	Error  *string `json:"error"`
}

// String returns the status and the error.
func (e *transferEnd) String() string {
	if e.Error == nil {
		return e.Status
	}
	return e.Status + " " + *e.Error
}

// commands holds the transfers that customers asked for at the gateway. It is safe for concurrent use.
type commands struct {
	stack     *launch.Stack
	customers []*customer
	pace      pacer

	mutex sync.Mutex
	all   []*asked
	// ends are all transfers of the customers as they were after the load, by id.
	ends map[uuid.UUID]shownTransfer

	// accepted counts transfers, and the others count answers: repeats that were compared with the first answer,
	// refusals of another request under a used key, sign-ins during the run.
	accepted, repeats, reuses, cancels, reads, signIns atomic.Int64
	// sums counts the samples of the balances of all their wallets.
	sums atomic.Int64
}

// begin adds a transfer that is about to be asked for.
func (c *commands) begin(who *customer, random *rand.Rand) *asked {
	source := random.IntN(walletsOfCustomer)
	other := c.customers[random.IntN(len(c.customers))]
	target := random.IntN(walletsOfCustomer)
	if other == who && target == source {
		target = (target + 1) % walletsOfCustomer
	}
	a := &asked{
		customer: who, amount: 1 + random.Int64N(customerDeposit/3),
		from: idOf(who.wallets[source].account), to: idOf(other.wallets[target].account),
	}
	if random.IntN(25) == 0 {
		a.to, a.toNobody = uuid.New(), true
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	a.key = fmt.Sprintf("%scommand-%d", requestPrefix, len(c.all))
	c.all = append(c.all, a)
	return a
}

// transfers returns all transfers that were asked for.
func (c *commands) transfers() []*asked {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.all[:len(c.all):len(c.all)]
}

// request is the request of a transfer. Each repeat is the same.
func (a *asked) request(amount int64) deskRequest {
	return deskRequest{method: http.MethodPost, path: "/cmd/transfer", key: a.key, body: fmt.Sprintf(
		`{"amount": %d, "message": "load", "from_account_id": %q, "to_account_id": %q}`, amount, a.from, a.to)}
}

// transferByCommand is one device of a customer: it asks the gateway for transfers.
func (l *load) transferByCommand(ctx context.Context, worker int, random *rand.Rand) {
	d, err := l.newDesk(l.commands.customers[worker%len(l.commands.customers)])
	if err != nil {
		l.observed.report(commandsEnd, "no connection to the gateway: %v", err)
		return
	}
	var recent []*asked
	for !l.over(ctx) {
		l.commands.pace.wait(ctx, 1)
		draw := random.IntN(100)
		if draw < NewTransfersPercent || len(recent) == 0 {
			a := l.commands.begin(d.customer, random)
			if d.ask(ctx, a, random.IntN(sentOnceEvery) == 0) {
				recent = append(recent[max(0, len(recent)-recentCommands):], a)
			}
			continue
		}
		a := recent[random.IntN(len(recent))]
		switch {
		case draw < 78:
			d.askOnce(ctx, a) // again; the answer must be the same
		case draw < 81:
			d.askConcurrently(ctx, l.commands.begin(d.customer, random))
		case draw < 84:
			d.reuseKey(ctx, a)
		case draw < 90:
			if again := l.commands.begin(d.customer, random); d.ask(ctx, again, false) {
				d.cancel(ctx, again) // most often before it is decided
			}
		default:
			d.read(ctx, a)
		}
	}
}

// recentCommands is how many accepted transfers a device remembers.
const recentCommands = 50

// ask asks for a transfer until it is accepted, a few times at most. One that is asked for once may stay
// unknown until the end.
func (d *desk) ask(ctx context.Context, a *asked, once bool) bool {
	for try := range maxTries {
		if d.askOnce(ctx, a) {
			return true
		}
		if once || !sleep(ctx, retryDelay<<min(try, 3)) {
			return false
		}
	}
	return false
}

// askConcurrently asks for one transfer several times at once.
func (d *desk) askConcurrently(ctx context.Context, a *asked) {
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() { d.askOnce(ctx, a) })
	}
	asking.Wait()
}

// askOnce asks for a transfer, or asks again. It returns true if it is accepted.
func (d *desk) askOnce(ctx context.Context, a *asked) bool {
	answer, kind := d.call(ctx, a.request(a.amount))
	if kind != classOK {
		return false
	}
	d.load.observed.reportIf(a.accept(answer, &d.load.commands), acceptedKept)
	return true
}

// accept records an acceptance and returns what is wrong with it. A repeat must be the first answer.
func (a *asked) accept(answer *deskAnswer, counts *commands) (wrong string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if answer.status != http.StatusCreated {
		return fmt.Sprintf("%s was answered %d %s", a.key, answer.status, answer.body)
	}
	if !answer.replayed {
		a.fresh++
	}
	if a.accepted != nil {
		counts.repeats.Add(1)
		if a.fresh > 1 || !bytes.Equal(a.accepted, answer.body) {
			return fmt.Sprintf("%s was answered %s, and then, replayed %v, %s", a.key, a.accepted, answer.replayed, answer.body)
		}
		return ""
	}
	var shown shownTransfer
	if err := json.Unmarshal(answer.body, &shown); err != nil {
		return fmt.Sprintf("%s was answered %s: %v", a.key, answer.body, err)
	}
	a.accepted, a.id = answer.body, shown.ID
	counts.accepted.Add(1)
	if shown.Status != processing || shown.Error != nil || !a.isShown(&shown) {
		return fmt.Sprintf("%s of %d from %s to %s was accepted as %s", a.key, a.amount, a.from, a.to, answer.body)
	}
	return ""
}

// The statuses of a transfer.
const (
	processing = "processing"
	completed  = "completed"
	cancelled  = "cancelled"
)

// shownTransfer is a transfer as the gateway shows it.
type shownTransfer struct {
	transferEnd
	ID            uuid.UUID  `json:"id"`
	Amount        int64      `json:"amount"`
	From          uuid.UUID  `json:"from_account_id"`
	To            uuid.UUID  `json:"to_account_id"`
	TransactionID *uuid.UUID `json:"transaction_id"`
}

// isShown reports whether it is the transfer that was asked for.
func (a *asked) isShown(shown *shownTransfer) bool {
	return shown.Amount == a.amount && shown.From == a.from && shown.To == a.to
}

// reuseKey asks for another transfer under the key of one that was accepted. It must be refused.
func (d *desk) reuseKey(ctx context.Context, a *asked) {
	switch _, kind := d.call(ctx, a.request(a.amount+1), "IDEMPOTENCY_KEY_REUSED"); kind {
	case classRefused:
		d.load.commands.reuses.Add(1)
	case classOK:
		d.load.observed.report(acceptedKept, "%s was asked for with another amount and accepted", a.key)
	}
}

// cancel asks to cancel a transfer that was accepted. It may have moved the money before.
func (d *desk) cancel(ctx context.Context, a *asked) {
	a.mutex.Lock()
	a.cancelWanted = true
	id := a.id
	a.mutex.Unlock()
	answer, kind := d.call(ctx, deskRequest{method: http.MethodPost, path: "/cmd/transfers/" + id.String() + "/cancel", key: "cancel-" + a.key}, "NOT_PENDING")
	switch kind {
	case classOK:
		d.load.commands.cancels.Add(1)
		if shown := d.see(a, answer); shown != nil && shown.Status != cancelled {
			d.load.observed.report(commandsEnd, "%s was cancelled, and is %s", a.key, answer.body)
		}
	case classRefused:
		a.mutex.Lock()
		a.tooLate = true // The result of the bank may not have come yet.
		a.mutex.Unlock()
	}
}

// read reads a transfer that was accepted.
func (d *desk) read(ctx context.Context, a *asked) {
	answer, kind := d.call(ctx, deskRequest{method: http.MethodGet, path: "/q/transfers/" + a.id.String()}, "TRANSFER_NOT_FOUND")
	switch kind {
	case classOK:
		d.load.commands.reads.Add(1)
		d.see(a, answer)
	case classRefused:
		d.load.observed.report(acceptedKept, "%s was accepted and is gone", a.key)
	}
}

// see records what an answer shows of a transfer, and reports what is wrong with it.
func (d *desk) see(a *asked, answer *deskAnswer) *shownTransfer {
	var shown shownTransfer
	if err := json.Unmarshal(answer.body, &shown); err != nil {
		d.load.observed.report(commandsEnd, "%s is shown as %s: %v", a.key, answer.body, err)
		return nil
	}
	if shown.ID != a.id || !a.isShown(&shown) {
		d.load.observed.report(acceptedKept, "%s of %d is shown as %s", a.key, a.amount, answer.body)
	}
	d.load.observed.reportIf(a.end(shown.transferEnd), commandsEnd)
	return &shown
}

// end records how far a transfer has come, and returns what is wrong with it: an end never changes.
func (a *asked) end(seen transferEnd) (wrong string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	switch {
	case a.ended.Status == "" && seen.Status == processing:
	case a.ended.Status == "":
		a.ended = seen
	case a.ended.String() != seen.String():
		return fmt.Sprintf("%s was %s, and then %s", a.key, a.ended.String(), seen.String())
	}
	return ""
}

// reportIf reports a violation of an invariant, unless the text is empty.
func (o *observations) reportIf(wrong, invariant string) {
	if wrong != "" {
		o.report(invariant, "%s", wrong)
	}
}
