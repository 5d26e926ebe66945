package synthetic

import (
	"slices"
	"time"
)

// Annotation is an event that a chart over time should mark.
type Annotation struct {
	// At is when it begins. To is when it ends; it is At if it has no length.
	At time.Time `json:"at"`
	To time.Time `json:"to"`
	// Word is its name on the chart, and Text describes it in one sentence.
	Word string `json:"word"`
	Text string `json:"text"`
}

// The words of annotations.
const (
	PayDay      = "Pay-day"
	Outage      = "Outage"
	CatchUp     = "Catch-up"
	CardTesting = "Card testing"
)

// annotations returns the annotations of a plan, in the order of time. Pay-days are a rule of
// the calendar. The others belong to this load.
func annotations(plan *Plan) []Annotation {
	list := []Annotation{
		{plan.Outage.From, plan.Outage.To, Outage, "The bank was away; nothing was decided."},
		{plan.Outage.To, plan.Outage.To.Add(catchUpTime), CatchUp, "Customers came back after the outage."},
		{plan.Burst.From, plan.Burst.To, CardTesting, "Somebody tried stolen and guessed card numbers at " + burstMerchant.Name + "."},
	}
	for _, date := range PayDays(plan.Start, plan.End) {
		text := "Salaries are paid on the fifth business day."
		if date.Day() == advanceDay {
			text = "Advances are paid on the 20th."
		}
		list = append(list, Annotation{date, date, PayDay, text})
	}
	slices.SortStableFunc(list, func(a, b Annotation) int { return a.At.Compare(b.At) })
	return list
}
