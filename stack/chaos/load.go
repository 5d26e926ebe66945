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

// load is what the clients do, and what they know.
type load struct {
	seed    uint64
	clients *clients
	wallet  wallet
	history history
	seen    *observations
	pace    pacer
	orders  orders
	watched watched
	reading sessions

	working sync.WaitGroup
	started atomic.Bool
	stopped atomic.Bool
	// refusedBusy counts the tries that the bank turned away because it had too much to do.
	refusedBusy atomic.Int64
}

// Where the workers' random numbers begin, so that no two kinds share any.
const (
	unaryStream = 1 << 20 * (iota + 1)
	bulkStream
	watchStream
	orderStream
	readStream
	awayStream
)

// start lets the workers loose until stop.
func (l *load) start(ctx context.Context, counts workers) {
	l.started.Store(true)
	begin := func(count int, stream uint64, work func(context.Context, int, *rand.Rand)) {
		for worker := range count {
			random := rand.New(rand.NewPCG(l.seed, stream+uint64(worker)))
			l.working.Go(func() { work(ctx, worker, random) })
		}
	}
	begin(counts.unary, unaryStream, l.unary)
	begin(counts.bulk, bulkStream, l.bulk)
	begin(counts.watch, watchStream, l.watch)
	begin(counts.orders, orderStream, l.order)
	begin(counts.readers, readStream, l.read)
}

// workers is how many of each kind are at work.
type workers struct{ unary, bulk, watch, orders, readers int }

// stop ends the load; each worker ends the operation that it has begun.
func (l *load) stop() {
	l.stopped.Store(true)
	l.working.Wait()
}

func (l *load) over(ctx context.Context) bool { return l.stopped.Load() || ctx.Err() != nil }

// note takes an answer down and reports one that differs from an earlier one.
func (l *load) note(n uint32, told outcome) {
	if difference := l.history.answer(n, told); difference != "" {
		l.seen.report("I5", "%s", difference)
	}
}

// carelessOne is one operation in so many that is sent once only while the load goes
// on: what became of it stays unknown until the end.
const carelessOne = 4

func (l *load) careless(n uint32) bool {
	return n%carelessOne == 0 && l.started.Load() && !l.stopped.Load()
}

// persist sends one operation until it is answered, for a few tries, each to
// another bank. It reports whether there was an answer, and takes down what is
// known when there was none.
func (l *load) persist(ctx context.Context, n uint32, send func(context.Context, int) class) bool {
	most := tries
	if l.careless(n) {
		most = 1
	}
	for try := range most {
		once, cancel := call(ctx)
		class := send(once, try)
		cancel()
		switch class {
		case fine:
			return true
		case busy:
			l.refusedBusy.Add(1)
		case invalid:
			l.history.refuse(n)
			return false
		default:
			l.history.lose(n)
		}
		if !rest(ctx, pause<<min(try, 3)) {
			return false
		}
	}
	l.history.refuse(n)
	return false
}

// How the card of a purchase is presented.
const (
	byName uint8 = iota
	byData
	byToken
	// byWrongName presents card data with another holder's name, byStranger a number
	// that this bank never issued: both are declined.
	byWrongName
	byStranger
)

// strangersNumber is a published test number that this bank never issues.
const strangersNumber = "4000056655665556"

var merchants = [...]*bankv1.Merchant{
	{Id: "livraria-aurora", Name: "Livraria Aurora", CategoryCode: "5942", City: "São Paulo", Country: "BR"},
	{Id: "cafe-da-serra", Name: "Café da Serra", CategoryCode: "5814", City: "Belo Horizonte", Country: "BR"},
	{Id: "mercado-central", Name: "Mercado Central", CategoryCode: "5411", City: "Curitiba", Country: "BR"},
	{Id: "posto-do-lago", Name: "Posto do Lago", CategoryCode: "5541", City: "Brasília", Country: "BR"},
	{Id: "farmacia-boa-vista", Name: "Farmácia Boa Vista", CategoryCode: "5912", City: "Recife", Country: "BR"},
}

// purchaseRequest is the request of a purchase, from its line in the history. Sent
// again, with the card presented in another way, it is the same request to the bank.
func (l *load) purchaseRequest(n uint32, op operation) *bankv1.AuthorizePurchaseRequest {
	request := &bankv1.AuthorizePurchaseRequest{
		RequestId: requestID(n), AmountMinor: op.amount, Currency: "BRL",
		Merchant: merchants[n%uint32(len(merchants))], Channel: bankv1.Channel(1 + n%4), Description: "load",
	}
	c := l.wallet.get(op.account)
	switch op.variant {
	case byStranger:
		request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: &bankv1.CardData{
			Number: strangersNumber, HolderName: "Mallory", ExpiryMonth: 1, ExpiryYear: 2031, Cvv: "739",
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

// idOf returns the UUID at the end of a resource's name; zero when there is none.
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

// pacer lets so many operations through a second.
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

// wait lets count operations through when their turn has come. A turn that nobody
// took within a while is lost: after an outage the load does not catch up.
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
		rest(ctx, wait)
	}
}
