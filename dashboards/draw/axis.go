package draw

import (
	"math"

	"codebank.dev/dashboards/view"
)

// Axis is a vertical axis of figures. Its values are in the unit of the figures before
// their format.
type Axis struct {
	Low, High float64
	// Unit is shown once, at the end of the axis: the unit of the figures, or the title that
	// the panel gives.
	Unit string
	// Ticks lie between Low and High, in rising order. The first and the last are the bounds.
	Ticks []Tick
}

// Tick is a value with its label.
type Tick struct {
	Value float64
	Text  string
}

// Place returns where a value lies: 0 at the low end, 1 at the high end.
func (a Axis) Place(value float64) float64 {
	if a.High <= a.Low {
		return 0
	}
	return max(0, min(1, (value-a.Low)/(a.High-a.Low)))
}

// axes calculates the axes of a plot.
func (p *PlotChart) axes() {
	var left, right []Series
	for _, s := range p.Series {
		if s.Right {
			right = append(right, s)
		} else {
			left = append(left, s)
		}
	}
	if len(left) == 0 {
		left, right = right, nil
		for i := range p.Series {
			p.Series[i].Right = false
		}
	}
	p.Left = p.axis(left, p.References)
	p.Alone = p.Left
	if p.Stacked {
		single := *p
		single.Stacked = false
		p.Alone = single.axis(left, p.References)
	}
	if p.title != "" {
		p.Left.Unit = p.title // The title has the unit.
	}
	if len(right) > 0 {
		axis := p.axis(right, nil)
		p.Right = &axis
	}
}

func (p *PlotChart) axis(list []Series, references []Reference) Axis {
	format := view.Format{}
	if len(list) > 0 {
		format = list[0].column.Format
	}
	low, high, found := extent(list, len(p.X.Names), p.Stacked)
	if !found {
		low, high = 0, 1/scale(format)
	}
	fromData := p.ofData || format.Kind == view.Percent || format.Kind == view.Moment
	if p.Stacked || p.Shape == Column || p.Shape == Area {
		fromData = false
	}
	for _, reference := range references {
		// A reference far away would press the figures together; it is named at the edge instead.
		if reference.Value <= high+2*(high-min(low, 0)) && reference.Value >= low-(high-low) {
			low, high = min(low, reference.Value), max(high, reference.Value)
		}
	}
	if !fromData {
		low, high = min(0, low), max(0, high)
	}
	return Ticked(low, high, format, 5)
}

// extent returns the smallest and the largest value, of stacks if the series are stacked.
func extent(list []Series, places int, stacked bool) (low, high float64, found bool) {
	add := func(v float64) {
		if !found {
			low, high, found = v, v, true
		}
		low, high = min(low, v), max(high, v)
	}
	for at := range places {
		above, below := 0.0, 0.0
		for _, s := range list {
			if s.Values[at] == nil {
				continue
			}
			v := *s.Values[at]
			if !stacked {
				add(v)
				continue
			}
			if v >= 0 {
				above += v
			} else {
				below += v
			}
			add(above)
			add(below)
		}
	}
	return low, high, found
}

// Ticked returns an axis over at least the range from low to high, with about n ticks at
// round numbers. Its bounds are ticks.
func Ticked(low, high float64, format view.Format, n int) Axis {
	by := scale(format)
	bottom, top := low*by, high*by
	if !(top > bottom) {
		// One value only: an axis around it, or from 0.
		spread := max(math.Abs(top)*0.01, math.Pow10(-min(format.Decimals, 6)))
		switch {
		case bottom == 0:
			top = 1
		case format.Kind == view.Percent:
			bottom, top = bottom-spread, top+spread
		default:
			bottom, top = min(0, bottom), max(0, top)
		}
	}
	if format.Kind == view.Percent && low >= 0 && high <= 1 {
		bottom, top = max(0, bottom), min(100, top)
	}
	step := nice((top - bottom) / float64(max(1, n-1)))
	if format.Kind == view.Number && format.Decimals == 0 {
		step = max(1, step)
	}
	if math.IsInf(step, 0) || math.IsNaN(step) || step <= 0 {
		return Axis{Low: low, High: high, Unit: Unit(format)}
	}
	first, last := math.Floor(bottom/step+1e-9), math.Ceil(top/step-1e-9)
	axis := Axis{Low: first * step / by, High: last * step / by, Unit: Unit(format)}
	for i := first; i <= last && len(axis.Ticks) < 50; i++ {
		axis.Ticks = append(axis.Ticks, Tick{i * step / by, brief(i*step, step)})
	}
	return axis
}

// nice returns the next round number: 1, 2, 2.5 or 5 times a power of ten.
func nice(v float64) float64 {
	if v <= 0 {
		return 0
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, round := range []float64{1, 2, 2.5, 5} {
		if v <= round*power*(1+1e-9) {
			return round * power
		}
	}
	return 10 * power
}
