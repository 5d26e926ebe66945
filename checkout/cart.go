package checkout

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"unicode/utf8"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
)

// The bounds of an order. Together with those of package field they are no wider than
// the bank's own, so that what was accepted here is not refused there.
const (
	MaxItems    = 50
	MaxQuantity = 999
	// MaxTotalMinor is the most an order may cost, in minor units.
	MaxTotalMinor = field.MaxMinor
)

// Line is a quantity of a product as a payer asks for it, without a price.
type Line struct {
	Product  string // slug
	Quantity int32
}

// Item is a line of an order. Its name and price are the catalogue's at the time of
// the order and stay so whatever becomes of the catalogue.
type Item struct {
	Product   string // slug
	Name      string
	Quantity  int32
	UnitPrice int64 // minor units of the order's currency
}

// CheckLines returns nil when there are 1 to 50 lines, each of 1 to 999 pieces; else
// fault.InvalidArgument naming the field below items.
func CheckLines(lines []Line) error {
	if len(lines) == 0 {
		return fault.Invalid("items", "An order has at least one item.")
	}
	if len(lines) > MaxItems {
		return fault.Invalid("items", "An order has at most 50 items.")
	}
	for i, line := range lines {
		if line.Quantity < 1 || line.Quantity > MaxQuantity {
			return fault.Invalid(itemField(i, "quantity"), "The quantity is 1 to 999.")
		}
	}
	return nil
}

func itemField(index int, field string) string { return fmt.Sprintf("items[%d].%s", index, field) }

// Cart is what an order is about: priced items of one store.
type Cart struct {
	Store Store
	Items []Item
	Total money.Amount
}

// Price returns the cart of lines that passed CheckLines, at the prices of
// products, which is keyed by slug. Errors: fault.InvalidArgument naming
// items[i].product for a product that is not there, is of another store or is
// priced in another currency than the first; naming items when the total does not
// fit.
func Price(lines []Line, products map[string]Product) (Cart, error) {
	var cart Cart
	for i, line := range lines {
		product, ok := products[line.Product]
		if !ok {
			return Cart{}, fault.Invalid(itemField(i, "product"), "There is no such product.")
		}
		if i == 0 {
			cart.Store, cart.Total.Currency = product.Store, product.Price.Currency
		}
		if product.Store.Slug != cart.Store.Slug {
			return Cart{}, fault.Invalid(itemField(i, "product"), "All items of an order are of one store.")
		}
		if product.Price.Currency != cart.Total.Currency {
			return Cart{}, fault.Invalid(itemField(i, "product"), "All items of an order are priced in one currency.")
		}
		cost, err := product.Price.Times(int64(line.Quantity))
		if err == nil {
			cart.Total, err = cart.Total.Add(cost)
		}
		if err != nil || cart.Total.Minor > MaxTotalMinor {
			return Cart{}, fault.Invalid("items", "The total is too large.").Wrap(err)
		}
		cart.Items = append(cart.Items, Item{
			Product: product.Slug, Name: product.Name, Quantity: line.Quantity, UnitPrice: product.Price.Minor,
		})
	}
	return cart, nil
}

// Description returns what was bought in a sentence for the payer's statement, cut
// to the length the bank allows.
func (c *Cart) Description() string {
	text := ""
	for i, item := range c.Items {
		if i > 0 {
			text += ", "
		}
		text += strconv.Itoa(int(item.Quantity)) + " × " + item.Name
	}
	return shorten(text, field.MaxDescription)
}

// shorten cuts text to limit characters, the last of which then is an ellipsis.
func shorten(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}

// Fingerprint returns a hash that is equal for equal requests: of the lines in
// their order, the attempt and the card's last four digits. The last four are
// stored with the order anyway, so the hash gives nothing away that could be
// guessed from it. Nothing else of the card takes part: a hash without a key over
// a card number, an expiry or a security code can be searched through. Hence the
// same request id with another card that ends in the same digits counts as a repeat
// and is answered with the first order; it charges nothing.
func Fingerprint(lines []Line, attempt int32, last4 string) [32]byte {
	canonical := append(make([]byte, 0, 256), "order/1 "...)
	canonical = append(strconv.AppendInt(canonical, int64(attempt), 10), ' ')
	canonical = append(append(canonical, last4...), ' ')
	canonical = strconv.AppendInt(canonical, int64(len(lines)), 10)
	for _, line := range lines { // A length, so that no two requests are one text.
		canonical = strconv.AppendInt(append(canonical, ' '), int64(len(line.Product)), 10)
		canonical = append(append(canonical, ':'), line.Product...)
		canonical = strconv.AppendInt(append(canonical, ' '), int64(line.Quantity), 10)
	}
	return sha256.Sum256(canonical)
}
