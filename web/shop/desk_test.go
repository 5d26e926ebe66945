package shop_test

import (
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/platform/serve"
	"codebank.dev/web/bankingtest"
	"codebank.dev/web/shop"
	"codebank.dev/web/shoptest"
	"codebank.dev/web/site"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

const (
	maria    = "maria@example.com"
	joao     = "joao@example.com"
	password = "correct horse battery"
)

// desk is the pages over a small checkout, and a browser.
type desk struct {
	*testing.T
	*shoptest.World
	people *bankingtest.World
	server *httptest.Server
	client *http.Client
	now    time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, now: time.Date(2026, 12, 1, 15, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return d.now }
	d.people = bankingtest.NewWorld(clock)
	d.people.Join(maria, password)
	d.people.Join(joao, password)
	identity := d.connect(d.people.Serve)
	d.World = shoptest.NewWorld(identity, clock)
	keys, err := site.RandomKeys()
	require.NoError(t, err)
	logged := &lockedText{}
	t.Cleanup(func() {
		for _, secret := range []string{shoptest.Good, shoptest.Broke, shoptest.Slow, "MARIA DA SILVA", "gos_", password} {
			require.NotContains(t, logged.String(), secret, "nothing of a card and no secret is logged")
		}
	})
	logger := slog.New(slog.NewTextHandler(logged, nil))
	pages, err := shop.New(shop.Config{Logger: logger, Checkout: d.connect(d.World.Serve), Identity: identity, Name: "Feira Code", Accent: "blue", Keys: keys, Now: clock})
	require.NoError(t, err)
	d.server = httptest.NewServer(pages)
	t.Cleanup(d.server.Close)
	d.fresh()
	return d
}

// lockedText keeps what is logged.
type lockedText struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (l *lockedText) Write(content []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(content)
}

func (l *lockedText) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// connect serves on a port, and returns a connection to it.
func (d *desk) connect(serveOn func(net.Listener) func()) grpc.ClientConnInterface {
	d.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(d, err)
	d.Cleanup(serveOn(listener))
	conn, err := serve.Dial(listener.Addr().String())
	require.NoError(d, err)
	d.Cleanup(func() { require.NoError(d, conn.Close()) })
	return conn
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
	apart := regexp.MustCompile(`</(p|dt|dd|h1|h2|h3|li|a|div|label|button|option|span)>`).ReplaceAllString(p.body, " ")
	bare := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(apart, "")
	text := strings.Join(strings.Fields(strings.ReplaceAll(html.UnescapeString(bare), "\u00a0", " ")), " ")
	return regexp.MustCompile(`(\d) ([.,]\d\d)\b`).ReplaceAllString(text, "$1$2")
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

// send sends the first form of a page with an action: its hidden fields, and the fields given here.
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

// card is the fields of a card with a number.
func card(number string) map[string]string {
	return map[string]string{"number": number, "holder": "MARIA DA SILVA", "expiry": "03/30", "cvv": "739"}
}

// add puts a product into the basket.
func (d *desk) add(slug, quantity string) {
	d.Helper()
	got := d.send(d.open("/products/"+slug), "/basket/add", map[string]string{"quantity": quantity})
	require.Equal(d, "/basket", got.location, got.text())
}

// checkout returns the form to pay at the café for two coffees.
func (d *desk) checkout() page {
	d.Helper()
	d.add("cafe-coado", "2")
	return d.open("/checkout?store=cafe-da-serra")
}

// buy pays for two coffees, and returns the page of the order.
func (d *desk) buy(number string) (path string, shown page) {
	d.Helper()
	got := d.send(d.checkout(), "/checkout", card(number))
	require.Equal(d, http.StatusSeeOther, got.status, got.text())
	require.Contains(d, got.location, "/orders/")
	return got.location, d.open(got.location)
}

func (d *desk) signIn(email string) {
	d.Helper()
	got := d.send(d.open("/sign-in"), "/sign-in", map[string]string{"email": email, "password": password})
	require.Equal(d, "/orders", got.location, got.text())
}

// linkOf returns the link by which a guest comes back to an order.
func linkOf(d *desk, order page) string {
	d.Helper()
	link := regexp.MustCompile(`href="(/orders/[^"#]*/open#gos_[^"]*)"`).FindStringSubmatch(order.body)
	require.NotNil(d, link, "a guest has a link to come back by")
	return link[1]
}
