package bench

import (
	"fmt"
	"math"
	"slices"
)

// Figure is one result with the terms it was made of, a value per round.
type Figure struct {
	// Name is unique among all figures, fit for the name of a Go benchmark.
	Name string `json:"name"`
	// Setting says under which conditions, in a line.
	Setting string `json:"setting"`
	// Terms are what was measured.
	Terms []Series `json:"terms"`
	// Values is what came of them, round by round: a ratio unless Unit says otherwise.
	Values []float64 `json:"values"`
	Unit   string    `json:"unit"`
	// Goal is what it must be; nil for a figure that is there for comparison.
	Goal *Goal `json:"goal,omitempty"`
	// Median, Reached and Hoped are set when the row is done: the middle of the values,
	// and whether it is what it must be, and what was aimed at.
	Median  float64 `json:"median"`
	Reached bool    `json:"must_reached"`
	Hoped   bool    `json:"aim_reached"`
}

// Series is a term's value in each round.
type Series struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
}

// Goal is what a figure must be, and what is aimed at.
type Goal struct {
	Must float64 `json:"must"`
	Aim  float64 `json:"aim"`
	// AtMost says that less is better.
	AtMost bool `json:"at_most"`
}

func atLeast(must, aim float64) Goal { return Goal{Must: must, Aim: aim} }

func atMost(must, aim float64) Goal { return Goal{Must: must, Aim: aim, AtMost: true} }

// met reports whether a value is within a limit.
func (g Goal) met(value, limit float64) bool {
	if g.AtMost {
		return value <= limit
	}
	return value >= limit
}

func (g Goal) sign() string {
	if g.AtMost {
		return "≤"
	}
	return "≥"
}

// ratio is the figure of a term against the sum of others, round by round.
func ratio(name, setting string, numerator Series, denominators ...Series) Figure {
	f := Figure{Name: name, Setting: setting, Unit: "ratio", Terms: append([]Series{numerator}, denominators...)}
	for i, value := range numerator.Values {
		sum := 0.0
		for _, denominator := range denominators {
			sum += denominator.Values[i]
		}
		f.Values = append(f.Values, value/sum)
	}
	return f
}

// Median returns the middle value; of an even number the lower of the two, of none 0.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// quantile returns the smallest of the sorted values that the share q of them does not
// exceed: of 20 values, the 19th for 0.95.
func quantile[T any](sorted []T, q float64) (value T) {
	if len(sorted) == 0 {
		return value
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// judge gives the figures their goals and says which are reached. A goal without a
// figure is an error: nothing that must be reached may go missing.
func judge(figures []Figure, goals map[string]Goal) error {
	found := 0
	for i := range figures {
		f := &figures[i]
		f.Median = Median(f.Values)
		goal, ok := goals[f.Name]
		if !ok {
			continue
		}
		found++
		f.Goal = &goal
		f.Reached, f.Hoped = goal.met(f.Median, goal.Must), goal.met(f.Median, goal.Aim)
	}
	if found != len(goals) {
		return fmt.Errorf("%d figures were measured of %d that have a goal", found, len(goals))
	}
	return nil
}
