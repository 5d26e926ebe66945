package demo

import (
	"context"
	"fmt"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// briefHold is how long a hold lasts that nobody captures.
	briefHold = 1500 * time.Millisecond
	// expiryTimeout bounds the wait until it has ended.
	expiryTimeout = 30 * time.Second
)

var (
	bakery = &bankv1.Merchant{Id: "padaria-do-largo", Name: "Padaria do Largo", CategoryCode: "5462", City: "Olinda", Country: "BR"}
	hotel  = &bankv1.Merchant{Id: "pousada-da-praia", Name: "Pousada da Praia", CategoryCode: "7011", City: "Natal", Country: "BR"}
)

// owner is a customer with a wallet.
type owner struct {
	name    string
	account string
	person  *launch.Person
}

// moveMoney opens two wallets and moves money in every way that needs no card.
func (d *demonstration) moveMoney(ctx context.Context) error {
	ana, err := d.openWallet(ctx, d.customers[0], 80_000)
	if err != nil {
		return err
	}
	bruno, err := d.openWallet(ctx, d.customers[1], 0)
	if err != nil {
		return err
	}
	brief, err := d.hold(ctx, ana, "demo-hold-brief", 5_000, time.Now().Add(briefHold))
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, *owner, *owner) error{d.payIn, d.transferAndReturn, d.payFromBalance, d.holdAndCapture} {
		if err := step(ctx, ana, bruno); err != nil {
			return err
		}
	}
	if err := d.awaitExpiry(ctx, brief); err != nil {
		return err
	}
	d.ana, d.bruno = ana, bruno
	for _, who := range []*owner{ana, bruno} {
		read, err := d.cash.GetBalance(ctx, &bankv1.GetBalanceRequest{Name: who.account})
		if err != nil {
			return err
		}
		d.printf("  %s has %s, of which %s is set aside\n", who.name, formatReais(read.GetAccount().GetBalanceMinor()), formatReais(read.GetAccount().GetHeldMinor()))
	}
	return nil
}

// openWallet opens a wallet for a customer who has a card.
func (d *demonstration) openWallet(ctx context.Context, who *customer, deposit int64) (*owner, error) {
	card, err := d.cards.GetAccount(ctx, &bankv1.GetAccountRequest{Name: who.card.GetAccount()})
	if err != nil {
		return nil, err
	}
	id := card.GetAccount().GetCustomerId()
	opened, err := d.cash.OpenAccount(ctx, &bankv1.OpenAccountRequest{
		RequestId: "demo-wallet-" + id, CustomerId: id, Currency: "BRL", OpeningDepositMinor: deposit,
	})
	if err != nil {
		return nil, err
	}
	d.printf("  %s opens a wallet with %s\n", who.data.GetHolderName(), formatReais(deposit))
	return &owner{name: who.data.GetHolderName(), account: opened.GetAccount().GetName(), person: who.person}, nil
}

func (d *demonstration) payIn(ctx context.Context, _, bruno *owner) error {
	deposit, err := d.cash.Deposit(ctx, &bankv1.DepositRequest{
		RequestId: "demo-deposit", Account: bruno.account, AmountMinor: 15_000, Currency: "BRL",
	})
	if err != nil {
		return err
	}
	d.printf("  %s pays %s in\n", bruno.name, formatReais(deposit.GetTransaction().GetAmountMinor()))
	return nil
}

// transferAndReturn sends money to another customer, who gives a part of it back.
func (d *demonstration) transferAndReturn(ctx context.Context, ana, bruno *owner) error {
	sent, err := d.wallets.Transfer(ana.person.Context(ctx), &bankv1.TransferRequest{
		RequestId: "demo-transfer", Source: ana.account, Destination: bruno.account, AmountMinor: 12_000, Currency: "BRL", Message: "Concert tickets",
	})
	if err != nil {
		return err
	}
	back, err := d.wallets.Reverse(bruno.person.Context(ctx), &bankv1.ReverseRequest{
		RequestId: "demo-return", Name: sent.GetTransaction().GetName(), AmountMinor: 2_000, Description: "One ticket less",
	})
	if err != nil {
		return err
	}
	d.printf("  %s sends %s to %s, who gives %s back\n", ana.name, formatReais(sent.GetTransaction().GetAmountMinor()),
		bruno.name, formatReais(back.GetTransaction().GetAmountMinor()))
	return nil
}

// payFromBalance pays a shop, which gives a part back.
func (d *demonstration) payFromBalance(ctx context.Context, _, bruno *owner) error {
	bought, err := d.wallets.Purchase(bruno.person.Context(ctx), &bankv1.PurchaseRequest{
		RequestId: "demo-bread", Account: bruno.account, AmountMinor: 3_490, Currency: "BRL", Merchant: bakery, MerchantReference: "table-7",
	})
	if err != nil {
		return err
	}
	back, err := d.cash.Reverse(ctx, &bankv1.ReverseRequest{
		RequestId: "demo-bread-back", Name: bought.GetTransaction().GetName(), AmountMinor: 490,
	})
	if err != nil {
		return err
	}
	d.printf("  %s pays %s at %s from his balance and gets %s back\n", bruno.name, formatReais(bought.GetTransaction().GetAmountMinor()),
		bakery.GetName(), formatReais(back.GetTransaction().GetAmountMinor()))
	return nil
}

// holdAndCapture sets an amount aside and captures a part of it.
func (d *demonstration) holdAndCapture(ctx context.Context, ana, _ *owner) error {
	placed, err := d.hold(ctx, ana, "demo-hold", 30_000, time.Time{})
	if err != nil {
		return err
	}
	captured, err := d.wallets.CaptureHold(ana.person.Context(ctx), &bankv1.CaptureHoldRequest{
		RequestId: "demo-capture", Name: placed.GetName(), AmountMinor: 26_000,
	})
	if err != nil {
		return err
	}
	d.printf("  %s holds %s of %s and captures %s\n", hotel.GetName(), formatReais(placed.GetAmountMinor()), ana.name, formatReais(captured.GetTransaction().GetAmountMinor()))
	return nil
}

// hold sets an amount aside for the hotel; without a time it lasts seven days.
func (d *demonstration) hold(ctx context.Context, who *owner, requestID string, amount int64, expires time.Time) (*bankv1.Transaction, error) {
	request := &bankv1.PlaceHoldRequest{RequestId: requestID, Account: who.account, AmountMinor: amount, Currency: "BRL", Merchant: hotel}
	if !expires.IsZero() {
		request.ExpireTime = timestamppb.New(expires.Truncate(time.Millisecond))
	}
	placed, err := d.wallets.PlaceHold(who.person.Context(ctx), request)
	if err == nil && placed.GetTransaction().GetStatus() != bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED {
		err = fmt.Errorf("the hold %s is %s", requestID, placed.GetTransaction().GetStatus())
	}
	return placed.GetTransaction(), err
}

// awaitExpiry waits until a hold has ended by itself.
func (d *demonstration) awaitExpiry(ctx context.Context, hold *bankv1.Transaction) error {
	ctx, cancel := context.WithTimeout(ctx, expiryTimeout)
	defer cancel()
	for {
		read, err := d.cash.GetTransaction(ctx, &bankv1.GetTransactionRequest{Name: hold.GetName()})
		if err != nil {
			return err
		}
		if read.GetTransaction().GetReleasedMinor() == hold.GetAmountMinor() {
			late := time.Since(hold.GetExpireTime().AsTime())
			d.printf("  a hold of %s that nobody captured is released %d ms after its expiry\n", formatReais(hold.GetAmountMinor()), late.Milliseconds())
			return nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("the hold %s does not expire: %w", hold.GetName(), err)
		}
	}
}
