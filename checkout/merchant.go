package checkout

import (
	"strconv"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
)

// The collections below merchants, and that of users at identity and of accounts at the bank.
const (
	MerchantPrefix = "merchants/"
	UserPrefix     = "users/"
	AccountPrefix  = "accounts/"
)

// Merchant is who sells: the owner of stores and of their products.
type Merchant struct {
	Slug string // lower-case letters, digits and single dashes
	Name string
	// SettlementAccount is the merchant's account at the bank, accounts/{uuid}; empty until an operator sets it.
	SettlementAccount string
	// Version counts the changes from 1. It is zero for a merchant that is not stored.
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Check returns nil when the merchant is well formed; else fault.InvalidArgument naming the field below prefix.
func (m *Merchant) Check(prefix string) error {
	if err := CheckSlug(at(prefix, "slug"), m.Slug); err != nil {
		return err
	}
	if err := field.Text(at(prefix, "display_name"), m.Name, field.MaxName); err != nil {
		return err
	}
	if m.SettlementAccount == "" {
		return nil
	}
	_, err := field.ID(at(prefix, "settlement_account"), AccountPrefix, m.SettlementAccount)
	return err
}

// MerchantChange is what an update changes of a merchant; nil leaves a field as it is.
type MerchantChange struct {
	Name              *string
	SettlementAccount *string
	// Version is the version that the change was made from; 0 for any.
	Version int64
}

// Changed returns the merchant after a change at now. What changes nothing makes no version. Errors: ErrChanged if the version is another;
// fault.InvalidArgument.
func (m Merchant) Changed(change MerchantChange, now time.Time) (Merchant, error) {
	if change.Version != 0 && change.Version != m.Version {
		return m, ErrChanged
	}
	before := m
	set(&m.Name, change.Name)
	set(&m.SettlementAccount, change.SettlementAccount)
	if m == before {
		return m, nil
	}
	m.Version++
	m.UpdatedAt = now
	return m, m.Check("")
}

func set[T any](value *T, to *T) {
	if to != nil {
		*value = *to
	}
}

// Actor is who acts for a merchant, or looks at what is a merchant's.
type Actor struct {
	// Operator is somebody who works for the bank, and acts for every merchant.
	Operator bool
	// User is a user who has signed in, and acts for the merchants that he is a member of. Zero for none.
	User id.ID
	// Merchant is the slug of the merchant whose secret came with the call.
	Merchant string
}

// ParseMerchantName returns the slug in a name of the form merchants/{slug}; else fault.InvalidArgument
// naming the field.
func ParseMerchantName(name, text string) (string, error) {
	return parseSlug(name, text, MerchantPrefix)
}

func parseSlug(name, text, prefix string) (string, error) {
	slug, ok := strings.CutPrefix(text, prefix)
	if !ok || CheckSlug(name, slug) != nil {
		return "", fault.Invalid(name, "The name must be "+prefix+" and a slug.")
	}
	return slug, nil
}

// ETag returns the text of a version, which a change names to be made from that version only.
func ETag(version int64) string { return "v" + strconv.FormatInt(version, 10) }

// ParseETag returns the version of an ETag; 0 for an empty text, which is any version. Else
// fault.InvalidArgument naming the field.
func ParseETag(name, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(strings.Trim(text, `"`), "v")
	version, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || version < 1 {
		return 0, fault.Invalid(name, "An etag is one that an earlier answer had.")
	}
	return version, nil
}
