package rest

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
)

// FuzzPlace: whatever a client sends as the event behind which it goes on, it is a sequence or is refused.
func FuzzPlace(f *testing.F) {
	f.Add("5", "")
	f.Add("", "7")
	f.Add("-1", "x")
	f.Add("9223372036854775808", "0")
	f.Fuzz(func(t *testing.T, after, last string) {
		r := httptest.NewRequest("GET", "/v1/events", nil)
		r.Header[lastEventID] = []string{last}
		query := url.Values{}
		if after != "" {
			query.Set(afterParameter, after)
		}
		read, given, err := readPlace(r, query)
		if err != nil {
			refused(t, err)
			return
		}
		require.Equal(t, after != "" || r.Header.Get(lastEventID) != "", given)
		require.GreaterOrEqual(t, read, int64(0))
	})
}

// FuzzSpan: whatever a client asks for, statistics are of whole and few hours, and a time is a time or refused.
func FuzzSpan(f *testing.F) {
	f.Add("interval=day&from=2030-01-01T00:00:00Z&to=2030-01-02T00:00:00Z")
	f.Add("interval=hour&from=2030-01-01T00:00:00.5Z&to=9999-01-02T00:00:00%2B01:00")
	f.Add("from=&to=0001-01-01T00:00:00Z")
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		if span, err := readSpan(query); err == nil {
			require.True(t, span.From.Before(span.To))
			require.LessOrEqual(t, span.To.Sub(span.From), mostDays)
			require.Zero(t, span.From.Minute()+span.From.Second()+span.To.Nanosecond())
			_, err = span.To.MarshalJSON()
			require.NoError(t, err)
		} else {
			refused(t, err)
		}
		wanted := payment.MovementQuery{From: earliest, To: latest}
		if err := readBounds(query, &wanted); err == nil {
			require.True(t, wanted.From.Before(wanted.To))
		} else {
			refused(t, err)
		}
	})
}
