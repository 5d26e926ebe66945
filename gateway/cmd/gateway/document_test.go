package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"codebank.dev/gateway/gatewaytest"
	"codebank.dev/gateway/rest"
	"codebank.dev/platform/permission"
	"codebank.dev/schemas"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// operation is an operation of the document.
type operation struct {
	OperationID string
	Parameters  []struct {
		Ref      string `json:"$ref"`
		Name, In string
		Required bool
		Example  any
	}
	RequestBody struct {
		Content map[string]struct{ Example json.RawMessage }
	}
}

type document struct {
	Paths      map[string]map[string]operation
	Components struct {
		Parameters map[string]struct {
			Name, In string
			Example  any
		}
		Schemas map[string]any
	}
}

func readDocument(t *testing.T) *document {
	t.Helper()
	body, err := schemas.CustomersAPI()
	require.NoError(t, err)
	var read document
	require.NoError(t, json.Unmarshal(body, &read))
	return &read
}

// documented returns the operations of the document by their names in the table of permissions.
func documented(t *testing.T, read *document) map[string]operation {
	t.Helper()
	found := make(map[string]operation)
	for path, item := range read.Paths {
		for method, one := range item {
			name := strings.ToUpper(method) + " " + path
			if service, call, forwarded := strings.Cut(one.OperationID, "_"); forwarded {
				name = "/" + packages[service] + "." + service + "/" + call
			}
			found[name] = one
		}
	}
	return found
}

var packages = map[string]string{
	"CardService": "bank.v1", "WalletService": "bank.v1", "StatementService": "statement.v1", "FileService": "statement.v1", "IdentityService": "identity.v1",
}

// forwardedServices are the services whose REST the gateway shows.
var forwardedServices = []grpc.ServiceDesc{
	bankv1.CardService_ServiceDesc, bankv1.WalletService_ServiceDesc, statementv1.StatementService_ServiceDesc,
	statementv1.FileService_ServiceDesc, identityv1.IdentityService_ServiceDesc,
}

// offered returns what the table lets customers or anybody call by HTTP.
func offered(t *testing.T) []string {
	t.Helper()
	var names []string
	for name, rule := range rest.Permissions() {
		if rule == (permission.Rule{}) {
			continue
		}
		if strings.HasPrefix(name, "/") && !hasREST(t, name) {
			continue
		}
		names = append(names, name)
	}
	return names
}

func hasREST(t *testing.T, fullMethod string) bool {
	t.Helper()
	name := strings.ReplaceAll(strings.TrimPrefix(fullMethod, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	require.NoError(t, err)
	rule, _ := proto.GetExtension(found.Options(), annotations.E_Http).(*annotations.HttpRule)
	return rule.GetPattern() != nil
}

// A route that the document does not have is not served, and the document has none that is not served: the table
// of permissions has exactly the routes (see serve.Server.Route), and the document exactly what the table offers.
func TestTheDocumentHasExactlyTheRoutes(t *testing.T) {
	read := readDocument(t)
	require.ElementsMatch(t, offered(t), slices.Collect(maps.Keys(documented(t, read))))
}

// The examples of the routes that are written by hand run as they stand, for who has signed in. Those of the
// operations that go on are the programs' own, which name what their demo has: here they are sent, and answered
// by the program behind.
func TestTheExamplesOfTheDocumentRun(t *testing.T) {
	p := start(t)
	read := readDocument(t)
	maria := as(p.Kit.Customer(t, gatewaytest.User))
	// The ids of a user's own accounts, files and transfers cannot be known before: the examples show their form.
	others := map[string]int{
		rest.AcceptTransfer: http.StatusUnauthorized, rest.GetTransfer: http.StatusNotFound, rest.CancelTransfer: http.StatusNotFound,
		rest.File: http.StatusNotFound, rest.Content: http.StatusNotFound,
	}
	answer, body := p.send(t, maria, "POST", "/wallet/transaction", `{"operation":"deposit","amount":500}`, "Idempotency-Key", "before")
	require.Equal(t, 201, answer.StatusCode, body)
	for name, one := range documented(t, read) {
		method, path, written := strings.Cut(name, " ")
		if !written {
			continue
		}
		var headers []string
		for _, parameter := range one.Parameters {
			shown := read.Components.Parameters[strings.TrimPrefix(parameter.Ref, "#/components/parameters/")]
			if parameter.Ref == "" {
				shown.Name, shown.In, shown.Example = parameter.Name, parameter.In, parameter.Example
			}
			text, _ := shown.Example.(string)
			switch shown.In {
			case "header":
				headers = append(headers, shown.Name, text)
			case "path":
				path = strings.ReplaceAll(path, "{"+shown.Name+"}", text)
			}
		}
		content, takesBody := one.RequestBody.Content["application/json"]
		require.Equal(t, takesBody, len(content.Example) > 0, "%s has no example", name)
		answer, body := p.send(t, maria, method, path, string(content.Example), append(headers, "Idempotency-Key", "docs-"+one.OperationID)...)
		if status, other := others[name]; other {
			require.Equal(t, status, answer.StatusCode, "%s: %s", name, body)
			continue
		}
		require.Less(t, answer.StatusCode, 300, "%s: %s", name, body)
	}
}
