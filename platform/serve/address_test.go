package serve

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

func TestTheAddressIsThatOfTheCallerAndNotWhatItSays(t *testing.T) {
	proxies, err := ParseProxies("10.0.0.0/8, fd00::/8")
	require.NoError(t, err)
	s := &Server{config: Config{TrustedProxies: proxies}}
	for name, tt := range map[string]struct {
		peer      string
		own       bool
		forwarded string
		want      string
	}{
		"a caller":                     {"192.0.2.1:1", false, "", "192.0.2.1"},
		"a caller who claims another":  {"192.0.2.1:1", false, "198.51.100.1", "192.0.2.1"},
		"the gateway":                  {"127.0.0.1:1", true, "192.0.2.1", "192.0.2.1"},
		"a client that lies":           {"127.0.0.1:1", true, "198.51.100.1, 192.0.2.1", "192.0.2.1"},
		"behind a proxy":               {"127.0.0.1:1", true, "198.51.100.1, 192.0.2.1, 10.0.0.7", "192.0.2.1"},
		"behind two proxies":           {"127.0.0.1:1", true, "192.0.2.1, fd00::1, 10.0.0.7", "192.0.2.1"},
		"gRPC behind a proxy":          {"10.0.0.7:1", false, "192.0.2.1", "192.0.2.1"},
		"a proxy that says nothing":    {"10.0.0.7:1", false, "", "10.0.0.7"},
		"a proxy that writes nonsense": {"127.0.0.1:1", true, "192.0.2.1, nonsense, 10.0.0.7", "10.0.0.7"},
		"IPv4 in IPv6":                 {"[::ffff:192.0.2.1]:1", false, "", "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			address, err := net.ResolveTCPAddr("tcp", tt.peer)
			require.NoError(t, err)
			pairs := metadata.MD{}
			pairs.Set(gatewayKey, "a handle that anybody can send")
			caller := &peer.Peer{Addr: address, AuthInfo: &accepted{proof: &proof{}}}
			if tt.own {
				caller.AuthInfo = &accepted{}
			}
			if tt.forwarded != "" {
				pairs.Set(forwardedKey, tt.forwarded)
			}
			ctx := metadata.NewIncomingContext(peer.NewContext(t.Context(), caller), pairs)
			require.Equal(t, netip.MustParseAddr(tt.want), s.Address(ctx))
		})
	}
	require.False(t, s.Address(context.Background()).IsValid())
}

// FuzzParseProxies: any list is one of prefixes without host bits, or an error.
func FuzzParseProxies(f *testing.F) {
	f.Add("10.0.0.0/8,fd00::/8")
	f.Add("10.0.0.1/8 ,, 1/33")
	f.Fuzz(func(t *testing.T, list string) {
		prefixes, err := ParseProxies(list)
		for _, prefix := range prefixes {
			require.NoError(t, err)
			require.Equal(t, prefix.Masked(), prefix)
		}
	})
}
