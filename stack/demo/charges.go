package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"codebank.dev/stack/launch"
)

// PrintSecrets makes the first API secrets of the merchants, and writes them to out. They are shown once.
func PrintSecrets(ctx context.Context, stack *launch.Stack, out io.Writer) error {
	secrets, err := stack.FirstSecrets(ctx)
	if err != nil || len(secrets) == 0 {
		return err
	}
	if _, err := fmt.Fprintf(out, "\nAPI secrets of the merchants, for %s; they are shown only now:\n", launch.URL(stack.Addresses().PaymentsHTTP())); err != nil {
		return err
	}
	for _, secret := range secrets {
		if _, err := fmt.Fprintf(out, "  %-12s  %s  %s\n", secret.Merchant, secret.Mode, secret.Text); err != nil {
			return err
		}
	}
	return nil
}

// The test card of Visa, and another that every bank declines for lack of money.
const testCard, poorCard = "4111111111111111", "4000000000009995"

// chargeCards shows what a merchant's program does: it charges test cards, captures what was authorized only, and
// refunds a part.
func (d *demonstration) chargeCards(ctx context.Context) error {
	client, err := d.stack.HTTPClient("")
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	test, _, err := d.stack.NewMerchant(ctx, "Café da Demonstração")
	if err != nil {
		return err
	}
	m := &merchant{app{client: client, url: launch.URL(d.stack.Addresses().PaymentsHTTP()), token: test.Text}}
	for _, ask := range []struct {
		what, card string
		capture    bool
		want       string
	}{
		{"a card", testCard, true, "approved"}, {"a card without money", poorCard, true, "rejected"}, {"a card, to capture later", testCard, false, "authorized"},
	} {
		began := time.Now()
		made, err := m.charge(ctx, ask.card, ask.capture)
		if err != nil {
			return err
		}
		if made.Status != ask.want {
			return fmt.Errorf("the charge %s is %s, and not %s", made.ID, made.Status, ask.want)
		}
		d.printf("  %s is charged %s in test mode: %s after %d ms%s\n", ask.what, formatReais(chargeMinor), made.Status,
			time.Since(began).Milliseconds(), made.why())
		switch made.Status {
		case "authorized":
			if err := m.operate(ctx, made.ID, "capture", nil, func(c *charge) bool { return c.Status == "approved" }); err != nil {
				return err
			}
			d.printf("  it is captured\n")
		case "approved":
			const back = chargeMinor / 2
			if err := m.operate(ctx, made.ID, "refund", map[string]any{"amount_minor": back}, func(c *charge) bool { return c.RefundedMinor == back }); err != nil {
				return err
			}
			d.printf("  %s of it are refunded\n", formatReais(back))
		}
	}
	return d.err
}

// chargeMinor is the amount of a charge.
const chargeMinor = 4_250

// merchant is a merchant's program: it calls the payment gateway with an API secret.
type merchant struct{ app }

// charge is what is read of a charge.
type charge struct {
	ID, Status    string
	RefundedMinor int64 `json:"refunded_minor"`
	Error         *struct{ Reason, Message string }
}

func (c *charge) why() string {
	if c.Error == nil {
		return ""
	}
	return ": " + c.Error.Message
}

// charge charges a card and waits for the decision.
func (m *merchant) charge(ctx context.Context, card string, capture bool) (made charge, err error) {
	err = m.call(ctx, http.MethodPost, "/v1/charges", map[string]any{
		"amount_minor": chargeMinor, "currency": "BRL", "capture": capture, "description": "Coffee for two",
		"card": map[string]any{
			"number": card, "holder_name": "MARIA DA SILVA", "expiry_month": int(time.December), "expiry_year": time.Now().Year() + 1, "cvv": "123",
		},
	}, &made)
	if err != nil {
		return made, err
	}
	return made, awaitEnd(ctx, func() (bool, error) {
		err := m.call(ctx, http.MethodGet, "/v1/charges/"+made.ID, nil, &made)
		return made.Status != "pending", err
	})
}

// operate asks for an operation on a charge and waits until the charge shows it.
func (m *merchant) operate(ctx context.Context, id, kind string, body map[string]any, done func(*charge) bool) error {
	if body == nil {
		body = map[string]any{}
	}
	var accepted struct{ ID string }
	if err := m.call(ctx, http.MethodPost, "/v1/charges/"+id+"/"+kind, body, &accepted); err != nil {
		return err
	}
	return awaitEnd(ctx, func() (bool, error) {
		var now charge
		err := m.call(ctx, http.MethodGet, "/v1/charges/"+id, nil, &now)
		return done(&now), err
	})
}
