package webhook

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/view"
	"codebank.dev/platform/id"
)

var message = Message{ID: "msg_2v8Xq", Payload: []byte(`{"type":"charge.approved","data":{"amountMinor":1999}}`)}

// A message has its times as REST has them.
func TestEveryTimeOfAMessageHasThreeDigits(t *testing.T) {
	at := view.Time(time.Date(2030, time.January, 2, 3, 4, 5, 120_999_000, time.FixedZone("BRT", -3*60*60)))
	body, err := PayloadOf(&view.Event{
		Type: "charge.captured", Sequence: 1, OccurredAt: at,
		Charge: view.Charge{ExpiresAt: &at, CreatedAt: at, DecidedAt: &at, UpdatedAt: at}, Operation: &view.Operation{CreatedAt: at, EndedAt: &at},
	})
	require.NoError(t, err)
	require.Equal(t, strings.Count(string(body), `_at":`)+strings.Count(string(body), `"timestamp":`), strings.Count(string(body), `":"2030-01-02T06:04:05.120Z"`), string(body))
}

// The scheme's own library accepts what is signed here, by either of two secrets, and nothing that was altered.
func TestAMessageIsVerifiedByTheSchemesOwnLibrary(t *testing.T) {
	first, second := NewSecret(), NewSecret()
	header := make(http.Header)
	Sign(header, &message, time.Now(), first, second)
	for _, secret := range []Secret{first, second} {
		verifier, err := standard.NewWebhook(secret.Reveal())
		require.NoError(t, err)
		require.NoError(t, verifier.Verify(message.Payload, header))
		require.Error(t, verifier.Verify(append([]byte(" "), message.Payload...), header))
	}
	other, err := standard.NewWebhook(NewSecret().Reveal())
	require.NoError(t, err)
	require.Error(t, other.Verify(message.Payload, header))

	old := make(http.Header)
	Sign(old, &message, time.Now().Add(-time.Hour), first)
	verifier, err := standard.NewWebhook(first.Reveal())
	require.NoError(t, err)
	require.Error(t, verifier.Verify(message.Payload, old))
}

// What the scheme's own library signs is verified here, and each changed byte is found.
func TestVerifyFindsEveryChange(t *testing.T) {
	secret, now := NewSecret(), time.Now()
	signer, err := standard.NewWebhook(secret.Reveal())
	require.NoError(t, err)
	signature, err := signer.Sign(message.ID, now, message.Payload)
	require.NoError(t, err)
	header := func(id, timestamp, signature string) http.Header {
		h := make(http.Header)
		h.Set(headerID, id)
		h.Set(headerTimestamp, timestamp)
		h.Set(headerSignature, signature)
		return h
	}
	timestamp := fmt.Sprint(now.Unix())
	verified, err := Verify(header(message.ID, timestamp, "v1a,AAAA "+signature), message.Payload, now, secret)
	require.NoError(t, err)
	require.Equal(t, message, verified)

	for i := range message.Payload {
		changed := append([]byte(nil), message.Payload...)
		changed[i] ^= 1
		_, err := Verify(header(message.ID, timestamp, signature), changed, now, secret)
		require.ErrorIs(t, err, ErrSignature)
	}
	for name, h := range map[string]http.Header{
		"another id":        header("msg_2v8Xr", timestamp, signature),
		"another time":      header(message.ID, fmt.Sprint(now.Unix()+1), signature),
		"no time":           header(message.ID, "", signature),
		"no signature":      header(message.ID, timestamp, ""),
		"another version":   header(message.ID, timestamp, strings.Replace(signature, "v1,", "v2,", 1)),
		"a shorter one":     header(message.ID, timestamp, signature[:len(signature)-1]),
		"no id":             header("", timestamp, signature),
		"dot moved into id": header(message.ID+"."+timestamp, timestamp, signature),
	} {
		_, err := Verify(h, message.Payload, now, secret)
		require.ErrorIs(t, err, ErrSignature, name)
	}
	for _, late := range []time.Duration{tolerance + 2*time.Second, -tolerance - 2*time.Second} {
		_, err := Verify(header(message.ID, timestamp, signature), message.Payload, now.Add(late), secret)
		require.ErrorIs(t, err, ErrSignature)
	}
	_, err = Verify(header(message.ID, timestamp, signature), message.Payload, now, Secret{})
	require.ErrorIs(t, err, ErrSignature)
}

func TestASecretIsReadAgainAndNeverPrinted(t *testing.T) {
	secret := NewSecret()
	again, err := ParseSecret(secret.Reveal())
	require.NoError(t, err)
	require.Equal(t, secret.bytes(), again.bytes())
	require.NotEqual(t, secret.Reveal(), NewSecret().Reveal())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.NotContains(t, fmt.Sprintf(verb, secret), strings.TrimPrefix(secret.Reveal(), secretPrefix))
		require.NotContains(t, fmt.Sprintf(verb, struct{ s Secret }{secret}), *secret.key)
	}
	for _, text := range []string{"", "whsec_", secret.Reveal()[1:], secret.Reveal() + "=", "whsec_AAAA", "whsec_" + strings.Repeat("A", 200), secret.Reveal() + "\n"} {
		_, err := ParseSecret(text)
		require.ErrorIs(t, err, ErrSecret, text)
	}
}

func TestTheTriesOfAMessageGrowAndEnd(t *testing.T) {
	total := time.Duration(0)
	for tries := 1; tries < MaxTries; tries++ {
		delay, ok := NextTry(tries, 0)
		require.True(t, ok)
		require.InDelta(t, float64(delays[tries-1]), float64(delay), float64(delays[tries-1]/jitter))
		total += delays[tries-1]
		asked, ok := NextTry(tries, 23*time.Hour)
		require.True(t, ok)
		require.GreaterOrEqual(t, asked, 23*time.Hour*(jitter-1)/jitter)
	}
	require.InDelta(t, float64(3*24*time.Hour), float64(total), float64(2*time.Hour))
	capped, _ := NextTry(1, 1_000*time.Hour)
	require.Equal(t, 24*time.Hour, capped)
	_, ok := NextTry(MaxTries, 0)
	require.False(t, ok)
	_, ok = NextTry(0, 0)
	require.False(t, ok)
}

func TestOnlyPublicAddressesAreReached(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.3.4", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "192.0.2.1",
		"198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1",
		"::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:1::", "::127.0.0.1", "fec0::1", "2001:db8::1",
	} {
		require.False(t, isPublic(netip.MustParseAddr(address)), address)
		require.ErrorIs(t, control(nil)("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 443).String(), nil), ErrAddress)
	}
	for _, address := range []string{"8.8.8.8", "172.15.0.1", "100.63.0.1", "2606:4700::1111", "::ffff:8.8.8.8"} {
		require.True(t, isPublic(netip.MustParseAddr(address)), address)
	}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	require.NoError(t, control(loopback)("tcp", "127.0.0.1:443", nil))
	require.NoError(t, control(loopback)("tcp6", "[::ffff:127.0.0.1]:443", nil))
	require.ErrorIs(t, control(loopback)("tcp6", "[::1]:443", nil), ErrAddress)
	require.ErrorIs(t, control(loopback)("tcp", "not an address", nil), ErrAddress)
}

func TestATargetIsAnHTTPSAddress(t *testing.T) {
	for _, text := range []string{"https://shop.example/hooks?a=b", "https://shop.example:8443/"} {
		target, err := ParseTarget(text)
		require.NoError(t, err)
		require.Equal(t, text, target.String())
	}
	for _, text := range []string{"", "http://shop.example/", "https://", "https:///x", "//shop.example", "https:shop.example", "https://u:p@shop.example/",
		"https://shop.example/#f", "https://shop.example:65536/", "https://shop.example:0/", "ftp://shop.example", "https://shop.example/\x00", "https://" + strings.Repeat("a", maxURL)} {
		_, err := ParseTarget(text)
		require.ErrorIs(t, err, ErrURL, text)
	}
}

func TestALiveEndpointIsWhereMessagesCanGo(t *testing.T) {
	for text, open := range map[string]bool{
		"https://shop.example/": true, "https://shop.example:443/": true, "https://8.8.8.8/": true, "https://[2606:4700::1111]/": true,
		"https://shop.example:8443/": false, "https://10.0.0.1/": false, "https://127.0.0.1/": false, "https://[::1]/": false,
		"https://[::ffff:10.0.0.1]/": false, "https://[fe80::1%25eth0]/": false, "https://169.254.169.254/": false,
	} {
		settings := EndpointSettings{URL: text, Types: Outcomes(), Enabled: true}
		require.NoError(t, settings.Check(payment.Test), text)
		if open {
			require.NoError(t, settings.Check(payment.Live), text)
		} else {
			require.Equal(t, errLiveTarget, settings.Check(payment.Live), text)
		}
	}
}

// receiver is an endpoint on this machine.
func receiver(t *testing.T, handle http.HandlerFunc) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A server notices that its client has gone only when the body is read.
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		handle(w, r)
	}))
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return server, pool
}

var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func TestAMessageIsDelivered(t *testing.T) {
	secret := NewSecret()
	server, pool := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if _, err := Verify(r.Header, body, time.Now(), secret); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte("thanks"))
	})
	sender := NewSender(SenderConfig{Allowed: here, Authorities: pool})
	result := sender.Send(t.Context(), server.URL, &message, secret)
	require.NoError(t, result.Err)
	require.True(t, result.Delivered())
	require.Equal(t, "thanks", string(result.Answer))
	refused := sender.Send(t.Context(), server.URL, &message, NewSecret())
	require.Equal(t, http.StatusUnauthorized, refused.Status)
	require.False(t, refused.Delivered())
}

// An endpoint on a private address is not connected to, whatever leads there.
func TestNothingPrivateIsConnectedTo(t *testing.T) {
	var asked atomic.Int64
	server, pool := receiver(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	sender := NewSender(SenderConfig{Authorities: pool})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1"} {
		result := sender.Send(t.Context(), "https://"+host+port+"/", &message, NewSecret())
		require.Error(t, result.Err, host)
		require.NotErrorIs(t, result.Err, ErrTLS, host)
	}
	require.ErrorIs(t, sender.Send(t.Context(), server.URL, &message, NewSecret()).Err, ErrAddress)

	// A redirect into this machine is an answer, and nobody follows it.
	redirecting, pool := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, server.URL, http.StatusTemporaryRedirect)
	})
	result := NewSender(SenderConfig{Allowed: here, Authorities: pool}).Send(t.Context(), redirecting.URL, &message, NewSecret())
	require.Equal(t, http.StatusTemporaryRedirect, result.Status)
	require.False(t, result.Delivered())
	require.Zero(t, asked.Load())
}

// An answer without an end, in its body or in its header, takes a few kilobytes and no longer than one try may.
func TestAnEndpointThatNeverEndsHarmsNobody(t *testing.T) {
	endless, pool := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
		for block := make([]byte, 64<<10); r.Context().Err() == nil; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	result := NewSender(SenderConfig{Allowed: here, Authorities: pool}).Send(t.Context(), endless.URL, &message, NewSecret())
	require.NoError(t, result.Err)
	require.Len(t, result.Answer, maxAnswer)
	require.Equal(t, 2*time.Minute, result.RetryAfter)

	large, pool := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("x", 2*maxAnswerHeader))
	})
	result = NewSender(SenderConfig{Allowed: here, Authorities: pool}).Send(t.Context(), large.URL, &message, NewSecret())
	require.ErrorIs(t, result.Err, ErrConnect)

	silent, pool := receiver(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	result = NewSender(SenderConfig{Allowed: here, Authorities: pool, Timeout: 100 * time.Millisecond}).Send(t.Context(), silent.URL, &message, NewSecret())
	require.ErrorIs(t, result.Err, ErrTimeout)

	// One that says its status and then nothing has said enough.
	slow, pool := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("ok"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	result = NewSender(SenderConfig{Allowed: here, Authorities: pool, Timeout: 500 * time.Millisecond}).Send(t.Context(), slow.URL, &message, NewSecret())
	require.True(t, result.Delivered())
}

func TestWhyATryHadNoAnswerIsSaid(t *testing.T) {
	server, pool := receiver(t, func(http.ResponseWriter, *http.Request) {})
	require.ErrorIs(t, NewSender(SenderConfig{Allowed: here}).Send(t.Context(), server.URL, &message, NewSecret()).Err, ErrTLS)
	require.ErrorIs(t, NewSender(SenderConfig{}).Send(t.Context(), "https://shop.invalid/", &message, NewSecret()).Err, ErrName)
	require.ErrorIs(t, NewSender(SenderConfig{}).Send(t.Context(), "http://shop.example/", &message, NewSecret()).Err, ErrURL)
	sender := NewSender(SenderConfig{Allowed: here, Authorities: pool})
	require.ErrorContains(t, sender.Send(t.Context(), server.URL, &message).Err, "0 secrets")
	require.Error(t, sender.Send(t.Context(), server.URL, &Message{ID: "m", Payload: make([]byte, MaxPayload+1)}, NewSecret()).Err)
	server.Close()
	require.ErrorIs(t, sender.Send(t.Context(), server.URL, &message, NewSecret()).Err, ErrConnect)

	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	defer old.Close()
	require.Error(t, NewSender(SenderConfig{Allowed: here, Authorities: pool}).Send(t.Context(), old.URL, &message, NewSecret()).Err)
}

func TestAWaitIsReadFromSecondsAndDates(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	sender := NewSender(SenderConfig{Now: func() time.Time { return now }})
	require.Equal(t, 5*time.Second, sender.retryAfter("5"))
	require.Equal(t, time.Minute, sender.retryAfter(now.Add(time.Minute).UTC().Format(http.TimeFormat)))
	for _, text := range []string{"", "-1", "soon", "99999999999999999999", now.Add(-time.Minute).UTC().Format(http.TimeFormat)} {
		require.Zero(t, sender.retryAfter(text), text)
	}
}

func FuzzVerify(f *testing.F) {
	secret, now := NewSecret(), time.Unix(1_800_000_000, 0)
	f.Add("msg_1", "1800000000", "v1,AAAA v1a,BBBB", []byte(`{}`))
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, payload []byte) {
		header := http.Header{headerID: {id}, headerTimestamp: {timestamp}, headerSignature: {signature}}
		if _, err := Verify(header, payload, now, secret); err == nil {
			t.Fatal("verified without the secret")
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "https://shop.example/hooks")
	f.Fuzz(func(t *testing.T, secret, target string) {
		if parsed, err := ParseSecret(secret); err == nil {
			require.Equal(t, secret, parsed.Reveal())
		}
		if parsed, err := ParseTarget(target); err == nil {
			require.Equal(t, "https", parsed.Scheme)
			again, err := ParseTarget(parsed.String())
			if len(parsed.String()) <= maxURL { // it may be written with more escapes
				require.NoError(t, err)
				require.Equal(t, parsed.Host, again.Host)
			}
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(strings.Repeat("0f", keyBytes) + "\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		keys, err := ParseKeys(file)
		if err != nil {
			require.ErrorIs(t, err, ErrKeys)
			return
		}
		secret := NewSecret()
		opened, err := keys.Open(id.ID{1}, keys.Seal(id.ID{1}, secret))
		require.NoError(t, err)
		require.Equal(t, secret.bytes(), opened.bytes())
	})
}

// A key that is replaced opens what it has sealed for as long as it is in the file. What is sealed for one endpoint is
// no secret of another, and no change of it is one.
func TestSealedSecretsAreForOneEndpoint(t *testing.T) {
	first, second := strings.Repeat("0f", keyBytes), strings.Repeat("a5", keyBytes)
	before, err := ParseKeys([]byte(first))
	require.NoError(t, err)
	both, err := ParseKeys([]byte(second + "\n\n" + first + "\n"))
	require.NoError(t, err)
	after, err := ParseKeys([]byte(second))
	require.NoError(t, err)
	secret := NewSecret()
	sealed := before.Seal(id.ID{1}, secret)
	require.NotContains(t, string(sealed), *secret.key)
	opened, err := both.Open(id.ID{1}, sealed)
	require.NoError(t, err)
	require.Equal(t, secret.Reveal(), opened.Reveal())
	opened, err = after.Open(id.ID{1}, both.Seal(id.ID{1}, secret))
	require.NoError(t, err)
	require.Equal(t, secret.Reveal(), opened.Reveal())
	_, err = after.Open(id.ID{1}, sealed)
	require.ErrorIs(t, err, ErrSealed)
	_, err = before.Open(id.ID{2}, sealed)
	require.ErrorIs(t, err, ErrSealed)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err := before.Open(id.ID{1}, changed)
		require.ErrorIs(t, err, ErrSealed)
		_, err = before.Open(id.ID{1}, sealed[:i])
		require.ErrorIs(t, err, ErrSealed)
	}
	for _, file := range []string{"", "\n", first[1:], first + "0", "zz" + first[2:], strings.Repeat(first+"\n", maxKeys+1)} {
		_, err := ParseKeys([]byte(file))
		require.ErrorIs(t, err, ErrKeys, file)
	}
}
