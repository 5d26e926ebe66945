package chaos

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/google/uuid"
)

// load is the work of the clients and what they know of it.
type load struct {
	seed     uint64
	clients  *clients
	cards    cardPool
	wallets  wallets
	history  history
	observed *observations
	pace     pacer
	orders   orders
	recorded recordedHistory
	reads    readCounts
	commands commands
	charges  charges
	payments payments

	working sync.WaitGroup
	started atomic.Bool
	stopped atomic.Bool
	// refusedBusy counts the tries that a bank refused because it had too much to do.
	refusedBusy atomic.Int64
}

// The streams of the workers' random numbers. No two kinds of worker share a number.
const (
	unaryStream = 1 << 20 * (iota + 1)
	bulkStream
	recordedStream
	orderStream
	readStream
	sampleStream
	transferStream
	holdStream
	recordedPairStream
	commandStream
	chargeStream
	hookStream
	_ // the one before is for messages that come again
	pixStream
)

// start starts the workers. They run until stop.
func (l *load) start(ctx context.Context, counts workers) {
	l.started.Store(true)
	begin := func(count int, stream uint64, work func(context.Context, int, *rand.Rand)) {
		for worker := range count {
			random := rand.New(rand.NewPCG(l.seed, stream+uint64(worker)))
			l.working.Go(func() { work(ctx, worker, random) })
		}
	}
	begin(counts.unary, unaryStream, l.runUnary)
	begin(counts.bulk, bulkStream, l.runBulk)
	begin(counts.recorded, recordedStream, l.recordOperations)
	begin(counts.orders, orderStream, l.shop)
	begin(counts.readers, readStream, l.readRepeatedly)
	begin(counts.transfers, transferStream, l.transferAtRandom)
	begin(counts.holds, holdStream, l.holdAtRandom)
	begin(counts.recordedPairs, recordedPairStream, l.recordPairOperations)
	begin(counts.commands, commandStream, l.transferByCommand)
	begin(counts.charges, chargeStream, l.chargeCards)
	begin(counts.payments, pixStream, l.payBetweenBanks)
}

// workers says how many workers of each kind run.
type workers struct{ unary, bulk, recorded, orders, readers, transfers, holds, recordedPairs, commands, charges, payments int }

// stop ends the load. Each worker finishes its current operation.
func (l *load) stop() {
	l.stopped.Store(true)
	l.working.Wait()
}

func (l *load) over(ctx context.Context) bool { return l.stopped.Load() || ctx.Err() != nil }

// recordAnswer records an answer. It reports an answer that differs from an earlier one.
func (l *load) recordAnswer(n uint32, given outcome) {
	if difference := l.history.answer(n, given); difference != "" {
		l.observed.report("I5", "%s", difference)
	}
}

// sentOnceEvery says how often an operation is sent only once while the load runs: one in this
// many. Its outcome may stay unknown until the end.
const sentOnceEvery = 4

func (l *load) sentOnce(n uint32) bool {
	return n%sentOnceEvery == 0 && l.started.Load() && !l.stopped.Load()
}

// sendUntilAnswered sends one operation until it is answered, a few times at most, each time to
// another bank. It returns true if there was an answer; otherwise it records what is known.
func (l *load) sendUntilAnswered(ctx context.Context, n uint32, send func(context.Context, int) class) bool {
	most := maxTries
	if l.sentOnce(n) {
		most = 1
	}
	for try := range most {
		once, cancel := callContext(ctx)
		class := send(once, try)
		cancel()
		switch class {
		case classOK:
			return true
		case classRetryable:
			l.refusedBusy.Add(1)
		case classRefused:
			if l.history.get(n).state == answered {
				l.observed.report("I5", "%s was answered and then refused", requestID(n))
			}
			l.history.markFailed(n)
			return false
		default:
			l.history.markUnknown(n)
		}
		if !sleep(ctx, retryDelay<<min(try, 3)) {
			return false
		}
	}
	l.history.markRefused(n)
	return false
}

// The ways in which the card of a purchase is presented.
const (
	byName uint8 = iota
	byData
	byToken
	// byWrongName presents card data with the name of another holder. byUnissuedNumber presents
	// a number that this bank never issued. Both are declined.
	byWrongName
	byUnissuedNumber
)

// unissuedNumber is a published test number that this bank never issues.
const unissuedNumber = "4000056655665556"

var merchants = [...]*bankv1.Merchant{
	{Id: "livraria-aurora", Name: "Livraria Aurora", CategoryCode: "5942", City: "São Paulo", Country: "BR"},
	{Id: "cafe-da-serra", Name: "Café da Serra", CategoryCode: "5814", City: "Belo Horizonte", Country: "BR"},
	{Id: "mercado-central", Name: "Mercado Central", CategoryCode: "5411", City: "Curitiba", Country: "BR"},
	{Id: "posto-do-lago", Name: "Posto do Lago", CategoryCode: "5541", City: "Brasília", Country: "BR"},
	{Id: "farmacia-boa-vista", Name: "Farmácia Boa Vista", CategoryCode: "5912", City: "Recife", Country: "BR"},
}

// purchaseRequest builds the request of a purchase from its operation in the history. A request
// that presents the same card in another way is the same request to the bank.
func (l *load) purchaseRequest(n uint32, op operation) *bankv1.AuthorizePurchaseRequest {
	request := &bankv1.AuthorizePurchaseRequest{
		RequestId: requestID(n), AmountMinor: op.amount, Currency: "BRL",
		Merchant: merchants[n%uint32(len(merchants))], Channel: bankv1.Channel(1 + n%4), Description: "load",
	}
	c := l.cards.get(op.account)
	switch op.variant {
	case byUnissuedNumber:
		request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: &bankv1.CardData{
			Number: unissuedNumber, HolderName: "Mallory", ExpiryMonth: 1, ExpiryYear: 2031, Cvv: "739",
		}}
	case byData, byWrongName:
		data := &bankv1.CardData{
			Number: c.data.GetNumber(), HolderName: c.data.GetHolderName(), Cvv: c.data.GetCvv(),
			ExpiryMonth: c.data.GetExpiryMonth(), ExpiryYear: c.data.GetExpiryYear(),
		}
		if op.variant == byWrongName {
			data.HolderName = "Somebody Else"
		}
		request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: data}
	default:
		request.CardSource = &bankv1.AuthorizePurchaseRequest_Card{Card: c.name}
	}
	return request
}

// idOf parses the UUID at the end of a resource name; zero if there is none.
func idOf(name string) [16]byte {
	id, err := uuid.Parse(name[strings.LastIndexByte(name, '/')+1:])
	if err != nil {
		return [16]byte{}
	}
	return id
}

func outcomeOf(p *bankv1.Purchase) outcome {
	return outcome{id: idOf(p.GetName()), status: uint8(p.GetStatus()), reason: uint8(p.GetDecline().GetReason())}
}

// pacer limits how many operations begin in a second.
type pacer struct {
	mutex sync.Mutex
	gap   time.Duration
	next  time.Time
}

func (p *pacer) set(perSecond int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.gap = time.Second / time.Duration(max(1, perSecond))
}

// wait returns when count more operations may begin. A turn that is not used in time is lost,
// so the load does not catch up after an outage.
func (p *pacer) wait(ctx context.Context, count int) {
	p.mutex.Lock()
	now := time.Now()
	if late := now.Add(-200 * time.Millisecond); p.next.Before(late) {
		p.next = late
	}
	turn := p.next
	p.next = p.next.Add(time.Duration(count) * p.gap)
	p.mutex.Unlock()
	if wait := turn.Sub(now); wait > 0 {
		sleep(ctx, wait)
	}
}
