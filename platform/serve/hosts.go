package serve

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"codebank.dev/platform/fault"
)

var errForeignName = fault.New(fault.PermissionDenied, "FOREIGN_NAME", "This program does not answer to that name of a host.")

// localhost is the name of this machine that no other machine can have.
const localhost = "localhost"

// hostName is a name of a host: labels of lower-case letters, digits and hyphens.
var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// hosts decides to which names of a host the HTTP listener answers. A foreign page can give a
// name of its own the address of this program. A browser then takes the program for a part of
// that page and lets the page read every answer. The request still has the page's name.
type hosts struct {
	names []string
	// any says that every name is answered.
	any bool
}

// newHosts returns the hosts of a listener. A listener that other machines reach is known by
// names that it cannot know, so without a list it answers to any.
func newHosts(names []string, listener net.Addr) (hosts, error) {
	for _, name := range names {
		if !validHost(name) {
			return hosts{}, fmt.Errorf("%q is no name of a host: give it in lower case and without a port", name)
		}
	}
	bound, err := netip.ParseAddrPort(listener.String())
	return hosts{names: names, any: len(names) == 0 && (err != nil || !bound.Addr().IsLoopback())}, nil
}

// validHost reports whether a text is a name of a host in lower case, or an address without a zone.
func validHost(text string) bool {
	address, err := netip.ParseAddr(text)
	return hostName.MatchString(text) || err == nil && address.Zone() == ""
}

// knows reports whether a request is to a name of this program: one of the list, localhost, or
// the address that the request came to. An address is never a page's own name.
func (h hosts) knows(r *http.Request) bool {
	if h.any {
		return true
	}
	name := hostOf(r.Host)
	if isLoopback(name) || slices.Contains(h.names, name) {
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && address.Unmap() == reached(r)
}

// isLoopback reports whether a host, without a port, is a name of this machine for itself.
func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == localhost || err == nil && address.IsLoopback()
}

// reached returns the address of this machine that a request came to.
func reached(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	address, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return netip.Addr{}
	}
	return address.Addr().Unmap().WithZone("")
}

// hostOf returns a host without its port, in lower case.
func hostOf(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.ToLower(name)
}

// ParseHosts returns the names of a list such as bank,bank.example. The list may be empty. The
// error names the entry that is no name of a host.
func ParseHosts(list string) ([]string, error) {
	names := fields(list)
	_, err := newHosts(names, &net.TCPAddr{})
	return names, err
}

// fields returns the entries of a list whose separators are commas or spaces.
func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
