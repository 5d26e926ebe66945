package synthetic

import "time"

const day = 24 * time.Hour

// local is how many hours the customers' clocks are behind UTC. They have the time of São
// Paulo, which has no summer time.
const local = 3

// weekdays and months say how busy a day is, in hundredths. The lists begin with Sunday and
// January.
var (
	weekdays = [7]int{76, 86, 88, 94, 102, 130, 124}
	months   = [12]int{94, 90, 95, 97, 103, 101, 98, 99, 98, 101, 112, 128}
)

// busyness says how busy a day is, as a whole number without a unit. It depends on the
// month, the weekday, pay-days and feasts, and grows by half over the load's days.
func busyness(date time.Time, number, days int) int {
	busy := weekdays[date.Weekday()] * months[date.Month()-1]
	busy = busy * paid(date) / 100
	busy = busy * feast(date) / 100
	return busy * (2*days + number) / (2 * days)
}

// feast says how busy a day is because of a feast, in hundredths.
func feast(date time.Time) int {
	month, of := date.Month(), date.Day()
	switch {
	case month == time.December && of == 25, month == time.January && of == 1:
		return 35
	case month == time.December && of >= 18 && of <= 24:
		return 135
	case month == time.November && date.Weekday() == time.Friday && of > 23: // Black Friday
		return 190
	}
	return 100
}

// spread divides the purchases of a plan among its days. Each entry is the number of
// purchases up to the end of that day.
func spread(plan *Plan) []int {
	weights, total := make([]int, plan.Days), 0
	for number := range weights {
		total += busyness(plan.Start.AddDate(0, 0, number), number, plan.Days)
		weights[number] = total
	}
	for number := range weights {
		weights[number] = weights[number] * (plan.Purchases - plan.Burst.Purchases) / total
	}
	return weights
}

// profile is the weight of each hour of the customers' day.
type profile [24]int

// hours are the profiles of a week: of a working day, and of Saturday and Sunday.
type hours struct{ working, weekend profile }

// The profiles. Together with weekdays they give each hour of the week its weight.
var (
	shopHours = hours{
		working: profile{0, 0, 0, 0, 0, 0, 1, 6, 16, 30, 42, 50, 52, 44, 42, 44, 50, 60, 64, 48, 26, 10, 3, 1},
		weekend: profile{0, 0, 0, 0, 0, 0, 0, 2, 10, 32, 56, 66, 60, 48, 44, 46, 48, 44, 34, 22, 12, 5, 1, 0},
	}
	mealHours = hours{
		working: profile{5, 2, 1, 0, 0, 1, 10, 26, 22, 14, 14, 40, 80, 56, 20, 16, 20, 30, 50, 70, 64, 40, 22, 11},
		weekend: profile{16, 9, 4, 1, 0, 0, 4, 12, 22, 26, 20, 26, 66, 82, 50, 24, 18, 24, 44, 74, 92, 80, 50, 28},
	}
	onlineHours = hours{
		working: profile{16, 9, 5, 3, 2, 2, 4, 9, 18, 28, 35, 36, 34, 32, 34, 36, 36, 37, 40, 46, 56, 60, 48, 30},
		weekend: profile{24, 15, 8, 5, 3, 2, 3, 6, 12, 22, 32, 38, 38, 40, 44, 46, 46, 44, 44, 48, 58, 64, 54, 38},
	}
	// Subscriptions are collected while the customers sleep.
	nightHours = hours{
		working: profile{0, 0, 2, 30, 70, 60, 20, 4, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		weekend: profile{0, 0, 2, 30, 70, 60, 20, 4, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	}
)

// How customers catch up after the outage: how many of a thousand come back, and within which
// time.
const (
	comeBack    = 750
	catchUpTime = 50 * time.Minute
)

// moment draws a time of a day by a profile. The time never lies in the outage: most customers
// who would buy then come back soon after it, and late is set. The others buy at another time.
func (l *Load) moment(d draw, date time.Time, of *hours) (at time.Time, late bool) {
	profile := &of.working
	if weekend(date) {
		profile = &of.weekend
	}
	for {
		hour := (d.pick(profile[:]) + local) % 24
		at = date.Add(time.Duration(hour)*time.Hour + millis(d, time.Hour))
		switch {
		case !l.plan.Outage.Contains(at):
			return at, false
		case d.chance(comeBack):
			return l.plan.Outage.To.Add(min(millis(d, catchUpTime), millis(d, catchUpTime))), true
		}
	}
}

// millis draws a duration of whole milliseconds, shorter than most.
func millis(d draw, most time.Duration) time.Duration {
	return time.Duration(d.below(int(most/time.Millisecond))) * time.Millisecond
}

func weekend(date time.Time) bool {
	return date.Weekday() == time.Saturday || date.Weekday() == time.Sunday
}
