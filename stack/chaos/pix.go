package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

const (
	// pixWallets is how many accounts at each of the two banks pay to those at the other one, and pixDeposit what each
	// begins with, in minor units. It is so much that no payment is declined. One more account at either bank asks for
	// keys that nobody has.
	pixWallets = 6
	pixDeposit = 1_000_000
	maxPix     = 300
	// PixRate is how many payments between banks customers begin in a second, at most. Each look-up of a key costs a
	// token that the payment gives back when the hub hears of it, and an account has a hundred.
	PixRate    = 4
	pixWorkers = 4
	// pixPrefix begins the request ids of payments, returns and keys.
	pixPrefix = requestPrefix + "pix-"
)

// pixSide is one of the two banks, with the accounts of its customers.
type pixSide struct {
	institution launch.Institution
	// accounts are accounts/{uuid}, and keys the keys by which those of the other bank pay to them.
	accounts, keys []string
	// client returns a connection for a try of a worker.
	client  func(worker, try int) bankv1.PixServiceClient
	wallets bankv1.WalletServiceClient
}

// payments are the payments between banks that customers asked for. It is safe for concurrent use.
type payments struct {
	sides [2]*pixSide
	pace  pacer

	mutex sync.Mutex
	all   []*pixPayment
	// unknown counts payments to keys that nobody has, and again the answers that were compared with the first.
	unknown, again, samples atomic.Int64
}

// pixPayment is a payment that a customer asked for, or a return of one.
type pixPayment struct {
	requestID string
	// from is the side that pays. The other numbers are those of accounts of either side.
	from, account, to int
	amount            int64
	// original is the payment of which a part is given back, nil for a payment.
	original *pixPayment

	mutex sync.Mutex
	// name is that of the first answer, pix/{end-to-end id}, and returned says that somebody gives it back.
	name     string
	returned bool
}

// answered returns the name of the payment, or "" without an answer.
func (p *pixPayment) answered() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.name
}

// isReturned reports whether somebody gives the payment back, and says that somebody does from now on.
func (p *pixPayment) isReturned() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	before := p.returned
	p.returned = true
	return before
}

// documents are CPFs of the two customers.
var documents = [2]string{"52998224725", "11144477735"}

// openPixAccounts opens the accounts of both banks with their keys, before the first fault.
func (r *run) openPixAccounts(ctx context.Context) error {
	second, l := launch.SecondBank(), r.load
	conn, err := r.system.dial(launch.Bank, r.system.stack.Addresses().Of(second).BankGRPC, second.As(launch.Operator))
	if err != nil {
		return err
	}
	l.clients.open = append(l.clients.open, conn)
	other := bankv1.NewPixServiceClient(conn)
	l.payments.sides = [2]*pixSide{
		{institution: launch.FirstBank(), wallets: l.clients.bank(0, 0).wallets,
			client: func(worker, try int) bankv1.PixServiceClient { return l.clients.bank(worker, try).pix }},
		{institution: second, wallets: bankv1.NewWalletServiceClient(conn),
			client: func(int, int) bankv1.PixServiceClient { return other }},
	}
	for i, side := range l.payments.sides {
		customer := uuid.NewString()
		for n := range pixWallets + 1 {
			account, err := r.openPixAccount(ctx, side, n, customer)
			if err != nil {
				return fmt.Errorf("account %d of bank %s: %w", n, side.institution.Code, err)
			}
			side.accounts = append(side.accounts, account)
			if n > 0 {
				continue
			}
			if _, err := side.client(0, 0).RegisterHolder(ctx, &bankv1.RegisterHolderRequest{
				Customer: "customers/" + customer, FullName: "Ana Souza", Document: documents[i],
			}); err != nil {
				return fmt.Errorf("the customer of bank %s: %w", side.institution.Code, err)
			}
		}
		for n, account := range side.accounts[:pixWallets] {
			made, err := side.client(0, 0).CreateKey(ctx, &bankv1.CreateKeyRequest{
				RequestId: fmt.Sprintf("%skey-%d", pixPrefix, n), Account: account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM,
			})
			if err != nil {
				return fmt.Errorf("a key of bank %s: %w", side.institution.Code, err)
			}
			side.keys = append(side.keys, made.GetKey().GetKey())
		}
	}
	return nil
}

// openPixAccount opens an account of a customer. That of the first bank is an operation of the history, because its
// whole ledger is compared with the history.
func (r *run) openPixAccount(ctx context.Context, side *pixSide, n int, customer string) (string, error) {
	l := r.load
	if side.institution.Code == launch.FirstBank().Code {
		opened := l.sendOpening(ctx, n, l.history.begin(operation{kind: opening, account: l.wallets.reserveFor(customer), amount: pixDeposit}))
		if opened == nil {
			return "", fmt.Errorf("it was not opened before the first fault")
		}
		return opened.account, nil
	}
	opened, err := side.wallets.OpenAccount(ctx, &bankv1.OpenAccountRequest{
		RequestId: fmt.Sprintf("%sopen-%d", pixPrefix, n), CustomerId: customer, Currency: "BRL", OpeningDepositMinor: pixDeposit,
	})
	return opened.GetAccount().GetName(), err
}

// payBetweenBanks is one customer who pays to accounts of the other bank, and gives back what came from there.
func (l *load) payBetweenBanks(ctx context.Context, worker int, random *rand.Rand) {
	for !l.over(ctx) {
		l.payments.pace.wait(ctx, 1)
		switch draw := random.IntN(100); {
		case draw < 2:
			l.payToNobody(ctx, worker, random)
		case draw < 10:
			l.giveBack(ctx, worker, random)
		case draw < 20:
			l.payAgain(ctx, worker, random)
		default:
			p := l.newPayment(&pixPayment{
				from: random.IntN(2), account: random.IntN(pixWallets), to: random.IntN(pixWallets), amount: 1 + random.Int64N(maxPix),
			})
			if random.IntN(8) == 0 {
				var together sync.WaitGroup
				together.Go(func() { l.sendPix(ctx, worker+1, p, maxTries) })
				l.sendPix(ctx, worker, p, maxTries)
				together.Wait()
				continue
			}
			tries := maxTries
			if random.IntN(sentOnceEvery) == 0 {
				tries = 1
			}
			l.sendPix(ctx, worker, p, tries)
		}
	}
}

// newPayment adds a payment that is about to be asked for.
func (l *load) newPayment(p *pixPayment) *pixPayment {
	l.payments.mutex.Lock()
	defer l.payments.mutex.Unlock()
	p.requestID = fmt.Sprintf("%s%d", pixPrefix, len(l.payments.all))
	l.payments.all = append(l.payments.all, p)
	return p
}

// anyPayment returns one of the payments that were asked for; nil if there is none.
func (l *load) anyPayment(random *rand.Rand) *pixPayment {
	l.payments.mutex.Lock()
	defer l.payments.mutex.Unlock()
	if len(l.payments.all) == 0 {
		return nil
	}
	return l.payments.all[random.IntN(len(l.payments.all))]
}

// askPix sends one request for a payment or a return.
func (l *load) askPix(ctx context.Context, worker, try int, p *pixPayment) (*bankv1.Pix, error) {
	from, other := l.payments.sides[p.from], l.payments.sides[1-p.from]
	if p.original != nil {
		answer, err := from.client(worker, try).ReturnPix(ctx, &bankv1.ReturnPixRequest{
			RequestId: p.requestID, Name: p.original.answered(), AmountMinor: p.amount, Description: "load",
		})
		return answer.GetPix(), err
	}
	answer, err := from.client(worker, try).SendPix(ctx, &bankv1.SendPixRequest{
		RequestId: p.requestID, Account: from.accounts[p.account], AmountMinor: p.amount, Currency: "BRL", Description: "load",
		Destination: &bankv1.SendPixRequest_Key{Key: other.keys[p.to]},
	})
	return answer.GetPix(), err
}

// sendPix asks for a payment until there is an answer, and compares it with the first.
func (l *load) sendPix(ctx context.Context, worker int, p *pixPayment, tries int) bool {
	for try := range tries {
		once, cancel := callContext(ctx)
		got, err := l.askPix(once, worker, try, p)
		cancel()
		if l.observed.classify("SendPix", err) == classOK {
			l.recordPix(p, got)
			return true
		}
		if !sleep(ctx, retryDelay<<min(try, 3)) {
			return false
		}
	}
	return false
}

func (l *load) recordPix(p *pixPayment, got *bankv1.Pix) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch {
	case p.name == "":
		p.name = got.GetName()
	case p.name != got.GetName():
		l.observed.report("I5", "%s was answered with %s and with %s", p.requestID, p.name, got.GetName())
	default:
		l.payments.again.Add(1)
	}
	if got.GetAmountMinor() != p.amount || got.GetDecline() != nil {
		l.observed.report("I5", "%s of %d was answered %v", p.requestID, p.amount, got)
	}
}

// payToNobody pays to a key that nobody has. It is refused, also because somebody asked for too many such keys.
func (l *load) payToNobody(ctx context.Context, worker int, random *rand.Rand) {
	side := l.payments.sides[random.IntN(2)]
	once, cancel := callContext(ctx)
	defer cancel()
	got, err := side.client(worker, 0).SendPix(once, &bankv1.SendPixRequest{
		RequestId: fmt.Sprintf("%snobody-%d", pixPrefix, l.payments.unknown.Add(1)), Account: side.accounts[pixWallets], AmountMinor: 1, Currency: "BRL",
		Destination: &bankv1.SendPixRequest_Key{Key: uuid.NewString()},
	})
	if l.observed.classify("SendPix", err, codes.NotFound) == classOK {
		l.observed.report("I4", "a payment to a key that nobody has was answered %v", got)
	}
}

// payAgain asks again for a payment that was answered.
func (l *load) payAgain(ctx context.Context, worker int, random *rand.Rand) {
	if p := l.anyPayment(random); p != nil && p.answered() != "" {
		l.sendPix(ctx, worker, p, 1)
	}
}

// giveBack returns a part of a payment that has come to its end, once for each.
func (l *load) giveBack(ctx context.Context, worker int, random *rand.Rand) {
	p := l.anyPayment(random)
	if p == nil || p.original != nil || p.answered() == "" {
		return
	}
	once, cancel := callContext(ctx)
	read, err := l.payments.sides[p.from].client(worker, 0).GetPix(once, &bankv1.GetPixRequest{Name: p.answered()})
	cancel()
	if l.observed.classify("GetPix", err) != classOK || read.GetPix().GetState() != bankv1.PixState_PIX_STATE_COMPLETED || p.isReturned() {
		return
	}
	l.sendPix(ctx, worker, l.newPayment(&pixPayment{from: 1 - p.from, account: p.to, to: p.account, amount: 1 + random.Int64N(p.amount), original: p}), maxTries)
}

// resolvePix asks for every payment until it is answered. It returns how many were not answered under load.
func (r *run) resolvePix(ctx context.Context) (open int, err error) {
	for _, p := range r.load.payments.all {
		if p.answered() != "" {
			continue
		}
		open++
		for until := time.Now().Add(resolveTimeout); !r.load.sendPix(ctx, open, p, maxTries); {
			if ctx.Err() != nil || time.Now().After(until) {
				return open, fmt.Errorf("the payment %s stays without an answer", p.requestID)
			}
		}
	}
	return open, nil
}

// endToEndID is the id in the name of a payment.
func endToEndID(name string) string { return strings.TrimPrefix(name, "pix/") }
