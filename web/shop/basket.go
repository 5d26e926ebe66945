package shop

import (
	"slices"
	"strconv"
	"strings"

	"codebank.dev/web/site"
)

// keyBasket is where the session keeps the basket.
const keyBasket = "basket"

// A basket fits the session's cookie beside the tokens of a user.
const (
	maxLines    = 20
	maxQuantity = 99
	maxBasket   = 1000 // bytes of its text
	maxSlug     = 64
)

// line is a product in the basket.
type line struct {
	slug     string
	quantity int32
}

// basket is what a visitor wants to buy, in the order in which he chose it.
type basket []line

// isSlug reports whether a text may name a product.
func isSlug(text string) bool {
	if text == "" || len(text) > maxSlug {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') })
}

// parseBasket returns the basket of a text such as "cafe-coado*2,pao-de-queijo*1"; nil if it is none.
func parseBasket(text string) basket {
	if text == "" || len(text) > maxBasket {
		return nil
	}
	var b basket
	for part := range strings.SplitSeq(text, ",") {
		slug, digits, _ := strings.Cut(part, "*")
		quantity, err := strconv.ParseUint(digits, 10, 8)
		if err != nil || !isSlug(slug) || quantity < 1 || quantity > maxQuantity || len(b) == maxLines || b.has(slug) {
			return nil
		}
		b = append(b, line{slug, int32(quantity)})
	}
	return b
}

// String returns the text of a basket, which parseBasket reads.
func (b basket) String() string {
	parts := make([]string, len(b))
	for i, one := range b {
		parts[i] = one.slug + "*" + strconv.Itoa(int(one.quantity))
	}
	return strings.Join(parts, ",")
}

func (b basket) at(slug string) int {
	return slices.IndexFunc(b, func(one line) bool { return one.slug == slug })
}

func (b basket) has(slug string) bool { return b.at(slug) >= 0 }

// count returns how many things the basket holds.
func (b basket) count() (count int) {
	for _, one := range b {
		count += int(one.quantity)
	}
	return count
}

// with returns the basket with a quantity of a product, 0 for none. It reports whether there is room for it.
func (b basket) with(slug string, quantity int32) (basket, bool) {
	changed := slices.Clone(b)
	switch at := changed.at(slug); {
	case quantity <= 0:
		return slices.DeleteFunc(changed, func(one line) bool { return one.slug == slug }), true
	case at >= 0:
		changed[at].quantity = min(quantity, maxQuantity)
	default:
		changed = append(changed, line{slug, min(quantity, maxQuantity)})
	}
	if len(changed) > maxLines || len(changed.String()) > maxBasket {
		return b, false
	}
	return changed, true
}

// quantity returns how many of a product the basket holds.
func (b basket) quantity(slug string) int32 {
	if at := b.at(slug); at >= 0 {
		return b[at].quantity
	}
	return 0
}

// basketOf returns the visitor's basket.
func basketOf(v *site.Visit) basket { return parseBasket(v.Get(keyBasket)) }

// keepBasket keeps the visitor's basket.
func keepBasket(v *site.Visit, b basket) { v.Set(map[string]string{keyBasket: b.String()}) }
