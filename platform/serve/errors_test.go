package serve_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestEveryCodeSurvivesBothTransports(t *testing.T) {
	grpcSeen, httpSeen := map[codes.Code]bool{}, map[int]bool{}
	for _, code := range fault.Codes() {
		t.Run(code.String(), func(t *testing.T) {
			require.Equal(t, code, serve.CodeFromGRPC(serve.GRPCCode(code)))
			require.Equal(t, code, serve.CodeFromHTTP(serve.HTTPStatus(code)))
			require.False(t, grpcSeen[serve.GRPCCode(code)], "a gRPC code stands for one code")
			require.False(t, httpSeen[serve.HTTPStatus(code)], "an HTTP status stands for one code")
			grpcSeen[serve.GRPCCode(code)], httpSeen[serve.HTTPStatus(code)] = true, true

			sent := fault.New(code, "SOME_REASON", "Some words.").After(3 * time.Second).Wrap(errors.New("secret cause"))
			sent.Field = "card_data.number"

			overGRPC := fault.Of(serve.FromStatus(serve.ToStatus(sent).Err()))
			requireSameFault(t, sent, overGRPC)

			recorder := httptest.NewRecorder()
			serve.WriteProblem(recorder, httptest.NewRequest(http.MethodGet, "/", nil), sent)
			require.NotContains(t, recorder.Body.String(), "secret")
			overHTTP := fault.Of(serve.FromProblem(recorder.Code, recorder.Header(), recorder.Body.Bytes()))
			requireSameFault(t, sent, overHTTP)
		})
	}
}

func requireSameFault(t *testing.T, sent, received *fault.Error) {
	t.Helper()
	require.Equal(t, sent.Code, received.Code)
	require.Equal(t, sent.Reason, received.Reason)
	require.Equal(t, sent.Field, received.Field)
	require.Equal(t, sent.Message, received.Message)
	require.Equal(t, sent.RetryAfter, received.RetryAfter)
}

func TestAStatusCarriesTheStandardDetails(t *testing.T) {
	err := fault.Invalid("amount_minor", "Must be 1 or more.").After(time.Second)
	st := serve.ToStatus(err)
	require.Equal(t, codes.InvalidArgument, st.Code())
	require.Len(t, st.Details(), 3)
	info := st.Details()[0].(*errdetails.ErrorInfo)
	require.Equal(t, "codebank.dev", info.GetDomain())
	require.Equal(t, "INVALID_FIELD", info.GetReason())
	violation := st.Details()[1].(*errdetails.BadRequest).GetFieldViolations()[0]
	require.Equal(t, "amount_minor", violation.GetField())
	require.Equal(t, "Must be 1 or more.", violation.GetDescription())
	require.Equal(t, time.Second, st.Details()[2].(*errdetails.RetryInfo).GetRetryDelay().AsDuration())
	require.Nil(t, serve.ToStatus(nil))
	require.NoError(t, serve.FromStatus(nil))
}

func TestWordsOfAForeignPeerStayInTheCause(t *testing.T) {
	for code, want := range map[codes.Code]fault.Code{
		codes.Unavailable:   fault.Unavailable,
		codes.Canceled:      fault.DeadlineExceeded,
		codes.Unknown:       fault.Internal,
		codes.Unimplemented: fault.Internal,
		codes.DataLoss:      fault.Internal,
		codes.OutOfRange:    fault.InvalidArgument,
		codes.AlreadyExists: fault.FailedPrecondition,
	} {
		received := fault.Of(serve.FromStatus(status.Error(code, "dial tcp 10.0.0.1:1: refused")))
		require.Equal(t, want, received.Code, code)
		require.NotContains(t, received.Message, "10.0.0.1")
		require.ErrorContains(t, received, "10.0.0.1")
	}
}

func TestAProblemThatIsNotOursIsReadByItsStatus(t *testing.T) {
	for httpStatus, want := range map[int]fault.Code{
		http.StatusBadGateway: fault.Internal, http.StatusServiceUnavailable: fault.Unavailable,
		http.StatusTeapot: fault.InvalidArgument, http.StatusNotFound: fault.NotFound,
	} {
		received := fault.Of(serve.FromProblem(httpStatus, http.Header{"Retry-After": {"7"}}, []byte("<html>")))
		require.Equal(t, want, received.Code)
		require.Equal(t, 7*time.Second, received.RetryAfter)
	}
}

func TestAProblemHasTheMembersOfRFC9457(t *testing.T) {
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request = request.WithContext(serve.ContextWithIdentity(request.Context(), "", "4bf92f3577b34da6a3ce929d0e0e4736"))
	serve.WriteProblem(recorder, request, fault.Invalid("page_token", "Ask again.").After(time.Millisecond))
	require.Equal(t, "application/problem+json", recorder.Header().Get("Content-Type"))
	require.Equal(t, "1", recorder.Header().Get("Retry-After"), "a wait is rounded up to whole seconds")
	var problem map[string]any
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &problem))
	require.Equal(t, map[string]any{
		"type": "https://codebank.dev/problems/invalid-field", "title": "Invalid argument", "status": 400.0,
		"detail": "Ask again.", "code": "INVALID_ARGUMENT", "reason": "INVALID_FIELD", "field": "page_token",
		"traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
	}, problem)
}

func FuzzFromProblemNeverFails(f *testing.F) {
	f.Add(404, "3", []byte(`{"code":"NOT_FOUND","reason":"X","detail":"d"}`))
	f.Add(503, "-1", []byte(`{"code":1}`))
	f.Fuzz(func(t *testing.T, httpStatus int, retryAfter string, body []byte) {
		err := fault.Of(serve.FromProblem(httpStatus, http.Header{"Retry-After": {retryAfter}}, body))
		require.NotNil(t, err)
		require.GreaterOrEqual(t, err.RetryAfter, time.Duration(0))
	})
}
