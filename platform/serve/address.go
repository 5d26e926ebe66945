package serve

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

const (
	// forwardedKey lists the addresses that a request came by. The gateway appends the one that
	// connected to it.
	forwardedKey = "x-forwarded-for"
	// gatewayKey holds a secret of the process, which shows that a call comes from its own gateway.
	// A header of that name does not become metadata.
	gatewayKey = "x-codebank-gateway"
)

// vouch marks the calls of the gateway, so that Address believes what they say about their origin.
//
// tidy:parameters gRPC decides the signature
func (s *Server) vouch(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
	return call(metadata.AppendToOutgoingContext(ctx, gatewayKey, s.gatewaySecret), method, request, answer, conn, options...)
}

// newGatewaySecret returns a secret that no caller can guess.
func newGatewaySecret() string { return rand.Text() }

// Address returns the network address that a call comes from: of the peer, or of the HTTP client if
// the call comes by the server's own gateway. Behind proxies of Config.TrustedProxies it is the last
// address that is not a trusted proxy. What other callers say about their origin is not believed. It
// is the zero Addr if there is none.
func (s *Server) Address(ctx context.Context) netip.Addr {
	var address netip.Addr
	if caller, ok := peer.FromContext(ctx); ok {
		if parsed, err := netip.ParseAddrPort(caller.Addr.String()); err == nil {
			address = parsed.Addr().Unmap()
		}
	}
	secrets := metadata.ValueFromIncomingContext(ctx, gatewayKey)
	own := len(secrets) == 1 && subtle.ConstantTimeCompare([]byte(secrets[0]), []byte(s.gatewaySecret)) == 1
	if !own && !s.trusts(address) {
		return address
	}
	hops := strings.Split(strings.Join(metadata.ValueFromIncomingContext(ctx, forwardedKey), ","), ",")
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

func (s *Server) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(s.config.TrustedProxies, func(proxy netip.Prefix) bool { return proxy.Contains(address) })
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
