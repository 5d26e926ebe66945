package query

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Range is a range of time. Both ends belong to it, as in Kibana.
type Range struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// longest is longer than anybody's history of events.
const longest = 30 * 366 * 24 * time.Hour

// IsWhole reports whether a range stands for all events, whenever they occurred.
func (r Range) IsWhole() bool { return r.To.Sub(r.From) > longest }

// Between reads a range in Kibana's notation: now, now-24h, now/d, or a time such as
// 2026-01-02T03:04:05Z, in UTC. The argument now is the value of the word now.
func Between(from, to string, now time.Time) (Range, error) {
	var r Range
	var err error
	if r.From, err = ParseMoment(from, now); err != nil {
		return Range{}, err
	}
	if r.To, err = ParseMoment(to, now); err != nil {
		return Range{}, err
	}
	if !r.From.Before(r.To) {
		return Range{}, fmt.Errorf("query: %s is not before %s", from, to)
	}
	return r, nil
}

// step is one step after now: +3h, -1d, /d.
var step = regexp.MustCompile(`^([+-]\d{1,6}|/)([smhdwMy])`)

// ParseMoment reads a point in time: now with steps after it, a date, or a date with a
// time. The result is cut to milliseconds.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	rest, relative := strings.CutPrefix(text, "now")
	if !relative {
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
			if moment, err := time.Parse(layout, text); err == nil && moment.Year() >= 1970 && moment.Year() <= 9999 {
				return moment.UTC().Truncate(time.Millisecond), nil
			}
		}
		return time.Time{}, fmt.Errorf("query: %q is not a point in time: write now-24h, now/d, 2026-01-02 or 2026-01-02T03:04:05Z", text)
	}
	moment := now.UTC().Truncate(time.Millisecond)
	for rest != "" {
		found := step.FindStringSubmatch(rest)
		if found == nil {
			return time.Time{}, fmt.Errorf("query: %q is not a point in time: %q is not a step such as -24h or /d", text, rest)
		}
		rest = rest[len(found[0]):]
		if moment = stepped(moment, found[1], found[2]); moment.Year() < 1970 || moment.Year() > 9999 {
			return time.Time{}, fmt.Errorf("query: %q is not in the years 1970 to 9999", text)
		}
	}
	return moment, nil
}

// stepped moves a point in time, or rounds it down.
func stepped(moment time.Time, by, unit string) time.Time {
	if by == "/" {
		return floor(moment, unit)
	}
	n, _ := strconv.Atoi(by) // At most six digits.
	switch unit {
	case "M":
		return moment.AddDate(0, n, 0)
	case "y":
		return moment.AddDate(n, 0, 0)
	case "d":
		return moment.AddDate(0, 0, n)
	case "w":
		return moment.AddDate(0, 0, 7*n)
	}
	return moment.Add(time.Duration(n) * units[unit])
}

func floor(moment time.Time, unit string) time.Time {
	year, month, day := moment.Date()
	switch unit {
	case "y":
		month, day = 1, 1
	case "M":
		day = 1
	case "w": // A week begins on Monday.
		day -= (int(moment.Weekday()) + 6) % 7
	case "d":
	default:
		return moment.Truncate(units[unit])
	}
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// units are the units of time with a fixed length.
var units = map[string]time.Duration{
	"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

var lengthOfTime = regexp.MustCompile(`^(\d{1,6})([smhdw])$`)

// parseLength reads a length of time in a view: 15m, 1d.
func parseLength(text string) (time.Duration, error) {
	found := lengthOfTime.FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("query: %q is not a length of time such as 15m or 1d", text)
	}
	n, _ := strconv.Atoi(found[1])
	if n == 0 {
		return 0, fmt.Errorf("query: %q is not a length of time such as 15m or 1d", text)
	}
	return time.Duration(n) * units[found[2]], nil
}

// maxIntervals is the largest number of intervals that an automatic interval makes.
const maxIntervals = 60

// automaticIntervals are the lengths that an automatic interval is chosen from.
var automaticIntervals = []time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour,
}

// Interval returns the automatic interval of a range. It is the smallest interval of
// the list that divides the range into at most 60 intervals. The list is 1, 5, 10, 30
// s, 1, 5, 10, 30 min, 1, 3, 12 h, 1, 7, 30, 365 d. For the usual ranges, Kibana
// chooses the same interval: 30 s for 15 minutes, 30 min for a day, 3 h for a week.
func Interval(r Range) time.Duration {
	length := r.To.Sub(r.From)
	for _, interval := range automaticIntervals {
		if length <= maxIntervals*interval {
			return interval
		}
	}
	return automaticIntervals[len(automaticIntervals)-1]
}

// limit is the largest number of intervals that a panel may request.
const limit = 10_000

// intervalOf returns the interval of a time bucket.
func intervalOf(text string, r Range) (time.Duration, error) {
	if text == "auto" || text == "" {
		return Interval(r), nil
	}
	interval, err := parseLength(text)
	if err == nil && r.To.Sub(r.From)/interval > limit {
		err = fmt.Errorf("query: an interval of %s makes too many buckets over %v", text, r.To.Sub(r.From))
	}
	return interval, err
}
