package kafkaauth_test

import (
	"crypto/tls"
	"flag"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/certtest"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/clientauth/kafkaauth"
)

// open returns what the flags say.
func open(t *testing.T, args ...string) *clientauth.Client {
	t.Helper()
	settings, flags := clientauth.Kafka(), flag.NewFlagSet("test", flag.ContinueOnError)
	settings.Bind(flags)
	require.NoError(t, flags.Parse(args))
	auth, err := settings.Open()
	require.NoError(t, err)
	return auth
}

// ping connects to a broker once.
func ping(t *testing.T, cluster *kfake.Cluster, auth *clientauth.Client) error {
	t.Helper()
	client, err := kgo.NewClient(append(kafkaauth.Options(auth), kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RequestRetries(0))...)
	require.NoError(t, err)
	defer client.Close()
	return kafkaauth.Explain(auth, client.Ping(t.Context()))
}

func start(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1))...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster
}

func TestWithoutSettingsTheOptionsOnlyDial(t *testing.T) {
	cluster := start(t)
	require.NoError(t, ping(t, cluster, nil))
	require.NoError(t, ping(t, cluster, open(t)))
	require.Empty(t, kafkaauth.SASL(open(t)))
}

func TestABrokerIsReachedWithTLSAndSCRAM(t *testing.T) {
	authority := certtest.New(t)
	pair := func(end time.Time) kfake.Opt {
		return kfake.TLS(&tls.Config{Certificates: []tls.Certificate{authority.SignUntil("broker", end).TLS}})
	}
	accounts := []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "bank", "word")}
	cluster := start(t, append(accounts, pair(time.Time{}))...)
	trusted, user := "--kafka-tls-authority="+authority.File, []string{"--kafka-username=bank", "--kafka-password=word"}
	require.NoError(t, ping(t, cluster, open(t, append(user, trusted)...)))

	require.Error(t, ping(t, cluster, open(t, trusted)), "who does not sign in is not let in")
	require.Error(t, ping(t, cluster, open(t, user...)), "TLS is spoken by both or by none")
	err := ping(t, cluster, open(t, append(user, "--kafka-tls-authority="+certtest.New(t).File)...))
	require.ErrorContains(t, err, "--kafka-tls-authority must name the file")
	err = ping(t, start(t, append(accounts, pair(time.Now().Add(-time.Minute)))...), open(t, append(user, trusted)...))
	require.ErrorContains(t, err, "the certificate of the Kafka broker has expired")
	err = ping(t, start(t, pair(time.Time{}), kfake.EnableSASL(), kfake.Superuser("PLAIN", "bank", "word")), open(t, append(user, trusted)...))
	require.Error(t, err, "no password is sent to a broker that knows no SCRAM-SHA-512")
}

func TestARefusalNamesTheSettings(t *testing.T) {
	auth := open(t, "--kafka-username=bank", "--kafka-password=word")
	for _, refusal := range []error{kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism} {
		err := kafkaauth.Explain(auth, refusal)
		require.ErrorContains(t, err, "check --kafka-username and --kafka-password")
		require.ErrorIs(t, err, refusal)
	}
	require.Equal(t, io.EOF, kafkaauth.Explain(auth, io.EOF))
	require.NoError(t, kafkaauth.Explain(auth, nil))
}
