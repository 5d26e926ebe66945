package serve

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"codebank.dev/platform/principal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

const (
	// forwardedKey lists the addresses that a request came by. The gateway appends the one that
	// connected to it.
	forwardedKey = "x-forwarded-for"
	// gatewayKey holds the handle under which the gateway lends a call what is proved about the client of
	// the request. It counts only on the connection within the process.
	gatewayKey = "x-codebank-gateway"
)

// vouch lends the calls of the gateway what is proved about the client of the request.
//
// tidy:parameters gRPC decides the signature
func (s *Server) vouch(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
	known, _ := ctx.Value(identityKey{}).(identity)
	ctx, end := s.edge.handles.lend(ctx, known.proof)
	defer end()
	return call(ctx, method, request, answer, conn, options...)
}

// Address returns the network address that a call comes from: of the peer, or of the HTTP client if
// the call comes by the server's own gateway. Behind proxies of Config.TrustedProxies, and behind programs of
// Config.TrustedPrograms, it is the last address that is not that of one. What other callers say about their
// origin is not believed. It is the zero Addr if there is none.
func (s *Server) Address(ctx context.Context) netip.Addr {
	var address netip.Addr
	if caller, ok := peer.FromContext(ctx); ok {
		if parsed, err := netip.ParseAddrPort(caller.Addr.String()); err == nil {
			address = parsed.Addr().Unmap()
		}
	}
	own, named := isOwn(ctx), s.trustsProgram(ctx)
	if !own && !named && !s.trusts(address) {
		return address
	}
	hops := strings.Split(strings.Join(metadata.ValueFromIncomingContext(ctx, forwardedKey), ","), ",")
	if own && named && len(hops) > 1 { // The program came by HTTP, and the last address is its own.
		hops = hops[:len(hops)-1]
	}
	return s.lastHop(address, hops)
}

// lastHop returns the last address of a list of hops that is not a trusted proxy, or address if the list has
// nothing that can be believed.
func (s *Server) lastHop(address netip.Addr, hops []string) netip.Addr {
	for _, hop := range slices.Backward(hops) {
		parsed, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		if address = parsed.Unmap().WithZone(""); !s.trusts(address) {
			break
		}
	}
	return address
}

func (s *Server) trusts(address netip.Addr) bool { return s.config.trusts(address) }

// trusts reports whether an address is that of a trusted proxy.
func (c *Config) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(c.TrustedProxies, func(proxy netip.Prefix) bool { return proxy.Contains(address) })
}

// trustsProgram reports whether the other side of the connection has proved to be a trusted program.
func (s *Server) trustsProgram(ctx context.Context) bool {
	known, _ := ctx.Value(identityKey{}).(identity)
	if known.proof == nil {
		return false
	}
	caller := &known.proof.peer
	return (caller.Kind == principal.Service || caller.Kind == principal.Operator) && slices.Contains(s.config.TrustedPrograms, caller.Name)
}

// ParsePrograms returns the names of a list such as 001:gateway,edge. The list may be empty.
func ParsePrograms(list string) ([]string, error) {
	names := strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
	for _, name := range names {
		if !ValidCaller(name) {
			return nil, fmt.Errorf("%q is no name of a program", name)
		}
	}
	return names, nil
}

// ParseProxies returns the prefixes of a list such as 10.0.0.0/8,fd00::/8. The list may be empty.
func ParseProxies(list string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for text := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}
