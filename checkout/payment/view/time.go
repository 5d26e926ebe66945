package view

import "time"

// timeLayout is RFC 3339 with milliseconds, which is what the payment gateway keeps of a charge's times.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a time as every answer, event, message and file has it: RFC 3339 in UTC, with three digits of the second. So a
// text has one length, and the texts of two times sort as the times do. Smaller parts are cut off.
type Time time.Time

// MarshalText implements encoding.TextMarshaler, and so JSON.
func (t Time) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, timeLayout), nil
}

// TimeOrNil returns a time, or nil for the zero time.
func TimeOrNil(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return (*Time)(&t)
}
