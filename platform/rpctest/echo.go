package rpctest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// The planted values. Neither stands in any text of the system.
const (
	plantedNumber = "4111117008903940"
	plantedCVV    = "739"
)

// planted are JSON values that hold a card's number or security code in every type.
var planted = []string{
	plantedNumber, plantedCVV, `"` + plantedNumber + `"`, `"` + plantedCVV + `"`, plantedNumber + ".5", "-" + plantedCVV + "e400",
	`[` + plantedNumber + `]`, `["` + plantedCVV + `"]`, `{"` + plantedNumber + `":1}`, `{"a":"` + plantedCVV + `"}`, `{"` + plantedCVV + `":{}}`,
}

// trace is the header of a trace that does not look like a planted value.
const trace = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"

// waits matches a query that asks to wait for something. Its refusal is that it has not come in time.
var waits = regexp.MustCompile(`[?&]min_sequence=`)

// RequireNoEcho sends every REST method of services at base, such as http://127.0.0.1:80, bodies and
// queries with a card's number and security code: in every field, in every type, as the name of a field,
// and in JSON that is broken. The test fails if a refusal repeats one of them, if the program says that
// the fault is its own, or if a refusal of a type does not name its field.
func RequireNoEcho(t *testing.T, base string, services ...grpc.ServiceDesc) {
	t.Helper()
	RequireNoEchoTo(t, http.DefaultClient, base, services...)
}

// RequireNoEchoTo is RequireNoEcho for requests of a client, which may have a certificate.
func RequireNoEchoTo(t *testing.T, client *http.Client, base string, services ...grpc.ServiceDesc) {
	t.Helper()
	for _, service := range services {
		descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service.ServiceName))
		require.NoError(t, err)
		methods := descriptor.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			rule, _ := proto.GetExtension(methods.Get(i).Options(), annotations.E_Http).(*annotations.HttpRule)
			switch {
			case rule.GetPost() != "":
				restMethod{client, "POST", base + pathOf(rule.GetPost()), methods.Get(i).Input()}.plantBodies(t)
			case rule.GetGet() != "":
				restMethod{client, "GET", base + pathOf(rule.GetGet()), methods.Get(i).Input()}.plantQueries(t)
			}
		}
	}
}

// pathOf returns a path of a rule with names in place of its variables.
func pathOf(rule string) string {
	path := regexp.MustCompile(`\{[^=}]+=([^}]+)\}`).ReplaceAllString(rule, "$1")
	return strings.ReplaceAll(path, "*", "00000000-0000-4000-8000-000000000001")
}

func (m restMethod) plantBodies(t *testing.T) {
	t.Helper()
	for _, body := range []string{plantedNumber, `"` + plantedCVV, `{"a":` + plantedNumber, "{} " + plantedCVV, `[` + plantedNumber + `]`} {
		m.requireNoEcho(t, "", body, "")
	}
	for _, way := range waysOf(m.message, nil) {
		for _, value := range planted {
			m.requireNoEcho(t, "", bodyOf(way, value), nameOf(way))
		}
		doubled := `{"a":1,"` + plantedNumber + `":` + plantedCVV + `}`
		m.requireNoEcho(t, "", bodyOf(way[:len(way)-1], doubled), nameOf(way[:len(way)-1]))
	}
}

func (m restMethod) plantQueries(t *testing.T) {
	t.Helper()
	queries := []url.Values{{plantedNumber: {plantedCVV}}, {plantedCVV: {plantedNumber}}}
	for _, way := range waysOf(m.message, nil) {
		for _, value := range planted {
			queries = append(queries, url.Values{nameOf(way): {value}}, url.Values{nameOf(way): {value, value}}, url.Values{nameOf(way) + "[" + value + "]": {value}})
		}
	}
	for _, query := range queries {
		m.requireNoEcho(t, "?"+query.Encode(), "", "")
	}
	m.requireNoEcho(t, "?a="+plantedNumber+";"+plantedCVV, "", "")
	m.requireNoEcho(t, "?a=%zz"+plantedNumber, "", "")
}

// restMethod is a method as REST has it.
type restMethod struct {
	client        *http.Client
	verb, address string
	message       protoreflect.MessageDescriptor
}

// requireNoEcho sends one request. query begins with a question mark, or is empty. within is the path of the field that a refusal of a type names, or
// of the field around it; empty for any.
func (m restMethod) requireNoEcho(t *testing.T, query, body, within string) {
	t.Helper()
	method, address := m.verb, m.address+query
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Traceparent", trace)
	if method == "POST" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := m.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	sent := fmt.Sprintf("%s %s %s is answered %d %s", method, address, body, response.StatusCode, answer)
	if !waits.MatchString(query) || response.StatusCode != http.StatusServiceUnavailable {
		require.Less(t, response.StatusCode, 500, sent)
	}
	if response.StatusCode < 300 {
		return // A request id may be any number.
	}
	require.NotContains(t, string(answer), plantedNumber, sent)
	require.NotContains(t, string(answer), plantedCVV, sent)
	var problem struct{ Field, Reason, Detail string }
	require.NoError(t, json.Unmarshal(answer, &problem), sent)
	if problem.Reason == "MALFORMED_REQUEST" && within != "" {
		require.True(t, strings.HasPrefix(problem.Field, within), sent)
		require.Contains(t, problem.Detail, problem.Field, sent)
	}
}

// waysOf returns the ways to all fields of a message, also to those that are messages.
func waysOf(message protoreflect.MessageDescriptor, way []protoreflect.FieldDescriptor) [][]protoreflect.FieldDescriptor {
	var ways [][]protoreflect.FieldDescriptor
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		to := append(way[:len(way):len(way)], field)
		ways = append(ways, to)
		if field.Message() != nil && field.Message().ParentFile().Package() != "google.protobuf" {
			ways = append(ways, waysOf(field.Message(), to)...)
		}
	}
	return ways
}

// bodyOf returns a JSON object with a value at the end of a way.
func bodyOf(way []protoreflect.FieldDescriptor, value string) string {
	for i := len(way) - 1; i >= 0; i-- {
		if way[i].IsList() && i < len(way)-1 {
			value = "[" + value + "]"
		}
		value = fmt.Sprintf("{%q:%s}", way[i].JSONName(), value)
	}
	return value
}

// nameOf returns the path of the field at the end of a way, as errors have it. The first element stands
// for all of a list.
func nameOf(way []protoreflect.FieldDescriptor) string {
	var names []string
	for i, field := range way {
		name := string(field.Name())
		if field.IsList() && i < len(way)-1 {
			name += "[0]"
		}
		names = append(names, name)
	}
	return strings.Join(names, ".")
}
