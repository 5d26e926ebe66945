package shop

import (
	"strconv"
	"strings"

	"codebank.dev/platform/fault"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/people"
	"codebank.dev/web/site"
)

// orderPrefix begins the names of orders.
const orderPrefix = "orders/"

// refreshSeconds is how often a page of what is not decided loads again without JavaScript.
const refreshSeconds = "5"

// orderPage is the page of an order.
type orderPage struct {
	Answered design.Answered
	Chip     design.Chip
	Items    []orderItem
	Facts    []design.Fact
	Refunds  []design.Fact
	Pending  bool
	// Again is where a declined order is tried again; empty for others.
	Again string
	// Link opens the order in another browser, for a guest.
	Link string
}

type orderItem struct {
	Picture, Name, Count string
	Total                design.Money
}

func (s *Shop) showOrder(v *site.Visit) error {
	v.Tab("orders")
	id := v.Path("order")
	if !isOrder(id) {
		return site.ErrNoPage()
	}
	if ended, err := s.actOr(v, "/orders/"+id); ended || err != nil {
		return err
	}
	found, err := s.order(v, id)
	if err != nil {
		return err
	}
	if found == nil {
		return v.Redirect("/orders/" + id + "/open")
	}
	page := s.orderPageOf(v, found)
	if secret := secretOf(v, id); secret != "" {
		page.Link = "/orders/" + id + "/open#" + secret
	}
	if page.Pending {
		w, err := v.Writer()
		if err != nil {
			return err
		}
		w.Header().Set("Refresh", refreshSeconds)
	}
	return v.Show(site.Page{Template: "order", Title: page.Answered.Title, Data: page})
}

// order returns an order that the visitor may see: with the secret in his session, or as its user. It returns nil if he
// may show that it is his by other means.
func (s *Shop) order(v *site.Visit, id string) (*checkoutv1.Order, error) {
	if secret := secretOf(v, id); secret != "" {
		answer, err := s.checkout.GetGuestOrder(v.Context(), &checkoutv1.GetGuestOrderRequest{Name: orderPrefix + id, OrderSecret: secret})
		if err == nil || site.IsAway(err) {
			return answer.GetOrder(), err
		}
	}
	if !people.IsSignedIn(v) {
		return nil, nil // The visitor is asked for a code or a password.
	}
	answer, err := s.checkout.GetOrder(v.Context(), &checkoutv1.GetOrderRequest{Name: orderPrefix + id})
	if err != nil && fault.CodeOf(err) == fault.NotFound {
		return nil, nil // It may be a guest's.
	}
	return answer.GetOrder(), err
}

// state is how a state of an order looks: the tone of its chip, and the last part of the keys of its texts.
type state struct{ tone, key string }

var states = map[checkoutv1.OrderState]state{
	checkoutv1.OrderState_ORDER_STATE_PENDING:            {"info", "pending"},
	checkoutv1.OrderState_ORDER_STATE_APPROVED:           {"good", "approved"},
	checkoutv1.OrderState_ORDER_STATE_DECLINED:           {"bad", "declined"},
	checkoutv1.OrderState_ORDER_STATE_PARTIALLY_REFUNDED: {"info", "part-refunded"},
	checkoutv1.OrderState_ORDER_STATE_REFUNDED:           {"plain", "refunded"},
}

// stateOf returns how an order's state looks. One that only a later version knows looks undecided.
func stateOf(order *checkoutv1.Order) state {
	if known, found := states[order.GetState()]; found {
		return known
	}
	return states[checkoutv1.OrderState_ORDER_STATE_PENDING]
}

func chipOf(v *site.Visit, order *checkoutv1.Order) design.Chip {
	of := stateOf(order)
	return design.Chip{Tone: of.tone, Word: v.Say("state." + of.key), Reason: v.Translate(order.GetDeclineMessage())}
}

func (s *Shop) orderPageOf(v *site.Visit, order *checkoutv1.Order) orderPage {
	of := stateOf(order)
	page := orderPage{
		Chip: chipOf(v, order), Facts: orderFacts(v, order), Refunds: refundsOf(v, order), Pending: of.key == "pending",
		Answered: design.Answered{Tone: of.tone, Title: v.Say("order." + of.key), Text: v.Say("order." + of.key + "-text")},
	}
	if of.key == "declined" {
		page.Again = "/orders/" + strings.TrimPrefix(order.GetName(), orderPrefix) + "/again"
		if reason := order.GetDeclineMessage(); reason != "" {
			page.Answered.Text = v.Translate(reason) + " " + page.Answered.Text
		}
	}
	if returned := order.GetRefundedMinor(); returned > 0 {
		page.Answered.Text = v.Say("order.returned", v.Money(returned, order.GetCurrency()).Text(), v.Money(order.GetTotalMinor(), order.GetCurrency()).Text())
	}
	for _, item := range order.GetItems() {
		page.Items = append(page.Items, orderItem{
			Picture: picturePath(strings.TrimPrefix(item.GetProduct(), productPrefix)), Name: item.GetDisplayName(), Count: strconv.Itoa(int(item.GetQuantity())),
			Total: *v.Money(int64(item.GetQuantity())*item.GetUnitPriceMinor(), order.GetCurrency()),
		})
	}
	return page
}

func orderFacts(v *site.Visit, order *checkoutv1.Order) []design.Fact {
	return []design.Fact{
		{Label: v.Say("total"), Money: v.Money(order.GetTotalMinor(), order.GetCurrency()), Strong: true},
		{Label: v.Say("order.store"), Text: order.GetStore().GetDisplayName(), Detail: order.GetStore().GetCity()},
		{Label: v.Say("order.card"), Text: cardText(order)},
		{Label: v.Say("order.time"), Text: v.Moment(order.GetCreateTime().AsTime())},
		{Label: v.Say("order.number"), Detail: strings.TrimPrefix(order.GetName(), orderPrefix)},
	}
}

// cardText returns the brand and the last four digits of a card.
func cardText(order *checkoutv1.Order) string {
	const last = 4
	masked := order.GetMaskedCardNumber()
	brand := order.GetCardBrand()
	if len(brand) > last { // VISA, ELO and AMEX are written as they are.
		brand = brand[:1] + strings.ToLower(brand[1:])
	}
	if brand == "" {
		brand = "•••"
	}
	return brand + " ••" + masked[max(0, len(masked)-last):]
}

// refundsOf returns what was given back, and what is on its way.
func refundsOf(v *site.Visit, order *checkoutv1.Order) (facts []design.Fact) {
	keys := map[checkoutv1.RefundState]string{
		checkoutv1.RefundState_REFUND_STATE_PENDING: "refund.pending", checkoutv1.RefundState_REFUND_STATE_DONE: "refund.done",
		checkoutv1.RefundState_REFUND_STATE_REFUSED: "refund.refused",
	}
	for _, refund := range order.GetRefunds() {
		key, known := keys[refund.GetState()]
		if !known {
			key = "refund.pending"
		}
		at := refund.GetCreateTime()
		if refund.GetEndTime() != nil {
			at = refund.GetEndTime()
		}
		facts = append(facts, design.Fact{Label: v.Say(key), Money: v.Money(refund.GetAmountMinor(), order.GetCurrency()), Detail: v.Moment(at.AsTime())})
	}
	return facts
}

// buyAgain puts what a declined order has into the basket, where it is not there, and leads to the form to pay.
func (s *Shop) buyAgain(v *site.Visit) error {
	id := v.Path("order")
	if !isOrder(id) {
		return site.ErrNoPage()
	}
	if ended, err := s.actOr(v, "/orders/"+id); ended || err != nil {
		return err
	}
	found, err := s.order(v, id)
	if err != nil {
		return err
	}
	if found.GetState() != checkoutv1.OrderState_ORDER_STATE_DECLINED {
		return v.Redirect("/orders/" + id)
	}
	held := basketOf(v)
	for _, item := range found.GetItems() {
		slug := strings.TrimPrefix(item.GetProduct(), productPrefix)
		held, _ = held.with(slug, max(item.GetQuantity(), held.quantity(slug)))
	}
	keepBasket(v, held)
	return v.Redirect(checkoutPath(strings.TrimPrefix(found.GetStore().GetName(), storePrefix)))
}
