package postgres

import (
	"encoding/json"
	"fmt"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/money"
	"github.com/jackc/pgx/v5"
)

// columns are the columns of an order o that scanOrder reads. Items come as one value,
// so that an order is one row.
const columns = `o.id, o.caller, o.owner, o.request_id, o.fingerprint, o.trace_id, o.state,
	o.store_slug, o.store_name, o.store_category_code, o.store_city, o.store_country,
	o.total_minor, o.currency, o.description, o.attempt, o.card_brand, o.card_last4,
	o.purchase, o.decline_code, o.decline_reason, o.decline_message,
	o.token, o.token_expires_at, o.tries, o.next_at, o.voiding, o.created_at, o.ended_at, o.secret_hash,
	(SELECT jsonb_agg(jsonb_build_object('product', i.product, 'name', i.name,
		'quantity', i.quantity, 'unit_price', i.unit_price_minor) ORDER BY i.line)
		FROM order_items i WHERE i.order_id = o.id), ` + refundColumns

// item is a line of an order as columns shows it.
type item struct {
	Product   string `json:"product"`
	Name      string `json:"name"`
	Quantity  int32  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
}

// scanOrder reads columns.
func scanOrder(row pgx.CollectableRow) (checkout.Order, error) { return scanOrderAnd(row) }

// scanOrderAnd reads columns, and what stands behind them.
func scanOrderAnd(row pgx.CollectableRow, more ...any) (checkout.Order, error) {
	var (
		o                               checkout.Order
		id                              [16]byte
		fingerprint, secretHash         []byte
		items, refunds                  []byte
		currency                        string
		token                           *string
		tokenExpiresAt, nextAt, endedAt *time.Time
		state, voiding                  int16
	)
	err := row.Scan(append([]any{&id, &o.Caller, &o.Owner, &o.RequestID, &fingerprint, &o.TraceID, &state,
		&o.Store.Slug, &o.Store.Name, &o.Store.CategoryCode, &o.Store.City, &o.Store.Country,
		&o.Total.Minor, &currency, &o.Description, &o.Attempt, &o.CardBrand, &o.CardLast4,
		&o.Purchase, &o.Decline.Code, &o.Decline.Reason, &o.Decline.Message,
		&token, &tokenExpiresAt, &o.PendingCharge.Tries, &nextAt, &voiding, &o.CreatedAt, &endedAt, &secretHash, &items, &refunds}, more...)...)
	if err != nil {
		return checkout.Order{}, err
	}
	o.ID = id
	copy(o.Fingerprint[:], fingerprint)
	copy(o.SecretHash[:], secretHash)
	o.State = checkout.OrderState(state)
	o.CreatedAt, o.EndedAt = o.CreatedAt.UTC(), timeOf(endedAt)
	o.PendingCharge.TokenExpiresAt, o.PendingCharge.NextAt = timeOf(tokenExpiresAt), timeOf(nextAt)
	o.PendingCharge.Voiding = checkout.VoidReason(voiding)
	if token != nil {
		o.PendingCharge.Token = checkout.NewToken(*token)
	}
	if o.Total.Currency, err = money.ParseCurrency(currency); err != nil {
		return checkout.Order{}, err
	}
	if o.Refunds, err = scanRefunds(refunds); err != nil {
		return checkout.Order{}, err
	}
	o.Items, err = scanItems(items)
	return o, err
}

func scanItems(text []byte) ([]checkout.Item, error) {
	var rows []item
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("items of an order: %w", err)
	}
	items := make([]checkout.Item, len(rows))
	for i, row := range rows {
		items[i] = checkout.Item(row)
	}
	return items, nil
}

// timeOf returns the time of a column that may be null, the zero time when it is.
func timeOf(column *time.Time) time.Time {
	if column == nil {
		return time.Time{}
	}
	return column.UTC()
}

// nullTime returns null for the zero time.
func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// nullToken returns null for no token.
func nullToken(t checkout.Token) *string {
	if t.IsZero() {
		return nil
	}
	text := t.Reveal()
	return &text
}
