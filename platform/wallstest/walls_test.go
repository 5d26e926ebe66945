package wallstest_test

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/mtls"
	"codebank.dev/platform/mtls/authority"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/token"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// teller answers who calls.
type teller struct {
	bankv1.UnimplementedCardServiceServer
}

func (teller) GetCard(ctx context.Context, _ *bankv1.GetCardRequest) (*bankv1.GetCardResponse, error) {
	subject := serve.Principal(ctx)
	return &bankv1.GetCardResponse{Card: &bankv1.Card{
		Name: serve.Caller(ctx), HolderName: subject.Kind.String() + " " + subject.Name,
	}}, nil
}

// rules let shops and customers read a card, and operators block it.
func rules() permission.Table {
	table := make(permission.Table)
	for _, method := range bankv1.CardService_ServiceDesc.Methods {
		table["/"+bankv1.CardService_ServiceDesc.ServiceName+"/"+method.MethodName] = permission.Rule{Operators: true, Acts: true}
	}
	table[bankv1.CardService_GetCard_FullMethodName] = permission.Rule{
		Role: permission.RoleCustomer, Services: "shops", Operators: true, Whose: permission.Own,
	}
	return table
}

func listen(t *testing.T, change func(*serve.Config)) *serve.Server {
	t.Helper()
	config := serve.Config{
		Name: "bank", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
		Permissions: rules(), Groups: permission.Groups{"shops": {"checkout"}},
	}
	change(&config)
	server, err := serve.Listen(config)
	require.NoError(t, err)
	bankv1.RegisterCardServiceServer(server, teller{})
	require.NoError(t, server.Gateway(t.Context(), bankv1.RegisterCardServiceHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return server
}

func start(t *testing.T) (*wallstest.Kit, *serve.Server) {
	t.Helper()
	kit := wallstest.New(t)
	walls := kit.Walls(t, "bank", func(c *serve.WallsConfig) {
		c.Operators = []string{"teller"}
		c.Namespaces = map[string]string{"checkout": "shop"}
	})
	return kit, listen(t, func(c *serve.Config) { c.Walls = walls })
}

const ada = "5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10"

// Over gRPC and over REST a call is made by whom it proves, in the namespace of the other side.
func TestACallIsMadeByWhomItProves(t *testing.T) {
	kit, server := start(t)
	for name, tt := range map[string]struct {
		as, token, caller, principal string
		code                         fault.Code
	}{
		"a program":                       {as: "checkout", caller: "shop", principal: "SERVICE checkout"},
		"an operator's program":           {as: "teller", caller: "teller", principal: "OPERATOR teller"},
		"a user":                          {token: kit.Customer(t, ada), caller: "user:" + ada, principal: "USER " + ada},
		"a user by a program":             {as: "checkout", token: kit.Customer(t, ada), caller: "shop", principal: "USER " + ada},
		"an operator in person":           {token: kit.Sign(t, wallstest.Token{Subject: ada, Roles: []string{"operator"}}), caller: "user:" + ada, principal: "OPERATOR " + ada},
		"a program of no group":           {as: "panel", code: fault.PermissionDenied},
		"a program of another bank":       {as: "002/checkout", code: fault.PermissionDenied},
		"another bank's operator":         {as: "002/teller", code: fault.PermissionDenied},
		"an operator of all banks":        {as: "-/teller", caller: "teller", principal: "OPERATOR teller"},
		"a user without the role":         {token: kit.Sign(t, wallstest.Token{Subject: ada, Roles: []string{"analyst"}}), code: fault.PermissionDenied},
		"nobody":                          {code: fault.Unauthenticated},
		"a program with a wrong token":    {as: "checkout", token: "wrong", code: fault.Unauthenticated},
		"a user with another's signature": {token: wallstest.New(t).Customer(t, ada), code: fault.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if tt.token != "" {
				ctx = wallstest.WithToken(ctx, tt.token)
			}
			answer, err := bankv1.NewCardServiceClient(kit.Dial(t, server.GRPCAddress(), tt.as)).GetCard(ctx, &bankv1.GetCardRequest{Name: "cards/1"})
			if tt.code != 0 {
				require.Equal(t, tt.code, fault.CodeOf(err), "%v", err)
			} else {
				require.NoError(t, err)
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+server.HTTPAddress()+"/v1/cards/1", nil)
			require.NoError(t, err)
			// What a request says about itself is not believed.
			request.Header.Set("X-Codebank-Caller", "teller")
			request.Header.Set("X-Codebank-Gateway", "1")
			request.Header.Set("Grpc-Metadata-X-Codebank-Gateway", "1")
			if tt.token != "" {
				request.Header.Set("Authorization", "Bearer "+tt.token)
			}
			response, err := kit.HTTP(t, tt.as).Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, 2, response.ProtoMajor)
			if tt.code != 0 {
				require.Equal(t, serve.HTTPStatus(tt.code), response.StatusCode, string(body))
				return
			}
			require.Equal(t, tt.caller, answer.GetCard().GetName())
			require.Equal(t, tt.principal, answer.GetCard().GetHolderName())
			require.Contains(t, string(body), tt.caller)
			require.Contains(t, string(body), tt.principal)
		})
	}
}

// A program that sends a user's token acts for him. Where no tokens are taken it does not get its own rights instead.
func TestAProgramDoesNotActForItselfWithATokenThatNobodyVerifies(t *testing.T) {
	kit := wallstest.New(t)
	walls := kit.Walls(t, "bank", func(c *serve.WallsConfig) { c.Tokens, c.Operators = token.Settings{}, []string{"teller"} })
	server := listen(t, func(c *serve.Config) { c.Walls = walls })
	for _, as := range []string{"checkout", "teller", ""} {
		client := bankv1.NewCardServiceClient(kit.Dial(t, server.GRPCAddress(), as))
		_, err := client.GetCard(wallstest.WithToken(t.Context(), kit.Customer(t, ada)), &bankv1.GetCardRequest{Name: "cards/1"})
		require.Equal(t, fault.Unauthenticated, fault.CodeOf(err), as)
	}
}

// A server without TLS takes everybody for the program that its setting names, on this machine only.
func TestPlainTextIsForThisMachine(t *testing.T) {
	walls, err := serve.OpenWalls(serve.WallsConfig{Insecure: "checkout"})
	require.NoError(t, err)
	server := listen(t, func(c *serve.Config) { c.Walls = walls })
	conn, err := serve.Dial(server.GRPCAddress())
	require.NoError(t, err)
	defer conn.Close()
	answer, err := bankv1.NewCardServiceClient(conn).GetCard(t.Context(), &bankv1.GetCardRequest{Name: "cards/1"})
	require.NoError(t, err)
	require.Equal(t, "SERVICE checkout", answer.GetCard().GetHolderName())

	_, err = serve.Listen(serve.Config{Name: "bank", GRPCAddress: "0.0.0.0:0", HTTPAddress: "127.0.0.1:0", Walls: walls})
	require.ErrorContains(t, err, "--insecure")
	_, err = walls.Dial("192.0.2.1:17000", "bank")
	require.ErrorContains(t, err, "--insecure")
	_, err = serve.OpenWalls(serve.WallsConfig{})
	require.ErrorContains(t, err, "--tls-certificate is required")
}

// A program whose permissions lack a method does not start.
func TestAMethodWithoutARowStopsTheStart(t *testing.T) {
	walls, err := serve.OpenWalls(serve.WallsConfig{Insecure: "checkout"})
	require.NoError(t, err)
	table := rules()
	delete(table, bankv1.CardService_BlockCard_FullMethodName)
	table["/bank.v1.CardService/Steal"] = permission.Rule{Anybody: true}
	server, err := serve.Listen(serve.Config{Name: "bank", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Walls: walls, Permissions: table})
	require.NoError(t, err)
	bankv1.RegisterCardServiceServer(server, teller{})
	err = server.Run(t.Context())
	require.ErrorContains(t, err, "BlockCard")
	require.ErrorContains(t, err, "Steal")
	require.ErrorContains(t, err, `"shops"`)
}

// A certificate that is denied while its connection is open is refused from the next call on, and no new
// connection is made with it.
func TestADeniedCertificateIsRefused(t *testing.T) {
	kit, server := start(t)
	conn := kit.Dial(t, server.GRPCAddress(), "checkout")
	client := bankv1.NewCardServiceClient(conn)
	read := func(client bankv1.CardServiceClient) error {
		_, err := client.GetCard(t.Context(), &bankv1.GetCardRequest{Name: "cards/1"})
		return err
	}
	require.NoError(t, read(client))
	denied := mtls.ID{Bank: "001", Program: "checkout"}.String()
	require.NoError(t, os.WriteFile(kit.Files(t, "bank").Denied, []byte("# stolen\n"+denied+"\n"), 0o600))
	await.Until(t, func() bool {
		err := read(client)
		return err != nil && fault.CodeOf(err) == fault.Unauthenticated
	}, 5*time.Second, 10*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := bankv1.NewCardServiceClient(kit.Dial(t, server.GRPCAddress(), "checkout")).GetCard(ctx, &bankv1.GetCardRequest{}, grpc.WaitForReady(true))
	require.Error(t, err)
	require.NoError(t, read(bankv1.NewCardServiceClient(kit.Dial(t, server.GRPCAddress(), "teller"))), "others go on")
}

// An authority that is taken out of the file counts no more, on open connections neither.
func TestACertificateOfAnAuthorityThatIsTakenOutIsRefused(t *testing.T) {
	kit := wallstest.New(t)
	other, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	kept, err := os.ReadFile(kit.Authority.File())
	require.NoError(t, err)
	both, err := os.ReadFile(other.File())
	require.NoError(t, err)
	trusted := filepath.Join(t.TempDir(), "authorities.pem")
	require.NoError(t, os.WriteFile(trusted, append(both, kept...), 0o600))
	walls := kit.Walls(t, "bank", func(c *serve.WallsConfig) { c.Operators, c.TLS.Authority = []string{"teller"}, trusted })
	server := listen(t, func(c *serve.Config) { c.Walls = walls })
	shown, err := other.Issue(mtls.ID{Bank: "001", Program: "teller"}, authority.Options{})
	require.NoError(t, err)
	shown.Authority = kit.Authority.File()
	files, err := mtls.Open(shown)
	require.NoError(t, err)

	conn, err := serve.Dial(server.GRPCAddress(), serve.WithGRPC(grpc.WithTransportCredentials(files.Client("bank"))))
	require.NoError(t, err)
	defer conn.Close()
	called := func() error {
		_, err := bankv1.NewCardServiceClient(conn).GetCard(t.Context(), &bankv1.GetCardRequest{Name: "cards/1"})
		return err
	}
	transport := files.Transport("bank")
	defer transport.CloseIdleConnections()
	requested := func() int {
		response, err := (&http.Client{Transport: transport}).Get("https://" + server.HTTPAddress() + "/v1/cards/1")
		require.NoError(t, err)
		defer response.Body.Close()
		return response.StatusCode
	}
	teller := bankv1.NewCardServiceClient(kit.Dial(t, server.GRPCAddress(), "teller"))
	require.NoError(t, called())
	require.Equal(t, http.StatusOK, requested())
	require.NoError(t, os.WriteFile(trusted, kept, 0o600))
	await.Until(t, func() bool {
		err := called()
		return err != nil && fault.CodeOf(err) == fault.Unauthenticated && requested() == http.StatusUnauthorized
	}, 5*time.Second, 10*time.Millisecond)
	_, err = teller.GetCard(t.Context(), &bankv1.GetCardRequest{Name: "cards/1"})
	require.NoError(t, err, "others go on")
}

// Certificates of both sides are replaced while calls run, and no call fails.
func TestCertificatesAreReplacedWhileCallsRun(t *testing.T) {
	kit, server := start(t)
	kit.Files(t, "checkout") // The first one, before it is replaced.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			conn, err := serve.Dial(server.GRPCAddress(), serve.WithGRPC(grpc.WithTransportCredentials(open(t, kit, "checkout").Client("bank"))))
			if err == nil {
				_, err = bankv1.NewCardServiceClient(conn).GetCard(ctx, &bankv1.GetCardRequest{Name: "cards/1"})
				_ = conn.Close()
			}
			if err != nil && ctx.Err() == nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	before := serial(t, kit, server)
	for _, program := range []string{"bank", "checkout"} {
		_, err := kit.Authority.Issue(mtls.ID{Bank: "001", Program: program}, authority.Options{})
		require.NoError(t, err)
	}
	await.Until(t, func() bool { return serial(t, kit, server) != before }, 10*time.Second, 50*time.Millisecond)
	cancel()
	require.NoError(t, <-failed)
}

// A client of REST proves its certificate anew as one of gRPC does, over either version of HTTP.
func TestAnOldConnectionOfHTTPIsReplaced(t *testing.T) {
	kit := wallstest.New(t)
	walls := kit.Walls(t, "bank", nil)
	server := listen(t, func(c *serve.Config) { c.Walls, c.ConnectionAge = walls, 20*time.Millisecond })
	for _, protocols := range [][]string{{"h2"}, {"http/1.1"}} {
		trusted := kit.HTTP(t, "").Transport.(*http.Transport)
		trusted.ForceAttemptHTTP2, trusted.TLSClientConfig.NextProtos = false, protocols
		if protocols[0] == "h2" {
			trusted.ForceAttemptHTTP2 = true
		}
		opened := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
			if !got.Reused {
				opened++
			}
		}})
		await.Until(t, func() bool {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+server.HTTPAddress()+"/livez", nil)
			require.NoError(t, err)
			response, err := (&http.Client{Transport: trusted}).Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, protocols[0] == "h2", response.ProtoMajor == 2)
			return opened > 1
		}, 5*time.Second, 30*time.Millisecond)
	}
}

func open(t *testing.T, kit *wallstest.Kit, program string) *mtls.Files {
	t.Helper()
	files, err := mtls.Open(kit.Files(t, program))
	require.NoError(t, err)
	return files
}

// serial returns the serial number of the certificate that a server shows.
func serial(t *testing.T, kit *wallstest.Kit, server *serve.Server) string {
	t.Helper()
	client := kit.HTTP(t, "")
	defer client.CloseIdleConnections()
	response, err := client.Get("https://" + server.HTTPAddress() + "/livez")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	return mtls.Serial(response.TLS.PeerCertificates[0])
}

// The server of an address must be the program that was dialed.
func TestAnotherProgramCannotAnswer(t *testing.T) {
	kit, server := start(t)
	walls := kit.Walls(t, "checkout", nil)
	conn, err := walls.Dial(server.GRPCAddress(), "identity")
	require.NoError(t, err)
	defer conn.Close()
	_, err = bankv1.NewCardServiceClient(conn).GetCard(t.Context(), &bankv1.GetCardRequest{Name: "cards/1"})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.True(t, strings.Contains(err.Error(), "not the program identity"), err)
}

// A program of no bank serves many, and tells their programs apart.
func TestAProgramOfNoBankTellsBanksApart(t *testing.T) {
	kit := wallstest.New(t)
	walls := kit.Walls(t, "-/hub", func(c *serve.WallsConfig) { c.Operators = []string{"teller"} })
	table := rules()
	table[bankv1.CardService_GetCard_FullMethodName] = permission.Rule{Services: permission.AllServices, Operators: true}
	server := listen(t, func(c *serve.Config) { c.Walls, c.Permissions = walls, table })
	for as, want := range map[string]string{
		"001/checkout": "SERVICE 001:checkout", "002/checkout": "SERVICE 002:checkout", "001/teller": "SERVICE 001:teller", "-/teller": "OPERATOR teller",
	} {
		answer, err := bankv1.NewCardServiceClient(kit.Dial(t, server.GRPCAddress(), as)).GetCard(t.Context(), &bankv1.GetCardRequest{Name: "cards/1"})
		require.NoError(t, err)
		require.Equal(t, want, answer.GetCard().GetHolderName())
	}
}

// A program that does not say who a caller is gets nobody.
func TestThePrincipalOfNoCallIsOfNoKind(t *testing.T) {
	require.Equal(t, principal.Principal{}, serve.Principal(t.Context()))
}

// The matrix calls each method as everybody, over both protocols.
func TestTheMatrixCallsAsEverybody(t *testing.T) {
	kit := wallstest.New(t)
	kit.StartIdentity(t)
	walls := kit.Walls(t, "bank", func(c *serve.WallsConfig) { c.Operators = []string{"teller"} })
	server := listen(t, func(c *serve.Config) { c.Walls = walls })
	matrix := wallstest.Matrix{
		Kit: kit, GRPC: server.GRPCAddress(), HTTP: server.HTTPAddress(), Owner: ada, Other: "6d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10",
		Service: "checkout", Unlisted: "panel", Operator: "teller",
	}
	for _, method := range bankv1.CardService_ServiceDesc.Methods {
		full := "/" + bankv1.CardService_ServiceDesc.ServiceName + "/" + method.MethodName
		// The teller has no other method: an operator learns that, and nobody else.
		cells := "403 403 403 403 500 401 401 401 401 401 401 401 403"
		if full == bankv1.CardService_GetCard_FullMethodName {
			cells = "200 200 200 403 200 401 401 401 401 401 401 401 403"
		}
		matrix.Rows = append(matrix.Rows, wallstest.Row{Method: full, Cells: cells, Request: func(wallstest.Caller) proto.Message { return request(full) }})
	}
	matrix.Run(t, bankv1.CardService_ServiceDesc)
}

// request returns a request whose path is whole.
func request(method string) proto.Message {
	switch method {
	case bankv1.CardService_IssueCard_FullMethodName:
		return &bankv1.IssueCardRequest{}
	case bankv1.CardService_GetCard_FullMethodName:
		return &bankv1.GetCardRequest{Name: "cards/1"}
	case bankv1.CardService_BlockCard_FullMethodName:
		return &bankv1.BlockCardRequest{Name: "cards/1"}
	case bankv1.CardService_UnblockCard_FullMethodName:
		return &bankv1.UnblockCardRequest{Name: "cards/1"}
	case bankv1.CardService_ChangeLimit_FullMethodName:
		return &bankv1.ChangeLimitRequest{Name: "cards/1"}
	case bankv1.CardService_CreateCardToken_FullMethodName:
		return &bankv1.CreateCardTokenRequest{}
	case bankv1.CardService_BatchCreateCardTokens_FullMethodName:
		return &bankv1.BatchCreateCardTokensRequest{}
	}
	return &bankv1.GetAccountRequest{Name: "accounts/1"}
}

// base64url is what a token consists of.
const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// A token of which anything is changed is refused as a caller's fault, over gRPC and over REST.
func TestNoMutatedTokenPassesTheEdge(t *testing.T) {
	kit, server := start(t)
	right := kit.Customer(t, ada)
	client := bankv1.NewCardServiceClient(kit.Dial(t, server.GRPCAddress(), ""))
	_, err := client.GetCard(wallstest.WithToken(t.Context(), right), &bankv1.GetCardRequest{Name: "cards/1"})
	require.NoError(t, err)
	https := kit.HTTP(t, "")
	var running sync.WaitGroup
	const workers, tokens = 8, 100_000
	for worker := range workers {
		running.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for i := range tokens / workers {
				mutated := mutate(random, right)
				if mutated == right {
					continue
				}
				_, err := client.GetCard(wallstest.WithToken(t.Context(), mutated), &bankv1.GetCardRequest{Name: "cards/1"})
				if !assert.Error(t, err, mutated) || !assert.Equal(t, fault.Unauthenticated, fault.CodeOf(err), mutated) {
					return
				}
				if i%10 == 0 && !assert.Equal(t, http.StatusUnauthorized, status(t, https, server, mutated), mutated) {
					return
				}
			}
		})
	}
	running.Wait()
}

func mutate(random *rand.Rand, text string) string {
	bytes := []byte(text)
	for range 1 + random.IntN(3) {
		at := random.IntN(len(bytes))
		letter := base64url[random.IntN(len(base64url))]
		switch random.IntN(3) {
		case 0:
			bytes[at] = letter
		case 1:
			bytes = slices.Delete(bytes, at, at+1)
		case 2:
			bytes = slices.Insert(bytes, at, letter)
		}
	}
	return string(bytes)
}

// status returns how a request with a token is answered over REST.
func status(t *testing.T, client *http.Client, server *serve.Server, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+server.HTTPAddress()+"/v1/cards/1", nil)
	assert.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if !assert.NoError(t, err) {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// While the program identity is away, people only read, programs go on, and the metrics say why.
func TestPeopleOnlyReadWhileSessionsAreUnknown(t *testing.T) {
	kit := wallstest.New(t)
	away := kit.Walls(t, "bank", func(c *serve.WallsConfig) {
		c.Operators, c.IdentityAddress = []string{"teller"}, "127.0.0.1:1"
	})
	server := listen(t, func(c *serve.Config) { c.Walls = away })
	operator := wallstest.WithToken(t.Context(), kit.Sign(t, wallstest.Token{Subject: ada, Roles: []string{"operator"}}))
	person := bankv1.NewCardServiceClient(kit.Dial(t, server.GRPCAddress(), ""))
	_, err := person.GetCard(operator, &bankv1.GetCardRequest{Name: "cards/1"})
	require.NoError(t, err)
	_, err = person.BlockCard(operator, &bankv1.BlockCardRequest{Name: "cards/1"})
	require.Equal(t, "SESSIONS_UNKNOWN", fault.Of(err).Reason)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	_, err = bankv1.NewCardServiceClient(kit.Dial(t, server.GRPCAddress(), "teller")).BlockCard(t.Context(), &bankv1.BlockCardRequest{Name: "cards/1"})
	require.Equal(t, fault.Internal, fault.CodeOf(err), "a program is let in, and there is no such method here")

	response, err := kit.HTTP(t, "").Get("https://" + server.HTTPAddress() + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), "codebank_sessions_known 0\n")
	require.Contains(t, string(text), "codebank_certificate_expiry_timestamp_seconds ")
}

// Who proves nothing cannot have the program hold messages that never come.
func TestStrangersHoldFewCallsOpen(t *testing.T) {
	kit := wallstest.New(t)
	walls := kit.Walls(t, "bank", nil)
	const patience = 2 * time.Second
	server := listen(t, func(c *serve.Config) { c.Walls, c.MaxDeadline = walls, patience })
	conn := kit.Dial(t, server.GRPCAddress(), "")
	// A stream whose request is not sent is open until the server ends it.
	hold := func(ctx context.Context) grpc.ClientStream {
		stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, bankv1.CardService_GetCard_FullMethodName)
		require.NoError(t, err)
		return stream
	}
	err := hold(t.Context()).RecvMsg(&bankv1.GetCardResponse{})
	require.Equal(t, fault.Unauthenticated, fault.CodeOf(err), "refused before its message: %v", err)

	begun := time.Now()
	var held []grpc.ClientStream
	for range 32 {
		held = append(held, hold(wallstest.WithToken(t.Context(), "made.up.token")))
	}
	more := hold(wallstest.WithToken(t.Context(), "made.up.token"))
	require.Equal(t, fault.ResourceExhausted, fault.CodeOf(more.RecvMsg(&bankv1.GetCardResponse{})))
	for _, stream := range held {
		require.Error(t, stream.RecvMsg(&bankv1.GetCardResponse{}), "ended by the server")
	}
	require.GreaterOrEqual(t, time.Since(begun), patience)
	await.Until(t, func() bool {
		_, err := bankv1.NewCardServiceClient(conn).GetCard(wallstest.WithToken(t.Context(), kit.Customer(t, ada)), &bankv1.GetCardRequest{Name: "cards/1"})
		return err == nil
	}, 10*time.Second, 10*time.Millisecond, "the calls that have ended do not count")
}
