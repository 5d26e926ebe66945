package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/stack/launch"
)

// unissuedNumber is a published test number that this bank never issues.
const unissuedNumber = "4000056655665556"

// Products of the catalogue that the declines need: a cheap one, an expensive one, and one
// between them.
const (
	cheapProduct     = "products/marcador-de-pagina"
	mediumProduct    = "products/livro-dom-casmurro"
	expensiveProduct = "products/notebook-14"
)

// attempt is one purchase that must be declined for a reason.
type attempt struct {
	reason bankv1.DeclineReason
	// rules are the rules of the card that is issued for the attempt.
	rules *bankv1.IssueCardRequest
	// prepare changes the card before the purchase. alterCard changes the card data of the
	// order.
	prepare   func(context.Context, *customer) error
	alterCard func(*checkoutv1.Card)
	product   string
}

// withoutAttempt are the reasons that no order of the demonstration has: it closes no account.
var withoutAttempt = []bankv1.DeclineReason{bankv1.DeclineReason_DECLINE_REASON_ACCOUNT_CLOSED}

func (d *demonstration) attempts() []attempt {
	plain := func() *bankv1.IssueCardRequest { return &bankv1.IssueCardRequest{CreditLimitMinor: 900_000} }
	return []attempt{
		{bankv1.DeclineReason_DECLINE_REASON_UNKNOWN_CARD, plain(), nil, func(c *checkoutv1.Card) { c.Number = unissuedNumber }, mediumProduct},
		{bankv1.DeclineReason_DECLINE_REASON_NAME_MISMATCH, plain(), nil, func(c *checkoutv1.Card) { c.HolderName = "Somebody Else" }, mediumProduct},
		{bankv1.DeclineReason_DECLINE_REASON_EXPIRY_MISMATCH, plain(), nil, func(c *checkoutv1.Card) { c.ExpiryYear++ }, mediumProduct},
		{bankv1.DeclineReason_DECLINE_REASON_CVV_MISMATCH, plain(), nil, wrongCode, mediumProduct},
		{bankv1.DeclineReason_DECLINE_REASON_EXPIRED, nil, nil, nil, mediumProduct},
		{bankv1.DeclineReason_DECLINE_REASON_BLOCKED, plain(), d.block, nil, mediumProduct},
		{bankv1.DeclineReason_DECLINE_REASON_LOCKED, plain(), d.lockCard, nil, mediumProduct},
		{bankv1.DeclineReason_DECLINE_REASON_INSUFFICIENT_FUNDS, &bankv1.IssueCardRequest{CreditLimitMinor: 1_000}, nil, nil, mediumProduct},
		{bankv1.DeclineReason_DECLINE_REASON_OVER_PURCHASE_LIMIT, &bankv1.IssueCardRequest{CreditLimitMinor: 900_000, PurchaseLimitMinor: 100_000}, nil, nil, expensiveProduct},
		{bankv1.DeclineReason_DECLINE_REASON_TOO_FREQUENT, &bankv1.IssueCardRequest{CreditLimitMinor: 900_000, PurchasesPerMinute: 1}, d.buyOne, nil, mediumProduct},
		{bankv1.DeclineReason_DECLINE_REASON_AMOUNT_BELOW_MINIMUM, &bankv1.IssueCardRequest{CreditLimitMinor: 900_000, PurchaseMinimumMinor: 500}, nil, nil, cheapProduct},
	}
}

// showDeclines tries every reason of the contract's closed list. It fails if a reason is
// missing or an order is declined for another reason.
func (d *demonstration) showDeclines(ctx context.Context) error {
	attempts := d.attempts()
	for number := range bankv1.DeclineReason_name {
		reason := bankv1.DeclineReason(number)
		tried := slices.ContainsFunc(attempts, func(a attempt) bool { return a.reason == reason })
		if !tried && reason != bankv1.DeclineReason_DECLINE_REASON_UNSPECIFIED && !slices.Contains(withoutAttempt, reason) {
			return fmt.Errorf("no attempt is declined for %s", reason)
		}
	}
	for i, attempt := range attempts {
		want := strings.TrimPrefix(attempt.reason.String(), "DECLINE_REASON_")
		who, err := d.issueFor(ctx, i, attempt)
		if err != nil {
			return fmt.Errorf("%s: %w", want, err)
		}
		if attempt.prepare != nil {
			if err := attempt.prepare(ctx, who); err != nil {
				return fmt.Errorf("%s: %w", want, err)
			}
		}
		order, err := d.buy(ctx, who, newCart(who, attempt.product, attempt.alterCard))
		if err != nil {
			return fmt.Errorf("%s: %w", want, err)
		}
		if order.GetDeclineReason() != want {
			return fmt.Errorf("an order must be declined for %s and ended with %s %s", want, order.GetState(), order.GetDeclineReason())
		}
		d.printf("  %s  %s %s\n", order.GetDeclineCode(), pad(want, 22), order.GetDeclineMessage())
	}
	return nil
}

// issueFor issues a card for one attempt. The expired card comes from a bank whose clock is six
// years back. That bank shares ledger and vault with the real one.
func (d *demonstration) issueFor(ctx context.Context, i int, attempt attempt) (*customer, error) {
	request, cards := attempt.rules, d.cards
	if request == nil {
		request = &bankv1.IssueCardRequest{CreditLimitMinor: 900_000}
		past, end, err := d.startPastBank(ctx)
		if err != nil {
			return nil, err
		}
		defer end()
		cards = past
	}
	request.RequestId = fmt.Sprintf("demo-decline-%d", i)
	request.HolderName, request.Currency = "Zoraide Pimentel", "BRL"
	issued, err := cards.IssueCard(ctx, request)
	if err != nil {
		return nil, err
	}
	return &customer{card: issued.GetCard(), data: issued.GetCardData()}, nil
}

// Ports of the bank of the past, and the offset of its clock.
const (
	pastGRPCOffset = 40
	pastHTTPOffset = 41
	pastOffset     = "-52560h"
)

func (d *demonstration) startPastBank(ctx context.Context) (bankv1.CardServiceClient, func(), error) {
	base := d.stack.Addresses().BasePort
	past, err := d.stack.Replica(ctx, launch.Bank, launch.Copy{
		Name: "bank-past", GRPCPort: base + pastGRPCOffset, HTTPPort: base + pastHTTPOffset,
		Settings: map[string]string{"clock-offset": pastOffset, "relay": "false"},
	})
	if err != nil {
		return nil, nil, err
	}
	connection, err := d.stack.Dial(launch.Bank, fmt.Sprintf("127.0.0.1:%d", base+pastGRPCOffset), launch.Operator)
	if err != nil {
		return nil, nil, err
	}
	end := func() {
		connection.Close()
		if err := d.stack.Remove(context.WithoutCancel(ctx), past); err != nil {
			d.printf("  the bank of the past did not stop: %v\n", err)
		}
	}
	return bankv1.NewCardServiceClient(connection), end, nil
}

func newCart(who *customer, product string, mistype func(*checkoutv1.Card)) *checkoutv1.PlaceOrderRequest {
	card := who.cardInput()
	if mistype != nil {
		mistype(card)
	}
	return &checkoutv1.PlaceOrderRequest{Card: card, Attempt: 1, Items: []*checkoutv1.PlaceOrderItem{{Product: product, Quantity: 1}}}
}

// wrongCode sets a wrong security code.
func wrongCode(card *checkoutv1.Card) {
	digits := []byte(card.GetCvv())
	digits[0] = '0' + (digits[0]-'0'+1)%10
	card.Cvv = string(digits)
}

func (d *demonstration) block(ctx context.Context, who *customer) error {
	_, err := d.cards.BlockCard(ctx, &bankv1.BlockCardRequest{Name: who.card.GetName()})
	return err
}

// lockCard sends wrong security codes until the card is locked.
func (d *demonstration) lockCard(ctx context.Context, who *customer) error {
	for range 5 {
		if _, err := d.buy(ctx, who, newCart(who, mediumProduct, wrongCode)); err != nil {
			return err
		}
	}
	return nil
}

func (d *demonstration) buyOne(ctx context.Context, who *customer) error {
	_, err := d.buy(ctx, who, newCart(who, mediumProduct, nil))
	return err
}
