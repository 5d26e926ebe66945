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
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/examples"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
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
	w.kit = kit
	h := newHub(w)
	addresses := w.startBehind(kit, append(h.flags(), "--relay=false", "--operators=operator")...)
	require.NoError(t, examples.Plant(t.Context(), kit.Dial(t, addresses.GRPC, examples.Operator)))
	plantPix(t, h, kit.Dial(t, addresses.GRPC, examples.Operator))
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

// plantPix lets the payment arrive that bank 002 makes of the examples.
func plantPix(t *testing.T, h *hub, bank grpc.ClientConnInterface) {
	t.Helper()
	came := arriving("accounts/238950fa-bfc4-5bf5-83e4-3945ccf723b3")
	wallet, err := bankv1.NewWalletServiceClient(bank).GetBalance(t.Context(), &bankv1.GetBalanceRequest{Name: "accounts/" + came.ReceiverAccountID})
	require.NoError(t, err)
	_, err = bankv1.NewPixServiceClient(bank).RegisterHolder(t.Context(), &bankv1.RegisterHolderRequest{
		Customer: "customers/" + wallet.GetAccount().GetCustomerId(), FullName: "Ana Lima", Document: examples.AnasCPF,
	})
	require.NoError(t, err)
	_, err = bankv1.NewPixServiceClient(bank).CreateKey(t.Context(), &bankv1.CreateKeyRequest{
		RequestId: "docs-ana-key", Account: wallet.GetAccount().GetName(), Kind: bankv1.PixKeyKind_PIX_KEY_KIND_CPF, Key: examples.AnasCPF,
	})
	require.NoError(t, err)
	require.NoError(t, examples.PlantCodes(t.Context(), bank, wallet.GetAccount().GetName()))
	came.EndToEndID, came.AmountMinor = strings.TrimPrefix(examples.AnasPix, "pix/"), 5_000
	h.say(came)
	h.hears(command.PixConfirmed, came.EndToEndID)
}
