package serve

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

func TestTheAddressIsThatOfTheCallerAndNotWhatItSays(t *testing.T) {
	proxies, err := ParseProxies("10.0.0.0/8, fd00::/8")
	require.NoError(t, err)
	s := &Server{config: Config{TrustedProxies: proxies, TrustedPrograms: []string{"001:gateway"}}}
	gateway := principal.Principal{Kind: principal.Service, Name: "001:gateway"}
	none := principal.None()
	shop := principal.Principal{Kind: principal.Service, Name: "001:shop"}
	for name, tt := range map[string]struct {
		peer      string
		own       bool
		forwarded string
		want      string
		program   principal.Principal
	}{
		"a caller":                     {"192.0.2.1:1", false, "", "192.0.2.1", none},
		"a trusted program":            {"10.1.2.3:1", false, "198.51.100.1, 192.0.2.1", "192.0.2.1", gateway},
		"a trusted program by HTTP":    {"127.0.0.1:1", true, "192.0.2.1, 192.0.2.7", "192.0.2.1", gateway},
		"another program":              {"192.0.2.7:1", false, "198.51.100.1", "192.0.2.7", shop},
		"another program by HTTP":      {"127.0.0.1:1", true, "198.51.100.1, 192.0.2.7", "192.0.2.7", shop},
		"the name without a proof":     {"192.0.2.7:1", false, "198.51.100.1", "192.0.2.7", principal.Principal{Kind: principal.User, Name: "001:gateway"}},
		"a caller who claims another":  {"192.0.2.1:1", false, "198.51.100.1", "192.0.2.1", none},
		"the gateway":                  {"127.0.0.1:1", true, "192.0.2.1", "192.0.2.1", none},
		"a client that lies":           {"127.0.0.1:1", true, "198.51.100.1, 192.0.2.1", "192.0.2.1", none},
		"behind a proxy":               {"127.0.0.1:1", true, "198.51.100.1, 192.0.2.1, 10.0.0.7", "192.0.2.1", none},
		"behind two proxies":           {"127.0.0.1:1", true, "192.0.2.1, fd00::1, 10.0.0.7", "192.0.2.1", none},
		"gRPC behind a proxy":          {"10.0.0.7:1", false, "192.0.2.1", "192.0.2.1", none},
		"a proxy that says nothing":    {"10.0.0.7:1", false, "", "10.0.0.7", none},
		"a proxy that writes nonsense": {"127.0.0.1:1", true, "192.0.2.1, nonsense, 10.0.0.7", "10.0.0.7", none},
		"IPv4 in IPv6":                 {"[::ffff:192.0.2.1]:1", false, "", "192.0.2.1", none},
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
			ctx = context.WithValue(ctx, identityKey{}, identity{proof: &proof{peer: tt.program}})
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

// FuzzParsePrograms: any list is one of names that a caller can have, or an error.
func FuzzParsePrograms(f *testing.F) {
	f.Add("001:gateway,edge")
	f.Add("a b,,")
	f.Fuzz(func(t *testing.T, list string) {
		programs, err := ParsePrograms(list)
		for _, program := range programs {
			require.NoError(t, err)
			require.True(t, ValidCaller(program))
		}
	})
}
