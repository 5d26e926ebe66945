package shop_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/web/shoptest"
	"github.com/stretchr/testify/require"
)

func TestProductsAreListedSearchedAndShown(t *testing.T) {
	d := newDesk(t)
	list := d.open("/")
	for _, part := range []string{"Café coado", "R$ 7.50", "Livraria Aurora", "Vaso pequeno"} {
		require.Contains(t, list.text(), part)
	}
	found := d.open("/?text=machado")
	require.Contains(t, found.text(), "Dom Casmurro")
	require.NotContains(t, found.text(), "Café coado")
	none := d.open("/?text=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
	require.Contains(t, none.text(), "Nothing found")
	require.NotContains(t, none.body, "<script>alert")
	product := d.open("/products/cafe-coado")
	require.Contains(t, product.text(), "Xícara de 150 ml")
	require.Equal(t, http.StatusNotFound, d.get("/products/nothing").status)
	require.Equal(t, http.StatusNotFound, d.get("/products/NOTHING").status)
	for i := range 30 {
		d.Offer(&checkoutv1.CatalogueProduct{
			Name: fmt.Sprintf("products/z%02d", i), DisplayName: fmt.Sprintf("Selo %02d", i), PriceMinor: 100, Currency: "BRL",
			Store: &checkoutv1.Store{Name: "stores/selos", DisplayName: "Selos"}, PictureUrl: "https://elsewhere.example/picture.png",
		})
	}
	first := d.open("/?text=selo")
	more := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(first.body)
	require.NotNil(t, more)
	require.Contains(t, d.open(strings.ReplaceAll(more[1], "&amp;", "&")).text(), "Selo 29")
	require.NotContains(t, first.body, "elsewhere.example", "no page asks another host")
	d.Leave(true)
	require.Equal(t, http.StatusServiceUnavailable, d.get("/").status)
}

func TestAProductHasAPictureOfItsOwn(t *testing.T) {
	d := newDesk(t)
	got := d.open("/pictures/cafe-coado")
	require.Equal(t, "image/svg+xml", got.header.Get("Content-Type"))
	require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
	require.NotContains(t, got.body, "style")
	require.NotContains(t, got.body, "<text")
	require.Empty(t, got.header.Get("Set-Cookie"))
	require.Equal(t, got.body, d.open("/pictures/cafe-coado").body)
	require.NotEqual(t, got.body, d.open("/pictures/pao-de-queijo").body)
	for _, none := range []string{"%3Csvg", "A", strings.Repeat("a", 65), "..%2f"} {
		require.Equal(t, http.StatusNotFound, d.get("/pictures/"+none).status, none)
	}
}

func TestTheBasketHoldsWhatIsChosen(t *testing.T) {
	d := newDesk(t)
	require.Contains(t, d.open("/basket").text(), "Your basket is empty")
	d.add("cafe-coado", "2")
	d.add("cafe-coado", "1")
	d.add("livro-dom-casmurro", "1")
	basket := d.open("/basket")
	for _, part := range []string{"Basket (4)", "R$ 22.50", "R$ 29.90", "Each store is paid on its own"} {
		require.Contains(t, basket.text(), part)
	}
	require.Equal(t, "/basket", d.send(basket, "/basket", map[string]string{"quantity": "5"}).location)
	require.Contains(t, d.open("/basket").text(), "R$ 37.50")
	for _, wrong := range []string{"-1", "100", "many", ""} {
		got := d.send(basket, "/basket", map[string]string{"quantity": wrong})
		require.Equal(t, http.StatusUnprocessableEntity, got.status, wrong)
		require.Equal(t, http.StatusUnprocessableEntity, d.send(d.open("/products/cafe-coado"), "/basket/add", map[string]string{"quantity": wrong}).status, wrong)
	}
	require.Contains(t, d.open("/basket").text(), "R$ 37.50")
	d.send(basket, "/basket", map[string]string{"quantity": "5", "remove": "1"})
	require.NotContains(t, d.open("/basket").text(), "Café coado")
	d.Retire("livro-dom-casmurro")
	require.Contains(t, d.open("/basket").text(), "Something is not sold any more")
	require.NotContains(t, d.open("/basket").text(), "Something is not sold any more")
}

func TestAFullBasketFitsItsCookie(t *testing.T) {
	d := newDesk(t)
	d.signIn(maria)
	full := false
	for i := range 30 {
		slug := fmt.Sprintf("%02d-%s", i, strings.Repeat("a", 61))
		d.Offer(&checkoutv1.CatalogueProduct{Name: "products/" + slug, DisplayName: slug, PriceMinor: 100, Currency: "BRL", Store: &checkoutv1.Store{Name: "stores/a"}})
		got := d.send(d.open("/products/"+slug), "/basket/add", map[string]string{"quantity": "10"})
		full = full || strings.Contains(got.text(), "Your basket is full")
		require.Less(t, got.status, http.StatusInternalServerError)
	}
	require.True(t, full)
}

func TestAGuestBuys(t *testing.T) {
	d := newDesk(t)
	form := d.checkout()
	require.Contains(t, form.text(), "Pay R$ 15.00")
	for _, part := range []string{`autocomplete="cc-number"`, `autocomplete="cc-name"`, `autocomplete="cc-exp"`, `autocomplete="cc-csc"`, `inputmode="numeric"`} {
		require.Contains(t, form.body, part)
	}
	got := d.send(form, "/checkout", card("4111 1111 1111 1111"))
	require.Equal(t, http.StatusSeeOther, got.status, got.text())
	for _, part := range []string{"It is paid", "Approved", "R$ 15.00", "Café coado", "Visa ••1111"} {
		require.Contains(t, strings.ReplaceAll(d.open(got.location).text(), "VISA", "Visa"), part)
	}
	require.Contains(t, d.open("/basket").text(), "Your basket is empty")
	require.Contains(t, d.open("/orders").text(), "Café coado")
	require.Equal(t, got.location, d.send(form, "/checkout", card(shoptest.Good)).location, "a second press shows the same order")
	require.Len(t, d.Orders(), 1)
	d.add("pao-de-queijo", "1")
	require.Equal(t, got.location, d.send(form, "/checkout", card(shoptest.Good)).location)
	require.Contains(t, d.open("/basket").text(), "Pão de queijo", "and takes nothing out of the basket")
	other := d.send(form, "/checkout", map[string]string{"number": shoptest.Amex, "holder": "MARIA", "expiry": "03/30", "cvv": "7391"})
	require.Equal(t, http.StatusConflict, other.status)
	require.Contains(t, other.text(), "Nothing more was charged")
	require.Len(t, d.Orders(), 1)
	require.Equal(t, "/basket", d.get("/checkout?store=cafe-em-lugar-nenhum").location)
}

func TestWhatIsWrongWithACardIsSaidAtItsField(t *testing.T) {
	d := newDesk(t)
	form := d.checkout()
	for rule, tt := range map[string]struct{ field, value, said string }{
		"a wrong digit":        {"number", "4111111111111112", "a digit is wrong"},
		"no number":            {"number", "", "a digit is wrong"},
		"no holder":            {"holder", "", "Write the name"},
		"no month":             {"expiry", "13/30", "month and year"},
		"no date":              {"expiry", "soon", "month and year"},
		"a card of last month": {"expiry", "11/26", "has expired"},
		"a short code":         {"cvv", "73", "has 3 digits"},
		"a long code":          {"cvv", "7391", "has 3 digits"},
	} {
		fields := card(shoptest.Good)
		fields[tt.field] = tt.value
		got := d.send(form, "/checkout", fields)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, rule)
		require.Contains(t, got.text(), tt.said, rule)
		require.Regexp(t, `id="`+tt.field+`"[^>]*aria-invalid="true"`, got.body, rule)
		for _, secret := range []string{"41111111", "MARIA DA SILVA", `value="03/30"`, `value="739"`} {
			require.NotContains(t, got.body, secret, rule)
		}
	}
	require.Zero(t, d.Requests())
	ok := card(shoptest.Good)
	ok["expiry"] = "12 / 2026"
	require.Contains(t, d.send(form, "/checkout", ok).location, "/orders/", "a card is good in its last month")
}

func TestADeclinedOrderSaysWhyAndKeepsTheBasket(t *testing.T) {
	d := newDesk(t)
	path, shown := d.buy(shoptest.Broke)
	for _, part := range []string{"The payment was declined", "Declined", "does not cover this amount", "Nothing was charged"} {
		require.Contains(t, shown.text(), part)
	}
	require.Contains(t, d.open("/basket").text(), "R$ 15.00")
	got := d.send(shown, path+"/again", nil)
	require.Equal(t, "/checkout?store=cafe-da-serra", got.location)
	got = d.send(d.open(got.location), "/checkout", card(shoptest.Good))
	require.Contains(t, d.open(got.location).text(), "It is paid")
	require.NotEqual(t, path, got.location)
}

func TestAPendingOrderIsWaitedFor(t *testing.T) {
	d := newDesk(t)
	path, shown := d.buy(shoptest.Slow)
	require.Contains(t, shown.text(), "We are waiting for the bank")
	require.NotContains(t, shown.text(), "Nothing was charged")
	require.Equal(t, "5", shown.header.Get("Refresh"))
	require.Contains(t, shown.body, "data-pending")
	require.Contains(t, d.open("/basket").text(), "Your basket is empty")
	d.Decide(shoptest.Blocked)
	shown = d.open(path)
	require.Contains(t, shown.text(), "The card is blocked")
	require.Empty(t, shown.header.Get("Refresh"))
	require.Equal(t, "/checkout?store=cafe-da-serra", d.send(shown, path+"/again", nil).location)
	require.Contains(t, d.open("/basket").text(), "Café coado", "what was bought is in the basket again")
}

func TestRefundsAreShown(t *testing.T) {
	d := newDesk(t)
	path, _ := d.buy(shoptest.Good)
	d.Refund(path[1:], 500)
	require.Contains(t, d.open(path).text(), "Partly refunded")
	require.Contains(t, d.open(path).text(), "Returned to your card R$ 5.00")
	d.Refund(path[1:], 1000)
	require.Contains(t, d.open(path).text(), "Your money is back")
}

func TestNothingChargedIsSaidOnlyIfItIsTrue(t *testing.T) {
	d := newDesk(t)
	form := d.checkout()
	d.LeaveBank(true)
	got := d.send(form, "/checkout", card(shoptest.Good))
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Contains(t, got.text(), "We could not reach the bank")
	require.Contains(t, got.text(), "Nothing was charged")
	d.LeaveBank(false)
	d.Lose(true)
	lost := d.send(got, "/checkout", card(shoptest.Good))
	require.Equal(t, http.StatusServiceUnavailable, lost.status)
	require.Contains(t, lost.text(), "We do not know yet")
	require.NotContains(t, lost.text(), "Nothing was charged")
	require.NotContains(t, lost.body, "4111111")
	d.Lose(false)
	require.Contains(t, d.open("/basket").text(), "Café coado")
	found := d.send(lost, "/checkout", card(shoptest.Good))
	require.Contains(t, d.open(found.location).text(), "It is paid")
	require.Len(t, d.Orders(), 1, "it is the same order")
}

func TestAChangedPriceIsShownBeforeItIsPaid(t *testing.T) {
	d := newDesk(t)
	form := d.checkout()
	d.Reprice("cafe-coado", 900)
	got := d.send(form, "/checkout", card(shoptest.Good))
	require.Equal(t, http.StatusConflict, got.status)
	require.Contains(t, got.text(), "The price has changed")
	require.Contains(t, got.text(), "Pay R$ 18.00")
	require.Empty(t, d.Orders())
	require.Contains(t, d.open(d.send(got, "/checkout", card(shoptest.Good)).location).text(), "R$ 18.00")
}

func TestFormsThatWereTamperedWithBuyNothing(t *testing.T) {
	d := newDesk(t)
	form := d.checkout()
	for rule, change := range map[string]map[string]string{
		"no token": {"token": ""}, "another's token": {"token": "AAAA"}, "no request": {"request": ""}, "no UUID": {"request": "1"},
		"nothing": {"items": ""}, "a product of none": {"items": "nothing*1"}, "two stores": {"items": "cafe-coado*1,prato-raso*1"},
		"too many": {"items": "cafe-coado*100"}, "twice": {"items": "cafe-coado*1,cafe-coado*1"}, "another total": {"minor": "1"}, "no total": {"minor": ""},
	} {
		fields := card(shoptest.Good)
		for name, value := range change {
			fields[name] = value
		}
		got := d.send(form, "/checkout", fields)
		require.NotContains(t, got.location, "/orders/", rule)
		require.Less(t, got.status, http.StatusInternalServerError, rule)
	}
	require.Empty(t, d.Orders())
}

func TestAnotherGuestsOrderIsNotShown(t *testing.T) {
	d := newDesk(t)
	path, shown := d.buy(shoptest.Good)
	action, secret, _ := strings.Cut(linkOf(d, shown), "#")
	require.Equal(t, "same-origin", shown.header.Get("Referrer-Policy"))
	require.Equal(t, "no-store", shown.header.Get("Cache-Control"))
	stranger := func() {
		t.Helper()
		got := d.get(path)
		require.Equal(t, path+"/open", got.location)
		require.NotContains(t, d.open("/orders").text(), "Café coado")
		nobodys := "/orders/0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f"
		require.Equal(t, nobodys+"/open", d.get(nobodys).location, "an order that is not there looks the same")
	}
	d.fresh()
	stranger()
	open := d.open(path + "/open")
	for _, wrong := range []string{"", "gos_wrong", "x", strings.Repeat("x", 100), "gos_a:b"} {
		got := d.send(open, path+"/open", map[string]string{"secret": wrong})
		require.Equal(t, http.StatusNotFound, got.status, wrong)
	}
	require.Equal(t, path, d.send(open, action, map[string]string{"secret": secret}).location)
	require.Contains(t, d.open(path).text(), "It is paid")
	d.fresh()
	d.signIn(joao)
	stranger()
	require.Equal(t, http.StatusNotFound, d.get("/orders/none").status)
}

func TestACustomerHasHisOrders(t *testing.T) {
	d := newDesk(t)
	d.add("cafe-coado", "2")
	d.signIn(maria)
	require.Contains(t, d.open("/basket").text(), "Café coado", "the basket stays")
	path, shown := d.buy(shoptest.Good)
	require.NotContains(t, shown.body, "gos_")
	for range 22 {
		d.buy(shoptest.Good)
	}
	list := d.open("/orders")
	require.Equal(t, 20, strings.Count(list.body, `href="/orders/`))
	more := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(list.body)
	require.NotNil(t, more)
	require.Contains(t, d.open(more[1]).body, path)
	require.Equal(t, "/sign-in?why=out", d.send(list, "/sign-out", nil).location)
	require.Equal(t, path+"/open", d.get(path).location)
	d.signIn(joao)
	require.Equal(t, path+"/open", d.get(path).location, "another's order is none")
	require.Contains(t, d.open("/orders").text(), "No orders yet")
}

func TestASignInThatHasEndedKeepsTheBasket(t *testing.T) {
	d := newDesk(t)
	d.signIn(maria)
	form := d.checkout()
	d.people.EndSessions()
	d.now = d.now.Add(20 * 60e9)
	got := d.send(form, "/checkout", card(shoptest.Good))
	require.Equal(t, "/sign-in?next=%2Fcheckout%3Fstore%3Dcafe-da-serra&why=ended", got.location)
	require.Empty(t, d.Orders())
	again := d.open(got.location)
	require.Contains(t, again.text(), "Your basket is kept")
	got = d.send(again, "/sign-in", map[string]string{"email": maria, "password": password})
	require.Equal(t, "/checkout?store=cafe-da-serra", got.location)
	require.Contains(t, d.open(got.location).text(), "Pay R$ 15.00")
	d.fresh()
	wrong := d.send(d.open("/sign-in"), "/sign-in", map[string]string{"email": maria, "password": "wrong one"})
	require.Equal(t, http.StatusUnauthorized, wrong.status)
	require.NotContains(t, wrong.body, "wrong one")
}

func TestTheFirstPageIsSmall(t *testing.T) {
	d := newDesk(t)
	const most = 60_000
	list := d.open("/")
	paths := map[string]bool{"/": true}
	for _, found := range regexp.MustCompile(`(?:src|href)="(/(?:static|pictures)/[^"]*)"`).FindAllStringSubmatch(list.body, -1) {
		paths[found[1]] = true
	}
	require.NotContains(t, list.body, "://", "no other host is asked")
	total := 0
	for path := range paths {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.server.URL+path, nil)
		require.NoError(t, err)
		r.Header.Set("Accept-Encoding", "gzip")
		got, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		content, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		total += len(content)
		if got.Header.Get("Content-Encoding") == "gzip" {
			_, err = gzip.NewReader(strings.NewReader(string(content)))
			require.NoError(t, err)
		}
	}
	t.Log("bytes of the first page: " + strconv.Itoa(total))
	require.Less(t, total, most)
}

func TestALostAnswerIsFoundAmongACustomersOrders(t *testing.T) {
	d := newDesk(t)
	d.signIn(maria)
	form := d.checkout()
	d.Lose(true)
	got := d.send(form, "/checkout", card(shoptest.Good))
	require.Contains(t, got.location, "/orders/")
	require.Contains(t, d.open(got.location).text(), "It is paid")
	require.Contains(t, d.open("/basket").text(), "Your basket is empty")
	require.Equal(t, got.location, d.send(form, "/checkout", card(shoptest.Broke)).location, "the form, sent with another card, shows its order")
	require.Len(t, d.Orders(), 1)
	d.Leave(true)
	away := d.send(form, "/checkout", card(shoptest.Good))
	require.Equal(t, http.StatusServiceUnavailable, away.status)
	require.NotContains(t, away.text(), "Nothing was charged")
}

func TestTheShopSpeaksPortuguese(t *testing.T) {
	d := newDesk(t)
	require.Equal(t, "/", d.send(d.open("/"), "/language", map[string]string{"language": "pt-BR"}).location)
	require.Contains(t, d.open("/").text(), "R$ 7,50")
	path, shown := d.buy(shoptest.Broke)
	require.Contains(t, shown.text(), "O pagamento foi recusado O limite disponível não cobre este valor.")
	require.NotEmpty(t, path)
	require.Contains(t, d.open("/checkout?store=cafe-da-serra").text(), "Pagar R$ 15,00")
}

func TestPressesAtOnceAreOneOrder(t *testing.T) {
	d := newDesk(t)
	form := d.checkout()
	locations := make(chan string)
	const presses = 8
	for range presses {
		go func() { locations <- d.send(form, "/checkout", card(shoptest.Good)).location }()
	}
	first := <-locations
	require.Contains(t, first, "/orders/")
	for range presses - 1 {
		require.Equal(t, first, <-locations)
	}
	require.Len(t, d.Orders(), 1)
}
