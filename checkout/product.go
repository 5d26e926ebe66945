package checkout

import (
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
)

// Store is the merchant a product is bought from, as the bank and the payer's
// statement know it.
type Store struct {
	Slug         string // lower-case letters, digits and single dashes; the merchant id at the bank
	Name         string
	CategoryCode string // ISO 18245, four digits
	City         string
	Country      string // ISO 3166-1 alpha-2
}

// Check returns nil when the store is well formed; else fault.InvalidArgument
// naming the field below prefix.
func (s *Store) Check(prefix string) error {
	if err := CheckSlug(prefix+".slug", s.Slug); err != nil {
		return err
	}
	if err := field.Text(prefix+".display_name", s.Name, field.MaxName); err != nil {
		return err
	}
	if err := field.CategoryCode(prefix+".category_code", s.CategoryCode); err != nil {
		return err
	}
	if err := field.Text(prefix+".city", s.City, field.MaxCity); err != nil {
		return err
	}
	return field.Country(prefix+".country", s.Country)
}

// Product is something a store sells, at the price it has now.
type Product struct {
	Slug        string
	Name        string
	Description string
	Price       money.Amount
	Store       Store
}

// Check returns nil when everything but the store is well formed; else
// fault.InvalidArgument naming the field below prefix.
func (p *Product) Check(prefix string) error {
	if err := CheckSlug(prefix+".slug", p.Slug); err != nil {
		return err
	}
	if err := field.Text(prefix+".display_name", p.Name, field.MaxName); err != nil {
		return err
	}
	if err := field.Text(prefix+".description", p.Description, MaxProductText); err != nil {
		return err
	}
	if p.Price.Minor < 1 || p.Price.Minor > MaxTotalMinor {
		return fault.Invalid(prefix+".price_minor", "A price is 1 or more, and no more than an order may cost.")
	}
	if p.Price.Currency == (money.Currency{}) {
		return fault.Invalid(prefix+".currency", "A price has an ISO 4217 currency.")
	}
	return nil
}

// MaxProductText is the longest description of a product, in characters.
const MaxProductText = 500

// CheckSlug returns nil when text is a field.Word of 1 to 64 lower-case letters, digits
// and single dashes between them; else fault.InvalidArgument naming the field.
func CheckSlug(name, text string) error {
	if text == "" {
		return field.Required(name)
	}
	plain := strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	if !plain || len(text) > field.MaxWord || strings.HasPrefix(text, "-") || strings.HasSuffix(text, "-") || strings.Contains(text, "--") {
		return fault.Invalid(name, "Only lower-case letters, digits and single dashes between them are allowed, at most 64.")
	}
	return field.Word(name, text)
}

// The collections that the names of resources begin with.
const (
	ProductPrefix = "products/"
	StorePrefix   = "stores/"
	OrderPrefix   = "orders/"
)

// ParseProductName returns the slug in a name of the form products/{slug}; else
// fault.InvalidArgument naming field.
func ParseProductName(field, name string) (string, error) {
	slug, ok := strings.CutPrefix(name, ProductPrefix)
	if !ok || CheckSlug(field, slug) != nil {
		return "", fault.Invalid(field, "The name must be products/ and a slug.")
	}
	return slug, nil
}

// ParseStoreName returns the slug in a name of the form stores/{slug}; else
// fault.InvalidArgument naming field.
func ParseStoreName(field, name string) (string, error) {
	slug, ok := strings.CutPrefix(name, StorePrefix)
	if !ok || CheckSlug(field, slug) != nil {
		return "", fault.Invalid(field, "The name must be stores/ and a slug.")
	}
	return slug, nil
}

// ParseOrderName returns the id in a name of the form orders/{uuid}; else
// fault.InvalidArgument naming the field.
func ParseOrderName(name, text string) (ID, error) { return field.ID(name, OrderPrefix, text) }
