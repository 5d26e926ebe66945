package rest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/webhook"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
)

func server(t testing.TB) *Server {
	t.Helper()
	s := New(Config{})
	pages, err := serve.NewPageTokens(bytes.Repeat([]byte{8}, serve.MinPageTokenKey))
	require.NoError(t, err)
	s.Begin(pages)
	return s
}

// The database keeps microseconds; what merchants read has three digits, as all of the gateway's times.
func TestEveryTimeOfEndpointsAndDeliveriesHasThreeDigits(t *testing.T) {
	at := time.Date(2030, time.January, 2, 3, 4, 5, 100_999_000, time.UTC)
	for shown, times := range map[any]int{
		new(viewOf(&webhook.Endpoint{FailingSince: at, CreatedAt: at, ChangedAt: at})):                                                   3,
		new(viewOfDelivery(&webhook.Delivery{NextAt: at, CreatedAt: at, EndedAt: at, Attempts: []webhook.Attempt{{Number: 1, At: at}}})): 4,
	} {
		text, err := json.Marshal(shown)
		require.NoError(t, err)
		require.Equal(t, times, strings.Count(string(text), `":"2030-01-02T03:04:05.100Z"`), string(text))
	}
}

func TestAnEndpointHasWhatItsBodySays(t *testing.T) {
	read := func(body string) (webhook.EndpointSettings, error) {
		return readNew(httptest.NewRequest("POST", "/", strings.NewReader(body)), payment.Live)
	}
	settings, err := read(`{"url": "https://shop.example/hooks"}`)
	require.NoError(t, err)
	require.Equal(t, webhook.EndpointSettings{URL: "https://shop.example/hooks", Types: webhook.Outcomes(), Enabled: true}, settings)
	settings, err = read(`{"url": "https://shop.example/", "description": "Café", "event_types": ["refund.done", "charge.approved", "refund.done"], "enabled": false}`)
	require.NoError(t, err)
	require.Equal(t, webhook.EndpointSettings{
		URL: "https://shop.example/", Description: "Café", Types: []webhook.Type{"charge.approved", "refund.done"},
	}, settings)
	for body, in := range map[string]string{
		`{}`: "url", `{"url": "http://shop.example/"}`: "url", `{"url": "https://u:p@shop.example/"}`: "url", `{"url": 1}`: "url",
		`{"url": "https://a/", "event_types": []}`: "event_types", `{"url": "https://a/", "event_types": ["charge.lost"]}`: "event_types",
		`{"url": "https://a/", "event_types": "charge.approved"}`:                  "event_types",
		`{"url": "https://a/", "description": "a\u0000b"}`:                         "description",
		`{"url": "https://a/", "description": "` + strings.Repeat("é", 141) + `"}`: "description",
		`{"url": "https://a/", "enabled": "yes"}`:                                  "enabled", `{"secret": "whsec_x"}`: "secret",
	} {
		_, err := read(body)
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), body)
		require.Equal(t, in, fault.Of(err).Field, body)
	}
}

func TestAChangeLeavesWhatItDoesNotName(t *testing.T) {
	had := webhook.EndpointSettings{URL: "https://a.example/", Description: "a", Types: []webhook.Type{"refund.done"}, Enabled: true}
	for body, want := range map[string]webhook.EndpointSettings{
		`{}`: had, `{"url": null, "event_types": null, "enabled": null}`: had,
		`{"enabled": false}`: {URL: had.URL, Description: had.Description, Types: had.Types},
		`{"description": "", "event_types": ["charge.voided"]}`: {URL: had.URL, Types: []webhook.Type{"charge.voided"}, Enabled: true},
	} {
		change, err := readChange(httptest.NewRequest("PATCH", "/", strings.NewReader(body)))
		require.NoError(t, err, body)
		settings := had
		require.NoError(t, change.apply(payment.Test)(&settings), body)
		require.Equal(t, want, settings, body)
	}
}

// A condition that is no version is never taken for none.
func TestAConditionIsTheTagOfAVersion(t *testing.T) {
	read := func(match ...string) (int64, error) {
		request := httptest.NewRequest("PATCH", "/", nil)
		request.Header[matchHeader] = match
		return readMatch(request)
	}
	for match, version := range map[string]int64{`*`: 0, `"1"`: 1, `"42"`: 42} {
		got, err := read(match)
		require.NoError(t, err)
		require.Equal(t, version, got)
	}
	got, err := read()
	require.NoError(t, err)
	require.Zero(t, got)
	for _, match := range []string{``, ` `, `1`, `"`, `""`, `"0"`, `"-1"`, `"+1"`, `"01"`, `"1`, `W/"1"`} {
		_, err := read(match)
		require.Equal(t, errMatch, err, "%q", match)
	}
}

func FuzzForm(f *testing.F) {
	s := server(f)
	token := s.pages.Issue(binary.BigEndian.AppendUint64(nil, 7), "scope")
	f.Add(`{"url": "https://shop.example/hooks", "event_types": ["charge.approved"], "enabled": true, "description": "x"}`, `"3"`, "10", token)
	f.Fuzz(func(t *testing.T, body, match, size, token string) {
		settings, err := readNew(httptest.NewRequest("POST", "/", strings.NewReader(body)), payment.Live)
		if err == nil {
			require.NoError(t, settings.Check(payment.Live), "what is read may be stored")
		} else {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
		}
		_, err = readChange(httptest.NewRequest("PATCH", "/", strings.NewReader(body)))
		require.True(t, err == nil || fault.CodeOf(err) == fault.InvalidArgument)
		request := httptest.NewRequest("PATCH", "/", nil)
		request.Header[matchHeader] = []string{match}
		version, err := readMatch(request)
		require.True(t, err == nil && version >= 0 || fault.CodeOf(err) == fault.InvalidArgument)
		query := url.Values{sizeParameter: {size}, tokenParameter: {token}}
		number, err := readSize(query)
		require.True(t, err == nil && number > 0 && number <= mostDeliveries || fault.CodeOf(err) == fault.InvalidArgument)
		_, err = s.readPosition(query, []string{"scope"})
		require.True(t, err == nil || fault.CodeOf(err) == fault.InvalidArgument)
	})
}
