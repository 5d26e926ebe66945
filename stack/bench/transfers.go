package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const (
	// maxWallets bounds how many wallets exchange money.
	maxWallets = 10_000
	// accountLength is the length of every account name: accounts/ and a UUID. purchaseLength is
	// that of every purchase: purchases/ and a UUID.
	accountLength  = 45
	purchaseLength = 46
)

// transfers compares transfers between two accounts with card purchases: on random pairs of wallets,
// and all of them on one pair in both directions. It also compares an authorization and its capture
// with two purchases.
func (w *workbench) transfers(ctx context.Context) (figures []Figure, err error) {
	bank, err := w.newBank(ctx, "ledger", nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bank.remove(ctx)) }()
	if err := bank.buyWithEveryCard(ctx); err != nil {
		return nil, err
	}
	payer, err := newPayer(ctx, bank.client, min(maxWallets, max(2, w.options.Cards)), w.options.Callers)
	if err != nil {
		return nil, err
	}
	if err := payer.transferFromEvery(ctx); err != nil {
		return nil, err
	}
	callers := w.options.Callers
	purchases := bank.term("purchases by card", callers, bank.uniform)
	purchases.unit = "purchases/s"
	twice := bank.term("two purchases", callers, bank.buyTwice)
	twice.unit = "twice/s"
	series, err := w.alternate(ctx,
		purchases,
		bank.term("transfers between random wallets", callers, payer.anyPair),
		bank.term("transfers on one pair, in both directions", callers, payer.onePair),
		twice,
		bank.term("an authorization and its capture", callers, payer.authorizeAndCapture))
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("%d in flight, %d wallets, %d cards", callers, len(payer.wallets), len(w.cards))
	return []Figure{
		ratio("Transfers", setting, series[1], series[0]),
		ratio("TransfersOnePair", fmt.Sprintf("%d in flight on two wallets; purchases on %d cards", callers, len(w.cards)), series[2], series[0]),
		ratio("HoldAndCapture", setting, series[4], series[3]),
	}, nil
}

// buyTwice buys twice, each time with a random card.
func (c *client) buyTwice(ctx context.Context, caller int) error {
	return errors.Join(c.uniform(ctx, caller), c.uniform(ctx, caller))
}

// payer moves money between wallets, and captures what it has authorized. Like the client it encodes
// each request once.
type payer struct {
	*client
	wallets []string
	callers []payerRequests
}

// payerRequests are the encoded requests of one caller.
type payerRequests struct {
	transfer request
	// source and destination point into the transfer.
	source, destination []byte
	authorization       *request
	capture             request
	// purchase points into the capture.
	purchase []byte
}

func newPayer(ctx context.Context, c *client, wallets, callers int) (*payer, error) {
	p := &payer{client: c, callers: make([]payerRequests, callers)}
	for i := range p.callers {
		if err := p.callers[i].encode(); err != nil {
			return nil, err
		}
	}
	return p, p.open(ctx, wallets)
}

// encode encodes the requests with placeholders.
func (r *payerRequests) encode() error {
	id := strings.Repeat("#", idLength)
	transfer, err := proto.Marshal(&bankv1.TransferRequest{
		RequestId: id, Source: strings.Repeat("@", accountLength), Destination: strings.Repeat("~", accountLength),
		AmountMinor: 100, Currency: "BRL", Message: "Dinner on Friday",
	})
	if err != nil {
		return err
	}
	capture, err := proto.Marshal(&bankv1.CapturePurchaseRequest{RequestId: id, Name: strings.Repeat("@", purchaseLength)})
	if err != nil {
		return err
	}
	r.transfer = request{encoded: transfer, ids: [][]byte{placeholder(transfer, '#', idLength)}}
	r.source, r.destination = placeholder(transfer, '@', accountLength), placeholder(transfer, '~', accountLength)
	r.capture = request{encoded: capture, ids: [][]byte{placeholder(capture, '#', idLength)}}
	r.purchase = placeholder(capture, '@', purchaseLength)
	later := newPurchase()
	later.CaptureLater = true
	r.authorization, err = newRequest(later)
	return err
}

// placeholder returns the part of an encoded message that is made of one character.
func placeholder(message []byte, mark byte, length int) []byte {
	at := bytes.IndexByte(message, mark)
	return message[at : at+length]
}

// open opens wallets with a deposit that no run spends.
func (p *payer) open(ctx context.Context, n int) error {
	service := bankv1.NewWalletServiceClient(p.desk[0])
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.wallets = make([]string, n)
	var working sync.WaitGroup
	var next atomic.Int64
	for range issuers {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				opened, err := service.OpenAccount(ctx, &bankv1.OpenAccountRequest{
					RequestId: "wallet-" + strconv.Itoa(i), Currency: "BRL", OpeningDepositMinor: unlimitedCredit,
				})
				if err != nil {
					cancel(err)
					return
				}
				p.wallets[i] = opened.GetAccount().GetName()
			}
		})
	}
	working.Wait()
	return context.Cause(ctx)
}

// transferFromEvery makes a transfer from every wallet, so that a bank that has been running for a
// while is measured.
func (p *payer) transferFromEvery(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var working sync.WaitGroup
	var next atomic.Int64
	for caller := range p.callers {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(p.wallets) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := p.send(ctx, caller, p.wallets[i], p.wallets[(i+1)%len(p.wallets)]); err != nil {
					cancel(err)
				}
			}
		})
	}
	working.Wait()
	return context.Cause(ctx)
}

// anyPair transfers between two random wallets.
func (p *payer) anyPair(ctx context.Context, caller int) error {
	from, shift := rand.IntN(len(p.wallets)), 1+rand.IntN(len(p.wallets)-1)
	return p.send(ctx, caller, p.wallets[from], p.wallets[(from+shift)%len(p.wallets)])
}

// onePair transfers between the same two wallets. Every second caller transfers the other way.
func (p *payer) onePair(ctx context.Context, caller int) error {
	return p.send(ctx, caller, p.wallets[caller%2], p.wallets[1-caller%2])
}

// send makes a transfer and fails unless it is approved.
func (p *payer) send(ctx context.Context, caller int, from, to string) error {
	r := &p.callers[caller]
	p.number(&r.transfer)
	copy(r.source, from)
	copy(r.destination, to)
	return p.desk[caller%connections].Invoke(ctx, bankv1.WalletService_Transfer_FullMethodName,
		&r.transfer, &transferAnswer{id: r.transfer.ids[0]}, grpc.ForceCodecV2(codec{}))
}

// authorizeAndCapture sets the amount of a purchase aside and captures all of it.
func (p *payer) authorizeAndCapture(ctx context.Context, caller int) error {
	r := &p.callers[caller]
	p.fill(r.authorization, p.anyCard)
	authorized := purchaseAnswer{status: bankv1.PurchaseStatus_PURCHASE_STATUS_AUTHORIZED, name: r.purchase}
	if err := p.invoke(ctx, caller, bankv1.PurchaseService_AuthorizePurchase_FullMethodName, r.authorization, &authorized); err != nil {
		return err
	}
	p.number(&r.capture)
	captured := purchaseAnswer{status: bankv1.PurchaseStatus_PURCHASE_STATUS_CAPTURED, name: make([]byte, purchaseLength)}
	return p.invoke(ctx, caller, bankv1.PurchaseService_CapturePurchase_FullMethodName, &r.capture, &captured)
}

// transferAnswer checks the answer to a transfer.
type transferAnswer struct{ id []byte }

// read checks that the transfer has the id and is approved.
func (a *transferAnswer) read(encoded []byte) error {
	transaction, _ := field(encoded, 1)
	answered, _ := field(transaction, 2)
	if _, status := field(transaction, 4); status != uint64(bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED) || !bytes.Equal(answered, a.id) {
		return fmt.Errorf("transfer %s: %w: %q", a.id, errNotApproved, encoded)
	}
	return nil
}

// purchaseAnswer checks the status of a purchase and copies its name.
type purchaseAnswer struct {
	status bankv1.PurchaseStatus
	name   []byte
}

// read checks the status.
func (a *purchaseAnswer) read(encoded []byte) error {
	purchase, _ := field(encoded, 1)
	name, _ := field(purchase, 1)
	if _, status := field(purchase, 3); status != uint64(a.status) || len(name) != len(a.name) {
		return fmt.Errorf("want %s: %w: %q", a.status, errNotApproved, encoded)
	}
	copy(a.name, name)
	return nil
}
