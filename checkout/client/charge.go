package client

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The statuses of a charge. All but Pending and Authorized are final.
const (
	Pending    = "pending"
	Rejected   = "rejected"
	Authorized = "authorized"
	Approved   = "approved"
	Voided     = "voided"
	Expired    = "expired"
)

// Charge is a charge. Amounts are minor units of Currency.
type Charge struct {
	ID              string `json:"id"`
	Status          string `json:"status"`
	Mode            string `json:"mode"` // test or live
	AmountMinor     int64  `json:"amount_minor"`
	Currency        string `json:"currency"` // ISO 4217
	Capture         bool   `json:"capture"`
	CapturedMinor   int64  `json:"captured_minor"`
	RefundedMinor   int64  `json:"refunded_minor"`
	RefundableMinor int64  `json:"refundable_minor"`
	Card            struct {
		Brand string `json:"brand"`
		BIN   string `json:"bin"`
		Last4 string `json:"last4"`
	} `json:"card"`
	Description string `json:"description"`
	// Error is why the charge was rejected; nil unless it was.
	Error *Failure `json:"error"`
	// ExpiresAt is when an authorization ends by itself; nil unless the charge was authorized.
	ExpiresAt *time.Time `json:"expires_at"`
	CreatedAt time.Time  `json:"created_at"`
	DecidedAt *time.Time `json:"decided_at"` // nil while pending
	UpdatedAt time.Time  `json:"updated_at"`
	Version   int64      `json:"version"` // counts the changes from 1
}

// Failure is why a charge was rejected, or an operation refused.
type Failure struct {
	Code    string `json:"code"` // ISO 8583 response code
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Operation is a capture, a void or a refund of a charge.
type Operation struct {
	ID          string `json:"id"`
	ChargeID    string `json:"charge_id"`
	Kind        string `json:"kind"`   // capture, void or refund
	Status      string `json:"status"` // pending, done or refused
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	// Error is why the operation was refused; nil unless it was.
	Error     *Failure   `json:"error"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at"` // nil while pending
}

// Card is card data as the payer wrote it. It is not printed.
type Card struct {
	Number     string `json:"number"`
	HolderName string `json:"holder_name"`
	Month      int    `json:"expiry_month"`
	Year       int    `json:"expiry_year"` // four digits
	CVV        string `json:"cvv"`
}

// Format implements fmt.Formatter.
func (Card) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[card]") }

// LogValue implements slog.LogValuer.
func (Card) LogValue() slog.Value { return slog.StringValue("[card]") }

// NewCharge is a charge to make.
type NewCharge struct {
	// Key is the Idempotency-Key, 1 to 255 visible ASCII characters; if it is empty, the Client makes one up for the call.
	Key         string `json:"-"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	// AuthorizeOnly sets the amount aside, to be captured or voided later.
	AuthorizeOnly bool   `json:"-"`
	Description   string `json:"description"` // up to 140 characters, for the merchant's own books
	Card          Card   `json:"card"`
}

// LogValue implements slog.LogValuer: without the card.
func (n NewCharge) LogValue() slog.Value {
	return slog.GroupValue(slog.String("key", n.Key), slog.Int64("amount_minor", n.AmountMinor), slog.String("currency", n.Currency))
}

// CreateCharge has a charge accepted. It is Pending then, and decided soon: read it with Charge, or listen to Events.
// Errors: *Error, *UnansweredError.
func (c *Client) CreateCharge(ctx context.Context, charge NewCharge) (made Charge, err error) {
	of, err := command("/v1/charges", charge.Key, struct {
		NewCharge
		Capture bool `json:"capture"`
	}{charge, !charge.AuthorizeOnly})
	if err == nil {
		err = c.do(ctx, &of, &made)
	}
	return made, err
}

// Charge returns a charge as it is now. Errors: *Error with ReasonChargeNotFound, *UnansweredError.
func (c *Client) Charge(ctx context.Context, id string) (found Charge, err error) {
	return found, c.do(ctx, &call{method: http.MethodGet, path: chargePath(id)}, &found)
}

// Filter says which charges are wanted; its zero value is all.
type Filter struct {
	// Status is the only status that is wanted; empty for all.
	Status string
	// From is when a charge was accepted at the earliest, To is later than that; zero for no bound.
	From, To time.Time
	// PageSize is how many charges are read at once; 0 for the gateway's default.
	PageSize int
}

// Charges returns the charges that a filter wants, the newest first. It reads page by page while it is ranged over, and
// ends with an error if one cannot be read.
func (c *Client) Charges(ctx context.Context, filter Filter) iter.Seq2[Charge, error] {
	query := url.Values{}
	set := func(name, value string, given bool) {
		if given {
			query.Set(name, value)
		}
	}
	set("status", filter.Status, filter.Status != "")
	set("created_from", filter.From.UTC().Format(time.RFC3339Nano), !filter.From.IsZero())
	set("created_to", filter.To.UTC().Format(time.RFC3339Nano), !filter.To.IsZero())
	set("page_size", strconv.Itoa(filter.PageSize), filter.PageSize != 0)
	return func(yield func(Charge, error) bool) {
		for {
			var page struct {
				Charges []Charge `json:"charges"`
				Next    string   `json:"next_page_token"`
			}
			if err := c.do(ctx, &call{method: http.MethodGet, path: "/v1/charges", query: query}, &page); err != nil {
				yield(Charge{}, err)
				return
			}
			for i := range page.Charges {
				if !yield(page.Charges[i], nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("page_token", page.Next)
		}
	}
}

// Ask is what is asked of a charge.
type Ask struct {
	// Key is as that of NewCharge.
	Key string
	// AmountMinor is how much to capture or to give back; 0 for all that there is.
	AmountMinor int64
}

// Capture takes what an authorized charge has set aside, or a part of it; the rest is released. Errors: *Error,
// *UnansweredError.
func (c *Client) Capture(ctx context.Context, charge string, ask Ask) (Operation, error) {
	return c.operate(ctx, charge, "capture", ask)
}

// Void releases what an authorized charge has set aside. The amount of the Ask must be 0. Errors: *Error,
// *UnansweredError.
func (c *Client) Void(ctx context.Context, charge string, ask Ask) (Operation, error) {
	return c.operate(ctx, charge, "void", ask)
}

// Refund gives back what was captured, or a part of it. Errors: *Error, *UnansweredError.
func (c *Client) Refund(ctx context.Context, charge string, ask Ask) (Operation, error) {
	return c.operate(ctx, charge, "refund", ask)
}

// tidy:parameters a charge, and what is asked of it
func (c *Client) operate(ctx context.Context, charge, what string, ask Ask) (made Operation, err error) {
	of, err := command(chargePath(charge)+"/"+what, ask.Key, struct {
		AmountMinor int64 `json:"amount_minor,omitempty"`
	}{ask.AmountMinor})
	if err == nil {
		err = c.do(ctx, &of, &made)
	}
	return made, err
}

// Operations returns what was asked of a charge, the oldest first. Errors: *Error, *UnansweredError.
func (c *Client) Operations(ctx context.Context, charge string) ([]Operation, error) {
	var found struct {
		Operations []Operation `json:"operations"`
	}
	err := c.do(ctx, &call{method: http.MethodGet, path: chargePath(charge) + "/operations"}, &found)
	return found.Operations, err
}

func chargePath(id string) string { return "/v1/charges/" + url.PathEscape(id) }
