package banking_test

import (
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"codebank.dev/platform/serve"
	"codebank.dev/web/banking"
	"codebank.dev/web/bankingtest"
	"codebank.dev/web/site"
	"github.com/stretchr/testify/require"
)

// desk is the pages over a small bank, and a browser.
type desk struct {
	*testing.T
	*bankingtest.Sample
	server *httptest.Server
	client *http.Client
	now    time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, now: time.Date(2026, 12, 1, 15, 0, 0, 0, time.UTC)}
	d.Sample = bankingtest.NewSample(func() time.Time { return d.now })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(d.Serve(listener))
	conn, err := serve.Dial(listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	keys, err := site.RandomKeys()
	require.NoError(t, err)
	pages, err := banking.New(banking.Config{
		Bank: conn, Statement: conn, Identity: conn, BankCode: "001", BankName: "Code Bank", Accent: "blue", Keys: keys,
		Now: func() time.Time { return d.now }, Address: func(*http.Request) netip.Addr { return netip.MustParseAddr("203.0.113.9") },
	})
	require.NoError(t, err)
	d.server = httptest.NewServer(pages)
	t.Cleanup(d.server.Close)
	d.fresh()
	return d
}

// fresh takes another browser.
func (d *desk) fresh() {
	jar, err := cookiejar.New(nil)
	require.NoError(d, err)
	d.client = &http.Client{Jar: insecureJar{jar}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// insecureJar sends Secure cookies over plain text to the loopback address, as browsers do.
type insecureJar struct{ http.CookieJar }

func (j insecureJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, cookie := range cookies {
		cookie.Secure = false
	}
	j.CookieJar.SetCookies(u, cookies)
}

type page struct {
	status         int
	body, location string
	header         http.Header
}

// text returns the page without its tags.
func (p page) text() string {
	apart := regexp.MustCompile(`</(p|dt|dd|h1|h2|h3|li|a|div|label|button|option)>`).ReplaceAllString(p.body, " ")
	bare := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(apart, "")
	return strings.Join(strings.Fields(strings.ReplaceAll(html.UnescapeString(bare), "\u00a0", " ")), " ")
}

func (d *desk) do(r *http.Request) page {
	d.Helper()
	got, err := d.client.Do(r)
	require.NoError(d, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	require.NoError(d, err)
	return page{got.StatusCode, string(body), got.Header.Get("Location"), got.Header}
}

func (d *desk) get(path string) page {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), http.MethodGet, d.server.URL+path, nil)
	require.NoError(d, err)
	return d.do(r)
}

// open returns a page that must be shown.
func (d *desk) open(path string) page {
	d.Helper()
	got := d.get(path)
	require.Equal(d, http.StatusOK, got.status, "%s leads to %s: %s", path, got.location, got.text())
	return got
}

// send sends the form of a page with an action: its hidden fields, and the fields given here.
func (d *desk) send(from page, action string, fields map[string]string) page {
	d.Helper()
	form := regexp.MustCompile(`(?s)<form[^>]*action="` + regexp.QuoteMeta(action) + `".*?</form>`).FindString(from.body)
	require.NotEmpty(d, form, "no form %s on the page: %s", action, from.text())
	values := url.Values{}
	for _, hidden := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(form, -1) {
		values.Set(html.UnescapeString(hidden[1]), html.UnescapeString(hidden[2]))
	}
	for name, value := range fields {
		values.Set(name, value)
	}
	r, err := http.NewRequestWithContext(d.Context(), http.MethodPost, d.server.URL+action, strings.NewReader(values.Encode()))
	require.NoError(d, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return d.do(r)
}

// signIn signs Maria in.
func (d *desk) signIn() *desk {
	d.Helper()
	return d.signInAs(bankingtest.Maria)
}

func (d *desk) signInAs(email string) *desk {
	d.Helper()
	got := d.send(d.open("/sign-in"), "/sign-in", map[string]string{"email": email, "password": bankingtest.Password})
	require.Equal(d, http.StatusSeeOther, got.status, got.text())
	return d
}

func TestSignUpSignInSignOut(t *testing.T) {
	d := newDesk(t)
	got := d.send(d.open("/sign-up"), "/sign-up", map[string]string{"email": "ana@example.com"})
	require.Equal(t, "/confirm?sent=1", got.location)
	confirm := d.open(got.location)
	require.Contains(t, confirm.text(), "An e-mail is on its way")
	wrong := d.send(confirm, "/confirm", map[string]string{"code": "nothing", "password": "a sentence of mine"})
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	short := d.send(confirm, "/confirm", map[string]string{"code": d.Mailed("ana@example.com"), "password": "x"})
	require.Contains(t, short.body, `aria-invalid="true"`)
	require.NotContains(t, short.body, `value="x"`, "a password is never shown again")
	got = d.send(confirm, "/confirm", map[string]string{"code": d.Mailed("ana@example.com"), "password": "a sentence of mine"})
	require.Equal(t, "/sign-in?why=confirmed", got.location)
	signIn := d.open(got.location)
	require.Contains(t, signIn.text(), "Your account is open")
	got = d.send(signIn, "/sign-in", map[string]string{"email": "ana@example.com", "password": "a sentence of mine"})
	require.Equal(t, "/", got.location)
	home := d.open("/")
	require.Contains(t, home.text(), "You have no account yet")
	require.Equal(t, "/", d.send(home, "/accounts", nil).location)
	require.Equal(t, "/", d.send(home, "/accounts", nil).location, "a second press")
	require.Equal(t, 1, strings.Count(d.open("/").body, "tile-of"), "opens one account")
	got = d.send(d.open("/"), "/sign-out", nil)
	require.Equal(t, "/sign-in?why=out", got.location)
	require.Zero(t, d.OpenSessions())
	require.Equal(t, "/sign-in?why=needed", d.get("/").location)
}

func TestAPasswordIsReplaced(t *testing.T) {
	d := newDesk(t)
	got := d.send(d.open("/forgot"), "/forgot", map[string]string{"email": bankingtest.Maria})
	reset := d.open(got.location)
	got = d.send(reset, "/reset", map[string]string{"code": d.Mailed(bankingtest.Maria), "password": "another sentence"})
	require.Equal(t, "/sign-in?why=changed", got.location)
	wrong := d.send(d.open("/sign-in"), "/sign-in", map[string]string{"email": bankingtest.Maria, "password": bankingtest.Password})
	require.Equal(t, http.StatusUnauthorized, wrong.status)
	got = d.send(wrong, "/sign-in", map[string]string{"email": bankingtest.Maria, "password": "another sentence"})
	require.Equal(t, "/", got.location)
}

func TestAWrongPasswordSaysSoAndNothingMore(t *testing.T) {
	d := newDesk(t)
	for _, email := range []string{bankingtest.Maria, "nobody@example.com"} {
		got := d.send(d.open("/sign-in"), "/sign-in", map[string]string{"email": email, "password": "wrong one"})
		require.Equal(t, http.StatusUnauthorized, got.status)
		require.Contains(t, got.text(), "E-mail and password do not belong together")
		require.NotContains(t, got.body, "wrong one")
	}
	require.Contains(t, d.Addresses(), "203.0.113.9", "identity counts the tries of the visitor's address")
	d.Leave(bankingtest.Identity, true)
	got := d.send(d.open("/sign-in"), "/sign-in", map[string]string{"email": bankingtest.Maria, "password": bankingtest.Password})
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Contains(t, got.text(), "You are not signed in")
}

func TestASignInLeadsBackAndNowhereElse(t *testing.T) {
	d := newDesk(t)
	got := d.get("/accounts/" + d.Wallet + "?text=caf%C3%A9")
	require.Equal(t, "/sign-in?next=%2Faccounts%2F"+d.Wallet+"%3Ftext%3Dcaf%25C3%25A9&why=needed", got.location)
	got = d.send(d.open(got.location), "/sign-in", map[string]string{"email": bankingtest.Maria, "password": bankingtest.Password})
	require.Equal(t, "/accounts/"+d.Wallet+"?text=caf%C3%A9", got.location)
	require.Equal(t, "/accounts/"+d.Wallet, d.get("/sign-in?next=/accounts/"+d.Wallet).location, "who has signed in goes on")
	d.fresh()
	got = d.send(d.open("/sign-in?next=https://elsewhere.example"), "/sign-in", map[string]string{
		"email": bankingtest.Maria, "password": bankingtest.Password, "next": "//elsewhere.example",
	})
	require.Equal(t, "/", got.location)
}

func TestHomeShowsWhatThereIs(t *testing.T) {
	d := newDesk(t).signIn()
	text := d.open("/").text()
	for _, part := range []string{"Available R$ 2,357.33", "Balance R$ 2,507.33", "Set aside R$ 150.00", "Available limit R$ 3,700.10", "To pay R$ 1,299.90", "Limit R$ 5,000.00", "Café da Serra", "+R$ 10.00"} {
		require.Contains(t, text, part)
	}
	d.Leave(bankingtest.Statement, true)
	text = d.open("/").text()
	require.Contains(t, text, "R$ 2,357.33")
	require.Contains(t, text, "The latest movements are missing")
	d.Leave(bankingtest.Wallets, true)
	got := d.get("/")
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Contains(t, got.text(), "We cannot reach the bank")
}

func TestAnAccountShowsItsActivity(t *testing.T) {
	d := newDesk(t).signIn()
	account := d.open("/accounts/" + d.Wallet)
	text := account.text()
	require.Contains(t, text, "Posto do Lago")
	require.Less(t, strings.Index(text, "Café da Serra"), strings.Index(text, "Deposit"), "newest first")
	require.Contains(t, text, "−R$ 239.77Balance R$ 2,497.33", "with the balance behind each line")
	found := d.open("/accounts/" + d.Wallet + "?text=armaz")
	require.Contains(t, found.text(), "Perpétuo Socorro")
	require.NotContains(t, found.text(), "Salário")
	found = d.open("/accounts/" + d.Wallet + "?from=2026-11-30&to=2026-11-30")
	require.Contains(t, found.text(), "R$ 42.90")
	require.NotContains(t, found.text(), "R$ 239.77")
	require.NotContains(t, d.open("/accounts/"+d.Wallet+"?way=in").text(), "Aluguel")
	none := d.open("/accounts/" + d.Wallet + "?text=" + url.QueryEscape(`"><script>alert(1)</script>`))
	require.Contains(t, none.text(), "Nothing found")
	require.NotContains(t, none.body, "<script>alert")
	require.Contains(t, d.open("/accounts/"+d.Savings).text(), "Nothing here yet")
	require.Equal(t, http.StatusNotFound, d.get("/accounts/"+d.Other).status, "another's account is none")
	require.Equal(t, http.StatusNotFound, d.get("/accounts/0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f").status)
}

func TestAccessTokensAreReplaced(t *testing.T) {
	d := newDesk(t).signIn()
	for range 4 {
		d.now = d.now.Add(16 * time.Minute)
		d.open("/")
	}
	d.now = d.now.Add(14*time.Minute + 45*time.Second)
	d.Leave(bankingtest.Identity, true)
	d.open("/") // The token has not ended yet.
	d.now = d.now.Add(time.Minute)
	require.Equal(t, http.StatusServiceUnavailable, d.get("/").status)
	d.Leave(bankingtest.Identity, false)
	d.open("/")
}

func TestASessionThatHasEndedElsewhereSaysSo(t *testing.T) {
	d := newDesk(t).signIn()
	d.EndSessions()
	got := d.get("/accounts/" + d.Wallet)
	require.Equal(t, "/sign-in?next=%2Faccounts%2F"+d.Wallet+"&why=ended", got.location)
	require.Contains(t, d.open(got.location).text(), "Your sign-in has ended")
}

func TestNoPageShowsASecretOfTheSession(t *testing.T) {
	d := newDesk(t).signIn()
	for _, path := range []string{"/", "/accounts/" + d.Wallet, "/accounts/none"} {
		got := d.get(path)
		for _, secret := range []string{"access-", "refresh-", bankingtest.Password, "device-" + d.MariaID} {
			require.NotContains(t, got.body, secret, path)
		}
	}
}
