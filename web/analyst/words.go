package analyst

import (
	"errors"
	"slices"
	"strings"
	"time"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
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

// titled returns dashboards without "(dark: more)" behind the titles of heatmaps. Kibana has no
// other place for it. On a page the legend says it, and in the dark theme the strong end of the
// colours is bright.
func titled(boards []view.Dashboard) []view.Dashboard {
	boards = slices.Clone(boards)
	for b := range boards {
		boards[b].Panels = slices.Clone(boards[b].Panels)
		for i := range boards[b].Panels {
			panel := &boards[b].Panels[i]
			panel.Title, _, _ = strings.Cut(panel.Title, " (dark: ")
		}
	}
	return boards
}
