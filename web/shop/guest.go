package shop

import (
	"net/http"
	"strings"

	"codebank.dev/platform/id"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/people"
	"codebank.dev/web/site"
)

const (
	// keyOrders is where the session keeps the secrets of a guest's orders.
	keyOrders = "orders"
	// maxOrders is how many of them it keeps, so that they fit.
	maxOrders = 6
	// maxSecret is the most bytes of a secret.
	maxSecret = 64
)

// kept is an order that the session opens.
type kept struct{ id, secret string }

// parseKept returns the orders in a text such as "{uuid}:{secret} {uuid}:{secret}", the newest first.
func parseKept(text string) (all []kept) {
	for part := range strings.FieldsSeq(text) {
		order, secret, found := strings.Cut(part, ":")
		if found && isOrder(order) && secret != "" && len(secret) <= maxSecret && len(all) < maxOrders {
			all = append(all, kept{order, secret})
		}
	}
	return all
}

// keepSecret keeps the secret of an order in the session, and forgets the oldest one if there are too many.
func keepSecret(v *site.Visit, order, secret string) {
	parts := []string{order + ":" + secret}
	for _, one := range parseKept(v.Get(keyOrders)) {
		if one.id != order && len(parts) < maxOrders {
			parts = append(parts, one.id+":"+one.secret)
		}
	}
	v.Set(map[string]string{keyOrders: strings.Join(parts, " ")})
}

// secretOf returns the secret of an order; "" if the session has none.
func secretOf(v *site.Visit, order string) string {
	for _, one := range parseKept(v.Get(keyOrders)) {
		if one.id == order {
			return one.secret
		}
	}
	return ""
}

// isOrder reports whether a text may be the id of an order.
func isOrder(text string) bool {
	_, err := id.Parse(text)
	return err == nil
}

// opening is the page on which somebody opens an order that this browser does not know.
type opening struct {
	Order, Action, SignIn string
	Secret                design.Field
	Message               *design.Message
}

// showOpen asks for the code of an order. A link has it behind #, where no server and no log sees it. The page says the
// same of every order, so it tells nothing.
func (s *Shop) showOpen(v *site.Visit) error { return openPage(v, nil) }

func openPage(v *site.Visit, wrong *design.Message) error {
	v.Tab("orders")
	order := v.Path("order")
	if !isOrder(order) {
		return site.ErrNoPage()
	}
	page := opening{
		Order: order, Action: "/orders/" + order + "/open", Message: wrong,
		Secret: design.Field{Name: "secret", Label: v.Say("open.code"), Help: v.Say("open.code-help"), Max: maxSecret, Required: true, Autocomplete: "off"},
	}
	if !people.IsSignedIn(v) {
		page.SignIn = site.SignInPath(signIn, "", "/orders/"+order)
	}
	answer := site.Page{Template: "open", Title: v.Say("open.title"), Data: page}
	if wrong != nil {
		answer.Status = http.StatusNotFound
	}
	return v.Show(answer)
}

// openOrder opens an order with its code, and keeps the code in the session.
func (s *Shop) openOrder(v *site.Visit) error {
	order, secret := v.Path("order"), v.Value("secret")
	if !isOrder(order) {
		return site.ErrNoPage()
	}
	if len(secret) > maxSecret || strings.ContainsAny(secret, " \t\r\n:") {
		secret = ""
	}
	_, err := s.checkout.GetGuestOrder(v.Context(), &checkoutv1.GetGuestOrderRequest{Name: orderPrefix + order, OrderSecret: secret})
	if err != nil {
		if site.IsAway(err) {
			return err
		}
		return openPage(v, &design.Message{Tone: "bad", Title: v.Say("open.wrong"), Text: v.Say("open.wrong-text")})
	}
	keepSecret(v, order, secret)
	return v.Redirect("/orders/" + order)
}
