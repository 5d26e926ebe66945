package mtls

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// trustDomain is the host of the URIs that name programs.
const trustDomain = "codebank"

// NoBank is the bank code of a program that belongs to no bank.
const NoBank = "-"

// ID is the identity of a program: spiffe://codebank/001/checkout.
type ID struct {
	// Bank is the code of the program's bank, or NoBank.
	Bank string
	// Program is its name, 1 to 48 of a-z 0-9 . _ -
	Program string
}

var idPath = regexp.MustCompile(`^/([0-9]{3}|-)/([a-z0-9][a-z0-9._-]{0,47})$`)

var errID = errors.New("mtls: not an identity such as spiffe://codebank/001/checkout")

// ParseID returns the identity that a URI names.
func ParseID(uri string) (ID, error) {
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Scheme != "spiffe" || parsed.Host != trustDomain || !strings.HasPrefix(uri, "spiffe://"+trustDomain+"/") {
		return ID{}, errID
	}
	found := idPath.FindStringSubmatch(strings.TrimPrefix(uri, "spiffe://"+trustDomain))
	if found == nil {
		return ID{}, errID
	}
	return ID{Bank: found[1], Program: found[2]}, nil
}

// String returns the URI.
func (i ID) String() string { return "spiffe://" + trustDomain + "/" + i.Bank + "/" + i.Program }

// Near reports whether another program is of the same bank, or of none. Programs of one name at two banks are
// two programs, also for a program of no bank, which serves many.
func (i ID) Near(other ID) bool { return i.Bank == other.Bank || other.Bank == NoBank }

// URI returns the URI of a certificate.
func (i ID) URI() *url.URL {
	return &url.URL{Scheme: "spiffe", Host: trustDomain, Path: "/" + i.Bank + "/" + i.Program}
}

// IDOf returns the identity in a certificate, which must have exactly one URI.
func IDOf(certificate *x509.Certificate) (ID, error) {
	if len(certificate.URIs) != 1 {
		return ID{}, fmt.Errorf("mtls: a certificate with %d URIs: %w", len(certificate.URIs), errID)
	}
	return ParseID(certificate.URIs[0].String())
}
