package serve

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
)

func TestASecretIsABearerTokenOrAUserName(t *testing.T) {
	for name, rule := range map[string]struct {
		values []string
		text   string
		shown  bool
	}{
		"bearer":                {[]string{"Bearer sk_live_a"}, "sk_live_a", true},
		"in lower case":         {[]string{"bearer sk_live_a"}, "sk_live_a", true},
		"basic":                 {[]string{"Basic c2tfbGl2ZV9hOg=="}, "sk_live_a", true},
		"basic with a password": {[]string{"Basic c2tfbGl2ZV9hOng="}, "sk_live_a", true},
		"basic, malformed":      {[]string{"Basic !"}, "", true},
		"an access token":       {[]string{"Bearer eyJ"}, "eyJ", false},
		"another scheme":        {[]string{"Digest sk_live_a"}, "", false},
		"none":                  {nil, "", false},
		"two":                   {[]string{"Bearer sk_live_a", "Bearer sk_live_a"}, "", false},
	} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{authorizationKey: rule.values})
		text, shown := secretOf(ctx)
		require.Equal(t, rule.shown, shown, name)
		require.Equal(t, rule.text, text, name)
	}
}

func TestGuessesAreFreeAndThenSlow(t *testing.T) {
	var g guesses
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	from := netip.MustParseAddr("2001:db8::1")
	for range freeGuesses {
		require.Zero(t, g.wait(from, now))
		g.note(from, now)
	}
	require.Equal(t, guessInterval, g.wait(from, now))
	for range 20 { // They were let in before the first one was found wrong.
		g.note(from, now)
	}
	require.Equal(t, guessInterval, g.wait(from, now))
	require.Equal(t, guessInterval, g.wait(netip.MustParseAddr("2001:db8::2"), now), "the network of one customer")
	require.Zero(t, g.wait(netip.MustParseAddr("2001:db8:0:1::1"), now))
	require.Zero(t, g.wait(from, now.Add(guessInterval)))
	g.note(from, now.Add(guessInterval))
	require.Equal(t, guessInterval, g.wait(from, now.Add(guessInterval)))
	require.Zero(t, g.wait(from, now.Add(time.Hour)))
}

func TestTheMemoryOfGuessesIsBounded(t *testing.T) {
	var g guesses
	now := time.Now()
	for i := range 2 * maxGuessers {
		g.note(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	require.LessOrEqual(t, len(g.paid), maxGuessers)
}
