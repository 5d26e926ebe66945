package main

import (
	"bytes"
	"crypto/tls"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/failpoints"
	"codebank.dev/identity/postgres"
	"codebank.dev/identity/signing"
	"codebank.dev/native/await"
	stack "codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/certtest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/mail/mailtest"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	alice    = "alice@example.com"
	password = "correct horse battery"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

// setting are the places that the programs of a test share.
type setting struct {
	url, keys string
	mails     *mailtest.Catcher
}

func newSetting(t *testing.T, url string) *setting {
	t.Helper()
	s := &setting{url: url, keys: filepath.Join(t.TempDir(), "keys.json"), mails: mailtest.Catch(t)}
	require.NoError(t, signing.NewKeyFile(s.keys, time.Now(), nil))
	return s
}

// launch migrates the database, runs the program as its own role, and waits for nothing else.
func (s *setting) launch(t *testing.T, flags ...string) *programtest.Program {
	t.Helper()
	return s.launchAs(t, s.service(t), flags...)
}

// service migrates the database, if there is one, and returns its address for the program's role.
func (s *setting) service(t *testing.T) string {
	t.Helper()
	if s.url == programtest.NoDatabase {
		return s.url
	}
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: s.url}))
	return databasetest.As(t, s.url, postgres.ServiceRole)
}

// launchAs runs the program on a database as it is, as the user of its address.
func (s *setting) launchAs(t *testing.T, url string, flags ...string) *programtest.Program {
	t.Helper()
	return programtest.Start(t, []string{"IDENTITY_DATABASE_URL=" + url, "IDENTITY_SMTP_URL=" + s.mails.URL()},
		append([]string{"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--insecure=operator", "--signing-keys=" + s.keys}, flags...)...)
}

// command runs a command of an operator and returns its output.
func (s *setting) command(t *testing.T, words string, flags ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	args := append(append(strings.Fields(words), "--signing-keys="+s.keys), flags...)
	err := run(t.Context(), args, []string{"IDENTITY_DATABASE_URL=" + s.service(t), "IDENTITY_PASSWORD=" + password}, &out)
	return out.String(), err
}

// verify checks the audit log.
func (s *setting) verify(t *testing.T) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = table.Verify(t.Context(), conn)
	return err
}

func dial(t *testing.T, address string) identityv1.IdentityServiceClient {
	t.Helper()
	conn, err := serve.Dial(address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return identityv1.NewIdentityServiceClient(conn)
}

func TestTheProgramServesAndItsCommandsWorkBesideIt(t *testing.T) {
	s := newSetting(t, postgrestest.Database(t))
	out, err := s.command(t, "operators add root@example.com")
	require.NoError(t, err, "before the program has ever run")
	require.Contains(t, out, "opened an account")
	program := s.launch(t, "--log-level=debug")
	addresses, ready := program.AwaitReady(t)
	require.True(t, ready)
	client := dial(t, addresses.GRPC)

	signedIn, err := client.SignIn(t.Context(), &identityv1.SignInRequest{Email: "root@example.com", Password: password})
	require.NoError(t, err)
	answer, err := programtest.Get("http://" + addresses.HTTP + "/.well-known/jwks.json")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
	require.Contains(t, answer.Body, `"crv":"Ed25519"`)
	answer, err = programtest.Get("http://" + addresses.HTTP + "/openapi.json")
	require.NoError(t, err)
	require.Contains(t, answer.Body, "Code Bank identity")

	_, err = client.SignUp(t.Context(), &identityv1.SignUpRequest{Email: alice})
	require.NoError(t, err)
	_, err = client.ConfirmSignUp(t.Context(), &identityv1.ConfirmSignUpRequest{Token: s.mails.Next(t, alice).Code(), Password: password})
	require.NoError(t, err)
	for _, step := range []struct{ words, want string }{
		{"roles grant " + alice + " merchant", "[customer merchant]"}, {"operators add " + alice, "the password is as before"},
	} {
		out, err := s.command(t, step.words)
		require.NoError(t, err, step.words)
		require.Contains(t, out, step.want)
	}
	out, err = s.command(t, "roles revoke "+alice+" customer")
	require.NoError(t, err)
	require.NotContains(t, out, "customer")
	_, err = s.command(t, "roles grant nobody@example.com operator")
	require.ErrorIs(t, err, identity.ErrNoUser)

	out, err = s.command(t, "keys rotate", "--all", "--publish-for=0", "--retire-after=0")
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(out, "key "), out)
	await.Until(t, func() bool {
		response, err := client.SignIn(t.Context(), &identityv1.SignInRequest{Email: alice, Password: password})
		return err == nil && response.GetTokens() != nil && strings.Contains(program.Log(), "the signing keys were read again")
	}, time.Minute, 100*time.Millisecond)
	answer, err = programtest.Get("http://" + addresses.HTTP + "/metrics")
	require.NoError(t, err)
	for _, figure := range []string{
		`acts_total\{act="SIGNED_IN"\} [1-9]\d*`, `acts_total\{act="SIGN_UP_REQUESTED"\} 1`, `acts_total\{act="SIGN_IN_LOCKED"\} 0`,
		`refreshes_total\{outcome="reused"\} 0`, `attempts_refused_total 0`, `mails_sent_total 1`, `mails_waiting 0`, `mails_given_up 0`,
		`password_checks_refused_total 0`, `password_checks_waiting 0`, `signing_key_age_seconds \d.*`,
	} {
		require.Regexp(t, "(?m)^codebank_identity_"+figure+"$", answer.Body)
	}
	program.Interrupt(t)
	require.NoError(t, s.verify(t))
	for _, secret := range []string{password, signedIn.GetTokens().GetAccessToken(), signedIn.GetTokens().GetRefreshToken(), signedIn.GetDeviceToken(), s.url} {
		require.NotContains(t, program.Log(), secret)
	}
}

func TestEveryFigureWithAnAlarmIsThereFromTheStart(t *testing.T) {
	shown := programtest.RequireAlarmFigures(t, newSetting(t, programtest.NoDatabase).launch(t, "--kafka-brokers=127.0.0.1:1"), "codebank_identity_", "codebank_audit_")
	require.Contains(t, shown, "codebank_identity_mails_waiting +Inf\n", "not known is endless")
	require.Contains(t, shown, "codebank_audit_head_published_timestamp_seconds 0\n")
}

func TestTheProgramPublishesTheHeadOfItsAuditLog(t *testing.T) {
	authority := certtest.New(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, heads.Topic),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{authority.Sign("broker").TLS}}),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "identity", "broker-word"))
	require.NoError(t, err)
	defer cluster.Close()
	s := newSetting(t, postgrestest.Database(t))
	_, err = s.command(t, "operators add root@example.com")
	require.NoError(t, err)
	program := s.launch(t, "--kafka-brokers="+strings.Join(cluster.ListenAddrs(), ","), "--audit-head-interval=10ms",
		"--kafka-tls-authority="+authority.File, "--kafka-username=identity", "--kafka-password=broker-word")
	addresses, ready := program.AwaitReady(t)
	require.True(t, ready)

	conn, err := pgx.Connect(t.Context(), s.url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	consumer, err := kgo.NewClient(kgo.DialTLSConfig(&tls.Config{RootCAs: authority.Pool()}),
		kgo.SASL(scram.Auth{User: "identity", Pass: "broker-word"}.AsSha512Mechanism()), kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(heads.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer consumer.Close()
	handled := func(sequence int64) {
		for {
			fetches := consumer.PollRecords(t.Context(), 1)
			require.NoError(t, fetches.Err())
			for _, record := range fetches.Records() {
				published, err := heads.Parse(record.Value)
				require.NoError(t, err)
				require.Equal(t, "identity", published.Service)
				_, err = table.Verify(t.Context(), conn, published.Head)
				require.NoError(t, err)
				if published.Head.Sequence == sequence {
					return
				}
			}
		}
	}
	handled(1)
	_, err = dial(t, addresses.GRPC).SignUp(t.Context(), &identityv1.SignUpRequest{Email: alice})
	require.NoError(t, err)
	handled(2)
	answer, err := programtest.Get("http://" + addresses.HTTP + "/metrics")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^codebank_audit_head_published_timestamp_seconds 1\.\d+e\+09$`, answer.Body)
	program.Interrupt(t)
}

func TestTheProgramWaitsForItsDatabase(t *testing.T) {
	server := postgrestest.Own(t, stack.Options{})
	s := newSetting(t, "")
	programtest.TestAwaitsDatabase(t, programtest.Waiting{
		Server: server,
		Role:   postgres.ServiceRole,
		Migrate: func(url string) error {
			return postgres.Migrate(t.Context(), postgres.Config{URL: url})
		},
		Start: func(url string) *programtest.Program { return s.launchAs(t, url) },
		Call: func(address string) error {
			_, err := dial(t, address).ResetPassword(t.Context(), &identityv1.ResetPasswordRequest{Token: identity.NewSecret().Reveal(), NewPassword: password})
			return serve.FromStatus(err)
		},
		Path: "/v1/users/me",
		Write: func(address string) error {
			_, err := dial(t, address).SignUp(t.Context(), &identityv1.SignUpRequest{Email: alice})
			return serve.FromStatus(err)
		},
	})
}

// Whatever the program was at when it died, the next one goes on: users sign up and in, and the audit log is
// whole.
func TestKilledAtAnyFailpointIdentityGoesOn(t *testing.T) {
	for _, point := range failpoints.All() {
		if strings.HasPrefix(string(point), "signing-keys-") {
			continue // A command is killed there; see below.
		}
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			s := newSetting(t, postgrestest.Database(t))
			var dying *programtest.Program
			if point == failpoints.IdentityMigrated {
				dying = s.launchAs(t, s.url, "--migrate", "--failpoint="+string(point))
			} else {
				dying = s.launch(t, "--failpoint="+string(point))
			}
			if addresses, ready := dying.AwaitReady(t); ready {
				live(t, s, addresses.GRPC, "victim@example.com")
			}
			dying.AwaitKilledAt(t, string(point))
			next := s.launch(t)
			addresses, ready := next.AwaitReady(t)
			require.True(t, ready)
			require.True(t, live(t, s, addresses.GRPC, alice))
			require.NoError(t, s.verify(t))
			next.Interrupt(t)
		})
	}
}

// live signs a user up, in and out. It reports whether every call was answered.
func live(t *testing.T, s *setting, address, email string) bool {
	t.Helper()
	client := dial(t, address)
	if _, err := client.SignUp(t.Context(), &identityv1.SignUpRequest{Email: email}); err != nil {
		return false
	}
	code := ""
	await.Until(t, func() bool {
		for _, sent := range s.mails.All() {
			if sent.To == email {
				code = sent.Code()
			}
		}
		// The program may die instead. While it lives, this call says that it has no token.
		_, err := client.GetMe(t.Context(), &identityv1.GetMeRequest{})
		return code != "" || status.Code(err) == codes.Unavailable
	}, time.Minute, 10*time.Millisecond)
	if _, err := client.ConfirmSignUp(t.Context(), &identityv1.ConfirmSignUpRequest{Token: code, Password: password}); err != nil {
		return false
	}
	signedIn, err := client.SignIn(t.Context(), &identityv1.SignInRequest{Email: email, Password: password})
	if err != nil {
		return false
	}
	refreshed, err := client.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: signedIn.GetTokens().GetRefreshToken()})
	if err != nil {
		return false
	}
	_, err = client.SignOut(t.Context(), &identityv1.SignOutRequest{RefreshToken: refreshed.GetTokens().GetRefreshToken()})
	return err == nil
}

func TestACommandThatIsKilledLeavesAKeyFileThatIsWhole(t *testing.T) {
	for _, point := range []failpoint.Point{failpoints.SigningKeysWritten, failpoints.SigningKeysPublished} {
		for _, words := range []string{"keys new", "keys rotate"} {
			t.Run(string(point)+" "+words, func(t *testing.T) {
				s := newSetting(t, programtest.NoDatabase)
				if words == "keys new" {
					require.NoError(t, os.Remove(s.keys))
				}
				program := programtest.Start(t, nil, append(strings.Fields(words), "--signing-keys="+s.keys, "--failpoint="+string(point))...)
				program.AwaitKilledAt(t, string(point))
				_, err := signing.Open(s.keys)
				if words == "keys new" && point == failpoints.SigningKeysWritten {
					require.ErrorIs(t, err, os.ErrNotExist)
					_, err = s.command(t, words)
				}
				require.NoError(t, err)
				_, err = signing.Open(s.keys)
				require.NoError(t, err)
			})
		}
	}
}

func TestSettingsThatCannotBeMeantEndTheProgram(t *testing.T) {
	s := newSetting(t, programtest.NoDatabase)
	good := []string{"--database-url=" + s.url, "--signing-keys=" + s.keys, "--smtp-url=" + s.mails.URL(), "--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--insecure=operator"}
	for want, args := range map[string][]string{
		"--database-url is required": nil,
		"--signing-keys is required": {"--database-url=x"},
		"--smtp-url is required":     {"--database-url=x", "--signing-keys=x"},
		"--token-lifetime":           append(good, "--token-lifetime=16m"),
		"--issuer":                   append(good, "--issuer="),
		"--pages-url":                append(good, "--pages-url=x"),
		"--trusted-proxies":          append(good, "--trusted-proxies=secret"),
		"--trusted-programs":         append(good, "--trusted-programs=secret key"),
		"mail:":                      append(good, "--smtp-url=smtp://secret@"),
		"sender":                     append(good, "--mail-from=secret"),
		"cannot be read":             append(good, "--database-url=::secret"),
		"no such file":               append(good, "--signing-keys="+s.keys+"x"),
		"unexpected argument":        {"dance"},
		"the commands are":           {"keys", "dance", "--signing-keys=x"},
		"none of the roles":          {"roles", "grant", alice, "king", "--database-url=" + s.url},
		"--audit-head-interval":      append(good, "--audit-head-interval=0"),
		"--kafka-username: a pass":   append(good, "--kafka-brokers=kafka:9092", "--kafka-username=a", "--kafka-password=secret"),
		"heads:":                     append(good, "--kafka-brokers=127.0.0.1:port"),
		"--failpoint":                append(good, "--failpoint"),
	} {
		err := run(t.Context(), args, nil, io.Discard)
		require.Error(t, err, want)
		if want != "--failpoint" {
			require.ErrorContains(t, err, want)
		}
		require.NotContains(t, err.Error(), "secret")
	}
	var out bytes.Buffer
	require.ErrorIs(t, run(t.Context(), []string{"--help"}, nil, &out), flag.ErrHelp)
	require.Contains(t, out.String(), "IDENTITY_DATABASE_URL")
	require.Contains(t, out.String(), "keys new")
	err := run(t.Context(), []string{"--failpoint=nowhere"}, nil, io.Discard)
	for _, point := range failpoints.All() {
		require.ErrorContains(t, err, string(point))
	}
}
