package serve_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// refusing declines a purchase, or refuses it when it has no request id.
type refusing struct {
	bankv1.UnimplementedPurchaseServiceServer
	kept *bankv1.Purchase
}

func (r *refusing) AuthorizePurchase(_ context.Context, in *bankv1.AuthorizePurchaseRequest) (*bankv1.AuthorizePurchaseResponse, error) {
	if in.GetRequestId() == "" {
		return nil, fault.Invalid("request_id", "This field is required.")
	}
	return &bankv1.AuthorizePurchaseResponse{Purchase: r.kept}, nil
}

// A caller who asks for Portuguese gets it over gRPC: beside the message of an error, which stays, and in the
// fields of an answer that are for people.
func TestACallIsAnsweredInTheLanguageOfItsCaller(t *testing.T) {
	service := &refusing{kept: &bankv1.Purchase{Description: "The card has expired.", Decline: &bankv1.Decline{Message: "The card has expired."}}}
	r := start(t, service, func(c *serve.Config) { c.Localized = []protoreflect.FullName{"bank.v1.Decline.message"} })
	conn, err := grpc.NewClient(r.GRPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	client := bankv1.NewPurchaseServiceClient(conn)
	portuguese := metadata.AppendToOutgoingContext(t.Context(), serve.LanguageKey, "pt-BR,pt;q=0.9")

	_, err = client.AuthorizePurchase(portuguese, &bankv1.AuthorizePurchaseRequest{})
	require.Equal(t, "This field is required.", status.Convert(err).Message())
	require.Equal(t, map[string]string{"pt-BR": "Este campo é obrigatório."}, localizedIn(err))
	_, err = client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{})
	require.Empty(t, localizedIn(err))

	answer, err := client.AuthorizePurchase(portuguese, &bankv1.AuthorizePurchaseRequest{RequestId: "a"})
	require.NoError(t, err)
	require.Equal(t, "O cartão venceu.", answer.GetPurchase().GetDecline().GetMessage())
	require.Equal(t, "The card has expired.", answer.GetPurchase().GetDescription(), "what a customer wrote is no sentence of ours")
	answer, err = client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{RequestId: "a"})
	require.NoError(t, err)
	require.Equal(t, "The card has expired.", answer.GetPurchase().GetDecline().GetMessage())
}

func localizedIn(err error) map[string]string {
	found := map[string]string{}
	for _, detail := range status.Convert(err).Details() {
		if localized, ok := detail.(*errdetails.LocalizedMessage); ok {
			found[localized.GetLocale()] = localized.GetMessage()
		}
	}
	return found
}

func TestAProblemIsInTheLanguageOfItsReader(t *testing.T) {
	problem := func(accept string, err error) (serve.Problem, http.Header) {
		recorder, request := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("Accept-Language", accept)
		serve.WriteProblem(recorder, request, err)
		var written serve.Problem
		require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &written))
		return written, recorder.Header()
	}
	missing := fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "There is no such account.")
	written, header := problem("pt-BR", missing)
	require.Equal(t, "Não encontrado: Essa conta não existe.", written.Title+": "+written.Detail)
	require.Equal(t, "NOT_FOUND ACCOUNT_NOT_FOUND", written.Code+" "+written.Reason, "programs read the same in every language")
	require.Equal(t, "pt-BR", header.Get("Content-Language"))
	require.Equal(t, "Accept-Language", header.Get("Vary"))
	require.Equal(t, `</problems/account-not-found>; rel="help"`, header.Get("Link"))
	written, header = problem("fr, en;q=0.5", missing)
	require.Equal(t, "There is no such account.", written.Detail)
	require.Equal(t, "en", header.Get("Content-Language"))
	written, header = problem("pt-BR", fault.New(fault.NotFound, "not a reason", "Nobody has translated this."))
	require.Equal(t, "Nobody has translated this.", written.Detail)
	require.Equal(t, "en", header.Get("Content-Language"))
	require.Empty(t, header.Get("Link"))
}

// Each reason has a page in each language, which no script is needed for and which repeats nothing of the request.
func TestEveryReasonHasAPage(t *testing.T) {
	r := start(t, newPurchases(), nil)
	catalogue, err := schemas.Reasons()
	require.NoError(t, err)
	page := func(path, accept string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.HTTPAddress()+path, nil)
		require.NoError(t, err)
		request.Header.Set("Accept-Language", accept)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(body)
	}
	_, index := page("/problems/", "")
	for _, reason := range slices.Sorted(maps.Keys(catalogue.Reasons)) {
		path := "/problems/" + strings.ToLower(strings.ReplaceAll(reason, "_", "-"))
		require.Contains(t, index, `"`+path+`?language=en"`)
		code, english := page(path, "")
		require.Equal(t, 200, code, path)
		require.Contains(t, english, "<h1>"+reason+"</h1>")
		require.NotContains(t, english, "<script")
		_, portuguese := page(path, "pt")
		require.Contains(t, portuguese, `<html lang="pt-BR">`)
		require.NotEqual(t, english, portuguese)
		_, chosen := page(path+"?language=pt-BR", "en")
		require.Equal(t, portuguese, chosen)
	}
	for _, path := range []string{"/problems/nothing", "/problems/ACCOUNT_NOT_FOUND", "/problems/account_not_found", "/problems/account-not-found/x"} {
		code, body := page(path, "")
		require.Equal(t, 404, code, path)
		require.Contains(t, body, "NO_SUCH_PATH")
	}
	_, body := page("/problems/account-not-found?language=%3Cscript%3E", "")
	require.NotContains(t, body, "script")
}
