package token

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"codebank.dev/platform/fault"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

const (
	issuer   = "https://identity.example"
	audience = "codebank"
	keyOne   = "one"
)

// noon is when the tests take place.
var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// key returns the private key that a seed of one byte makes.
func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed))
}

func public(private ed25519.PrivateKey) ed25519.PublicKey {
	return private.Public().(ed25519.PublicKey)
}

// token is a token before it is signed.
type token struct {
	header, claims map[string]any
}

// right returns a token that is valid from noon for 15 minutes.
func right() token {
	return token{
		header: map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": keyOne},
		claims: map[string]any{
			"iss": issuer, "aud": audience, "sub": "4b1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01", "sid": "5b1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01",
			"iat": noon.Unix(), "nbf": noon.Unix(), "exp": noon.Add(MaxLifetime).Unix(), "jti": "1", "roles": []string{"customer"},
		},
	}
}

// with returns the token with other values. A nil takes a value away.
func (tk token) with(part map[string]any, name string, value any) token {
	changed := maps.Clone(part)
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	if _, header := part["alg"]; header {
		return token{changed, tk.claims}
	}
	return token{tk.header, changed}
}

func (tk token) claim(name string, value any) token { return tk.with(tk.claims, name, value) }
func (tk token) head(name string, value any) token  { return tk.with(tk.header, name, value) }

// text returns what is signed.
func (tk token) text(t testing.TB) string {
	encode := func(part map[string]any) string {
		text, err := json.Marshal(part)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return encode(tk.header) + "." + encode(tk.claims)
}

// signed returns the token with the signature of a key.
func (tk token) signed(t testing.TB, private ed25519.PrivateKey) string {
	text := tk.text(t)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(text)))
}

// fixture is a verifier whose clock and keys a test sets.
type fixture struct {
	*Verifier
	now   time.Time
	keys  KeySet
	ended *Ended
}

func start(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{now: noon.Add(time.Minute), keys: KeySet{keyOne: public(key(1))}}
	clock := func() time.Time { return f.now }
	f.ended = NewEnded(clock)
	var err error
	f.Verifier, err = NewVerifier(Config{Issuer: issuer, Audience: audience, Keys: f.keys, Ended: f.ended, Now: clock})
	require.NoError(t, err)
	return f
}

func TestARightTokenSaysWhoCalls(t *testing.T) {
	f := start(t)
	for range 2 { // The second time it is not verified again.
		claims, err := f.Verify(t.Context(), right().signed(t, key(1)))
		require.NoError(t, err)
		require.Equal(t, "4b1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01", claims.Subject)
		require.Equal(t, "5b1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01", claims.Session)
		require.True(t, claims.HasRole("customer"))
		require.False(t, claims.HasRole("operator"))
		require.Equal(t, noon.Add(MaxLifetime), claims.ExpiresAt.UTC())
	}
	_, err := f.Verify(t.Context(), right().claim("aud", []string{"other", audience}).head("typ", "application/at+jwt").signed(t, key(1)))
	require.NoError(t, err)
}

func TestWrongTokensAreRefused(t *testing.T) {
	good := right()
	hs256 := func() string {
		text := good.head("alg", "HS256").text(t)
		mac := hmac.New(sha256.New, public(key(1)))
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	embedded, err := json.Marshal(jose.JSONWebKey{Key: public(key(2)), KeyID: keyOne})
	require.NoError(t, err)
	signature := good.signed(t, key(1))[strings.LastIndexByte(good.signed(t, key(1)), '.'):]
	for name, tt := range map[string]struct {
		text  string
		cause error
	}{
		"nothing":                        {"", errForm},
		"alg none":                       {good.head("alg", "none").text(t) + ".", errForm},
		"alg none with a signature":      {good.head("alg", "none").text(t) + signature, errHeader},
		"HS256 with the public key":      {hs256(), errHeader},
		"alg EdDSA in other capitals":    {good.head("alg", "eddsa").signed(t, key(1)), errHeader},
		"a key of the token's own":       {good.head("jwk", json.RawMessage(embedded)).signed(t, key(2)), errHeader},
		"critical extension":             {good.head("crit", []string{"exp"}).signed(t, key(1)), errSignature},
		"typ JWT":                        {good.head("typ", "JWT").signed(t, key(1)), errHeader},
		"no typ":                         {good.head("typ", nil).signed(t, key(1)), errHeader},
		"no kid":                         {good.head("kid", nil).signed(t, key(1)), errHeader},
		"kid that is unknown":            {good.head("kid", "two").signed(t, key(1)), errKey},
		"another key":                    {good.signed(t, key(2)), errSignature},
		"other claims":                   {good.claim("sub", "x").text(t) + signature, errSignature},
		"wrong aud":                      {good.claim("aud", "elsewhere").signed(t, key(1)), errIssuer},
		"no aud":                         {good.claim("aud", nil).signed(t, key(1)), errIssuer},
		"wrong iss":                      {good.claim("iss", issuer+"/").signed(t, key(1)), errIssuer},
		"no sub":                         {good.claim("sub", nil).signed(t, key(1)), errClaims},
		"no sid":                         {good.claim("sid", nil).signed(t, key(1)), errClaims},
		"no jti":                         {good.claim("jti", nil).signed(t, key(1)), errClaims},
		"no exp":                         {good.claim("exp", nil).signed(t, key(1)), errClaims},
		"exp that is no number":          {good.claim("exp", "x").signed(t, key(1)), errClaims},
		"no iat":                         {good.claim("iat", nil).signed(t, key(1)), errClaims},
		"too many roles":                 {good.claim("roles", strings.Split(strings.Repeat("a ", 20), " ")).signed(t, key(1)), errClaims},
		"longer than 15 minutes":         {good.claim("exp", noon.Add(MaxLifetime+time.Second).Unix()).signed(t, key(1)), errTimes},
		"nbf not reached":                {good.claim("nbf", noon.Add(2*time.Minute).Unix()).signed(t, key(1)), errTimes},
		"iat not reached":                {good.claim("iat", noon.Add(2*time.Minute).Unix()).signed(t, key(1)), errTimes},
		"two parts":                      {good.text(t), errForm},
		"four parts":                     {good.signed(t, key(1)) + ".", errForm},
		"a line break":                   {good.signed(t, key(1)) + "\n", errForm},
		"padding":                        {good.signed(t, key(1)) + "==", errForm},
		"as JSON":                        {`{"payload":"","protected":"","signature":""}`, errForm},
		"longer than any token":          {good.claim("x", strings.Repeat("x", MaxBytes)).signed(t, key(1)), errForm},
		"a bomb of dots":                 {strings.Repeat(".", 1<<20), errForm},
		"bits behind the last signature": {twin(good.signed(t, key(1))), errForm},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := start(t).Verify(t.Context(), tt.text)
			require.ErrorIs(t, err, ErrInvalid)
			require.ErrorIs(t, err, tt.cause)
			if tt.text != "" {
				require.NotContains(t, err.Error(), tt.text[:min(20, len(tt.text))], "no error repeats a token")
			}
		})
	}
}

// twin returns another text whose decoded bytes are the same.
func twin(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last^1])
}

func TestATokenExpires(t *testing.T) {
	f := start(t)
	text := right().signed(t, key(1))
	f.now = noon.Add(MaxLifetime + DefaultLeeway - time.Second)
	_, err := f.Verify(t.Context(), text)
	require.NoError(t, err, "clocks may differ")
	f.now = noon.Add(MaxLifetime + DefaultLeeway)
	for range 2 { // From the cache, and not from the cache.
		_, err = f.Verify(t.Context(), text)
		require.ErrorIs(t, err, ErrExpired)
	}
}

func TestATokenOfARetiredKeyIsRefusedAlthoughItWasVerified(t *testing.T) {
	f := start(t)
	text := right().signed(t, key(1))
	_, err := f.Verify(t.Context(), text)
	require.NoError(t, err)
	f.keys[keyOne] = public(key(3))
	_, err = f.Verify(t.Context(), text)
	require.ErrorIs(t, err, errKey, "another key under the same id")
	delete(f.keys, keyOne)
	_, err = f.Verify(t.Context(), text)
	require.ErrorIs(t, err, errKey)
}

func TestATokenOfAnEndedSessionIsRefusedAlthoughItWasVerified(t *testing.T) {
	f := start(t)
	text := right().signed(t, key(1))
	_, err := f.Verify(t.Context(), text)
	require.NoError(t, err)
	session, _ := right().claims["sid"].(string)
	require.False(t, f.ended.HeardWithin(time.Hour))
	f.ended.hear(map[string]time.Time{session: noon.Add(MaxLifetime + time.Minute)}, 7)
	require.True(t, f.ended.HeardWithin(time.Second))
	require.EqualValues(t, 7, f.ended.position())
	_, err = f.Verify(t.Context(), text)
	require.ErrorIs(t, err, ErrEnded)
	f.now = noon.Add(MaxLifetime + 2*time.Minute)
	f.ended.hear(nil, 7)
	require.False(t, f.ended.Has(session), "forgotten when every token has expired")
	_, err = f.Verify(t.Context(), text)
	require.ErrorIs(t, err, ErrExpired)
}

// mutate returns a text that differs from a token.
func mutate(random *rand.Rand, text string) string {
	bytes := []byte(text)
	for range 1 + random.IntN(3) {
		at := random.IntN(len(bytes))
		switch random.IntN(6) {
		case 0:
			bytes[at] ^= 1 << random.IntN(8)
		case 1:
			bytes[at] = byte(random.IntN(256))
		case 2:
			bytes = append(bytes[:at:at], bytes[at+1:]...)
		case 3:
			bytes = append(bytes[:at:at], append([]byte{byte(random.IntN(256))}, bytes[at:]...)...)
		case 4:
			other := random.IntN(len(bytes))
			bytes[at], bytes[other] = bytes[other], bytes[at]
		case 5:
			bytes = bytes[:at]
		}
		if len(bytes) == 0 {
			break
		}
	}
	return string(bytes)
}

func TestNoMutatedTokenIsAccepted(t *testing.T) {
	tokens := 100_000
	if testing.Short() {
		tokens = 5_000
	}
	f := start(t)
	text := right().signed(t, key(1))
	_, err := f.Verify(t.Context(), text)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	for range tokens {
		mutated := mutate(random, text)
		if mutated == text {
			continue
		}
		claims, err := f.Verify(t.Context(), mutated)
		require.Nil(t, claims, mutated)
		require.Equal(t, fault.Unauthenticated, fault.CodeOf(err), mutated)
	}
}

// FuzzVerify: no text is accepted but the one that the issuer signed.
func FuzzVerify(f *testing.F) {
	text := right().signed(f, key(1))
	for _, seed := range []string{text, text + "A", twin(text), right().head("alg", "none").text(f) + ".", "..", right().signed(f, key(2))} {
		f.Add(seed)
	}
	verifier := start(f)
	f.Fuzz(func(t *testing.T, other string) {
		claims, err := verifier.Verify(context.Background(), other)
		if (err == nil) != (other == text) {
			t.Fatalf("%q is answered %v, %v", other, claims, err)
		}
		var known *fault.Error
		if err != nil && (!errors.As(err, &known) || known.Code != fault.Unauthenticated) {
			t.Fatalf("%q: %v", other, err)
		}
	})
}

// FuzzClaims: any claims that the issuer might sign are taken or refused, and those that are taken end
// within 15 minutes.
func FuzzClaims(f *testing.F) {
	claims, err := json.Marshal(right().claims)
	require.NoError(f, err)
	f.Add(claims)
	f.Add([]byte(`{"iss":"https://identity.example","exp":1e300,"iat":-1e300}`))
	verifier := start(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		claims, err := verifier.parseClaims(payload)
		if err == nil && claims.ExpiresAt.After(verifier.now.Add(DefaultLeeway+MaxLifetime)) {
			t.Fatalf("lives until %s", claims.ExpiresAt)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	f := start(b)
	text := right().signed(b, key(1))
	for name, forget := range map[string]bool{"known": false, "new": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if forget {
					f.verified.Clear()
				}
				if _, err := f.Verify(b.Context(), text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
