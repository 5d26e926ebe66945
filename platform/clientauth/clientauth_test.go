package clientauth_test

import (
	"context"
	"crypto/tls"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/platform/certtest"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/serve"
)

const word = "s3cret-word"

// parse returns settings from a command line and an environment.
func parse(t *testing.T, settings *clientauth.Settings, args []string, environ ...string) *clientauth.Settings {
	t.Helper()
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	settings.Bind(flags)
	require.NoError(t, serve.Parse(flags, "TEST", args, environ))
	return settings
}

func open(t *testing.T, settings *clientauth.Settings, args ...string) *clientauth.Client {
	t.Helper()
	client, err := parse(t, settings, args).Open()
	require.NoError(t, err)
	return client
}

// start serves HTTPS with a certificate. The answer is the header Authorization.
func start(t *testing.T, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func serverWith(pair certtest.Pair) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{pair.TLS}}
}

// get reads an address and returns the answer's body. base is the address of the client's server.
func get(t *testing.T, client *clientauth.Client, base, address string) (string, error) {
	t.Helper()
	over, err := client.Transport(base)
	require.NoError(t, err)
	sender := http.Client{Transport: over}
	defer sender.CloseIdleConnections()
	response, err := sender.Get(address)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func TestAServerIsTrustedByItsAuthorityOnly(t *testing.T) {
	authority := certtest.New(t)
	server := start(t, serverWith(authority.Sign("server")))
	_, err := get(t, open(t, clientauth.Registry(), "--registry-tls-authority="+authority.File), server.URL, server.URL)
	require.NoError(t, err)

	for name, test := range map[string]struct {
		config  *tls.Config
		trusted string
		at      string
		says    string
	}{
		"another authority": {serverWith(authority.Sign("server")), certtest.New(t).File, "127.0.0.1", "--registry-tls-authority must name the file"},
		"no authority":      {serverWith(authority.Sign("server")), "", "127.0.0.1", "--registry-tls-authority must name the file"},
		"expired":           {serverWith(authority.SignUntil("server", time.Now().Add(-time.Minute))), authority.File, "127.0.0.1", "has expired or is not valid yet; renew it"},
		"another name":      {serverWith(authority.Sign("server")), authority.File, "127.0.0.2", "is for another name"},
		"TLS 1.1":           {&tls.Config{Certificates: []tls.Certificate{authority.Sign("server").TLS}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, authority.File, "127.0.0.1", "protocol version"},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, test.config)
			if test.at != "127.0.0.1" {
				server = startAt(t, test.config, test.at)
			}
			_, err := get(t, open(t, clientauth.Registry(), "--registry-tls-authority="+test.trusted), server.URL, server.URL)
			require.ErrorContains(t, err, test.says)
			if test.says != "protocol version" {
				require.ErrorAs(t, err, new(*clientauth.Error))
				require.ErrorContains(t, err, "the schema registry")
			}
		})
	}
}

// startAt is start at another loopback address.
func startAt(t *testing.T, config *tls.Config, host string) *httptest.Server {
	t.Helper()
	listener, err := net.Listen("tcp", host+":0")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	require.NoError(t, server.Listener.Close())
	server.Listener, server.TLS = listener, config
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestAServerMayWantACertificate(t *testing.T) {
	authority := certtest.New(t)
	config := serverWith(authority.Sign("server"))
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, authority.Pool()
	config.MaxVersion = tls.VersionTLS12 // A client of TLS 1.3 may have sent its request before it hears of the refusal.
	server := start(t, config)
	own, stranger := authority.Sign("own"), certtest.New(t).Sign("stranger")
	trust := "--connect-tls-authority=" + authority.File

	_, err := get(t, open(t, clientauth.Connect(), trust, "--connect-tls-certificate="+own.Certificate, "--connect-tls-key="+own.Key), server.URL, server.URL)
	require.NoError(t, err)
	for _, client := range []*clientauth.Client{
		open(t, clientauth.Connect(), trust),
		open(t, clientauth.Connect(), trust, "--connect-tls-certificate="+stranger.Certificate, "--connect-tls-key="+stranger.Key),
	} {
		_, err := get(t, client, server.URL, server.URL)
		require.ErrorContains(t, err, "Kafka Connect ends the TLS connection; check --connect-tls-certificate and --connect-tls-key")
	}
}

func TestACertificateIsReadForEachConnection(t *testing.T) {
	authority := certtest.New(t)
	config := serverWith(authority.Sign("server"))
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, authority.Pool()
	server := start(t, config)
	own, expired := authority.Sign("own"), authority.SignUntil("expired", time.Now().Add(-time.Minute))
	client := open(t, clientauth.Kafka(), "--kafka-tls-authority="+authority.File, "--kafka-tls-certificate="+own.Certificate, "--kafka-tls-key="+own.Key)
	dial := func() error {
		connection, err := client.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err == nil {
			require.NoError(t, connection.Close())
		}
		return err
	}
	require.NoError(t, dial())
	for from, to := range map[string]string{expired.Certificate: own.Certificate, expired.Key: own.Key} {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, content, 0o600))
	}
	require.ErrorContains(t, dial(), "--kafka-tls-certificate: the certificate has expired at ")
}

func TestABrokerWithoutTLSIsNotTakenForOneWithIt(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		connection, err := listener.Accept()
		if err == nil {
			_, _ = io.WriteString(connection, "this is no handshake\n")
			_ = connection.Close()
		}
	}()
	client := open(t, clientauth.Kafka(), "--kafka-tls-authority=system")
	_, err = client.DialContext(t.Context(), "tcp", listener.Addr().String())
	require.ErrorContains(t, err, "the Kafka broker does not speak TLS at this address")
}

func TestCredentialsGoToTheServerOnly(t *testing.T) {
	authority := certtest.New(t)
	server, other := start(t, serverWith(authority.Sign("server"))), start(t, serverWith(authority.Sign("other")))
	trust := "--elasticsearch-tls-authority=" + authority.File
	named := open(t, clientauth.Elasticsearch(), trust, "--elasticsearch-username=ops", "--elasticsearch-password="+word)
	keyed := open(t, clientauth.Elasticsearch(), trust, "--elasticsearch-api-key="+word)

	body, err := get(t, named, server.URL+"/base", server.URL+"/base/x")
	require.NoError(t, err)
	request := http.Request{Header: make(http.Header)}
	request.SetBasicAuth("ops", word)
	require.Equal(t, request.Header.Get("Authorization"), body)
	body, err = get(t, keyed, server.URL, server.URL)
	require.NoError(t, err)
	require.Equal(t, "ApiKey "+word, body)

	for _, client := range []*clientauth.Client{named, keyed} {
		body, err = get(t, client, server.URL, server.URL+"?to="+other.URL)
		require.NoError(t, err)
		require.Empty(t, body, "a redirect to another server takes no credentials along")
		body, err = get(t, client, server.URL, other.URL)
		require.NoError(t, err)
		require.Empty(t, body)
	}
}

func TestCredentialsNeedTLSUnlessTheAddressIsLoopback(t *testing.T) {
	client := open(t, clientauth.Kafka(), "--kafka-username=bank", "--kafka-password="+word)
	for _, near := range []string{"127.0.0.1:9092", "[::1]:9092", "localhost:9092"} {
		require.NoError(t, client.CheckAddresses([]string{near}))
	}
	for _, far := range []string{"kafka:9092", "10.1.2.3:9092", "localhost.example.com:9092"} {
		err := client.CheckAddresses([]string{"127.0.0.1:1", far})
		require.ErrorContains(t, err, "--kafka-username: a password goes over a network with TLS only; set --kafka-tls-authority")
		require.NotContains(t, err.Error(), word)
		_, err = client.DialContext(t.Context(), "tcp", far)
		require.ErrorContains(t, err, "--kafka-username: ")
	}
	require.NoError(t, open(t, clientauth.Kafka()).CheckAddresses([]string{"kafka:9092"}), "without credentials there is nothing to protect")
	secured := open(t, clientauth.Kafka(), "--kafka-username=bank", "--kafka-password="+word, "--kafka-tls-authority=system")
	require.NoError(t, secured.CheckAddresses([]string{"kafka:9092"}))

	client = open(t, clientauth.Registry(), "--registry-username=bank", "--registry-password="+word)
	for address, says := range map[string]string{
		"http://127.0.0.1:8080/x":        "",
		"https://registry":               "",
		"http://registry":                "credentials go over a network with TLS only",
		"https://me:other-word@registry": "the URL holds a name and password, and other credentials are set",
		"http://%zz":                     "not a URL",
	} {
		_, err := client.Transport(address)
		if says == "" {
			require.NoError(t, err, address)
			continue
		}
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "-word")
	}
	_, err := open(t, clientauth.Registry()).Transport("http://me:word@registry")
	require.ErrorContains(t, err, "credentials go over a network with TLS only")
	_, err = open(t, clientauth.Registry(), "--registry-tls-authority=system").Transport("https://a", "http://b")
	require.ErrorContains(t, err, "--registry-tls-authority or --registry-tls-certificate is set, and the URL does not begin with https")
}

func TestSettingsThatCannotBeMeantAreRefused(t *testing.T) {
	pair, other := certtest.New(t).Sign("own"), certtest.New(t).Sign("other")
	expired := certtest.New(t).SignUntil("expired", time.Now().Add(-time.Minute))
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for says, args := range map[string][]string{
		"--elasticsearch-tls-certificate and --elasticsearch-tls-key belong together": {"--elasticsearch-tls-certificate=" + pair.Certificate},
		"--elasticsearch-username and --elasticsearch-password belong together":       {"--elasticsearch-password=" + word},
		"--elasticsearch-username and --elasticsearch-api-key: set one of them":       {"--elasticsearch-username=a", "--elasticsearch-password=" + word, "--elasticsearch-api-key=" + word},
		"--elasticsearch-username: a name with a colon":                               {"--elasticsearch-username=a:b", "--elasticsearch-password=" + word},
		"--elasticsearch-username and --elasticsearch-password: a line break":         {"--elasticsearch-username=a", "--elasticsearch-password=" + word + "\n"},
		"--elasticsearch-api-key: not in its encoded form":                            {"--elasticsearch-api-key=" + word + "\n"},
		"--elasticsearch-tls-authority: open ":                                        {"--elasticsearch-tls-authority=/nowhere/authority.pem"},
		"holds no certificate in PEM":                                                 {"--elasticsearch-tls-authority=" + empty},
		"--elasticsearch-tls-certificate and --elasticsearch-tls-key: open":           {"--elasticsearch-tls-certificate=" + pair.Certificate, "--elasticsearch-tls-key=/nowhere/key"},
		"private key does not match":                                                  {"--elasticsearch-tls-certificate=" + pair.Certificate, "--elasticsearch-tls-key=" + other.Key},
		"--elasticsearch-tls-certificate: the certificate has expired":                {"--elasticsearch-tls-certificate=" + expired.Certificate, "--elasticsearch-tls-key=" + expired.Key},
	} {
		_, err := parse(t, clientauth.Elasticsearch(), args).Open()
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), word)
	}
}

func TestAPasswordComesFromAFileThatTheEnvironmentNames(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte(word+"\n"), 0o600))
	client, err := parse(t, clientauth.Kafka(), nil, "TEST_KAFKA_USERNAME=bank", "TEST_KAFKA_PASSWORD_FILE="+file).Open()
	require.NoError(t, err)
	username, password := client.Password()
	require.Equal(t, []string{"bank", word}, []string{username, password})
}

func TestTheHelpShowsNoSecretAndSaysWhereToPutIt(t *testing.T) {
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	var help strings.Builder
	flags.SetOutput(&help)
	clientauth.Elasticsearch().Bind(flags)
	require.ErrorIs(t, serve.Parse(flags, "TEST", []string{"--help"}, []string{"TEST_ELASTICSEARCH_API_KEY=" + word}), flag.ErrHelp)
	require.NotContains(t, help.String(), word)
	require.Equal(t, 2, strings.Count(help.String(), "It is a secret: "))
	require.Contains(t, help.String(), "TEST_ELASTICSEARCH_PASSWORD")
}

func TestOtherErrorsAreNotExplained(t *testing.T) {
	client := open(t, clientauth.Kafka(), "--kafka-tls-authority=system")
	require.NoError(t, client.Explain(nil))
	require.Equal(t, context.Canceled, client.Explain(context.Canceled))
	refused := client.Refused(io.EOF)
	require.EqualError(t, refused, "the Kafka broker refuses the credentials; check --kafka-username and --kafka-password: EOF")
	require.Equal(t, refused, client.Explain(refused))
	require.Equal(t, io.EOF, client.ExplainStatus(http.StatusForbidden, io.EOF))
	require.Equal(t, refused, client.ExplainStatus(http.StatusUnauthorized, io.EOF))
}
