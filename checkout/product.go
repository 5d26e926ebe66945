package checkout

import (
	"net/url"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
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
	if err := CheckSlug(at(prefix, "slug"), s.Slug); err != nil {
		return err
	}
	if err := field.Text(at(prefix, "display_name"), s.Name, field.MaxName); err != nil {
		return err
	}
	if err := field.CategoryCode(at(prefix, "category_code"), s.CategoryCode); err != nil {
		return err
	}
	if err := field.Text(at(prefix, "city"), s.City, field.MaxCity); err != nil {
		return err
	}
	return field.Country(at(prefix, "country"), s.Country)
}

// at returns the path of a field below prefix; an empty prefix is the request itself.
func at(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// Product is something a store sells, at the price it has now.
type Product struct {
	// ID is another name of the product, which no other product ever has.
	ID          id.ID
	Slug        string
	Name        string
	Description string
	Price       money.Amount
	// PictureURL is the address of a picture, https://…; empty for none.
	PictureURL string
	// Version counts the changes from 1. It is zero for a product that is not stored.
	Version int64
	// Retired is a product that is sold no more, and is never sold again.
	Retired bool
	// Merchant is the slug of the merchant who owns the store.
	Merchant string
	Store    Store
}

// Check returns nil when everything but the store is well formed; else
// fault.InvalidArgument naming the field below prefix.
func (p *Product) Check(prefix string) error {
	if err := CheckSlug(at(prefix, "slug"), p.Slug); err != nil {
		return err
	}
	if err := field.Text(at(prefix, "display_name"), p.Name, field.MaxName); err != nil {
		return err
	}
	if err := field.Text(at(prefix, "description"), p.Description, MaxProductText); err != nil {
		return err
	}
	if p.Price.Minor < 1 || p.Price.Minor > MaxTotalMinor {
		return fault.Invalid(at(prefix, "price_minor"), "A price is 1 or more, and no more than an order may cost.")
	}
	if p.Price.Currency == (money.Currency{}) {
		return fault.Invalid(at(prefix, "currency"), "A price has an ISO 4217 currency.")
	}
	return checkPictureURL(at(prefix, "picture_url"), p.PictureURL)
}

// MaxProductText is the longest description of a product, in characters.
const MaxProductText = 500

// MaxPictureURL is the longest address of a picture, in characters.
const MaxPictureURL = 500

// checkPictureURL returns nil for no text, and for the address of something on another server that is reached
// by HTTPS. The service never asks for it.
func checkPictureURL(name, text string) error {
	if text == "" {
		return nil
	}
	if err := field.Text(name, text, MaxPictureURL); err != nil {
		return err
	}
	address, err := url.Parse(text)
	if err != nil || address.Scheme != "https" || address.Hostname() == "" || address.User != nil || strings.ContainsAny(text, " \\\"'<>") {
		return fault.Invalid(name, "The address of a picture begins with https:// and the name of a server.")
	}
	return nil
}

// ProductChange is what an update changes of a product; nil leaves a field as it is.
type ProductChange struct {
	Name        *string
	Description *string
	PriceMinor  *int64
	PictureURL  *string
	// Version is the version that the change was made from; 0 for any.
	Version int64
}

// Changed returns the product after a change. What changes nothing makes no version. Errors: ErrRetired; ErrChanged if the version is another;
// fault.InvalidArgument.
func (p Product) Changed(change ProductChange) (Product, error) {
	if err := p.changes(change.Version); err != nil {
		return p, err
	}
	before := p
	set(&p.Name, change.Name)
	set(&p.Description, change.Description)
	set(&p.Price.Minor, change.PriceMinor)
	set(&p.PictureURL, change.PictureURL)
	if p == before {
		return p, nil
	}
	p.Version++
	return p, p.Check("")
}

// Retire returns the product as one that is sold no more. Its errors are those of Changed.
func (p Product) Retire(version int64) (Product, error) {
	if err := p.changes(version); err != nil {
		return p, err
	}
	p.Retired = true
	p.Version++
	return p, nil
}

// changes refuses a change that was made from a version; 0 is any.
func (p *Product) changes(version int64) error {
	if p.Retired {
		return ErrRetired
	}
	if version != 0 && version != p.Version {
		return ErrChanged
	}
	return nil
}

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
	// RefundInfix stands between the name of an order and the id of a refund.
	RefundInfix = "/refunds/"
)

// ParseProductName returns the slug in a name of the form products/{slug}; else
// fault.InvalidArgument naming field.
func ParseProductName(field, name string) (string, error) {
	return parseSlug(field, name, ProductPrefix)
}

// CheckNewSlug is CheckSlug for something that is made now. A UUID is no slug, because ids are UUIDs.
func CheckNewSlug(name, text string) error {
	if err := CheckSlug(name, text); err != nil {
		return err
	}
	if _, err := id.Parse(text); err == nil {
		return fault.Invalid(name, "A UUID is no slug.")
	}
	return nil
}

// ParseStoreName returns the slug in a name of the form stores/{slug}; else
// fault.InvalidArgument naming field.
func ParseStoreName(field, name string) (string, error) { return parseSlug(field, name, StorePrefix) }

// ParseOrderName returns the id in a name of the form orders/{uuid}; else
// fault.InvalidArgument naming the field.
func ParseOrderName(name, text string) (ID, error) { return field.ID(name, OrderPrefix, text) }
