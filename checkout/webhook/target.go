package webhook

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"

	"codebank.dev/checkout/payment"
)

// maxURL is the most bytes of an address.
const maxURL = 2_000

// ErrURL says that an address cannot be that of an endpoint.
var ErrURL = errors.New("webhook: an endpoint is an https address of at most 2000 characters, without user and fragment")

// ErrAddress says that an endpoint's name leads to an address that belongs to no public network.
var ErrAddress = errors.New("webhook: the endpoint's address is not public")

// ParseTarget returns the address of an endpoint, or ErrURL. Where its name leads is looked at when a connection is
// made, and not before: a name may lead to another place a moment later.
func ParseTarget(text string) (*url.URL, error) {
	target, err := url.Parse(text)
	if err != nil || len(text) > maxURL || target.Scheme != "https" || target.Hostname() == "" || target.User != nil ||
		target.Fragment != "" || target.Opaque != "" || !isPort(target.Port()) {
		return nil, ErrURL
	}
	return target, nil
}

// isPort reports whether a text is the number of a port, or empty for the usual one.
func isPort(text string) bool {
	number, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && number > 0
}

// livePort is the only port of live endpoints. The network of a cluster lets messages through to no other one.
const livePort = "443"

// isOpenTo reports whether an endpoint of a mode may have an address. In live mode one that cannot be reached is refused
// at once: another port, and a literal address that is not public.
func isOpenTo(mode payment.Mode, target *url.URL) bool {
	if mode != payment.Live {
		return true
	}
	literal, err := netip.ParseAddr(target.Hostname())
	return (target.Port() == "" || target.Port() == livePort) && (err != nil || isPublic(literal))
}

// reserved are networks that are neither private nor local by their address alone, and are no public ones either
// (IANA's special-purpose registries). Those that embed an IPv4 address lead wherever it leads.
var reserved = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	"5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		parsed[i] = netip.MustParsePrefix(text)
	}
	return parsed
}

// isPublic reports whether an address belongs to the public network.
func isPublic(address netip.Addr) bool {
	address = address.Unmap()
	if address.Zone() != "" || !address.IsGlobalUnicast() || address.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(reserved, func(network netip.Prefix) bool { return network.Contains(address) })
}

// control refuses a connection to an address that is neither public nor in one of the allowed networks. It runs
// after the name has been looked up, with the very address that is connected to.
func control(allowed []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return ErrAddress
		}
		host := to.Addr().Unmap()
		if isPublic(host) || slices.ContainsFunc(allowed, func(network netip.Prefix) bool { return network.Contains(host) }) {
			return nil
		}
		return ErrAddress
	}
}
