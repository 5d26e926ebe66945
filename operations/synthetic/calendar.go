package synthetic

import "time"

const day = 24 * time.Hour

// local is how many hours the customers' clocks are behind UTC. They have the time of São
// Paulo, which has no summer time.
const local = 3

// weekdays, months and monthDays say how busy a day is, in hundredths. The lists begin
// with Sunday and January.
var (
	weekdays = [7]int{76, 86, 88, 94, 102, 130, 124}
	months   = [12]int{94, 90, 95, 97, 103, 101, 98, 99, 98, 101, 112, 128}
	// Salaries come on the 5th, advances on the 20th, and both are spent at once.
	monthDays = map[int]int{5: 165, 6: 145, 7: 122, 20: 140, 21: 120}
)

// payDays are the days of a month on which salaries and advances are paid.
func payDays() []int { return []int{5, 20} }

// busyness says how busy a day is, as a whole number without a unit. It depends on the
// month, the weekday, pay-days and feasts, and grows by half over the load's days.
func busyness(date time.Time, number, days int) int {
	busy := weekdays[date.Weekday()] * months[date.Month()-1]
	if percent, ok := monthDays[date.Day()]; ok {
		busy = busy * percent / 100
	}
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

// The profiles.
var (
	shopHours   = profile{0, 0, 0, 0, 0, 0, 1, 6, 16, 30, 42, 50, 52, 44, 42, 44, 50, 60, 64, 48, 26, 10, 3, 1}
	mealHours   = profile{5, 2, 1, 0, 0, 1, 10, 26, 22, 14, 14, 40, 80, 56, 20, 16, 20, 30, 50, 70, 64, 40, 22, 11}
	onlineHours = profile{16, 9, 5, 3, 2, 2, 4, 9, 18, 28, 35, 36, 34, 32, 34, 36, 36, 37, 40, 46, 56, 60, 48, 30}
	// Subscriptions are collected while the customers sleep.
	nightHours = profile{0, 0, 2, 30, 70, 60, 20, 4, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
)

// moment draws a time of a day by a profile. On weekends the profile is an hour later.
// The time never lies in the outage.
func (l *Load) moment(d draw, date time.Time, hours *profile) time.Time {
	late := local
	if weekday := date.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		late++
	}
	for {
		hour := (d.pick(hours[:]) + late) % 24
		at := date.Add(time.Duration(hour)*time.Hour + time.Duration(d.below(int(time.Hour/time.Millisecond)))*time.Millisecond)
		if !l.plan.Outage.Contains(at) {
			return at
		}
	}
}
