package wallstest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Caller is a kind of caller. A Row has a cell for each, in this order.
type Caller int

// The kinds of caller.
const (
	// Owner is a user who owns what the request names, and Other one who does not.
	Owner Caller = iota
	Other
	// Service is a program that the table lists, and Unlisted one that it does not.
	Service
	Unlisted
	Operator
	Nobody
	// The rest are the owner with a token that is not right.
	Expired
	WrongAudience
	AlgorithmNone
	AlgorithmHS256
	RetiredKey
	EndedSession
	WrongRole
	callers
)

var callerNames = [callers]string{
	"owner", "other customer", "service", "service not listed", "operator", "nobody",
	"expired", "wrong audience", "algorithm none", "HS256 with the public key", "retired key", "ended session", "wrong role",
}

// String returns the name of the kind.
func (c Caller) String() string { return callerNames[c] }

// Row is a method with what each kind of caller is answered.
type Row struct {
	// Method is the full name, /package.Service/Method.
	Method string
	// Request returns a request that names what Owner owns. It is called for each call, so that each has a
	// request id of its own.
	Request func(Caller) proto.Message
	// Cells are the HTTP statuses of the answers, for example
	// "200 404 403 403 200 401 401 401 401 401 401 401 403". The answer over gRPC is the same one.
	Cells string
}

// Route is a route of plain HTTP with what each kind of caller is answered.
type Route struct {
	// Pattern is its name in the table, a method and a path.
	Pattern string
	// Request returns the path, the body, if there is one, and headers by names and values in turn, of a
	// request that names what Owner owns.
	Request func(Caller) (path, body string, headers []string)
	// Cells are the HTTP statuses of the answers, as in Row.
	Cells string
}

// Matrix calls every method of services as every kind of caller, over gRPC and over REST, and every route of
// plain HTTP.
type Matrix struct {
	Kit *Kit
	// GRPC and HTTP are the addresses of the program. A program without gRPC has an empty one; a method that
	// has no REST either needs no row there.
	GRPC, HTTP string
	// Owner and Other are the UUIDs of two users.
	Owner, Other string
	// Service, Unlisted and Operator are programs.
	Service, Unlisted, Operator string
	Rows                        []Row
	// Routes are those of RunRoutes.
	Routes []Route
	// Tokens are tokens in place of the kit's, for a program that issues its own. One of an ended session is
	// refused from the first call on.
	Tokens map[Caller]string

	tokens [callers]string
	conns  [callers]*grpc.ClientConn
	https  [callers]*http.Client
}

// Run fails the test for each cell whose answer is another one, and for each method without a row. Without
// Tokens the kit must have started its identity before the program.
func (m *Matrix) Run(t *testing.T, services ...grpc.ServiceDesc) {
	t.Helper()
	m.prepare(t)
	rows := make(map[string]Row)
	for _, row := range m.Rows {
		require.NotContains(t, rows, row.Method, "two rows")
		rows[row.Method] = row
	}
	for _, service := range services {
		for _, name := range methodsOf(service) {
			if m.GRPC == "" && restRule(t, name) == nil {
				continue
			}
			row, known := rows[name]
			if assert.True(t, known, "%s has no row", name) {
				t.Run(strings.TrimPrefix(name, "/"), func(t *testing.T) { m.row(t, &row) })
			}
			delete(rows, name)
		}
	}
	require.Empty(t, rows, "rows of no method")
}

// RunRoutes is Run for the routes with these patterns.
func (m *Matrix) RunRoutes(t *testing.T, patterns ...string) {
	t.Helper()
	m.prepare(t)
	routes := make(map[string]Route)
	for _, route := range m.Routes {
		require.NotContains(t, routes, route.Pattern, "two rows")
		routes[route.Pattern] = route
	}
	for _, pattern := range patterns {
		route, known := routes[pattern]
		if assert.True(t, known, "%s has no row", pattern) {
			t.Run(pattern, func(t *testing.T) { m.route(t, &route) })
		}
		delete(routes, pattern)
	}
	require.Empty(t, routes, "rows of no route")
}

// route asserts the cells of a route.
func (m *Matrix) route(t *testing.T, route *Route) {
	t.Helper()
	cells := strings.Fields(route.Cells)
	require.Len(t, cells, int(callers), "one cell for each of %v", callerNames)
	method, _, _ := strings.Cut(route.Pattern, " ")
	for caller := range callers {
		want, err := strconv.Atoi(cells[caller])
		require.NoError(t, err)
		path, body, headers := route.Request(caller)
		got, text := m.send(t, caller, method, path, body, headers)
		assert.Equal(t, want, got, "%s as %s: %s", route.Pattern, caller, text)
	}
}

func methodsOf(service grpc.ServiceDesc) (names []string) {
	for _, method := range service.Methods {
		names = append(names, "/"+service.ServiceName+"/"+method.MethodName)
	}
	for _, stream := range service.Streams {
		names = append(names, "/"+service.ServiceName+"/"+stream.StreamName)
	}
	return names
}

// prepare makes the tokens and connections, and waits until the program knows that a session has ended.
func (m *Matrix) prepare(t *testing.T) {
	t.Helper()
	customer, session := []string{"customer"}, uuid.NewString()
	for caller, token := range map[Caller]Token{
		Owner:          {Roles: customer},
		Expired:        {Roles: customer, Age: time.Hour},
		WrongAudience:  {Roles: customer, Audience: "elsewhere"},
		AlgorithmNone:  {Roles: customer, Algorithm: None},
		AlgorithmHS256: {Roles: customer, Algorithm: HS256},
		RetiredKey:     {Roles: customer, KeyID: "retired"},
		EndedSession:   {Roles: customer, Session: session},
		WrongRole:      {Roles: []string{"nothing"}},
	} {
		token.Subject = m.Owner
		m.tokens[caller] = m.Kit.Sign(t, token)
	}
	m.tokens[Other] = m.Kit.Customer(t, m.Other)
	for caller, text := range m.Tokens {
		m.tokens[caller] = text
	}
	programs := map[Caller]string{Service: m.Service, Unlisted: m.Unlisted, Operator: m.Operator}
	for caller := range callers {
		if m.GRPC != "" {
			m.conns[caller] = m.Kit.Dial(t, m.GRPC, programs[caller])
		}
		m.https[caller] = m.Kit.HTTP(t, programs[caller])
	}
	if m.Tokens[EndedSession] != "" {
		return
	}
	m.Kit.EndSession(session)
	await.Until(t, func() bool {
		if m.GRPC == "" {
			method, path, _ := strings.Cut(m.Routes[0].Pattern, " ")
			_, body := m.send(t, EndedSession, method, path, "", nil)
			return strings.Contains(body, `"SESSION_ENDED"`)
		}
		err := m.invoke(t, &m.Rows[0], EndedSession)
		return err != nil && fault.Of(err).Reason == "SESSION_ENDED"
	}, 10*time.Second, 20*time.Millisecond, "the program does not hear which sessions end")
}

// row asserts the cells of a method.
func (m *Matrix) row(t *testing.T, row *Row) {
	t.Helper()
	cells := strings.Fields(row.Cells)
	require.Len(t, cells, int(callers), "one cell for each of %v", callerNames)
	for caller := range callers {
		want, err := strconv.Atoi(cells[caller])
		require.NoError(t, err)
		if m.GRPC != "" {
			got := http.StatusOK
			if err = m.invoke(t, row, caller); err != nil {
				got = serve.HTTPStatus(fault.CodeOf(err))
			}
			assert.Equal(t, want, got, "%s over gRPC as %s: %v", row.Method, caller, err)
		}
		if status, body, served := m.request(t, row, caller); served {
			assert.Equal(t, want, status, "%s over REST as %s: %s", row.Method, caller, body)
		}
	}
}

// invoke calls a method over gRPC. Of a stream it sends one message and reads one.
func (m *Matrix) invoke(t *testing.T, row *Row, caller Caller) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if m.tokens[caller] != "" {
		ctx = WithToken(ctx, m.tokens[caller])
	}
	method := descriptor(t, row.Method)
	answer := dynamicpb.NewMessage(method.Output())
	if !method.IsStreamingClient() && !method.IsStreamingServer() {
		return m.conns[caller].Invoke(ctx, row.Method, row.Request(caller), answer)
	}
	stream, err := m.conns[caller].NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, row.Method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(row.Request(caller)); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(answer)
}

// request calls a method over REST, as the contract maps it. It reports false for a method that REST does
// not have.
func (m *Matrix) request(t *testing.T, row *Row, caller Caller) (status int, body string, served bool) {
	t.Helper()
	rule := restRule(t, row.Method)
	if rule == nil {
		return 0, "", false
	}
	method, path, content := rest(t, rule, row.Request(caller))
	response := m.do(t, caller, method, path, content, nil)
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK && descriptor(t, row.Method).IsStreamingServer() {
		line, err := bufio.NewReader(response.Body).ReadString('\n')
		require.NoError(t, err, "a stream goes on, so only its first answer is read")
		return response.StatusCode, line, true
	}
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text), true
}

// send sends a request as a kind of caller, and returns the status and the body of the answer.
//
// tidy:parameters a request, and who sends it
func (m *Matrix) send(t *testing.T, caller Caller, method, path, body string, headers []string) (status int, text string) {
	t.Helper()
	response := m.do(t, caller, method, path, body, headers)
	defer response.Body.Close()
	if response.Header.Get("Content-Type") == "text/event-stream" {
		line, err := bufio.NewReader(response.Body).ReadString('\n')
		require.NoError(t, err, "a stream goes on, so only its first line is read")
		return response.StatusCode, line
	}
	read, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(read)
}

// do is send without the reading.
//
// tidy:parameters a request, and who sends it
func (m *Matrix) do(t *testing.T, caller Caller, method, path, body string, headers []string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "https://"+m.HTTP+path, strings.NewReader(body))
	require.NoError(t, err)
	if method == http.MethodPost && body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if m.tokens[caller] != "" {
		request.Header.Set("Authorization", "Bearer "+m.tokens[caller])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := m.https[caller].Do(request)
	require.NoError(t, err)
	return response
}

// restRule returns how the contract maps a method to REST; nil if it does not.
func restRule(t *testing.T, fullMethod string) *annotations.HttpRule {
	t.Helper()
	rule, _ := proto.GetExtension(descriptor(t, fullMethod).Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil || rule.GetPattern() == nil {
		return nil
	}
	return rule
}

func descriptor(t *testing.T, fullMethod string) protoreflect.MethodDescriptor {
	t.Helper()
	name := strings.ReplaceAll(strings.TrimPrefix(fullMethod, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	require.NoError(t, err)
	return found.(protoreflect.MethodDescriptor)
}

// pathField matches a field in the template of a path: {name=cards/*} or {name}.
var pathField = regexp.MustCompile(`\{([a-z_]+)(=[^}]*)?\}`)

// rest returns the method, the path with its query, and the body of a request over REST.
func rest(t *testing.T, rule *annotations.HttpRule, message proto.Message) (method, path, body string) {
	t.Helper()
	method, template := http.MethodPost, rule.GetPost()
	if template == "" {
		method, template = http.MethodGet, rule.GetGet()
	}
	require.NotEmpty(t, template, "neither GET nor POST")
	left := proto.Clone(message).ProtoReflect()
	path = pathField.ReplaceAllStringFunc(template, func(match string) string {
		field := left.Descriptor().Fields().ByName(protoreflect.Name(pathField.FindStringSubmatch(match)[1]))
		value := left.Get(field).String()
		left.Clear(field)
		return value
	})
	if method == http.MethodPost {
		text, err := protojson.Marshal(left.Interface())
		require.NoError(t, err)
		return method, path, string(text)
	}
	query := make(url.Values)
	left.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		query.Set(field.JSONName(), value.String())
		return true
	})
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return method, path, ""
}
