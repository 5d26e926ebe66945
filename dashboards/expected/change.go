package expected

// before is the same input over the time before, which is as long. The bound of an estimate
// turns round: a change is smallest if the figure before is largest.
func (q Input) before() Input {
	length := q.To.Sub(q.From)
	q.Bound = -q.Bound
	q.From, q.To = q.From.Add(-length), q.To.Add(-length)
	return q
}

// grown is the change of a figure against the figure before, as a share of that.
func grown(now, before *float64) *float64 {
	if now == nil || before == nil || *before == 0 {
		return nil
	}
	return less(share(*now, *before), number(1))
}

// less is the difference of two figures.
func less(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	difference := *a - *b
	return &difference
}

// changed adds to the figures of one row the change of a figure: a share of the figure
// before, or for rates the difference.
func (q Input) changed(values Values, difference func(now, before *float64) *float64, of func(Input) *float64) []Row {
	values["change"] = difference(of(q), of(q.before()))
	return one(values)
}
