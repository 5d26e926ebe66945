package analyst

import (
	"errors"
	"strings"
	"time"

	"codebank.dev/dashboards/query"
)

// spanText writes a range for people, in a zone.
func spanText(at query.Range, zone *time.Location) string {
	const layout = "2 Jan 2006 15:04"
	from, to := at.From.In(zone), at.To.In(zone)
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		return from.Format(layout) + " – " + to.Format("15:04")
	}
	return from.Format(layout) + " – " + to.Format(layout)
}

// fieldTitle writes the name of a field as words. Other texts stay as they are.
func fieldTitle(field string) string {
	if title, known := fieldTitles[field]; known {
		return title
	}
	if strings.Contains(field, "_") && !strings.Contains(field, " ") {
		words := strings.ReplaceAll(field, "_", " ")
		return strings.ToUpper(words[:1]) + words[1:]
	}
	return field
}

var fieldTitles = map[string]string{
	"occurred_at": "Time", "merchant_name": "Store", "amount_minor": "Amount in cents", "currency": "Currency", "decline_reason": "Reason",
	"card_brand": "Brand", "card_bin": "BIN", "card_last4": "Last four", "attempt": "Try", "trace_id": "Trace id", "kind": "Kind",
	"status": "Status", "bank_code": "Bank", "event_id": "Event id", "published_at": "Reported", "complete_to": "Complete up to",
	"partition": "Partition", "dead_letters": "Dead letters", "account_id": "Account", "risk_score": "Risk score", "risk_rule": "Risk rule",
}

// reasonOf returns the server's reason of an error without the names of packages.
func reasonOf(err error) string {
	var refused *query.ServerError
	if errors.As(err, &refused) {
		return refused.Reason
	}
	return strings.TrimPrefix(err.Error(), "query: ")
}
