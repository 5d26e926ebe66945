package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
)

// ChargeRate is the most requests that merchants' programs begin at the payment gateway in a second.
const ChargeRate = 8

// NewChargesPercent is how many of a hundred of these requests are new charges. The others ask again, ask for another
// charge under a key that was used, capture, void, refund, ask for payouts, or read.
const NewChargesPercent = 40

// chargesPath is the path of all charges.
const chargesPath = "/v1/charges"

// The statuses of a charge.
const (
	chargePending    = "pending"
	chargeRejected   = "rejected"
	chargeAuthorized = "authorized"
	chargeApproved   = "approved"
	chargeVoided     = "voided"
	chargeExpired    = "expired"
)

// nextStatuses are the statuses that may be seen after one.
var nextStatuses = map[string][]string{
	chargePending:    {chargePending, chargeRejected, chargeAuthorized, chargeApproved, chargeVoided, chargeExpired},
	chargeRejected:   {chargeRejected},
	chargeAuthorized: {chargeAuthorized, chargeApproved, chargeVoided, chargeExpired},
	chargeApproved:   {chargeApproved}, chargeVoided: {chargeVoided}, chargeExpired: {chargeExpired},
}

// paymentCard is a card as a merchant sends it.
type paymentCard struct {
	Number      string `json:"number"`
	HolderName  string `json:"holder_name"`
	ExpiryMonth int    `json:"expiry_month"`
	ExpiryYear  int    `json:"expiry_year"`
	CVV         string `json:"cvv"`
}

// charged is a charge that a till asked for. Only its own device operates and reads it.
type charged struct {
	posted
	card    paymentCard
	amount  int64
	capture bool
	// fails is the reason with which the charge may be rejected, and must be if always is set; "" if it must not be.
	fails  string
	always bool
	// seen is the charge as it was shown last.
	seen       shownCharge
	operations []*operated
}

// operated is a capture, a void or a refund that a till asked for.
type operated struct {
	posted
	kind   string
	amount int64
}

// shownCharge is a charge as the payment gateway shows it.
type shownCharge struct {
	ID              uuid.UUID
	Status, Mode    string
	AmountMinor     int64 `json:"amount_minor"`
	CapturedMinor   int64 `json:"captured_minor"`
	RefundedMinor   int64 `json:"refunded_minor"`
	RefundableMinor int64 `json:"refundable_minor"`
	Version         int64
	Error           *struct{ Reason string }
}

// reason is why the charge was rejected; "" if it was not.
func (s *shownCharge) reason() string {
	if s.Error == nil {
		return ""
	}
	return s.Error.Reason
}

// testCards are published test numbers, and the reason with which each is rejected. The answer to the first try of the
// last one is lost on purpose.
var testCards = [...]struct{ number, fails string }{
	{"4111111111111111", ""}, {"4111111111111111", ""}, {"4111111111111111", ""}, {"5555555555554444", ""},
	{"4000000000009995", "INSUFFICIENT_FUNDS"}, {"4000000000000069", "EXPIRED"}, {"4000000000000085", "DUPLICATE"}, {"4000000000000119", ""},
}

// beginCharge adds a charge that is about to be asked for.
func (l *load) beginCharge(t *till, random *rand.Rand) *charged {
	c := &charged{posted: posted{till: t, path: chargesPath}, amount: 100 + random.Int64N(20_000), capture: random.IntN(5) < 3}
	if t.isLive() {
		l.presentBankCard(c, random)
	} else {
		drawn := testCards[random.IntN(len(testCards))]
		c.card = paymentCard{Number: drawn.number, HolderName: "MARIA DA SILVA", ExpiryMonth: 12, ExpiryYear: time.Now().Year() + 1, CVV: "737"}
		c.fails, c.always = drawn.fails, drawn.fails != ""
	}
	l.charges.mutex.Lock()
	defer l.charges.mutex.Unlock()
	c.key = fmt.Sprintf("%scharge-%d", requestPrefix, l.charges.posts)
	c.body = c.bodyOf(c.amount)
	l.charges.posts++
	l.charges.all = append(l.charges.all, c)
	return c
}

// presentBankCard gives a charge a card of the bank.
func (l *load) presentBankCard(c *charged, random *rand.Rand) {
	kind := highLimit
	switch random.IntN(8) {
	case 0:
		kind, c.fails, c.always = blockedCard, "BLOCKED", true
	case 1, 2:
		kind, c.fails = lowLimit, "INSUFFICIENT_FUNDS"
	}
	data := l.cards.draw(random, kind).data
	c.card = paymentCard{
		Number: data.GetNumber(), HolderName: data.GetHolderName(), CVV: data.GetCvv(),
		ExpiryMonth: int(data.GetExpiryMonth()), ExpiryYear: int(data.GetExpiryYear()),
	}
}

// bodyOf is the body of the charge with an amount.
func (c *charged) bodyOf(amount int64) string {
	body, err := json.Marshal(map[string]any{
		"amount_minor": amount, "currency": "BRL", "capture": c.capture, "description": "load", "card": c.card,
	})
	if err != nil {
		panic("chaos: texts and numbers have a JSON: " + err.Error())
	}
	return string(body)
}

// beginOperation adds an operation that is about to be asked for. Without an amount it is for all that there is.
func (l *load) beginOperation(c *charged, kind string, amount int64) *operated {
	o := &operated{posted: posted{till: c.till, path: chargesPath + "/" + c.id.String() + "/" + kind, body: "{}"}, kind: kind, amount: amount}
	if amount > 0 {
		o.body = fmt.Sprintf(`{"amount_minor": %d}`, amount)
	}
	l.charges.mutex.Lock()
	defer l.charges.mutex.Unlock()
	o.key = fmt.Sprintf("%s%s-%d", requestPrefix, kind, l.charges.posts)
	l.charges.posts++
	c.operations = append(c.operations, o)
	return o
}

// operate reads a charge and asks for what its status allows, and now and then for what it does not.
func (t *till) operate(ctx context.Context, c *charged, random *rand.Rand) {
	shown := t.read(ctx, c)
	if shown == nil {
		return
	}
	kind, amount := "refund", int64(0)
	switch {
	case shown.Status == chargeAuthorized && random.IntN(3) == 0:
		kind = "void"
	case shown.Status == chargeAuthorized:
		kind, amount = "capture", random.Int64N(shown.AmountMinor) // 0 is all
	case shown.Status == chargeApproved && random.IntN(8) == 0:
		amount = shown.RefundableMinor + 1 // too much, unless a refund that was under way is refused meanwhile
	case shown.Status == chargeApproved && shown.RefundableMinor > 0:
		amount = 1 + random.Int64N(shown.RefundableMinor)
	case random.IntN(4) != 0:
		return // Nothing can be done to it.
	}
	t.post(ctx, &t.load.beginOperation(c, kind, amount).posted, random.IntN(sentOnceEvery) == 0)
}

// read reads a charge that was accepted. It returns nil if there is no answer.
func (t *till) read(ctx context.Context, c *charged) *shownCharge {
	answer, kind := t.call(ctx, deskRequest{method: http.MethodGet, path: chargesPath + "/" + c.id.String()}, "CHARGE_NOT_FOUND")
	switch kind {
	case classRefused:
		t.load.observed.report(chargesKept, "%s was accepted as %s and is gone", c.key, c.id)
	case classOK:
		t.load.charges.reads.Add(1)
		var shown shownCharge
		if err := json.Unmarshal(answer.body, &shown); err != nil {
			t.load.observed.report(chargesKept, "%s is shown as %s: %v", c.key, answer.body, err)
			return nil
		}
		t.load.observed.reportIf(c.see(&shown), chargesDecided)
		return &shown
	}
	return nil
}

// see records how a charge is shown, and returns what is wrong with it: it only moves on, and an end never changes.
func (c *charged) see(shown *shownCharge) (wrong string) {
	was := c.seen
	if was.Status == "" {
		was.Status = chargePending
	}
	c.seen = *shown
	switch {
	case shown.ID != c.id, shown.AmountMinor != c.amount, shown.Mode != c.till.mode:
	case shown.RefundedMinor+shown.RefundableMinor > shown.CapturedMinor, shown.CapturedMinor > c.amount:
	case shown.Version < was.Version, shown.CapturedMinor < was.CapturedMinor, shown.RefundedMinor < was.RefundedMinor:
	case !slices.Contains(nextStatuses[was.Status], shown.Status), was.reason() != "" && was.reason() != shown.reason():
	default:
		return c.checkOutcome(shown)
	}
	return fmt.Sprintf("%s of %d was %+v and is %+v", c.key, c.amount, was, *shown)
}

// checkOutcome returns what is wrong with how a charge was decided.
func (c *charged) checkOutcome(shown *shownCharge) string {
	isRight := true
	switch shown.Status {
	case chargePending:
	case chargeRejected:
		isRight = shown.reason() == c.fails && c.fails != ""
	case chargeApproved:
		isRight = !c.always && shown.CapturedMinor > 0 && (!c.capture || shown.CapturedMinor == c.amount)
	default:
		isRight = !c.always && !c.capture && shown.CapturedMinor == 0
	}
	if isRight {
		return ""
	}
	return fmt.Sprintf("%s of %d in %s mode (capture %v, may fail with %q, must fail: %v) is %s %s with %d captured",
		c.key, c.amount, c.till.mode, c.capture, c.fails, c.always, shown.Status, shown.reason(), shown.CapturedMinor)
}
