package shop

import (
	"net/http"
	"net/url"
	"strings"

	"codebank.dev/platform/fault"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/people"
	"codebank.dev/web/site"
)

const ordersPerPage = 20

// ordersPage is the page with a visitor's orders.
type ordersPage struct {
	List   design.Activity
	Older  string
	Guest  bool
	SignIn string
	Empty  *design.Message
}

func (s *Shop) showOrders(v *site.Visit) error {
	v.Tab("orders")
	if ended, err := s.actOr(v, "/orders"); ended || err != nil {
		return err
	}
	page := ordersPage{Guest: !people.IsSignedIn(v), SignIn: site.SignInPath(signIn, "", "/orders")}
	found, next, err := s.ordersOf(v)
	if err != nil {
		return err
	}
	page.List = listOf(v, found)
	if next != "" {
		page.Older = "/orders?" + url.Values{"page": {next}}.Encode()
	}
	if len(found) == 0 {
		page.Empty = &design.Message{Tone: "info", Title: v.Say("orders.empty"), Text: v.Say("orders.empty-text"), Link: "/", Action: v.Say("products.see")}
	}
	return v.Show(site.Page{Template: "orders", Title: v.Say("tab.orders"), Data: page})
}

// ordersOf returns a page of a user's orders or, of a guest, those that his session opens.
func (s *Shop) ordersOf(v *site.Visit) (found []*checkoutv1.Order, next string, err error) {
	if people.IsSignedIn(v) {
		answer, err := s.checkout.ListOrders(v.Context(), &checkoutv1.ListOrdersRequest{PageSize: ordersPerPage, PageToken: v.Value("page")})
		return answer.GetOrders(), answer.GetNextPageToken(), err
	}
	for _, one := range parseKept(v.Get(keyOrders)) {
		answer, err := s.checkout.GetGuestOrder(v.Context(), &checkoutv1.GetGuestOrderRequest{Name: orderPrefix + one.id, OrderSecret: one.secret})
		if err != nil && site.IsAway(err) {
			return nil, "", err
		}
		if err == nil {
			found = append(found, answer.GetOrder())
		}
	}
	return found, "", nil
}

// listOf returns orders by day.
func listOf(v *site.Visit, orders []*checkoutv1.Order) (list design.Activity) {
	for _, order := range orders {
		placed := order.GetCreateTime().AsTime()
		day := v.Day(placed)
		if len(list.Days) == 0 || list.Days[len(list.Days)-1].Title != day {
			list.Days = append(list.Days, design.Day{Title: day})
		}
		chip := chipOf(v, order)
		row := design.Movement{
			Glyph: "shop", Title: titleOf(v, order), Detail: v.Clock(placed) + " · " + order.GetStore().GetDisplayName(),
			Amount: *v.Money(order.GetTotalMinor(), order.GetCurrency()), Chip: &chip, Link: "/" + order.GetName(),
		}
		last := &list.Days[len(list.Days)-1]
		last.Rows = append(last.Rows, row)
	}
	return list
}

// titleOf names an order by what was bought.
func titleOf(v *site.Visit, order *checkoutv1.Order) string {
	items := order.GetItems()
	switch len(items) {
	case 0:
		return strings.TrimPrefix(order.GetName(), orderPrefix)
	case 1:
		return items[0].GetDisplayName()
	}
	return v.Say("orders.more", items[0].GetDisplayName(), len(items)-1)
}

// entry is the page to sign in on.
type entry struct {
	Next    string
	Fields  []design.Field
	Message *design.Message
}

// whys are the parts of keys of texts that may stand above the form to sign in, with their tones.
var whys = map[string]string{"ended": "warn", "out": "good", "out-here": "warn"}

func (s *Shop) showSignIn(v *site.Visit) error {
	if people.IsSignedIn(v) {
		return v.Redirect(v.Next("/orders"))
	}
	return askSignIn(v, nil, 0)
}

func askSignIn(v *site.Visit, wrong *design.Message, status int) error {
	page := entry{Next: v.Next(""), Message: wrong, Fields: []design.Field{
		{Name: "email", Label: v.Say("email"), Type: "email", Autocomplete: "username", Inputmode: "email", Value: v.Value("email"), Required: true, Max: 254},
		{Name: "password", Label: v.Say("password"), Type: "password", Autocomplete: "current-password", Required: true, Max: 128},
	}}
	if why := v.Value("why"); wrong == nil && whys[why] != "" {
		page.Message = &design.Message{Tone: whys[why], Title: v.Say("why." + why)}
	}
	return v.Show(site.Page{Template: "sign-in", Title: v.Say("sign-in.title"), Data: page, Status: status})
}

// signIn opens a session. The basket stays.
func (s *Shop) signIn(v *site.Visit) error {
	err := s.people.SignIn(v, v.Value("email"), v.Secret("password"))
	if err == nil {
		return v.Redirect(v.Next("/orders"))
	}
	switch fault.CodeOf(err) {
	case fault.Unauthenticated:
		return askSignIn(v, &design.Message{Tone: "bad", Title: v.Say("sign-in.wrong"), Text: v.Say("sign-in.wrong-text")}, http.StatusUnauthorized)
	case fault.InvalidArgument, fault.ResourceExhausted, fault.FailedPrecondition, fault.PermissionDenied:
		return askSignIn(v, &design.Message{Tone: "bad", Title: v.Say("sign-in.failed"), Text: v.Reason(err)}, http.StatusUnprocessableEntity)
	}
	return askSignIn(v, &design.Message{Tone: "bad", Title: v.Say("sign-in.failed"), Text: v.Say("sign-in.away")}, http.StatusServiceUnavailable)
}

// signOut ends the session here and at identity.
func (s *Shop) signOut(v *site.Visit) error {
	why := "out"
	if s.people.SignOut(v) != nil {
		why = "out-here"
	}
	return v.Redirect(site.SignInPath(signIn, why, ""))
}

// actOr lets the visit's calls be made for a signed-in user. If he has been signed out elsewhere, it leads to the page
// to sign in on, which comes back to next, and reports that.
func (s *Shop) actOr(v *site.Visit, next string) (ended bool, err error) {
	if err = s.people.Act(v); err == nil || fault.CodeOf(err) != fault.Unauthenticated {
		return false, err
	}
	s.people.Forget(v)
	return true, v.Redirect(site.SignInPath(signIn, "ended", next))
}
