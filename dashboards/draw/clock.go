package draw

import "time"

// TimeTick is a place on an axis of time.
type TimeTick struct {
	At time.Time
	// Text is the label, and Below the date or the year, at the first tick and at each tick
	// where it changes.
	Text, Below string
}

// pace is a distance of ticks: a length, or a number of days, months or years.
type pace struct {
	length              time.Duration
	days, months, years int
}

var paces = []pace{
	{length: time.Second}, {length: 5 * time.Second}, {length: 10 * time.Second}, {length: 15 * time.Second}, {length: 30 * time.Second},
	{length: time.Minute}, {length: 2 * time.Minute}, {length: 5 * time.Minute}, {length: 10 * time.Minute}, {length: 15 * time.Minute}, {length: 30 * time.Minute},
	{length: time.Hour}, {length: 2 * time.Hour}, {length: 3 * time.Hour}, {length: 6 * time.Hour}, {length: 12 * time.Hour},
	{days: 1}, {days: 2}, {days: 7}, {days: 14}, {months: 1}, {months: 3}, {months: 6},
	{years: 1}, {years: 2}, {years: 5}, {years: 10}, {years: 50}, {years: 100}, {years: 1000}, {years: 10000},
}

// TimeTicks returns at most n ticks at round times of the zone of from, between from and
// until. No two ticks are closer than the interval. Names of months are half as wide as other
// labels, so there are at most 2n of them.
func TimeTicks(from, until time.Time, interval time.Duration, n int) []TimeTick {
	room := max(n, 1)
	for _, p := range paces {
		n := room
		if p.months == 1 {
			n *= 2
		}
		if p.approximate() < interval || until.Sub(from) > time.Duration(n+1)*p.approximate() {
			continue
		}
		ticks := p.ticks(from, until, n+1)
		if len(ticks) <= n {
			if len(ticks) == 0 {
				ticks = []time.Time{from}
			}
			return labelled(ticks, p)
		}
	}
	return labelled([]time.Time{from}, pace{days: 1})
}

func (p pace) approximate() time.Duration {
	const day = 24 * time.Hour
	return p.length + time.Duration(p.days)*day + time.Duration(p.months)*30*day + time.Duration(min(p.years, 250))*365*day
}

// ticks returns at most limit points in time.
func (p pace) ticks(from, until time.Time, limit int) []time.Time {
	var list []time.Time
	for at := p.first(from); at.Before(until) && len(list) < limit; {
		if !at.Before(from) {
			list = append(list, at)
		}
		next := p.next(at)
		if !next.After(at) {
			break
		}
		at = next
	}
	return list
}

// first returns a round time at or before from.
func (p pace) first(from time.Time) time.Time {
	year, month, day := from.Date()
	switch {
	case p.years > 0:
		return time.Date(year-year%p.years, 1, 1, 0, 0, 0, 0, from.Location())
	case p.months > 0:
		return time.Date(year, month-(month-1)%time.Month(p.months), 1, 0, 0, 0, 0, from.Location())
	case p.days > 1 && p.days%7 == 0: // A week begins on Monday.
		return time.Date(year, month, day-(int(from.Weekday())+6)%7, 0, 0, 0, 0, from.Location())
	case p.days > 0:
		return time.Date(year, month, day, 0, 0, 0, 0, from.Location())
	case p.length >= time.Hour:
		hours := int(p.length / time.Hour)
		return time.Date(year, month, day, from.Hour()-from.Hour()%hours, 0, 0, 0, from.Location())
	case p.length >= time.Minute:
		minutes := int(p.length / time.Minute)
		return time.Date(year, month, day, from.Hour(), from.Minute()-from.Minute()%minutes, 0, 0, from.Location())
	}
	return from.Truncate(p.length)
}

// next returns the round time after one. Hours are counted on the clock of the zone, so that
// ticks stay at round hours when the clock changes.
func (p pace) next(at time.Time) time.Time {
	if p.length >= time.Hour {
		year, month, day := at.Date()
		next := time.Date(year, month, day, at.Hour()+int(p.length/time.Hour), 0, 0, 0, at.Location())
		if next.After(at) {
			return next
		}
	}
	if p.length > 0 {
		return at.Add(p.length)
	}
	return at.AddDate(p.years, p.months, p.days)
}

func labelled(ticks []time.Time, p pace) []TimeTick {
	list := make([]TimeTick, len(ticks))
	layout, below := "15:04", "2 Jan"
	switch {
	case p.years > 0:
		layout, below = "2006", ""
	case p.months > 0:
		layout, below = "Jan", "2006"
	case p.days > 0:
		layout, below = "2 Jan", "2006"
	case p.length < time.Minute:
		layout = "15:04:05"
	}
	last := ""
	for i, at := range ticks {
		list[i] = TimeTick{At: at, Text: at.Format(layout)}
		if text := at.Format(below); text != last {
			list[i].Below, last = text, text
		}
	}
	return list
}
