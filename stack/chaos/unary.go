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

// recentPurchases are the latest purchases of a worker. Later operations refer to them.
type recentPurchases struct {
	approved []uint32 // approved and not given back
	decided  []uint32 // answered, whatever the answer
}

const recentMax = 64

func (m *recentPurchases) add(list *[]uint32, n uint32) {
	if len(*list) >= recentMax {
		*list = (*list)[1:]
	}
	*list = append(*list, n)
}

// take removes and returns a random approved purchase.
func (m *recentPurchases) take(random *rand.Rand) (uint32, bool) {
	if len(m.approved) == 0 {
		return 0, false
	}
	i := random.IntN(len(m.approved))
	n := m.approved[i]
	m.approved = append(m.approved[:i], m.approved[i+1:]...)
	return n, true
}

// runUnary is one worker that makes every kind of unary call, one after the other.
func (l *load) runUnary(ctx context.Context, worker int, random *rand.Rand) {
	var recent recentPurchases
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
			l.voidBeforePurchase(ctx, worker, random)
		case draw < 890:
			l.repeatPurchase(ctx, worker, random, &recent)
		case draw < 900:
			l.reuseRequestID(ctx, worker, random, &recent)
		case draw < 940:
			l.buyConcurrently(ctx, worker, random)
		case draw < 970:
			l.changeLimit(ctx, worker, random)
		case draw < 990:
			l.rereadPurchase(ctx, worker, random, &recent)
		default:
			l.issue(ctx, worker, lowLimit, lowLimitMinor)
		}
	}
}

// drawPurchase returns a random purchase.
func (l *load) drawPurchase(random *rand.Rand) operation {
	kind, amount := highLimit, 1+random.Int64N(20_000)
	switch draw := random.IntN(100); {
	case draw < 45:
		kind, amount = lowLimit, 1+random.Int64N(600)
	case draw < 48:
		kind = blockedCard
	case draw < 51:
		kind = smallAmounts
	case draw < 54:
		kind = largeAmounts
	case draw < 56:
		kind = oncePerMinute
	}
	c := l.cards.draw(random, kind)
	op := operation{kind: purchase, account: c.index, amount: amount}
	switch draw := random.IntN(100); {
	case draw < 5:
		op.variant = byData
	case draw < 8:
		op.variant = byToken
	case draw < 10:
		op.variant = byWrongName
	case draw < 11:
		op.variant = byUnissuedNumber
	}
	return op
}

func (l *load) buy(ctx context.Context, worker int, random *rand.Rand, recent *recentPurchases) {
	n := l.history.begin(l.drawPurchase(random))
	if l.sendPurchase(ctx, worker, n) {
		l.addRecent(n, recent)
	}
}

func (l *load) addRecent(n uint32, recent *recentPurchases) {
	op := l.history.get(n)
	recent.add(&recent.decided, n)
	if op.status == uint8(bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED) {
		recent.add(&recent.approved, n)
	}
}

// sendPurchase sends a purchase until it is answered. It also repeats an answered purchase.
func (l *load) sendPurchase(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	request := l.purchaseRequest(n, op)
	if op.variant == byToken && op.state != answered {
		l.tokenize(ctx, worker, op, request)
	}
	var answer *bankv1.AuthorizePurchaseResponse
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).purchases.AuthorizePurchase(ctx, request)
		return l.observed.classify("AuthorizePurchase", err)
	})
	if ok {
		l.checkAnswer(n, op, answer.GetPurchase())
	}
	return ok
}

// tokenize exchanges the card data for a token. If that fails, the request keeps the name of
// the card.
func (l *load) tokenize(ctx context.Context, worker int, op operation, request *bankv1.AuthorizePurchaseRequest) {
	once, cancel := callContext(ctx)
	defer cancel()
	token, err := l.clients.bank(worker, 0).tokens.CreateCardToken(once, &bankv1.CreateCardTokenRequest{CardData: l.cards.get(op.account).data})
	if l.observed.classify("CreateCardToken", err) == classOK {
		request.CardSource = &bankv1.AuthorizePurchaseRequest_CardToken{CardToken: token.GetCardToken()}
	}
}

// checkAnswer records the answer to a purchase and compares it with the expected one.
func (l *load) checkAnswer(n uint32, op operation, answer *bankv1.Purchase) {
	given := outcomeOf(answer)
	l.recordAnswer(n, given)
	voided := given.status == uint8(bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED)
	if answer.GetRequestId() != requestID(n) || !voided && answer.GetAmountMinor() != op.amount {
		l.observed.report("I5", "purchase %s of %d was answered with id %s and amount %d", requestID(n), op.amount, answer.GetRequestId(), answer.GetAmountMinor())
	}
	if want := l.expectedDecline(op); want != 0 && !voided && answer.GetDecline().GetReason() != want {
		l.observed.report("expectations", "purchase %s had to be declined for %s and was answered %s %s", requestID(n), want, answer.GetStatus(), answer.GetDecline().GetReason())
	}
}

// expectedDecline returns the reason for which a purchase must be declined whatever the
// balance; 0 if that depends on the balance.
func (l *load) expectedDecline(op operation) bankv1.DeclineReason {
	if op.variant == byUnissuedNumber {
		return bankv1.DeclineReason_DECLINE_REASON_UNKNOWN_CARD
	}
	holding := l.cards.get(op.account).kind
	switch {
	case holding == blockedCard:
		return bankv1.DeclineReason_DECLINE_REASON_BLOCKED
	case op.variant == byWrongName:
		return bankv1.DeclineReason_DECLINE_REASON_NAME_MISMATCH
	case holding == smallAmounts && op.amount > smallAmountMax:
		return bankv1.DeclineReason_DECLINE_REASON_OVER_PURCHASE_LIMIT
	case holding == largeAmounts && op.amount < largeAmountMin:
		return bankv1.DeclineReason_DECLINE_REASON_AMOUNT_BELOW_MINIMUM
	}
	return 0
}

func (l *load) reverse(ctx context.Context, worker int, random *rand.Rand, recent *recentPurchases) {
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
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).purchases.ReversePurchase(ctx, request)
		return l.observed.classify("ReversePurchase", err)
	})
	if ok {
		l.recordAnswer(n, outcome{id: idOf(answer.GetReversal().GetName())})
		if got := answer.GetReversal().GetAmountMinor(); got != op.amount {
			l.observed.report("I11", "the reversal %s gave %d back of a purchase of %d", requestID(n), got, op.amount)
		}
	}
	return ok
}

// voidDecided voids an approved purchase.
func (l *load) voidDecided(ctx context.Context, worker int, random *rand.Rand, recent *recentPurchases) {
	if target, ok := recent.take(random); ok {
		l.voidPurchase(ctx, worker, target)
	}
}

// voidBeforePurchase voids a request id that was never sent, and then sends the purchase.
func (l *load) voidBeforePurchase(ctx context.Context, worker int, random *rand.Rand) {
	op := l.drawPurchase(random)
	op.variant = byName
	target := l.history.begin(op)
	if !l.voidPurchase(ctx, worker, target) {
		return
	}
	if l.sendPurchase(ctx, worker, target) {
		if got := bankv1.PurchaseStatus(l.history.get(target).status); got != bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED {
			l.observed.report("I11", "purchase %s was voided before it was sent, and then answered %s", requestID(target), got)
		}
	}
}

func (l *load) voidPurchase(ctx context.Context, worker int, target uint32) bool {
	l.history.change(target, func(op *operation) { op.voided = true })
	bought := l.history.get(target)
	return l.sendVoid(ctx, worker, l.history.begin(operation{kind: void, account: bought.account, amount: bought.amount, target: target}))
}

func (l *load) sendVoid(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		_, err := l.clients.bank(worker, try).purchases.VoidPurchase(ctx, &bankv1.VoidPurchaseRequest{RequestId: requestID(op.target)})
		return l.observed.classify("VoidPurchase", err)
	})
	if ok {
		l.recordAnswer(n, outcome{})
	}
	return ok
}

// repeatPurchase sends an answered purchase again. The answer must be the same.
func (l *load) repeatPurchase(ctx context.Context, worker int, random *rand.Rand, recent *recentPurchases) {
	if len(recent.decided) > 0 {
		l.sendPurchase(ctx, worker, recent.decided[random.IntN(len(recent.decided))])
	}
}

// reuseRequestID sends another purchase under an answered request id. It must be refused.
func (l *load) reuseRequestID(ctx context.Context, worker int, random *rand.Rand, recent *recentPurchases) {
	if len(recent.decided) == 0 {
		return
	}
	n := recent.decided[random.IntN(len(recent.decided))]
	op := l.history.get(n)
	if op.status == uint8(bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED) {
		return // a purchase that was voided before it was sent answers VOIDED to every body
	}
	op.amount++
	once, cancel := callContext(ctx)
	defer cancel()
	_, err := l.clients.bank(worker, 0).purchases.AuthorizePurchase(once, l.purchaseRequest(n, op))
	l.observed.requireReuseRefused("AuthorizePurchase", requestID(n), err)
}

// buyConcurrently sends one purchase several times at once, to every bank.
func (l *load) buyConcurrently(ctx context.Context, worker int, random *rand.Rand) {
	n := l.history.begin(l.drawPurchase(random))
	var sending sync.WaitGroup
	for i := range 4 {
		sending.Go(func() { l.sendPurchase(ctx, worker+i, n) })
	}
	sending.Wait()
}

// changeLimit changes the limit of a card with a low limit. The new limit may be below the
// debt.
func (l *load) changeLimit(ctx context.Context, worker int, random *rand.Rand) {
	c := l.cards.draw(random, lowLimit)
	l.sendLimit(ctx, worker, l.history.begin(operation{kind: limitChange, account: c.index, amount: random.Int64N(20 * lowLimitMinor)}))
}

func (l *load) sendLimit(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	var answer *bankv1.ChangeLimitResponse
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).cards.ChangeLimit(ctx, &bankv1.ChangeLimitRequest{
			RequestId: requestID(n), Name: l.cards.get(op.account).name, CreditLimitMinor: op.amount,
		})
		return l.observed.classify("ChangeLimit", err)
	})
	if ok {
		l.recordAnswer(n, outcome{})
		if got := answer.GetCard().GetCreditLimitMinor(); got != op.amount {
			l.observed.report("I5", "limit change %s to %d was answered %d", requestID(n), op.amount, got)
		}
	}
	return ok
}

// rereadPurchase reads an answered purchase again.
func (l *load) rereadPurchase(ctx context.Context, worker int, random *rand.Rand, recent *recentPurchases) {
	if len(recent.decided) > 0 {
		l.comparePurchase(ctx, worker, recent.decided[random.IntN(len(recent.decided))])
	}
}

// comparePurchase compares what GetPurchase returns for a purchase with its answer.
func (l *load) comparePurchase(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	once, cancel := callContext(ctx)
	defer cancel()
	answer, err := l.clients.bank(worker, 0).purchases.GetPurchase(once, &bankv1.GetPurchaseRequest{Name: "purchases/" + uuid.UUID(op.id).String()})
	if l.observed.classify("GetPurchase", err, codes.NotFound) != classOK {
		if err != nil && status.Code(err) == codes.NotFound {
			l.observed.report("I3", "purchase %s was answered and is gone", requestID(n))
		}
		return false
	}
	got := outcomeOf(answer.GetPurchase())
	given := answer.GetPurchase().GetReversedMinor() > 0
	if got.id != op.id || got.status != op.status && !given {
		l.observed.report("I3", "purchase %s was answered status %d and is read with status %d", requestID(n), op.status, got.status)
	}
	return true
}
