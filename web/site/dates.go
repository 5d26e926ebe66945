package site

import (
	"strconv"
	"time"

	"codebank.dev/platform/language"
)

var months = map[language.Tag][12]string{
	language.English:    {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
	language.Portuguese: {"jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"},
}

const clock = "15:04"

// Zone returns where the visitor's days begin.
func (v *Visit) Zone() *time.Location { return v.site.config.Zone }

// Day returns the day of a time: today, yesterday, 29 nov or, of another year, 29 nov 2025.
func (v *Visit) Day(t time.Time) string {
	t, now := t.In(v.Zone()), v.Now().In(v.Zone())
	switch {
	case sameDay(t, now):
		return v.Say("day.today")
	case sameDay(t, now.AddDate(0, 0, -1)):
		return v.Say("day.yesterday")
	case t.Year() == now.Year():
		return dayText(v.language, t)
	}
	if v.language == language.Portuguese {
		return dayText(v.language, t) + " " + strconv.Itoa(t.Year())
	}
	return dayText(v.language, t) + ", " + strconv.Itoa(t.Year())
}

func dayText(tag language.Tag, t time.Time) string {
	month, day := months[tag][t.Month()-1], strconv.Itoa(t.Day())
	if tag == language.Portuguese {
		return day + " " + month
	}
	return month + " " + day
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}

// Clock returns the time of the day.
func (v *Visit) Clock(t time.Time) string { return t.In(v.Zone()).Format(clock) }

// Moment returns day and time: today 08:41.
func (v *Visit) Moment(t time.Time) string { return v.Day(t) + " " + v.Clock(t) }

// dateForm is how a browser's field of a date writes it.
const dateForm = "2006-01-02"

// Date returns the beginning of the day in a field of a date; the zero time if there is none.
func (v *Visit) Date(name string) time.Time {
	t, err := time.ParseInLocation(dateForm, v.Value(name), v.Zone())
	if err != nil {
		return time.Time{}
	}
	return t
}
