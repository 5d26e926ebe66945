package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"codebank.dev/platform/wallstest"
	"codebank.dev/schemas"
	"codebank.dev/schemas/examples"
	"github.com/stretchr/testify/require"
)

// documented is an operation of the OpenAPI document with its example.
type documented struct {
	OperationID string `json:"operationId"`
	Parameters  []struct {
		Name, In string
		Example  any
	}
	RequestBody struct {
		Content map[string]struct{ Example json.RawMessage }
	}
}

// request returns the example of an operation as a page sends it.
func (d documented) request(t *testing.T, method, path string) *http.Request {
	t.Helper()
	query := url.Values{}
	for _, parameter := range d.Parameters {
		switch value := fmt.Sprint(parameter.Example); {
		case parameter.Example == nil:
		case parameter.In == "path":
			path = strings.ReplaceAll(path, "{"+parameter.Name+"}", url.PathEscape(value))
		default:
			query.Set(parameter.Name, value)
		}
	}
	body := d.RequestBody.Content["application/json"].Example
	request, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(method), path+"?"+query.Encode(), bytes.NewReader(body))
	require.NoError(t, err)
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	return request
}

// ofAcquirers are the operations that take card data. Only a program with a certificate may call them.
var ofAcquirers = []string{"CardService_CreateCardToken", "CardService_BatchCreateCardTokens"}

func TestTheExamplesOfTheDocumentRun(t *testing.T) {
	kit := wallstest.New(t)
	kit.StartIdentity(t)
	w := newWorld(t)
	addresses := w.startBehind(kit, "--relay=false", "--operators=operator")
	require.NoError(t, examples.Plant(t.Context(), kit.Dial(t, addresses.GRPC, examples.Operator)))
	body, err := schemas.OpenAPI("bank.v1")
	require.NoError(t, err)
	var document struct {
		Paths map[string]map[string]documented
	}
	require.NoError(t, json.Unmarshal(body, &document))
	token := kit.Sign(t, wallstest.Token{Subject: "3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01", Roles: []string{"operator"}})
	for path, item := range document.Paths {
		for method, operation := range item {
			request := operation.request(t, method, "https://"+addresses.HTTP+path)
			client := kit.HTTP(t, "checkout")
			if !slices.Contains(ofAcquirers, operation.OperationID) {
				client = kit.HTTP(t, "")
				request.Header.Set("Authorization", "Bearer "+token)
			}
			answer, err := client.Do(request)
			require.NoError(t, err)
			text, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", operation.OperationID, text)
		}
	}
}
