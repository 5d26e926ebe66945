package site_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/language"
	"codebank.dev/web/site"
	"github.com/stretchr/testify/require"
)

const page = `{{define "one"}}{{template "top" .}}<main id="main"><p id="said">{{.Data}}</p>
<form method="post" action="/act">{{template "token" .}}<input type="hidden" name="request" value="{{.Request}}"><button>Act</button></form></main>{{template "bottom" .}}{{end}}`

// desk is a site under test, and a browser with cookies.
type desk struct {
	*testing.T
	server *httptest.Server
	client *http.Client
	acts   []string
	now    time.Time
}

func newDesk(t *testing.T, keys ...[]byte) *desk {
	t.Helper()
	d := &desk{T: t, now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)}
	if len(keys) == 0 {
		keys = [][]byte{[]byte(strings.Repeat("k", site.KeySize))}
	}
	d.open(keys...)
	d.fresh()
	return d
}

// open starts the site with keys.
func (d *desk) open(keys ...[]byte) {
	sealing, err := site.NewKeys(keys...)
	require.NoError(d, err)
	pages, err := site.New(site.Config{
		Name: "shop-001", Brand: "Code Bank", Keys: sealing, Templates: fstest.MapFS{"one.html": {Data: []byte(page)}},
		SignIn: "/sign-in", Now: func() time.Time { return d.now },
	})
	require.NoError(d, err)
	pages.Page("/{$}", func(v *site.Visit) error {
		return v.Show(site.Page{Template: "one", Title: "One", Data: v.Get("who")})
	})
	pages.Page("/sign-in", func(v *site.Visit) error {
		return v.Show(site.Page{Template: "one", Title: "Sign in", Data: v.Value("why")})
	})
	pages.Page("/mine", func(v *site.Visit) error {
		return fault.New(fault.Unauthenticated, "X", "x")
	})
	pages.Page("/away", func(v *site.Visit) error { return fault.New(fault.Unavailable, "X", "A secret of the machine.") })
	pages.Form("/act", func(v *site.Visit) error {
		request, err := v.RequestID("0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f")
		if err != nil {
			return err
		}
		d.acts = append(d.acts, request)
		v.Renew(map[string]string{"who": v.Value("who")})
		return v.Redirect(v.Next("/"))
	})
	pages.Form("/large", func(v *site.Visit) error {
		v.Set(map[string]string{"x": strings.Repeat("x", 5000)})
		return v.Redirect("/")
	})
	d.server = httptest.NewServer(pages.Handler())
	d.Cleanup(d.server.Close)
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

type answer struct {
	status int
	body   string
	header http.Header
}

func (d *desk) do(r *http.Request) answer {
	d.Helper()
	got, err := d.client.Do(r)
	require.NoError(d, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	require.NoError(d, err)
	return answer{got.StatusCode, string(body), got.Header}
}

func (d *desk) get(path string) answer {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), http.MethodGet, d.server.URL+path, nil)
	require.NoError(d, err)
	return d.do(r)
}

// form returns the hidden fields of the form that acts on the first page.
func (d *desk) form() url.Values {
	d.Helper()
	body := d.get("/").body
	return url.Values{"token": {hidden(body, "token")}, "request": {hidden(body, "request")}}
}

func hidden(body, name string) string {
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(body)
	if found == nil {
		return ""
	}
	return found[1]
}

func (d *desk) post(path string, fields url.Values, change ...func(*http.Request)) answer {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), http.MethodPost, d.server.URL+path, strings.NewReader(fields.Encode()))
	require.NoError(d, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, one := range change {
		one(r)
	}
	return d.do(r)
}

func (d *desk) cookie() string {
	u, err := url.Parse(d.server.URL)
	require.NoError(d, err)
	for _, cookie := range d.client.Jar.Cookies(u) {
		if cookie.Name == "shop-001" {
			return cookie.Value
		}
	}
	return ""
}

func (d *desk) setCookie(value string) {
	u, err := url.Parse(d.server.URL)
	require.NoError(d, err)
	d.client.Jar.SetCookies(u, []*http.Cookie{{Name: "shop-001", Value: value, Path: "/"}})
}

func TestAFormOfOursActs(t *testing.T) {
	d := newDesk(t)
	got := d.post("/act", d.form())
	require.Equal(t, http.StatusSeeOther, got.status)
	require.Equal(t, "/", got.header.Get("Location"))
	require.Len(t, d.acts, 1)
}

func TestTheCookieOfASessionIsOfThisBrowserAlone(t *testing.T) {
	d := newDesk(t)
	set := d.get("/").header.Get("Set-Cookie")
	for _, part := range []string{"shop-001=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"} {
		require.Contains(t, set, part)
	}
	require.NotContains(t, set, "Domain")
	require.Less(t, len(set), 4000)
}

func TestAFormThatIsNotOursDoesNothing(t *testing.T) {
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for rule, tt := range map[string]struct {
		token  string
		change []func(*http.Request)
		status int
	}{
		"no token":                      {token: "-", status: http.StatusForbidden},
		"a wrong token":                 {token: strings.Repeat("A", 43), status: http.StatusForbidden},
		"a short token":                 {token: "AA", status: http.StatusForbidden},
		"a token that is no text of us": {token: "%%%", status: http.StatusForbidden},
		"another site":                  {change: []func(*http.Request){set("Sec-Fetch-Site", "cross-site")}, status: http.StatusForbidden},
		"a neighbour":                   {change: []func(*http.Request){set("Sec-Fetch-Site", "same-site")}, status: http.StatusForbidden},
		"another origin, an old browser": {change: []func(*http.Request){set("Sec-Fetch-Site", ""), set("Origin", "https://elsewhere.example")},
			status: http.StatusForbidden},
		"no origin that counts, an old browser": {change: []func(*http.Request){set("Sec-Fetch-Site", ""), set("Origin", "null")}, status: http.StatusForbidden},
		"a text that a foreign page may send":   {change: []func(*http.Request){set("Content-Type", "text/plain")}, status: http.StatusUnsupportedMediaType},
		"an encoded form":                       {change: []func(*http.Request){set("Content-Encoding", "gzip")}, status: http.StatusUnsupportedMediaType},
	} {
		t.Run(rule, func(t *testing.T) {
			d := newDesk(t)
			fields := d.form()
			switch {
			case tt.token == "-":
				fields.Del("token")
			case tt.token != "":
				fields.Set("token", tt.token)
			}
			got := d.post("/act", fields, tt.change...)
			require.Equal(t, tt.status, got.status)
			require.Contains(t, got.body, "Nothing was done")
			require.Empty(t, d.acts)
		})
	}
}

func TestATokenIsOfItsSession(t *testing.T) {
	d := newDesk(t)
	stolen := d.form()
	d.fresh()
	d.form()
	require.Equal(t, http.StatusForbidden, d.post("/act", stolen).status)
	d.fresh()
	require.Equal(t, http.StatusForbidden, d.post("/act", stolen).status, "without a session")
	require.Empty(t, d.acts)
}

func TestEachFormHasAnotherTextOfTheToken(t *testing.T) {
	d := newDesk(t)
	first, second := d.form(), d.form()
	require.NotEqual(t, first.Get("token"), second.Get("token"))
	require.Equal(t, http.StatusSeeOther, d.post("/act", first).status)
}

func TestAFormThatIsTooLargeDoesNothing(t *testing.T) {
	d := newDesk(t)
	fields := d.form()
	fields.Set("who", strings.Repeat("x", 70_000))
	require.Equal(t, http.StatusRequestEntityTooLarge, d.post("/act", fields).status)
	require.Empty(t, d.acts)
}

func TestASessionIsNewAfterSignIn(t *testing.T) {
	d := newDesk(t)
	fields := d.form()
	planted := d.cookie()
	fields.Set("who", "maria")
	require.Equal(t, http.StatusSeeOther, d.post("/act", fields).status)
	require.NotEqual(t, planted, d.cookie())
	require.Contains(t, d.get("/").body, `<p id="said">maria</p>`)
	mine := d.form()
	d.setCookie(planted)
	require.Contains(t, d.get("/").body, `<p id="said"></p>`, "who planted the session before sees nothing of the new one")
	require.Equal(t, http.StatusForbidden, d.post("/act", mine).status, "and the token is another one")
}

func TestACookieThatWasChangedIsNone(t *testing.T) {
	d := newDesk(t)
	fields := d.form()
	fields.Set("who", "maria")
	d.post("/act", fields)
	whole := d.cookie()
	for i := 0; i < len(whole); i += 7 {
		changed := []byte(whole)
		changed[i] ^= 1
		d.setCookie(string(changed))
		require.NotContains(t, d.get("/").body, "maria", "byte %d", i)
	}
	for _, other := range []string{"", "x", whole[:len(whole)-1], whole + "A", whole + "="} {
		d.setCookie(other)
		require.NotContains(t, d.get("/").body, "maria")
	}
}

func TestASessionEnds(t *testing.T) {
	d := newDesk(t)
	fields := d.form()
	fields.Set("who", "maria")
	d.post("/act", fields)
	d.now = d.now.Add(11 * time.Hour)
	require.Contains(t, d.get("/").body, "maria")
	d.now = d.now.Add(2 * time.Hour)
	require.NotContains(t, d.get("/").body, "maria")
}

func TestAKeyIsReplacedWithoutEndingSessions(t *testing.T) {
	before, after := []byte(strings.Repeat("a", site.KeySize)), []byte(strings.Repeat("b", site.KeySize))
	d := newDesk(t, before)
	fields := d.form()
	fields.Set("who", "maria")
	d.post("/act", fields)
	sealed := d.cookie()
	d.open(after, before)
	d.setCookie(sealed)
	require.Contains(t, d.get("/").body, "maria")
	d.open(after)
	d.setCookie(sealed)
	require.NotContains(t, d.get("/").body, "maria")
}

func TestASessionThatFitsNoCookieIsRefused(t *testing.T) {
	d := newDesk(t)
	require.Equal(t, http.StatusInternalServerError, d.post("/large", d.form()).status)
}

func TestAPageLeadsNowhereElse(t *testing.T) {
	d := newDesk(t)
	for _, next := range []string{
		"https://elsewhere.example/", "//elsewhere.example", `/\elsewhere.example`, `\/elsewhere.example`, "/\t/elsewhere.example", "javascript:alert(1)",
		"elsewhere", "", "/%0d%0aSet-Cookie:x", " //elsewhere.example", "/..//elsewhere.example",
	} {
		fields := d.form()
		fields.Set("next", next)
		location := d.post("/act", fields).header.Get("Location")
		resolved, err := url.Parse(d.server.URL)
		require.NoError(t, err)
		host := resolved.Host
		resolved, err = resolved.Parse(location)
		require.NoError(t, err)
		require.Equal(t, host, resolved.Host, next)
		require.NotContains(t, location, "\n")
	}
	fields := d.form()
	fields.Set("next", "/accounts/1?text=caf%C3%A9&page=2")
	require.Equal(t, "/accounts/1?text=caf%C3%A9&page=2", d.post("/act", fields).header.Get("Location"))
}

func TestACommandHasOneID(t *testing.T) {
	d := newDesk(t)
	fields := d.form()
	d.post("/act", fields)
	again := d.form()
	again.Set("request", fields.Get("request"))
	d.post("/act", again)
	d.post("/act", d.form())
	require.Len(t, d.acts, 3)
	require.Equal(t, d.acts[0], d.acts[1], "the same form")
	require.NotEqual(t, d.acts[0], d.acts[2], "another form")
	without := d.form()
	without.Del("request")
	require.Equal(t, http.StatusBadRequest, d.post("/act", without).status)
}

func TestAVisitorChoosesTheLanguage(t *testing.T) {
	d := newDesk(t)
	ask := func(wanted string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.server.URL+"/", nil)
		require.NoError(t, err)
		r.Header.Set("Accept-Language", wanted)
		return d.do(r).body
	}
	require.Contains(t, ask("pt-BR,pt;q=0.9,en;q=0.8"), `<html lang="pt-BR"`)
	require.Contains(t, ask("de, en;q=0.5"), `<html lang="en"`)
	fields := d.form()
	fields.Set("language", string(language.Portuguese))
	fields.Set("next", "/mine")
	require.Equal(t, "/mine", d.post("/language", fields).header.Get("Location"))
	require.Contains(t, ask("en"), `<html lang="pt-BR"`)
	fields = d.form()
	fields.Set("language", "xx")
	d.post("/language", fields)
	require.Contains(t, ask("en"), `<html lang="pt-BR"`)
}

func TestAPageOfAnErrorSaysWhatWasNotDone(t *testing.T) {
	d := newDesk(t)
	got := d.get("/away")
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	for _, part := range []string{"We cannot reach the bank", "Nothing was changed", `href="/away"`} {
		require.Contains(t, got.body, part)
	}
	require.NotContains(t, got.body, "secret of the machine")
	require.Equal(t, http.StatusNotFound, d.get("/nothing").status)
	require.Equal(t, http.StatusNotFound, d.get("/act").status, "a form is not a page")
}

func TestWhoseSignInHasEndedSignsInAgain(t *testing.T) {
	d := newDesk(t)
	fields := d.form()
	fields.Set("who", "maria")
	d.post("/act", fields)
	got := d.get("/mine")
	require.Equal(t, http.StatusSeeOther, got.status)
	require.Equal(t, "/sign-in?next=%2Fmine&why=ended", got.header.Get("Location"))
	require.NotContains(t, d.get("/").body, "maria")
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/", "/away", "/nothing", "/design"} {
		got := d.get(path)
		policy := got.header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'")
		require.NotContains(t, policy, "unsafe")
		require.Equal(t, "no-store", got.header.Get("Cache-Control"))
		require.Equal(t, "same-origin", got.header.Get("Referrer-Policy"))
		require.NotContains(t, got.body, " style=")
		require.NotRegexp(t, `(?i)<script(>| [^>]*[^>s]>[^<])|\son[a-z]+=`, got.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, d.server.URL+"/act", nil)
	require.NoError(t, err)
	got := d.do(r)
	require.Equal(t, http.StatusMethodNotAllowed, got.status)
	require.Equal(t, "GET, HEAD, POST", got.header.Get("Allow"))
}

func TestDesignShowsEveryPart(t *testing.T) {
	d := newDesk(t)
	got := d.get("/design")
	require.Equal(t, http.StatusOK, got.status)
	for _, part := range []string{`class="activity"`, `class="facts-of"`, `class="field wrong"`, `class="answered good"`, `class="message bad"`, `class="nav"`, `class="chip good"`} {
		require.Contains(t, got.body, part)
	}
}

func TestASiteWithoutATextDoesNotStart(t *testing.T) {
	keys, err := site.RandomKeys()
	require.NoError(t, err)
	config := site.Config{Name: "x", Keys: keys, Words: map[language.Tag]site.Words{language.English: {"hello": "Hello"}}}
	_, err = site.New(config)
	require.ErrorContains(t, err, "hello")
	config.Words[language.Portuguese] = site.Words{"hello": "Olá, %s"}
	_, err = site.New(config)
	require.ErrorContains(t, err, "hello", "with another number of parts")
	config.Words[language.Portuguese] = site.Words{"hello": "Olá"}
	config.Templates = fstest.MapFS{"one.html": {Data: []byte(`{{define "one"}}{{t "bye"}}{{end}}`)}}
	_, err = site.New(config)
	require.ErrorContains(t, err, `"bye"`)
}
