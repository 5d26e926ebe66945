package chaos

import (
	"context"
	"math/rand/v2"
	"sync"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// memory is what a worker did lately, for what refers to earlier operations.
type memory struct {
	approved []uint32 // approved purchases that were not given back
	decided  []uint32 // any answered purchases
}

const remembered = 64

func (m *memory) keep(list *[]uint32, n uint32) {
	if len(*list) >= remembered {
		*list = (*list)[1:]
	}
	*list = append(*list, n)
}

// take removes and returns one approved purchase.
func (m *memory) take(random *rand.Rand) (uint32, bool) {
	if len(m.approved) == 0 {
		return 0, false
	}
	i := random.IntN(len(m.approved))
	n := m.approved[i]
	m.approved = append(m.approved[:i], m.approved[i+1:]...)
	return n, true
}

// unary does everything that one call can, one after the other.
func (l *load) unary(ctx context.Context, worker int, random *rand.Rand) {
	var recent memory
	for !l.over(ctx) {
		l.pace.wait(ctx, 1)
		switch draw := random.IntN(1000); {
		case draw < 700:
			l.buy(ctx, worker, random, &recent)
		case draw < 770:
			l.reverse(ctx, worker, random, &recent)
		case draw < 800:
			l.voidDecided(ctx, worker, random, &recent)
		case draw < 815:
			l.voidUnseen(ctx, worker, random)
		case draw < 890:
			l.repeat(ctx, worker, random, &recent)
		case draw < 900:
			l.reuse(ctx, worker, random, &recent)
		case draw < 940:
			l.together(ctx, worker, random)
		case draw < 970:
			l.limit(ctx, worker, random)
		case draw < 990:
			l.check(ctx, worker, random, &recent)
		default:
			l.issue(ctx, worker, tight, tightLimit)
		}
	}
}

// draw makes up a purchase.
func (l *load) draw(random *rand.Rand) operation {
	kind, amount := wide, 1+random.Int64N(20_000)
	switch draw := random.IntN(100); {
	case draw < 45:
		kind, amount = tight, 1+random.Int64N(600)
	case draw < 48:
		kind = blocked
	case draw < 51:
		kind = small
	case draw < 54:
		kind = large
	case draw < 56:
		kind = rare
	}
	c := l.wallet.draw(random, kind)
	op := operation{kind: purchase, account: c.index, amount: amount}
	switch draw := random.IntN(100); {
	case draw < 5:
		op.variant = byData
	case draw < 8:
		op.variant = byToken
	case draw < 10:
		op.variant = byWrongName
	case draw < 11:
		op.variant = byStranger
	}
	return op
}

func (l *load) buy(ctx context.Context, worker int, random *rand.Rand, recent *memory) {
	n := l.history.begin(l.draw(random))
	if l.send(ctx, worker, n) {
		l.remember(n, recent)
	}
}

func (l *load) remember(n uint32, recent *memory) {
	op := l.history.get(n)
	recent.keep(&recent.decided, n)
	if op.status == uint8(bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED) {
		recent.keep(&recent.approved, n)
	}
}

// send has a purchase decided, or asks again what was decided.
func (l *load) send(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	request := l.purchaseRequest(n, op)
	if op.variant == byToken && op.state != answered {
		l.tokenize(ctx, worker, op, request)
	}
	var answer *bankv1.AuthorizePurchaseResponse
	ok := l.persist(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).purchases.AuthorizePurchase(ctx, request)
		return l.seen.classify("AuthorizePurchase", err)
	})
	if ok {
		l.decided(n, op, answer.GetPurchase())
	}
	return ok
}

// tokenize exchanges the card's data for a token; without one the card is named.
func (l *load) tokenize(ctx context.Context, worker int, op operation, request *bankv1.AuthorizePurchaseRequest) {
	once, cancel := call(ctx)
	defer cancel()
	token, err := l.clients.bank(worker, 0).cards.CreateCardToken(once, &bankv1.CreateCardTokenRequest{CardData: l.wallet.get(op.account).data})
	if l.seen.classify("CreateCardToken", err) == fine {
		request.CardSource = &bankv1.AuthorizePurchaseRequest_CardToken{CardToken: token.GetCardToken()}
	}
}

// decided takes the answer to a purchase down and holds it against what was to be expected.
func (l *load) decided(n uint32, op operation, answer *bankv1.Purchase) {
	told := outcomeOf(answer)
	l.note(n, told)
	voided := told.status == uint8(bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED)
	if answer.GetRequestId() != requestID(n) || !voided && answer.GetAmountMinor() != op.amount {
		l.seen.report("I5", "purchase %s of %d was answered with id %s and amount %d", requestID(n), op.amount, answer.GetRequestId(), answer.GetAmountMinor())
	}
	if want := l.mustDecline(op); want != 0 && !voided && answer.GetDecline().GetReason() != want {
		l.seen.report("expectations", "purchase %s had to be declined for %s and was answered %s %s", requestID(n), want, answer.GetStatus(), answer.GetDecline().GetReason())
	}
}

// mustDecline returns the reason for which a purchase is declined whatever the
// balance; 0 when that depends.
func (l *load) mustDecline(op operation) bankv1.DeclineReason {
	if op.variant == byStranger {
		return bankv1.DeclineReason_DECLINE_REASON_UNKNOWN_CARD
	}
	holding := l.wallet.get(op.account).holding
	switch {
	case holding == blocked:
		return bankv1.DeclineReason_DECLINE_REASON_BLOCKED
	case op.variant == byWrongName:
		return bankv1.DeclineReason_DECLINE_REASON_NAME_MISMATCH
	case holding == small && op.amount > smallMost:
		return bankv1.DeclineReason_DECLINE_REASON_OVER_PURCHASE_LIMIT
	case holding == large && op.amount < largeLeast:
		return bankv1.DeclineReason_DECLINE_REASON_AMOUNT_BELOW_MINIMUM
	}
	return 0
}

func (l *load) reverse(ctx context.Context, worker int, random *rand.Rand, recent *memory) {
	target, ok := recent.take(random)
	if !ok {
		return
	}
	bought := l.history.get(target)
	n := l.history.begin(operation{kind: reversal, account: bought.account, amount: bought.amount, target: target})
	l.sendReversal(ctx, worker, n)
}

func (l *load) sendReversal(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	request := &bankv1.ReversePurchaseRequest{RequestId: requestID(n), Name: "purchases/" + uuid.UUID(l.history.get(op.target).id).String(), Description: "given back"}
	var answer *bankv1.ReversePurchaseResponse
	ok := l.persist(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).purchases.ReversePurchase(ctx, request)
		return l.seen.classify("ReversePurchase", err)
	})
	if ok {
		l.note(n, outcome{id: idOf(answer.GetReversal().GetName())})
		if got := answer.GetReversal().GetAmountMinor(); got != op.amount {
			l.seen.report("I11", "the reversal %s gave %d back of a purchase of %d", requestID(n), got, op.amount)
		}
	}
	return ok
}

// voidDecided ends an approved purchase.
func (l *load) voidDecided(ctx context.Context, worker int, random *rand.Rand, recent *memory) {
	if target, ok := recent.take(random); ok {
		l.end(ctx, worker, target)
	}
}

// voidUnseen ends an id that was never sent, and sends the purchase after that.
func (l *load) voidUnseen(ctx context.Context, worker int, random *rand.Rand) {
	op := l.draw(random)
	op.variant = byName
	target := l.history.begin(op)
	if !l.end(ctx, worker, target) {
		return
	}
	if l.send(ctx, worker, target) {
		if got := bankv1.PurchaseStatus(l.history.get(target).status); got != bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED {
			l.seen.report("I11", "purchase %s was voided before it was sent, and then answered %s", requestID(target), got)
		}
	}
}

func (l *load) end(ctx context.Context, worker int, target uint32) bool {
	l.history.change(target, func(op *operation) { op.voided = true })
	bought := l.history.get(target)
	return l.sendVoid(ctx, worker, l.history.begin(operation{kind: void, account: bought.account, amount: bought.amount, target: target}))
}

func (l *load) sendVoid(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	ok := l.persist(ctx, n, func(ctx context.Context, try int) class {
		_, err := l.clients.bank(worker, try).purchases.VoidPurchase(ctx, &bankv1.VoidPurchaseRequest{RequestId: requestID(op.target)})
		return l.seen.classify("VoidPurchase", err)
	})
	if ok {
		l.note(n, outcome{})
	}
	return ok
}

// repeat sends a purchase that was answered once more, to be answered the same.
func (l *load) repeat(ctx context.Context, worker int, random *rand.Rand, recent *memory) {
	if len(recent.decided) > 0 {
		l.send(ctx, worker, recent.decided[random.IntN(len(recent.decided))])
	}
}

// reuse sends another purchase under an id that was answered, to be refused.
func (l *load) reuse(ctx context.Context, worker int, random *rand.Rand, recent *memory) {
	if len(recent.decided) == 0 {
		return
	}
	n := recent.decided[random.IntN(len(recent.decided))]
	op := l.history.get(n)
	if op.status == uint8(bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED) {
		return // What was voided unseen says so to every purchase.
	}
	op.amount++
	once, cancel := call(ctx)
	defer cancel()
	_, err := l.clients.bank(worker, 0).purchases.AuthorizePurchase(once, l.purchaseRequest(n, op))
	if l.seen.classify("AuthorizePurchase", err, codes.Aborted) == fine {
		l.seen.report("I5", "purchase %s was sent with another amount and not refused", requestID(n))
	}
}

// together sends one purchase several times at once, to every bank.
func (l *load) together(ctx context.Context, worker int, random *rand.Rand) {
	n := l.history.begin(l.draw(random))
	var sending sync.WaitGroup
	for i := range 4 {
		sending.Go(func() { l.send(ctx, worker+i, n) })
	}
	sending.Wait()
}

// limit changes a tight card's limit, to more or to less than is owed.
func (l *load) limit(ctx context.Context, worker int, random *rand.Rand) {
	c := l.wallet.draw(random, tight)
	l.sendLimit(ctx, worker, l.history.begin(operation{kind: limitChange, account: c.index, amount: random.Int64N(20 * tightLimit)}))
}

func (l *load) sendLimit(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	var answer *bankv1.ChangeLimitResponse
	ok := l.persist(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).cards.ChangeLimit(ctx, &bankv1.ChangeLimitRequest{
			RequestId: requestID(n), Name: l.wallet.get(op.account).name, CreditLimitMinor: op.amount,
		})
		return l.seen.classify("ChangeLimit", err)
	})
	if ok {
		l.note(n, outcome{})
		if got := answer.GetCard().GetCreditLimitMinor(); got != op.amount {
			l.seen.report("I5", "limit change %s to %d was answered %d", requestID(n), op.amount, got)
		}
	}
	return ok
}

// check reads an answered purchase again.
func (l *load) check(ctx context.Context, worker int, random *rand.Rand, recent *memory) {
	if len(recent.decided) > 0 {
		l.reread(ctx, worker, recent.decided[random.IntN(len(recent.decided))])
	}
}

// reread holds what GetPurchase says of an answered purchase against its answer.
func (l *load) reread(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	once, cancel := call(ctx)
	defer cancel()
	answer, err := l.clients.bank(worker, 0).purchases.GetPurchase(once, &bankv1.GetPurchaseRequest{Name: "purchases/" + uuid.UUID(op.id).String()})
	if l.seen.classify("GetPurchase", err, codes.NotFound) != fine {
		if err != nil && status.Code(err) == codes.NotFound {
			l.seen.report("I3", "purchase %s was answered and is gone", requestID(n))
		}
		return false
	}
	got := outcomeOf(answer.GetPurchase())
	given := answer.GetPurchase().GetReversedMinor() > 0
	if got.id != op.id || got.status != op.status && !given {
		l.seen.report("I3", "purchase %s was answered status %d and is read with status %d", requestID(n), op.status, got.status)
	}
	return true
}
