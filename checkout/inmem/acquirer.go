package inmem

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"sync"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
)

// noun is what the bank calls the thing that is given back.
const noun = "purchase"

// TokenLifetime is how long a token of the Acquirer is valid.
const TokenLifetime = 15 * time.Minute

// Fault is a failure of one call to the Acquirer.
type Fault uint8

// The faults.
const (
	// NoFault: the call succeeds.
	NoFault Fault = iota
	// Unreached: the request never arrives.
	Unreached
	// LostAnswer: the request is executed, but its answer does not come back.
	LostAnswer
	// Late: the call fails, and the request arrives when DeliverLate is called.
	Late
	// Hanging: the request is executed, but the call returns only when the caller's context
	// ends, with the context's error.
	Hanging
	// Refusing: the request is refused and not executed.
	Refusing
	// Breaking: the call answers INTERNAL, and the request is not executed.
	Breaking
	// LastFault is the greatest Fault.
	LastFault = Breaking
)

// Acquirer is a bank in memory. It knows every card that names a holder, and approves every purchase except
// those with cards that Decline names. Make one with NewAcquirer; it is safe for
// concurrent use.
type Acquirer struct {
	clock checkout.Clock

	mutex     sync.Mutex
	tokens    map[string]*token
	purchases map[string]*purchase
	reversals map[string]*reversal        // by request id
	declines  map[string]checkout.Decline // by last four
	script    []Fault
	away      bool
	late      []func()
	calls     int
}

type token struct {
	last4     string
	expiresAt time.Time
	usedBy    string
}

// purchase is what the bank stores for a request id.
type purchase struct {
	authorization checkout.Authorization
	decision      checkout.Decision
	voided        bool
	givenBack     int64 // by reversals
}

// reversal is what the bank stores for a request id of a reversal.
type reversal struct {
	asked checkout.Reversal
	name  string
}

var _ checkout.Acquirer = (*Acquirer)(nil)

// NewAcquirer returns a bank without purchases.
func NewAcquirer(clock checkout.Clock) *Acquirer {
	return &Acquirer{
		clock:     clock,
		tokens:    make(map[string]*token),
		purchases: make(map[string]*purchase),
		reversals: make(map[string]*reversal),
		declines:  make(map[string]checkout.Decline),
	}
}

// Decline makes the bank decline every later purchase with a card that ends in last4.
// The answer is decline.
func (a *Acquirer) Decline(last4 string, decline checkout.Decline) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.declines[last4] = decline
}

// Script sets the faults of the next calls: one fault for each call, in order.
func (a *Acquirer) Script(faults ...Fault) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.script = append(a.script, faults...)
}

// SetAway(true) makes every call without a scripted fault Unreached, until
// SetAway(false).
func (a *Acquirer) SetAway(away bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.away = away
}

// DeliverLate delivers the requests that were Late until now, the last one first.
func (a *Acquirer) DeliverLate() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for i := len(a.late) - 1; i >= 0; i-- {
		a.late[i]()
	}
	a.late = nil
}

// Heal ends every fault: it delivers late requests, drops the script, and ends
// SetAway(true).
func (a *Acquirer) Heal() {
	a.DeliverLate()
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.script, a.away = nil, false
}

// Kept returns what is left of the purchases that were approved and not given back, by
// request id.
func (a *Acquirer) Kept() map[string]money.Amount {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	kept := make(map[string]money.Amount)
	for id, p := range a.purchases {
		left := p.authorization.Amount
		left.Minor -= p.givenBack
		if p.decision.Outcome == checkout.OutcomeApproved && !p.voided && left.Minor > 0 {
			kept[id] = left
		}
	}
	return kept
}

// Calls returns how many calls were made, including those that failed.
func (a *Acquirer) Calls() int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.calls
}

// CreateToken implements checkout.Acquirer.
func (a *Acquirer) CreateToken(ctx context.Context, card pan.CardData) (checkout.CardToken, error) {
	return call(ctx, a, func() (checkout.CardToken, error) {
		if card.HolderName == "" {
			return checkout.CardToken{}, field.Required("card.holder_name")
		}
		text := "ctk_" + rand.Text()
		created := &token{last4: card.Number.Last4(), expiresAt: a.clock.Now().Add(TokenLifetime)}
		a.tokens[text] = created
		return checkout.CardToken{
			Token: checkout.NewToken(text), Brand: "VISA", Last4: created.last4, ExpiresAt: created.expiresAt,
		}, nil
	})
}

// Authorize implements checkout.Acquirer.
func (a *Acquirer) Authorize(ctx context.Context, authorization checkout.Authorization) (checkout.Decision, error) {
	return call(ctx, a, func() (checkout.Decision, error) { return a.authorize(authorization) })
}

func (a *Acquirer) authorize(authorization checkout.Authorization) (checkout.Decision, error) {
	if earlier, ok := a.purchases[authorization.RequestID]; ok {
		if earlier.decision.Outcome != checkout.OutcomeVoided && !same(earlier.authorization, authorization) {
			return checkout.Decision{}, fault.New(fault.Aborted, "REQUEST_ID_REUSED", "Used before.")
		}
		return earlier.decision, nil
	}
	used, ok := a.tokens[authorization.Token.Reveal()]
	if !ok || used.usedBy != "" || !a.clock.Now().Before(used.expiresAt) {
		return checkout.Decision{}, fault.Invalid("card_token", "The token is unknown, used or expired.")
	}
	used.usedBy = authorization.RequestID
	decision := checkout.Decision{Outcome: checkout.OutcomeApproved, Purchase: a.nextName()}
	if decline, ok := a.declines[used.last4]; ok {
		decision.Outcome, decision.Decline = checkout.OutcomeDeclined, decline
	}
	a.purchases[authorization.RequestID] = &purchase{authorization: authorization, decision: decision}
	return decision, nil
}

// same reports whether two authorizations ask for the same. It does not compare trace
// ids.
func same(a, b checkout.Authorization) bool {
	sameToken := a.Token.Reveal() == b.Token.Reveal()
	a.Token, a.TraceID = b.Token, b.TraceID
	return sameToken && a == b
}

// Void implements checkout.Acquirer.
func (a *Acquirer) Void(ctx context.Context, requestID, _ string) (checkout.Decision, error) {
	return call(ctx, a, func() (checkout.Decision, error) {
		p, ok := a.purchases[requestID]
		if !ok {
			p = &purchase{decision: checkout.Decision{Outcome: checkout.OutcomeVoided, Purchase: a.nextName()}}
			a.purchases[requestID] = p
		}
		if p.decision.Outcome == checkout.OutcomeDeclined {
			return p.decision, nil
		}
		p.voided = true
		return checkout.Decision{Outcome: checkout.OutcomeVoided, Purchase: p.decision.Purchase}, nil
	})
}

// Refund implements checkout.Acquirer.
func (a *Acquirer) Refund(ctx context.Context, asked checkout.Reversal) (string, error) {
	return call(ctx, a, func() (string, error) { return a.reverse(asked) })
}

func (a *Acquirer) reverse(asked checkout.Reversal) (string, error) {
	asked.TraceID = ""
	if earlier, ok := a.reversals[asked.RequestID]; ok {
		if earlier.asked != asked {
			return "", fault.New(fault.Aborted, "REQUEST_ID_REUSED", "Used before.")
		}
		return earlier.name, nil
	}
	for _, p := range a.purchases {
		if p.decision.Purchase != asked.Purchase || p.decision.Outcome != checkout.OutcomeApproved {
			continue
		}
		if left := p.authorization.Amount.Minor - p.givenBack; p.voided || asked.AmountMinor < 1 || asked.AmountMinor > left {
			return "", fault.New(fault.FailedPrecondition, "AMOUNT_ABOVE_LEFT", "The amount is more than what is left of the "+noun+".")
		}
		p.givenBack += asked.AmountMinor
		name := fmt.Sprintf("reversals/00000000-0000-4000-8000-%012d", len(a.reversals)+1)
		a.reversals[asked.RequestID] = &reversal{asked, name}
		return name, nil
	}
	return "", fault.New(fault.NotFound, "PURCHASE_NOT_FOUND", "There is no such purchase.")
}

// nextName returns the name of a new purchase.
func (a *Acquirer) nextName() string {
	return fmt.Sprintf("purchases/00000000-0000-4000-8000-%012d", len(a.purchases)+1)
}

// lost returns the error of a call whose outcome the caller cannot know.
func lost() error {
	return fault.New(fault.Unavailable, "UNAVAILABLE", "The bank cannot be reached at the moment.")
}

// call executes one request under the lock, with the next fault of the script.
func call[T any](ctx context.Context, a *Acquirer, do func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, fault.Of(err)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.calls++
	switch a.nextFault() {
	case Unreached:
		return none, lost()
	case LostAnswer:
		_, _ = do()
		return none, lost()
	case Late:
		a.late = append(a.late, func() { _, _ = do() })
		return none, lost()
	case Hanging:
		_, _ = do()
		a.mutex.Unlock()
		<-ctx.Done()
		a.mutex.Lock()
		return none, fault.Of(ctx.Err())
	case Refusing:
		return none, fault.Invalid("currency", "Not accepted.")
	case Breaking:
		return none, fault.New(fault.Internal, "INTERNAL", "Something went wrong.")
	}
	return do()
}

func (a *Acquirer) nextFault() Fault {
	if len(a.script) > 0 {
		due := a.script[0]
		a.script = a.script[1:]
		return due
	}
	if a.away {
		return Unreached
	}
	return NoFault
}

// Requests returns every request id that the bank stores.
func (a *Acquirer) Requests() []string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	var ids []string
	for id := range maps.Keys(a.purchases) {
		ids = append(ids, id)
	}
	return ids
}
