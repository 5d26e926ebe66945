package view

// Words are the words for the codes in the index: by field, and by the value of the
// field. Kibana, the terminal and the pages show the words. Queries use the codes.
type Words map[string]map[string]string

// Of returns the words for a value of a field. Without words it returns the value.
func (w Words) Of(field, value string) string {
	if text, known := w[field][value]; known {
		return text
	}
	return value
}

// Colour is the role of a colour. Each program that draws has a colour for each role.
type Colour string

// The colours.
const (
	// Good, Bad and Warning are for what is good, bad, and in between.
	Good    Colour = "good"
	Bad     Colour = "bad"
	Warning Colour = "warning"
	// Quiet is for the rest: other values, and what is only for comparison.
	Quiet Colour = "quiet"
	// First to Eighth are for values that are neither good nor bad. Neighbours are easy
	// to tell apart.
	First   Colour = "first"
	Second  Colour = "second"
	Third   Colour = "third"
	Fourth  Colour = "fourth"
	Fifth   Colour = "fifth"
	Sixth   Colour = "sixth"
	Seventh Colour = "seventh"
	Eighth  Colour = "eighth"
)
