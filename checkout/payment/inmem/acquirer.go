package inmem

import (
	"context"
	"fmt"
	"sync"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

// Fault is what goes wrong with a call to an Acquirer.
type Fault uint8

// The faults.
const (
	NoFault Fault = iota
	// Unreached: the call does not arrive.
	Unreached
	// LostAnswer: the call is done, and its answer is lost.
	LostAnswer
	// Hanging: the call is done, and its answer comes too late.
	Hanging
	// Refusing: the request is refused, and nothing is stored.
	Refusing
	// Breaking: the acquirer fails at this request.
	Breaking
)

// AuthorizationLife is how long an Acquirer sets an amount aside.
const AuthorizationLife = 7 * 24 * time.Hour

// Acquirer is a bank in memory that fails on request. Make one with NewAcquirer. It is safe for concurrent use.
type Acquirer struct {
	now func() time.Time

	mutex     sync.Mutex
	purchases map[id.ID]*purchase
	tasks     map[id.ID]payment.Task
	orders    map[id.ID]payoutOrder
	declined  map[string]payment.Rejection
	script    []Fault
	away      bool
	breaking  map[id.ID]Fault
	calls     int
	asked     []payment.Authorization
}

// noun is what a refusal calls a purchase.
const noun = "purchase"

type purchase struct {
	asked              payment.Authorization
	decision           payment.Decision
	state              payment.State
	captured, refunded int64
}

var _ payment.Acquirer = (*Acquirer)(nil)

// NewAcquirer returns an Acquirer with a clock.
func NewAcquirer(now func() time.Time) *Acquirer {
	return &Acquirer{
		now: now, purchases: map[id.ID]*purchase{}, tasks: map[id.ID]payment.Task{}, orders: map[id.ID]payoutOrder{}, declined: map[string]payment.Rejection{}, breaking: map[id.ID]Fault{},
	}
}

// Decline declines cards whose number ends in four digits.
func (a *Acquirer) Decline(last4 string, why payment.Rejection) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.declined[last4] = why
}

// Script makes the next calls fail, one after the other.
func (a *Acquirer) Script(faults ...Fault) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.script = append(a.script, faults...)
}

// Heal drops what is left of the script.
func (a *Acquirer) Heal() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.script = nil
}

// Away makes every call not arrive, or arrive again.
func (a *Acquirer) Away(away bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.away = away
}

// Break makes every authorization of a charge fail; NoFault ends that.
func (a *Acquirer) Break(charge id.ID, fault Fault) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.breaking[charge] = fault
}

// Calls returns how many calls were made.
func (a *Acquirer) Calls() int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.calls
}

// Asked returns the authorizations that arrived.
func (a *Acquirer) Asked() []payment.Authorization {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return append([]payment.Authorization(nil), a.asked...)
}

// Expire ends the authorizations whose time is over, as a bank does now and then.
func (a *Acquirer) Expire() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, p := range a.purchases {
		if p.state == payment.Authorized && !a.now().Before(p.decision.ExpiresAt) {
			p.state = payment.Expired
		}
	}
}

// Taken returns what was taken for a charge and not given back, in minor units, and what became of it; 0 if the charge
// is not known.
func (a *Acquirer) Taken(charge id.ID) (int64, payment.State) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if p := a.purchases[charge]; p != nil {
		return p.captured - p.refunded, p.state
	}
	return 0, 0
}

// Authorize implements payment.Acquirer.
func (a *Acquirer) Authorize(ctx context.Context, asked *payment.Authorization) (payment.Decision, error) {
	return do(ctx, a, asked.Charge, func() (payment.Decision, error) {
		a.asked = append(a.asked, *asked)
		p, known := a.purchases[asked.Charge]
		switch {
		case known && p.decision == payment.Decision{}:
			return payment.Decision{Rejection: payment.Rejection{Code: "05", Reason: "REFUSED", Message: "voided"}}, nil
		case known && !same(&p.asked, asked):
			return payment.Decision{}, fault.New(fault.Aborted, "REQUEST_ID_REUSED", "Used before.")
		case known:
			return p.decision, nil
		}
		p = &purchase{asked: *asked, state: payment.Rejected}
		a.purchases[asked.Charge] = p
		if why, declined := a.declined[asked.Card.Number.Last4()]; declined {
			p.decision.Rejection = why
			return p.decision, nil
		}
		p.decision = payment.Decision{Approved: true, Purchase: fmt.Sprintf("purchases/00000000-0000-4000-8000-%012d", len(a.purchases))}
		if p.state = payment.Authorized; asked.CaptureNow {
			p.state, p.captured = payment.Approved, asked.Amount.Minor
		} else {
			p.decision.ExpiresAt = a.now().Add(AuthorizationLife)
		}
		return p.decision, nil
	})
}

// same compares what a bank compares.
func same(x, y *payment.Authorization) bool {
	return x.Merchant == y.Merchant && x.Profile == y.Profile && x.Amount == y.Amount && x.CaptureNow == y.CaptureNow &&
		x.Description == y.Description && x.Card.Number.Reveal() == y.Card.Number.Reveal()
}

// Void implements payment.Acquirer.
func (a *Acquirer) Void(ctx context.Context, charge id.ID, _ string) (payment.State, error) {
	return do(ctx, a, id.ID{}, func() (payment.State, error) {
		if _, paid := a.orders[charge]; paid {
			return 0, fault.New(fault.FailedPrecondition, "NOT_A_PURCHASE", "This request id belongs to a transaction that is not a purchase.")
		}
		p, known := a.purchases[charge]
		if !known {
			p = &purchase{}
			a.purchases[charge] = p
		}
		if p.state != payment.Rejected && p.state != payment.Expired {
			p.state, p.refunded = payment.Voided, p.captured
		}
		return p.state, nil
	})
}

// Capture implements payment.Acquirer.
func (a *Acquirer) Capture(ctx context.Context, task *payment.Task) error {
	return a.task(ctx, task, func(p *purchase) error {
		switch {
		case p.state != payment.Authorized:
			return fault.New(fault.FailedPrecondition, "HOLD_VOIDED", "The hold was voided.")
		case !a.now().Before(p.decision.ExpiresAt):
			return fault.New(fault.FailedPrecondition, "HOLD_EXPIRED", "The hold has expired.")
		case task.AmountMinor > p.asked.Amount.Minor:
			return fault.New(fault.FailedPrecondition, "AMOUNT_ABOVE_HOLD", "The amount is more than the hold has set aside.")
		}
		p.state, p.captured = payment.Approved, task.AmountMinor
		return nil
	})
}

// Refund implements payment.Acquirer.
func (a *Acquirer) Refund(ctx context.Context, task *payment.Task) error {
	return a.task(ctx, task, func(p *purchase) error {
		if p.state != payment.Approved || task.AmountMinor > p.captured-p.refunded {
			return fault.New(fault.FailedPrecondition, "AMOUNT_ABOVE_LEFT", "The amount is more than what is left of the "+noun+".")
		}
		p.refunded += task.AmountMinor
		return nil
	})
}

// task does an operation once.
func (a *Acquirer) task(ctx context.Context, task *payment.Task, run func(*purchase) error) error {
	_, err := do(ctx, a, id.ID{}, func() (struct{}, error) {
		none := struct{}{}
		key := *task
		key.TraceID = ""
		if before, known := a.tasks[task.ID]; known {
			if before != key {
				return none, fault.New(fault.Aborted, "REQUEST_ID_REUSED", "Used before.")
			}
			return none, nil
		}
		p, err := a.named(task.Purchase)
		if err == nil {
			err = run(p)
		}
		if err == nil {
			a.tasks[task.ID] = key
		}
		return none, err
	})
	return err
}

// Find implements payment.Acquirer.
func (a *Acquirer) Find(ctx context.Context, purchase, _ string) (payment.State, error) {
	return do(ctx, a, id.ID{}, func() (payment.State, error) {
		p, err := a.named(purchase)
		if err != nil {
			return 0, err
		}
		return p.state, nil
	})
}

func (a *Acquirer) named(name string) (*purchase, error) {
	for _, p := range a.purchases {
		if name != "" && p.decision.Purchase == name {
			return p, nil
		}
	}
	return nil, fault.New(fault.NotFound, "PURCHASE_NOT_FOUND", "There is no such purchase.")
}

// do executes one call under the lock, with the next fault of the script.
func do[T any](ctx context.Context, a *Acquirer, charge id.ID, run func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, fault.Of(err)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.calls++
	lost := fault.New(fault.Unavailable, "UNAVAILABLE", "The bank cannot be reached at the moment.")
	switch a.next(charge) {
	case Unreached:
		return none, lost
	case LostAnswer:
		_, _ = run()
		return none, lost
	case Hanging:
		_, _ = run()
		return none, fault.Of(context.DeadlineExceeded)
	case Refusing:
		return none, fault.Invalid("currency", "Not accepted.")
	case Breaking:
		return none, fault.New(fault.Internal, "INTERNAL", "Something went wrong.")
	}
	return run()
}

func (a *Acquirer) next(charge id.ID) Fault {
	if due := a.breaking[charge]; due != NoFault {
		return due
	}
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
