package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
)

const (
	// pixRate is the constant rate at which payments between banks are measured, in payments a second.
	pixRate = 50
	// pixAmount is what a payment moves, and pixDeposit what a payer has, in minor units.
	pixAmount, pixDeposit = 100, 1_000_000_000
	// pixWallets is how many payers there are, and how many receivers. Each receiver has keysOfReceiver keys.
	pixWallets, keysOfReceiver = 50, 20
	// pixObjective is the time in which 99 of 100 payments are completed at a rate that is kept up with.
	pixObjective = time.Second
	// pixInFlight is how many payments are not completed while the most is measured.
	pixInFlight = 64
	// pixSteps are the shares of the most that are tried until one is kept up with.
	pixSteps = 8
)

// The holders of the wallets, one at each bank.
const payersCPF, receiversCPF = "52998224725", "11144477735"

// pixBanks are two banks with the hub between them, and wallets at both.
type pixBanks struct {
	workbench *workbench
	one, two  *grpc.ClientConn
	sender    bankv1.PixServiceClient
	payers    []string
	keys      []string
	desk      *pixDesk
}

// startPix starts the hub and both banks of the stack, and opens the wallets.
func (w *workbench) startPix(ctx context.Context) (*pixBanks, error) {
	p := &pixBanks{workbench: w}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.end(ctx))
	}
	return p, nil
}

// pixPrograms are the programs of the stack that payments between banks need, in the order of their start.
func pixPrograms() []string {
	return []string{launch.CodePix, launch.FirstBank().Bank, launch.SecondBank().Bank}
}

func (p *pixBanks) start(ctx context.Context) (err error) {
	stack := p.workbench.stack
	for _, name := range pixPrograms() {
		if err := stack.Process(name).Start(ctx); err != nil {
			return err
		}
		if err := stack.Process(name).WaitReady(ctx); err != nil {
			return err
		}
	}
	dial := func(bank launch.Institution) (*grpc.ClientConn, error) {
		return stack.Dial(launch.Bank, stack.Addresses().Of(bank).BankGRPC, bank.As(launch.Operator))
	}
	if p.one, err = dial(launch.FirstBank()); err != nil {
		return err
	}
	if p.two, err = dial(launch.SecondBank()); err != nil {
		return err
	}
	p.sender = bankv1.NewPixServiceClient(p.one)
	if p.payers, err = p.openWallets(ctx, p.one, "Pedro Alves", payersCPF, pixDeposit); err != nil {
		return err
	}
	receivers, err := p.openWallets(ctx, p.two, "Rita Alves", receiversCPF, 0)
	if err != nil {
		return err
	}
	if err := p.makeKeys(ctx, receivers); err != nil {
		return err
	}
	p.desk, err = newPixDesk(ctx, p.workbench, p.payers)
	return err
}

// openWallets opens wallets of one customer and says who he is.
func (p *pixBanks) openWallets(ctx context.Context, bank *grpc.ClientConn, name, document string, deposit int64) (accounts []string, err error) {
	customer := uuid.NewSHA1(uuid.Nil, []byte(document)).String()
	for i := range pixWallets {
		opened, err := bankv1.NewWalletServiceClient(bank).OpenAccount(ctx, &bankv1.OpenAccountRequest{
			RequestId: "bench-pix-" + strconv.Itoa(i), CustomerId: customer, Currency: "BRL", OpeningDepositMinor: deposit,
		})
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, opened.GetAccount().GetName())
	}
	_, err = bankv1.NewPixServiceClient(bank).RegisterHolder(ctx, &bankv1.RegisterHolderRequest{
		Customer: "customers/" + customer, FullName: name, Document: document,
	})
	return accounts, err
}

// makeKeys registers the receivers' keys, some at a time.
func (p *pixBanks) makeKeys(ctx context.Context, receivers []string) error {
	p.workbench.printf("registering %d keys", len(receivers)*keysOfReceiver)
	keys := bankv1.NewPixServiceClient(p.two)
	made, failed := make([]string, len(receivers)*keysOfReceiver), make([]error, len(receivers))
	register := func(i int, receiver string) error {
		for n := range keysOfReceiver {
			at := i*keysOfReceiver + n
			key, err := keys.CreateKey(ctx, &bankv1.CreateKeyRequest{
				RequestId: "bench-key-" + strconv.Itoa(at), Account: receiver, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM,
			})
			if err != nil {
				return err
			}
			made[at] = key.GetKey().GetKey()
		}
		return nil
	}
	var working sync.WaitGroup
	for i, receiver := range receivers {
		working.Go(func() { failed[i] = register(i, receiver) })
	}
	working.Wait()
	p.keys = made
	return errors.Join(failed...)
}

func (p *pixBanks) end(ctx context.Context) (err error) {
	ctx = context.WithoutCancel(ctx)
	if p.desk != nil {
		err = p.desk.close()
	}
	for _, conn := range []*grpc.ClientConn{p.one, p.two} {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
	}
	for _, name := range slices.Backward(pixPrograms()) {
		if running := p.workbench.stack.Process(name); running.Running() {
			err = errors.Join(err, running.Stop(ctx))
		}
	}
	return err
}

// send sends a payment from one wallet to a key of the other bank, and returns the transaction of its hold.
func (p *pixBanks) send(ctx context.Context) (uuid.UUID, error) {
	n := numbers.Add(1)
	sent, err := p.sender.SendPix(ctx, &bankv1.SendPixRequest{
		RequestId: "bench-pix-send-" + strconv.FormatInt(n, 10), Account: p.payers[n%pixWallets], AmountMinor: pixAmount, Currency: "BRL",
		Description: "bench", Destination: &bankv1.SendPixRequest_Key{Key: p.keys[rand.IntN(len(p.keys))]},
	})
	if err != nil {
		return uuid.UUID{}, err
	}
	if sent.GetPix().GetState() == bankv1.PixState_PIX_STATE_REJECTED {
		return uuid.UUID{}, fmt.Errorf("%s was rejected: %s", sent.GetPix().GetName(), sent.GetPix().GetReason())
	}
	return uuid.Parse(sent.GetPix().GetTransaction()[len("transactions/"):])
}

// pay sends a payment and waits until it is completed.
func (p *pixBanks) pay(ctx context.Context) error {
	hold, err := p.send(ctx)
	if err != nil {
		return err
	}
	select {
	case <-p.desk.decided(hold):
		return p.desk.failure()
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(decisionTimeout):
		return fmt.Errorf("the payment with the hold %s was not completed within %s", hold, decisionTimeout)
	}
}

// pix measures payments between banks: look-ups of keys against empty calls, how long a payment takes until it is
// completed at a constant rate, the most payments against purchases, and the highest rate that is kept up with.
func (w *workbench) pix(ctx context.Context) (figures []Figure, err error) {
	p, err := w.startPix(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.end(ctx)) }()
	if figures, err = p.pixLookUps(ctx); err != nil {
		return figures, err
	}
	completed, err := p.completedAtRate(ctx)
	if err != nil {
		return figures, err
	}
	figures = append(figures, completed)
	r, err := w.startBankAndYardstick(ctx)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	most := closedTerm(fmt.Sprintf("payments between banks until completed, %d in flight", pixInFlight), pixInFlight,
		func(ctx context.Context, _ int) error { return p.pay(ctx) })
	most.unit = "pix/s"
	series, err := w.alternate(ctx, most, r.unaryTerm())
	if err != nil {
		return figures, err
	}
	setting := fmt.Sprintf("%d payments and %d purchases in flight, %d payers, TLS", pixInFlight, w.options.Callers, pixWallets)
	figures = append(figures, ratio("PixMost", setting, series[0], series[1]))
	kept, err := p.keptUp(ctx, Median(series[0].Values))
	return append(figures, kept), err
}

// paid is what payments at a constant rate have shown, sorted.
type paid struct{ accepted, completed []time.Duration }

// atRate sends payments at a constant rate and waits until all are completed. The time until a payment is completed
// counts from its acceptance.
func (p *pixBanks) atRate(ctx context.Context, rate float64, window time.Duration) (paid paid, err error) {
	var mutex sync.Mutex
	var waiting sync.WaitGroup
	var late error
	paid.accepted, err = atConstantRate(ctx, rate, window, func(ctx context.Context, _ int) error {
		hold, err := p.send(ctx)
		if err != nil {
			return err
		}
		since := time.Now()
		done := p.desk.decided(hold)
		waiting.Go(func() {
			var failed error
			select {
			case <-done:
			case <-time.After(decisionTimeout):
				failed = fmt.Errorf("the payment with the hold %s was not completed within %s", hold, decisionTimeout)
			}
			mutex.Lock()
			defer mutex.Unlock()
			paid.completed = append(paid.completed, time.Since(since))
			late = errors.Join(late, failed)
		})
		return nil
	})
	waiting.Wait()
	slices.Sort(paid.completed)
	return paid, errors.Join(err, late, p.desk.failure())
}

// completedAtRate measures payments at pixRate, round by round.
func (p *pixBanks) completedAtRate(ctx context.Context) (Figure, error) {
	w := p.workbench
	accepted := Series{Name: "a payment is accepted, 99 of 100 take at most", Unit: "accepted99-ms"}
	half, most := Series{Name: "accepted until completed, median", Unit: "completed50-ms"}, Series{Name: "95 of 100 take at most", Unit: "completed95-ms"}
	f := Figure{
		Name: "PixCompleted", Unit: "ms",
		Setting: fmt.Sprintf("%d payments a second, %d payers, TLS; accepted until completed, 99 of 100 take at most", pixRate, pixWallets),
	}
	// The broker compiles its code meanwhile.
	if _, err := p.atRate(ctx, pixRate, w.options.Soak/2); err != nil && !errors.Is(err, errRateNotKept) {
		return f, err
	}
	for range w.options.Rounds {
		paid, err := p.atRate(ctx, pixRate, w.options.Window)
		if err != nil && !(errors.Is(err, errRateNotKept) && w.options.Quick) {
			return f, err
		}
		accepted.Values = append(accepted.Values, milliseconds(quantile(paid.accepted, 0.99)))
		half.Values = append(half.Values, milliseconds(quantile(paid.completed, 0.5)))
		most.Values = append(most.Values, milliseconds(quantile(paid.completed, 0.95)))
		f.Values = append(f.Values, milliseconds(quantile(paid.completed, 0.99)))
	}
	f.Terms = []Series{accepted, half, most}
	return f, nil
}

// keptUp finds the highest rate at which, for half of the soak, 99 of 100 payments are completed within the objective:
// it tries shares of the most, from the whole down.
func (p *pixBanks) keptUp(ctx context.Context, most float64) (Figure, error) {
	w := p.workbench
	slow := Series{Name: "accepted until completed, 99 of 100 take at most", Unit: "completed99-ms"}
	f := Figure{
		Name: "PixRate", Unit: "/s",
		Setting: fmt.Sprintf("payments a second that are kept up with for %s: 99 of 100 completed within %s", w.options.Soak/2, pixObjective),
	}
	for step := range pixSteps {
		rate := most * float64(pixSteps-step) / pixSteps
		paid, err := p.atRate(ctx, rate, w.options.Soak/2)
		took := quantile(paid.completed, 0.99)
		w.printf("%.0f payments a second: 99 of 100 are completed within %s", rate, took.Round(time.Millisecond))
		if err != nil && !errors.Is(err, errRateNotKept) {
			return f, err
		}
		if err == nil && took <= pixObjective || w.options.Quick {
			slow.Values, f.Values = []float64{milliseconds(took)}, []float64{rate}
			f.Terms = []Series{slow}
			return f, nil
		}
	}
	return f, fmt.Errorf("not even %.0f payments a second were kept up with", most/pixSteps)
}
