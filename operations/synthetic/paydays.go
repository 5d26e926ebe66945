package synthetic

import "time"

// Salaries are paid on the fifth business day of a month at the latest, and many employers pay
// an advance on the 20th. Both are spent at once.
const (
	salaryDay  = 5 // a business day
	advanceDay = 20
)

// afterSalary and afterAdvance say how busy the pay-day and the days after it are, in
// hundredths.
var (
	afterSalary  = []int{165, 145, 122}
	afterAdvance = []int{140, 120}
)

// paid says how busy a day is because of a pay-day, in hundredths.
func paid(date time.Time) int {
	if day := date.Day() - advanceDay; day >= 0 && day < len(afterAdvance) {
		return afterAdvance[day]
	}
	if day := date.Day() - salary(date.Year(), date.Month()); day >= 0 && day < len(afterSalary) {
		return afterSalary[day]
	}
	return 100
}

// salary returns the day of a month on which salaries are paid.
func salary(year int, month time.Month) int {
	business := 0
	for day := 1; ; day++ {
		if BusinessDay(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)) {
			if business++; business == salaryDay {
				return day
			}
		}
	}
}

// PayDays returns the pay-days from a date to the day before another one: the fifth business
// day and the 20th of every month.
func PayDays(from, to time.Time) []time.Time {
	var days []time.Time
	for date := from; date.Before(to); date = date.AddDate(0, 0, 1) {
		if date.Day() == advanceDay || date.Day() == salary(date.Year(), date.Month()) {
			days = append(days, date)
		}
	}
	return days
}

// BusinessDay reports whether the banks of Brazil work on a date: not on weekends and national
// holidays (laws 662/1949, 6.802/1980 and 14.759/2023; Carnival and Corpus Christi by the
// banks' calendar).
func BusinessDay(date time.Time) bool {
	if weekend(date) {
		return false
	}
	switch date.Format("0102") {
	case "0101", "0421", "0501", "0907", "1012", "1102", "1115", "1225":
		return false
	case "1120":
		return date.Year() < 2024
	}
	switch int(date.Sub(easter(date.Year())) / day) {
	case -48, -47, -2, 60: // Carnival, Good Friday, Corpus Christi
		return false
	}
	return true
}

// easter returns Easter Sunday of a year of the Gregorian calendar, by the method of Gauss
// with the constants of 1900 to 2099. All years of a load are among these.
func easter(year int) time.Time {
	moon := (19*(year%19) + 24) % 30
	sunday := (2*(year%4) + 4*(year%7) + 6*moon + 5) % 7
	if moon == 29 && sunday == 6 || moon == 28 && sunday == 6 && year%19 > 10 {
		sunday -= 7
	}
	return time.Date(year, time.March, 22+moon+sunday, 0, 0, 0, 0, time.UTC)
}
