package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/stack/launch"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// strangersNumber is a published test number that this bank never issues.
const strangersNumber = "4000056655665556"

// Products of the catalogue that the declines need: one cheap, one dear, one between.
const (
	cheap   = "products/marcador-de-pagina"
	between = "products/livro-dom-casmurro"
	dear    = "products/notebook-14"
)

// attempt is one purchase that must be declined for a reason.
type attempt struct {
	reason bankv1.DeclineReason
	// rules are those of the card that is issued for it.
	rules *bankv1.IssueCardRequest
	// before happens to the card first, mistype to what is typed.
	before  func(context.Context, *person) error
	mistype func(*checkoutv1.Card)
	product string
}

func (t *town) attempts() []attempt {
	plain := func() *bankv1.IssueCardRequest { return &bankv1.IssueCardRequest{CreditLimitMinor: 900_000} }
	return []attempt{
		{bankv1.DeclineReason_DECLINE_REASON_UNKNOWN_CARD, plain(), nil, func(c *checkoutv1.Card) { c.Number = strangersNumber }, between},
		{bankv1.DeclineReason_DECLINE_REASON_NAME_MISMATCH, plain(), nil, func(c *checkoutv1.Card) { c.HolderName = "Somebody Else" }, between},
		{bankv1.DeclineReason_DECLINE_REASON_EXPIRY_MISMATCH, plain(), nil, func(c *checkoutv1.Card) { c.ExpiryYear++ }, between},
		{bankv1.DeclineReason_DECLINE_REASON_CVV_MISMATCH, plain(), nil, wrongCode, between},
		{bankv1.DeclineReason_DECLINE_REASON_EXPIRED, nil, nil, nil, between},
		{bankv1.DeclineReason_DECLINE_REASON_BLOCKED, plain(), t.block, nil, between},
		{bankv1.DeclineReason_DECLINE_REASON_LOCKED, plain(), t.guess, nil, between},
		{bankv1.DeclineReason_DECLINE_REASON_INSUFFICIENT_FUNDS, &bankv1.IssueCardRequest{CreditLimitMinor: 1_000}, nil, nil, between},
		{bankv1.DeclineReason_DECLINE_REASON_OVER_PURCHASE_LIMIT, &bankv1.IssueCardRequest{CreditLimitMinor: 900_000, PurchaseLimitMinor: 100_000}, nil, nil, dear},
		{bankv1.DeclineReason_DECLINE_REASON_TOO_FREQUENT, &bankv1.IssueCardRequest{CreditLimitMinor: 900_000, PurchasesPerMinute: 1}, t.buyOne, nil, between},
		{bankv1.DeclineReason_DECLINE_REASON_AMOUNT_BELOW_MINIMUM, &bankv1.IssueCardRequest{CreditLimitMinor: 900_000, PurchaseMinimumMinor: 500}, nil, nil, cheap},
	}
}

// beDeclined tries every reason of the contract's closed list, and fails when one
// is missing or comes out as another.
func (t *town) beDeclined(ctx context.Context) error {
	attempts := t.attempts()
	for number := range bankv1.DeclineReason_name {
		reason := bankv1.DeclineReason(number)
		tried := slices.ContainsFunc(attempts, func(a attempt) bool { return a.reason == reason })
		if !tried && reason != bankv1.DeclineReason_DECLINE_REASON_UNSPECIFIED {
			return fmt.Errorf("nothing here is declined for %s", reason)
		}
	}
	for i, attempt := range attempts {
		want := strings.TrimPrefix(attempt.reason.String(), "DECLINE_REASON_")
		who, err := t.castFor(ctx, i, attempt)
		if err != nil {
			return fmt.Errorf("%s: %w", want, err)
		}
		if attempt.before != nil {
			if err := attempt.before(ctx, who); err != nil {
				return fmt.Errorf("%s: %w", want, err)
			}
		}
		order, err := t.buy(ctx, who, cartOf(who, attempt.product, attempt.mistype))
		if err != nil {
			return fmt.Errorf("%s: %w", want, err)
		}
		if order.GetDeclineReason() != want {
			return fmt.Errorf("an order that had to be declined for %s ended %s %s", want, order.GetState(), order.GetDeclineReason())
		}
		t.printf("  %s  %s %s\n", order.GetDeclineCode(), left(want, 22), order.GetDeclineMessage())
	}
	return nil
}

// castFor issues a card for one attempt. The expired one comes from a bank whose
// clock stands six years back; it shares ledger and vault with the real one.
func (t *town) castFor(ctx context.Context, i int, attempt attempt) (*person, error) {
	request, cards := attempt.rules, t.cards
	if request == nil {
		request = &bankv1.IssueCardRequest{CreditLimitMinor: 900_000}
		past, end, err := t.pastBank(ctx)
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
	return &person{issued.GetCard(), issued.GetCardData()}, nil
}

// Ports of the bank of the past, and how far back its clock stands.
const (
	pastGRPCOffset = 40
	pastHTTPOffset = 41
	pastOffset     = "-52560h"
)

func (t *town) pastBank(ctx context.Context) (bankv1.CardServiceClient, func(), error) {
	base := t.stack.Addresses().BasePort
	past, err := t.stack.Replica(ctx, launch.Bank, launch.Copy{
		Name: "bank-past", GRPCPort: base + pastGRPCOffset, HTTPPort: base + pastHTTPOffset,
		Settings: map[string]string{"clock-offset": pastOffset, "relay": "false"},
	})
	if err != nil {
		return nil, nil, err
	}
	connection, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", base+pastGRPCOffset), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	end := func() {
		connection.Close()
		if err := t.stack.Retire(context.WithoutCancel(ctx), past); err != nil {
			t.printf("  the bank of the past did not stop: %v\n", err)
		}
	}
	return bankv1.NewCardServiceClient(connection), end, nil
}

func cartOf(who *person, product string, mistype func(*checkoutv1.Card)) *checkoutv1.PlaceOrderRequest {
	card := who.typed()
	if mistype != nil {
		mistype(card)
	}
	return &checkoutv1.PlaceOrderRequest{Card: card, Attempt: 1, Items: []*checkoutv1.PlaceOrderItem{{Product: product, Quantity: 1}}}
}

// wrongCode types another security code than the right one.
func wrongCode(card *checkoutv1.Card) {
	digits := []byte(card.GetCvv())
	digits[0] = '0' + (digits[0]-'0'+1)%10
	card.Cvv = string(digits)
}

func (t *town) block(ctx context.Context, who *person) error {
	_, err := t.cards.BlockCard(ctx, &bankv1.BlockCardRequest{Name: who.card.GetName()})
	return err
}

// guess tries wrong codes until the card locks.
func (t *town) guess(ctx context.Context, who *person) error {
	for range 5 {
		if _, err := t.buy(ctx, who, cartOf(who, between, wrongCode)); err != nil {
			return err
		}
	}
	return nil
}

func (t *town) buyOne(ctx context.Context, who *person) error {
	_, err := t.buy(ctx, who, cartOf(who, between, nil))
	return err
}

// asCaller says who calls.
func asCaller(ctx context.Context, caller string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-codebank-caller", caller)
}
