package charges

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"codebank.dev/operations/elasticsearch"
)

// indices are the indices of all months.
const indices = "checkout-charges-*"

// fields are what is read of a document.
var fields = []string{
	"merchant_id", "mode", "sequence", "kind", "charge_id", "status", "amount_minor", "currency", "captured_minor", "refunded_minor",
	"operation_id", "operation_kind", "operation_status", "operation_amount_minor", "occurred_at",
}

// errStopped ends a scan whose reader wants no more.
var errStopped = errors.New("charges: stopped")

// Documents is the index of charges as a Source. Without an index there are no documents.
func Documents(client *elasticsearch.Client) Source {
	return func(ctx context.Context, before time.Time) iter.Seq2[Change, error] {
		return func(yield func(Change, error) bool) {
			err := client.Refresh(ctx, indices)
			if errors.Is(err, elasticsearch.ErrNotFound) {
				err = nil
			}
			query := json.RawMessage(`{"range":{"occurred_at":{"lt":` + strconv.FormatInt(before.UnixMilli(), 10) + `,"format":"epoch_millis"}}}`)
			scan := elasticsearch.Scan{Index: indices, Query: query, Sort: []string{"merchant_id", "mode", "sequence"}, Fields: fields}
			if err == nil {
				err = client.Scan(ctx, scan, func(d elasticsearch.Document) error {
					change, err := Document(d.ID, d.Source)
					if err == nil && !yield(change, nil) {
						err = errStopped
					}
					return err
				})
			}
			if err != nil && !errors.Is(err, errStopped) {
				yield(Change{}, err)
			}
		}
	}
}

// Document returns the change that a document shows. Its event is the one that the document's id names. An error means
// that the document is not one of a change.
func Document(id string, source []byte) (Change, error) {
	read := struct {
		*Change
		At json.RawMessage `json:"occurred_at"`
	}{Change: &Change{}}
	if err := json.Unmarshal(source, &read); err != nil {
		return Change{}, fmt.Errorf("document %s: %w", id, err)
	}
	at, err := moment(read.At)
	if err != nil {
		return Change{}, fmt.Errorf("document %s: occurred_at: %w", id, err)
	}
	read.Change.At, read.EventID = at, id
	return *read.Change, nil
}

// moment reads a time as the index accepts it: ISO 8601, or milliseconds since 1970.
func moment(raw json.RawMessage) (time.Time, error) {
	if millis, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return time.UnixMilli(millis).UTC(), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return at.UTC(), err
}
