package kafka

import (
	"bytes"
	"crypto/tls"
	"flag"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"codebank.dev/native/await"
	"codebank.dev/platform/certtest"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/clientauth/kafkaauth"
	"codebank.dev/platform/registry"
)

const secret = "s3cret-word"

// authOf returns what the flags say.
func authOf(t *testing.T, settings *clientauth.Settings, args ...string) *clientauth.Client {
	t.Helper()
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	settings.Bind(flags)
	require.NoError(t, flags.Parse(args))
	auth, err := settings.Open()
	require.NoError(t, err)
	return auth
}

// securedWorld has a broker with TLS and SCRAM, and a registry with TLS and passwords.
func securedWorld(t *testing.T, broker certtest.Pair) *world {
	t.Helper()
	w := newWorld(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{broker.TLS}}),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "bank", secret))
	w.register()
	return w
}

// securedRegistry serves the registry of a world by HTTPS to those who know the password.
func securedRegistry(t *testing.T, w *world, pair certtest.Pair) *httptest.Server {
	t.Helper()
	to, err := url.Parse(w.registry.URL())
	require.NoError(t, err)
	forward := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		if name, password, _ := r.BasicAuth(); name != "bank" || password != secret {
			http.Error(answer, `{"error_code":401,"message":"who are you?"}`, http.StatusUnauthorized)
			return
		}
		forward.ServeHTTP(answer, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestABankPublishesToABrokerWithTLSAndSCRAM(t *testing.T) {
	authority := certtest.New(t)
	w := securedWorld(t, authority.Sign("broker"))
	registry := securedRegistry(t, w, authority.Sign("registry"))
	broker := authOf(t, clientauth.Kafka(), "--kafka-tls-authority="+authority.File, "--kafka-username=bank", "--kafka-password="+secret)
	w.options = append(w.options, kafkaauth.Options(broker)...)
	p := w.open(func(c *PublisherConfig) {
		c.BrokerAuth, c.RegistryURL = broker, registry.URL
		c.RegistryAuth = authOf(t, clientauth.Registry(), "--registry-tls-authority="+authority.File, "--registry-username=bank", "--registry-password="+secret)
	})
	for sequence := range int64(10) {
		w.publish(t.Context(), p, eventOf(1, sequence+1))
	}
	w.flush(p)
	w.requireAnswered(10)
	w.requireInOrder(w.records(10), 1, 10)
}

func TestAPasswordInTheAddressOfTheRegistryIsNotShown(t *testing.T) {
	authority := certtest.New(t)
	w := securedWorld(t, authority.Sign("broker"))
	served := securedRegistry(t, w, authority.Sign("registry"))
	auth := authOf(t, clientauth.Registry(), "--registry-tls-authority="+authority.File)
	client, err := registry.New(strings.Replace(served.URL, "//", "//bank:"+secret+"@", 1), time.Second, auth)
	require.NoError(t, err)
	_, err = client.SchemaByID(t.Context(), w.schemaID)
	require.NoError(t, err)
	served.Close()
	_, err = client.SchemaByID(t.Context(), w.schemaID)
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret)
	_, err = registry.New("bank:"+secret+"@registry", time.Second, auth)
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret)
}

// refuseCredentials lets the broker answer as a real one does when a password is wrong. The fake one
// would end the connection.
func refuseCredentials(w *world) {
	w.cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		refusal, _ := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		refusal.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return refusal, nil, true
	})
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.String()
}

func TestALogSaysWhichSettingKeepsEventsFromABrokerOrRegistry(t *testing.T) {
	authority := certtest.New(t)
	trusted, stranger := "--kafka-tls-authority="+authority.File, "--kafka-tls-authority="+certtest.New(t).File
	for says, test := range map[string]struct {
		broker, registry []string
		end              time.Time
	}{
		"the Kafka broker refuses the credentials; check --kafka-username and --kafka-password": {
			broker: []string{trusted, "--kafka-username=bank", "--kafka-password=" + secret}},
		"an unknown authority signed the certificate of the Kafka broker; --kafka-tls-authority must name the file": {
			broker: []string{stranger, "--kafka-username=bank", "--kafka-password=" + secret}},
		"the certificate of the Kafka broker has expired": {
			broker: []string{trusted, "--kafka-username=bank", "--kafka-password=" + secret}, end: time.Now().Add(-time.Minute)},
		"events wait: the schema registry refuses the credentials; check --registry-username and --registry-password": {
			broker:   []string{trusted, "--kafka-username=bank", "--kafka-password=" + secret},
			registry: []string{"--registry-tls-authority=" + authority.File, "--registry-username=bank", "--registry-password=" + secret + "2"}},
		"events wait: an unknown authority signed the certificate of the schema registry; --registry-tls-authority must": {
			broker:   []string{trusted, "--kafka-username=bank", "--kafka-password=" + secret},
			registry: []string{"--registry-username=bank", "--registry-password=" + secret}},
	} {
		t.Run(says, func(t *testing.T) {
			w := securedWorld(t, authority.SignUntil("broker", test.end))
			registry := securedRegistry(t, w, authority.Sign("registry"))
			if strings.HasSuffix(says, "--kafka-password") {
				refuseCredentials(w)
			}
			var log syncBuffer
			p := w.open(func(c *PublisherConfig) {
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
				c.BrokerAuth = authOf(t, clientauth.Kafka(), test.broker...)
				if test.registry != nil {
					c.RegistryURL, c.RegistryAuth = registry.URL, authOf(t, clientauth.Registry(), test.registry...)
				}
			})
			w.publish(t.Context(), p, eventOf(1, 1))
			await.Until(t, func() bool { return strings.Contains(log.String(), says) }, 20*time.Second, 10*time.Millisecond, "%s", &log)
			require.NotContains(t, log.String(), secret)
		})
	}
}

func TestWatermarksGoToABrokerWithTLSAndSCRAM(t *testing.T) {
	authority := certtest.New(t)
	w := securedWorld(t, authority.Sign("broker"))
	w.registerWatermarks()
	arguments := []string{"--kafka-tls-authority=" + authority.File, "--kafka-username=bank"}
	for _, says := range []string{"", "check --kafka-username and --kafka-password"} {
		if says != "" {
			refuseCredentials(w)
		}
		marks, err := NewWatermarks(PublisherConfig{Code: "001", Brokers: w.brokers, RegistryURL: w.registry.URL(),
			BrokerAuth: authOf(t, clientauth.Kafka(), append(arguments, "--kafka-password="+secret)...)})
		require.NoError(t, err)
		err = marks.PublishWatermark(t.Context(), time.Now())
		marks.Close()
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), secret)
	}
}
