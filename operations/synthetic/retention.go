package synthetic

import "time"

// How long usual cards stay in use, of a thousand cards. The others stay to the end, so at any
// time there are cards in use.
const (
	// triedOnce leave within triedTime.
	triedOnce = 130
	triedTime = 21 * day
	// leaving leave at any time within leavingTime after that.
	leaving     = 330
	leavingTime = 400 * day
	// pausing stay, but use another card for some weeks.
	pausing   = 160
	longest   = 110 * day
	shortest  = 35 * day
	pauseTime = 240 * day
)

// retain draws how long a card stays in use, and whether its holder pauses.
func (c *Card) retain(d draw) {
	fate := d.below(1000)
	switch {
	case fate < triedOnce:
		c.left = c.came.Add(day + millis(d, triedTime))
	case fate < triedOnce+leaving:
		// The shorter of two times, because more customers leave early than late.
		c.left = c.came.Add(triedTime + min(millis(d, leavingTime), millis(d, leavingTime)))
	case fate < triedOnce+leaving+pausing:
		from := c.came.Add(day + millis(d, pauseTime))
		c.away = Window{from, from.Add(shortest + millis(d, longest-shortest))}
	}
}

// used reports whether the holder of a card uses it at a time.
func (c *Card) used(at time.Time) bool {
	return (c.left.IsZero() || at.Before(c.left)) && !c.away.Contains(at)
}
