package bench

import (
	"fmt"
	"math"
	"slices"
)

// Figure is one result with the terms that it was computed from, one value per round.
type Figure struct {
	// Name is unique among all figures and fit for the name of a Go benchmark.
	Name string `json:"name"`
	// Setting describes the conditions in one line.
	Setting string `json:"setting"`
	// Terms are the measured terms.
	Terms []Series `json:"terms"`
	// Values are the values of the figure, round by round: ratios unless Unit says otherwise.
	Values []float64 `json:"values"`
	Unit   string    `json:"unit"`
	// Goal is the goal of the figure; nil for a figure that is for comparison.
	Goal *Goal `json:"goal,omitempty"`
	// Comparison describes the values of a comparison of two builds; nil for other figures.
	Comparison *Comparison `json:"comparison,omitempty"`
	// Median, MustReached and AimReached are set when the row is done: the median of the
	// values, and whether it reaches the goal's Must and Aim.
	Median      float64 `json:"median"`
	MustReached bool    `json:"must_reached"`
	AimReached  bool    `json:"aim_reached"`
}

// Series holds the value of a term in each round.
type Series struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
}

// Goal says what a figure must reach, and what it should reach.
type Goal struct {
	Must float64 `json:"must"`
	Aim  float64 `json:"aim"`
	// AtMost says that smaller values are better.
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

// ratio divides a term by the sum of other terms, round by round.
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

// Median returns the median. Of an even number of values it returns the lower of the two middle
// ones, and 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// quantile returns the smallest value that the share q of the sorted values does not exceed:
// the 19th of 20 values for 0.95.
func quantile[T any](sorted []T, q float64) (value T) {
	if len(sorted) == 0 {
		return value
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// applyGoals sets the goals of the figures and whether they are reached. A goal without its
// figure is an error, so that no figure with a goal can be missing unnoticed.
func applyGoals(figures []Figure, goals map[string]Goal) error {
	applied := 0
	for i := range figures {
		f := &figures[i]
		f.Median = Median(f.Values)
		goal, ok := goals[f.Name]
		if !ok {
			continue
		}
		applied++
		f.Goal = &goal
		f.MustReached, f.AimReached = goal.met(f.Median, goal.Must), goal.met(f.Median, goal.Aim)
	}
	if applied != len(goals) {
		return fmt.Errorf("%d of %d figures with a goal were measured", applied, len(goals))
	}
	return nil
}
