package identity

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func TestAnAddressHasOneForm(t *testing.T) {
	for text, want := range map[string]Email{
		"alice@example.com":                "alice@example.com",
		"  Alice@Example.COM\n":            "alice@example.com",
		"a.b+c@mail.xn--bcher-kva.example": "a.b+c@mail.xn--bcher-kva.example",
	} {
		email, err := ParseEmail("email", text)
		require.NoError(t, err, text)
		require.Equal(t, want, email)
	}
	for name, text := range map[string]string{
		"nothing": " ", "no domain": "alice", "no dot": "alice@localhost", "two at": "a@b@example.com", "a name": "Alice <a@example.com>",
		"Kelvin sign": "\u212aelvin@example.com", "Cyrillic": "\u0430lice@example.com", "dots": "a..b@example.com", "an address": "a@[192.0.2.1]",
		"a line": "a@example.com\nBcc: b@example.com", "a card": "4111111111111111@example.com", "long": strings.Repeat("a", 65) + "@example.com",
		"a long label": "a@" + strings.Repeat("b", 64) + ".com", "a digit at the end": "a@example.1",
	} {
		_, err := ParseEmail("email", text)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "example", name)
	}
}

// FuzzParseEmail: what is accepted is one form of itself and can stand in a header.
func FuzzParseEmail(f *testing.F) {
	f.Add("Alice@Example.com")
	f.Add("a@b@c.d\r\nX: y")
	f.Fuzz(func(t *testing.T, text string) {
		email, err := ParseEmail("email", text)
		if err != nil {
			return
		}
		again, err := ParseEmail("email", strings.ToUpper(string(email)))
		require.NoError(t, err)
		require.Equal(t, email, again)
		require.NotContains(t, string(email), "\n")
		require.Equal(t, strings.ToLower(string(email)), string(email))
	})
}

func TestPasswordsThatEverybodyTriesAreRefused(t *testing.T) {
	for _, text := range []string{"password", "PassWord1", "12345678", "qwertyuiop", "aaaaaaaa", "short", strings.Repeat("é", 129), "alice@example.com", "a\nlonger one", "\xff\xff\xff\xff\xff\xff\xff\xff"} {
		_, err := ParsePassword("password", text, "alice@example.com")
		require.Error(t, err, text)
		if text != "password" { // The name of the field.
			require.NotContains(t, err.Error(), text)
		}
	}
	for _, text := range []string{"correct horse", "12345679x", strings.Repeat("é", 127) + "x", " spaces count "} {
		_, err := ParsePassword("password", text, "")
		require.NoError(t, err, text)
	}
	composed, err := ParsePassword("password", "cafe\u0301 au lait", "")
	require.NoError(t, err)
	require.Equal(t, "caf\u00e9 au lait", composed)
	require.Greater(t, strings.Count(commonPasswords, "\n"), 200)
}

// FuzzParsePassword: what is accepted has the length, and is what GivenPassword accepts.
func FuzzParsePassword(f *testing.F) {
	f.Add("correct horse")
	f.Add("password")
	f.Fuzz(func(t *testing.T, text string) {
		password, err := ParsePassword("password", text, "alice@example.com")
		if err != nil {
			return
		}
		given, err := GivenPassword("password", text)
		require.NoError(t, err)
		require.Equal(t, given, password)
		require.True(t, norm.NFC.IsNormalString(password))
		require.GreaterOrEqual(t, utf8.RuneCountInString(password), MinPassword)
	})
}

// FuzzParseRole: only the four names are roles.
func FuzzParseRole(f *testing.F) {
	f.Add("customer")
	f.Add("root")
	f.Fuzz(func(t *testing.T, name string) {
		role, err := ParseRole(name)
		require.Equal(t, err == nil, string(role) == name && name != "")
	})
}

func TestASecretHasOneTextAndPrintsAsNothing(t *testing.T) {
	secret := NewSecret()
	text := secret.Reveal()
	parsed, err := ParseSecret("token", text)
	require.NoError(t, err)
	require.Equal(t, secret, parsed)
	require.Equal(t, secret.Digest(), parsed.Digest())
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", secret)
	printed := fmt.Sprint(secret) + fmt.Sprintf("%v %+v %#v %s", secret, secret, secret, secret) + log.String()
	require.NotContains(t, printed, text)
	require.NotContains(t, printed, fmt.Sprint(secret.bits[0])+" "+fmt.Sprint(secret.bits[1]))
	for _, wrong := range []string{"", text + "A", text[:42], strings.ToLower(text) + "=", text[:42] + "\n"} {
		_, err := ParseSecret("token", wrong)
		require.Error(t, err)
	}
}

// FuzzParseSecret: what is accepted is the one text of its secret.
func FuzzParseSecret(f *testing.F) {
	f.Add(strings.Repeat("A", 43))
	f.Add(strings.Repeat("A", 42) + "B")
	f.Fuzz(func(t *testing.T, text string) {
		if secret, err := ParseSecret("token", text); err == nil {
			require.Equal(t, text, secret.Reveal())
		}
	})
}

func TestASuccessorNeedsTheTokenAndTheNonce(t *testing.T) {
	secret, nonce := NewSecret(), NewNonce()
	require.Equal(t, secret.Successor(nonce), secret.Successor(nonce))
	require.NotEqual(t, secret.Successor(nonce), secret.Successor(NewNonce()))
	require.NotEqual(t, secret.Successor(nonce), NewSecret().Successor(nonce))
}

func TestWhatBecomesOfARefreshToken(t *testing.T) {
	session := Session{ExpiresAt: noon.Add(time.Hour)}
	for name, tt := range map[string]struct {
		known Refreshing
		want  RefreshOutcome
	}{
		"not used":                {Refreshing{Session: session}, RefreshRotated},
		"used a moment ago":       {Refreshing{Session: session, RotatedAt: noon.Add(-RefreshGrace)}, RefreshRepeated},
		"used by a clock behind":  {Refreshing{Session: session, RotatedAt: noon.Add(time.Second)}, RefreshRepeated},
		"before the token before": {Refreshing{Session: session, RotatedAt: noon.Add(-time.Second), SuccessorRotated: true}, RefreshStolen},
		"used before":             {Refreshing{Session: session, RotatedAt: noon.Add(-RefreshGrace - 1)}, RefreshStolen},
		"of an ended session":     {Refreshing{Session: session, Ended: true, RotatedAt: noon.Add(-time.Hour)}, RefreshRefused},
		"of an expired session":   {Refreshing{Session: Session{ExpiresAt: noon}}, RefreshRefused},
	} {
		require.Equal(t, tt.want, DecideRefresh(tt.known, noon), name)
	}
	require.Equal(t, noon.Add(SessionIdle), Expiry(noon, noon))
	require.Equal(t, noon.Add(SessionLongest), Expiry(noon, noon.Add(SessionLongest-time.Hour)))
}

func TestAttemptsAreSlowedDown(t *testing.T) {
	limit := Limit{Free: 2, Pause: time.Minute, Window: time.Hour}
	seen := Attempts{}
	take := func(at time.Time) time.Duration {
		next, wait := limit.Take(seen, at)
		seen = next
		return wait
	}
	require.Zero(t, take(noon))
	require.Zero(t, take(noon))
	require.Equal(t, time.Minute, take(noon))
	require.Equal(t, time.Second, take(noon.Add(time.Minute-time.Second)), "a refused attempt does not lengthen the wait")
	require.Zero(t, take(noon.Add(time.Minute)))
	require.Equal(t, time.Minute, take(noon.Add(time.Minute)))
	require.Zero(t, take(noon.Add(time.Hour+time.Minute)))
	require.Equal(t, 1, seen.Count, "forgotten")
}

func TestCountersTellAddressesAndDevicesApart(t *testing.T) {
	keys := func(counters []Counter) string {
		var all []string
		for _, counter := range counters {
			require.NotContains(t, counter.Key, "alice")
			all = append(all, counter.Key)
		}
		return strings.Join(all, "|")
	}
	from := netip.MustParseAddr
	digest := NewSecret().Digest()
	one := keys(PasswordCounters("alice@example.com", from("192.0.2.1"), nil))
	require.NotEqual(t, one, keys(PasswordCounters("alice@example.com", from("192.0.2.2"), nil)))
	require.NotEqual(t, one, keys(PasswordCounters("bob@example.com", from("192.0.2.1"), nil)))
	require.Equal(t, keys(PasswordCounters("alice@example.com", from("2001:db8::1"), nil)), keys(PasswordCounters("alice@example.com", from("2001:db8::ffff"), nil)))
	device := PasswordCounters("alice@example.com", from("192.0.2.1"), &digest)
	require.Len(t, device, 1)
	require.Equal(t, keys(device), keys(PasswordCounters("alice@example.com", from("192.0.2.2"), &digest)), "wherever the device is")
	require.Len(t, PasswordCounters("a@example.com", netip.Addr{}, nil), 3)
	require.Len(t, NotChecked(PasswordCounters("a@example.com", netip.Addr{}, nil)), 2, "all but that of the address")
	require.Empty(t, NotChecked([]Counter{AddressCounter(from("192.0.2.1"))}))
	require.Len(t, NotChecked(device), 1)
}
