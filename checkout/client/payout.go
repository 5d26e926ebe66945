package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// The final statuses of a payout; it is Pending before.
const (
	Paid   = "paid"
	Failed = "failed"
)

// Payout is a part of the balance that goes to the merchant's account at the bank.
type Payout struct {
	ID          string `json:"id"`
	Status      string `json:"status"` // pending, paid or failed
	Mode        string `json:"mode"`   // test or live
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	Account     string `json:"account"` // accounts/{uuid}; may be empty in test mode
	// Error is why the payout failed; nil unless it did. Then its amount is available again.
	Error     *Failure   `json:"error"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at"` // nil while pending
}

// NewPayout is a payout to make.
type NewPayout struct {
	// Key is as that of NewCharge.
	Key string `json:"-"`
	// AmountMinor is how much to pay out; 0 for all that is available.
	AmountMinor int64  `json:"amount_minor,omitempty"`
	Currency    string `json:"currency"`
}

// CreatePayout has a payout accepted. It is Pending then, and ends soon: read it with Payout. Errors: *Error with
// ReasonPayoutAmount or ReasonPayoutAccount, *UnansweredError.
func (c *Client) CreatePayout(ctx context.Context, payout NewPayout) (made Payout, err error) {
	of, err := command("/v1/payouts", payout.Key, payout)
	if err == nil {
		err = c.do(ctx, &of, &made)
	}
	return made, err
}

// Payout returns a payout as it is now. Errors: *Error with ReasonPayoutNotFound, *UnansweredError.
func (c *Client) Payout(ctx context.Context, id string) (found Payout, err error) {
	return found, c.do(ctx, &call{method: http.MethodGet, path: "/v1/payouts/" + url.PathEscape(id)}, &found)
}

// Payouts returns all payouts, the newest first. It reads page by page while it is ranged over, and ends with an error
// if one cannot be read.
func (c *Client) Payouts(ctx context.Context) iter.Seq2[Payout, error] {
	query := url.Values{}
	return func(yield func(Payout, error) bool) {
		for {
			var page struct {
				Payouts []Payout `json:"payouts"`
				Next    string   `json:"next_page_token"`
			}
			if err := c.do(ctx, &call{method: http.MethodGet, path: "/v1/payouts", query: query}, &page); err != nil {
				yield(Payout{}, err)
				return
			}
			for i := range page.Payouts {
				if !yield(page.Payouts[i], nil) {
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
