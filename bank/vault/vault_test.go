package vault

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
)

// Published test numbers.
const (
	visa       = "4111111111111111"
	mastercard = "5555555555554444"
	amex       = "378282246310005"
)

func numberOf(t testing.TB, digits string) pan.Number {
	t.Helper()
	p, err := pan.Parse(digits)
	require.NoError(t, err)
	return p
}

// fixedKeys are keys whose test vectors were computed by another implementation.
func fixedKeys() *keyFile {
	return &keyFile{
		Version: 1, Primary: "first",
		Seal:        []sealKey{{ID: "first", Key: bytes.Repeat([]byte{9}, keySize)}},
		Lookup:      bytes.Repeat([]byte{1}, keySize),
		Fingerprint: bytes.Repeat([]byte{2}, keySize),
		CVV:         bytes.Repeat([]byte{3}, keySize),
	}
}

func fixedVault(t testing.TB) *Vault {
	t.Helper()
	v, err := newVault(fixedKeys())
	require.NoError(t, err)
	return v
}

func TestHashesEqualThoseOfAnotherImplementation(t *testing.T) {
	v := fixedVault(t)
	for range 3 { // a kept state must answer like a new one
		lookup := v.Lookup(numberOf(t, visa))
		require.Equal(t, "83293cc04eaeef77d4a416cb66315b2447bbefc8cbec33bad42a2e97c4f7cd1f", hex.EncodeToString(lookup[:]))
		fingerprint := v.Fingerprint([]byte("canonical request"))
		require.Equal(t, "c98b99cec8c615f562dd85debfefdb9ab5b7f94baf0b8c9a4b99ea2c73a17080", hex.EncodeToString(fingerprint[:]))
	}
}

func TestSecurityCodeDependsOnNumberAndExpiry(t *testing.T) {
	v := fixedVault(t)
	for _, c := range []struct {
		rule, number string
		month        int
		code         string
	}{
		{"three digits", visa, 11, "439"},
		{"another expiry, another code", visa, 12, "128"},
		{"another number, another code", mastercard, 11, "615"},
		{"four digits for AMEX", amex, 11, "4580"},
		{"AMEX with another expiry", amex, 12, "7956"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := v.CVV(numberOf(t, c.number), pan.Expiry{Month: c.month, Year: 2030})
			require.Equal(t, c.code, got.Reveal())
		})
	}
}

func TestSecurityCodeFavoursNoDigit(t *testing.T) {
	v := fixedVault(t)
	const cards = 30_000
	var counts [3][10]int
	for i := range cards {
		p, err := pan.Make("411111", fmt.Sprintf("%09d", i))
		require.NoError(t, err)
		for place, digit := range v.CVV(p, pan.Expiry{Month: 1, Year: 2030}).Reveal() {
			counts[place][digit-'0']++
		}
	}
	for place := range counts {
		chiSquare, expected := 0.0, float64(cards)/10
		for _, n := range counts[place] {
			chiSquare += (float64(n) - expected) * (float64(n) - expected) / expected
		}
		// With 9 degrees of freedom, 27.9 is exceeded by chance once in a thousand. The keys are
		// fixed, so this test always sees the same figures.
		require.Less(t, chiSquare, 27.9, "place %d: %v", place, counts[place])
	}
}

func TestDecimaliseSkipsBiasedBytes(t *testing.T) {
	digits := []byte("???")
	n := decimalise(digits, 0, []byte{255, 250, 249, 251, 7})
	require.Equal(t, 2, n)
	n = decimalise(digits, n, []byte{254, 10, 99})
	require.Equal(t, 3, n)
	require.Equal(t, "970", string(digits))
}

func TestSealOpensForItsCardOnly(t *testing.T) {
	v := fixedVault(t)
	card, other := bank.ID{1}, bank.ID{2}
	sealed, err := v.Seal(numberOf(t, amex), card)
	require.NoError(t, err)
	again, err := v.Seal(numberOf(t, amex), card)
	require.NoError(t, err)
	require.NotEqual(t, sealed.Ciphertext, again.Ciphertext, "equal numbers must not show by equal ciphertexts")
	require.NotContains(t, string(sealed.Ciphertext), amex)

	opened, err := v.Open(sealed, card)
	require.NoError(t, err)
	require.Equal(t, amex, opened.Reveal())

	_, err = v.Open(sealed, other)
	require.ErrorIs(t, err, ErrNotAuthentic)
	_, err = v.Open(bank.Sealed{KeyID: "nobody", Ciphertext: sealed.Ciphertext}, card)
	require.ErrorIs(t, err, ErrUnknownKey)
	_, err = v.Open(bank.Sealed{KeyID: sealed.KeyID}, card)
	require.ErrorIs(t, err, ErrNotAuthentic)
}

func TestEveryAlteredByteIsDetected(t *testing.T) {
	v := fixedVault(t)
	card := bank.ID{1}
	sealed, err := v.Seal(numberOf(t, visa), card)
	require.NoError(t, err)
	for i := range sealed.Ciphertext {
		altered := bank.Sealed{KeyID: sealed.KeyID, Ciphertext: bytes.Clone(sealed.Ciphertext)}
		altered.Ciphertext[i] ^= 1
		_, err := v.Open(altered, card)
		require.ErrorIs(t, err, ErrNotAuthentic, "byte %d", i)
	}
	_, err = v.Open(bank.Sealed{KeyID: sealed.KeyID, Ciphertext: sealed.Ciphertext[:20]}, card)
	require.ErrorIs(t, err, ErrNotAuthentic)
}

func TestCiphertextIsBoundToItsKeyID(t *testing.T) {
	keys := fixedKeys()
	keys.Seal = append(keys.Seal, sealKey{ID: "second", Key: keys.Seal[0].Key})
	v, err := newVault(keys) // the same key under two ids, which a key file does not allow
	require.NoError(t, err)
	sealed, err := v.Seal(numberOf(t, visa), bank.ID{1})
	require.NoError(t, err)
	sealed.KeyID = "second"
	_, err = v.Open(sealed, bank.ID{1})
	require.ErrorIs(t, err, ErrNotAuthentic)
}

func TestNothingIsPrintable(t *testing.T) {
	v := fixedVault(t)
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("start", "vault", v, "value", *v)
	asJSON, err := json.Marshal(map[string]any{"pointer": v, "value": *v})
	require.NoError(t, err)
	text := logged.String() + string(asJSON) + v.String() + v.GoString()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		require.Equal(t, masked, fmt.Sprintf(verb, v), verb)
		require.Equal(t, masked, fmt.Sprintf(verb, *v), verb)
		text += fmt.Sprintf(verb, struct{ inner Vault }{*v}) + fmt.Sprintf(verb, struct{ Inner *Vault }{v})
	}
	for _, secret := range []byte{1, 2, 3, 9} {
		require.NotContains(t, text, hex.EncodeToString(bytes.Repeat([]byte{secret}, 4)))
		require.NotContains(t, text, fmt.Sprintf("%d %[1]d %[1]d", secret))
	}
}

func TestConcurrentCallersGetTheirOwnAnswers(t *testing.T) {
	v := fixedVault(t)
	numbers := []pan.Number{numberOf(t, visa), numberOf(t, mastercard), numberOf(t, amex)}
	expiry := pan.Expiry{Month: 11, Year: 2030}
	lookups, codes := make([][32]byte, 3), make([]string, 3)
	for i, p := range numbers {
		lookups[i], codes[i] = v.Lookup(p), v.CVV(p, expiry).Reveal()
	}
	var group sync.WaitGroup
	wrong := make(chan string, 8)
	for worker := range 8 {
		group.Go(func() {
			for i := range 500 {
				at := (worker + i) % 3
				if v.Lookup(numbers[at]) != lookups[at] || v.CVV(numbers[at], expiry).Reveal() != codes[at] {
					wrong <- numbers[at].Last4()
					return
				}
			}
		})
	}
	group.Wait()
	require.Empty(t, wrong)
}

func TestTheHotPathAllocatesNothing(t *testing.T) {
	v := fixedVault(t)
	p, expiry, request := numberOf(t, visa), pan.Expiry{Month: 11, Year: 2030}, make([]byte, 300)
	// Under the race detector a pool drops states at random, so a fraction is allowed.
	require.Less(t, testing.AllocsPerRun(1000, func() { v.Lookup(p) }), allocationsAllowed+0.5)
	require.Less(t, testing.AllocsPerRun(1000, func() { v.Fingerprint(request) }), allocationsAllowed+0.5)
	require.Less(t, testing.AllocsPerRun(1000, func() { v.CVV(p, expiry) }), allocationsAllowed+2.5) // the code and its wrapper
}

func BenchmarkLookup(b *testing.B) {
	v, p := fixedVault(b), numberOf(b, visa)
	b.ReportAllocs()
	for b.Loop() {
		v.Lookup(p)
	}
}

func BenchmarkCVV(b *testing.B) {
	v, p, expiry := fixedVault(b), numberOf(b, visa), pan.Expiry{Month: 11, Year: 2030}
	b.ReportAllocs()
	for b.Loop() {
		v.CVV(p, expiry)
	}
}

func BenchmarkFingerprint(b *testing.B) {
	v, request := fixedVault(b), make([]byte, 250)
	b.ReportAllocs()
	for b.Loop() {
		v.Fingerprint(request)
	}
}

func BenchmarkSeal(b *testing.B) {
	v, p := fixedVault(b), numberOf(b, visa)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Seal(p, bank.ID{1}); err != nil {
			b.Fatal(err)
		}
	}
}
