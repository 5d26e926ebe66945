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
	if at.IsWhole() {
		return "All events"
	}
	from, to := at.From.In(zone), at.To.In(zone)
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		return from.Format(layout) + " – " + to.Format("15:04")
	}
	return from.Format(layout) + " – " + to.Format(layout)
}

// reasonOf returns the server's reason of an error without the names of packages.
func reasonOf(err error) string {
	var refused *query.ServerError
	if errors.As(err, &refused) {
		return refused.Reason
	}
	return strings.TrimPrefix(err.Error(), "query: ")
}
