package rpc_test

import (
	"bytes"
	"image/png"
	"io"
	"net/http"
	"testing"
	"unicode/utf8"

	"codebank.dev/bank/brcode/picture"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
)

// keyed opens a wallet that has a key.
func (c clients) keyed(t *testing.T) (account string) {
	t.Helper()
	wallet, service := c.open(t, 1000), bankv1.NewPixServiceClient(c.conn)
	_, err := service.RegisterHolder(t.Context(), &bankv1.RegisterHolderRequest{
		Customer: "customers/" + wallet.GetCustomerId(), FullName: "Ada Augusta Lovelace", Document: "52998224725",
	})
	require.NoError(t, err)
	_, err = service.CreateKey(t.Context(), &bankv1.CreateKeyRequest{
		RequestId: "k", Account: wallet.GetName(), Kind: bankv1.PixKeyKind_PIX_KEY_KIND_PHONE, Key: "+5511987654321",
	})
	require.NoError(t, err)
	return wallet.GetName()
}

func TestCodesOverTheWire(t *testing.T) {
	c := newClients(t)
	account, service := c.keyed(t), bankv1.NewPixServiceClient(c.conn)
	var names []string
	for _, id := range []string{"a", "b", "c"} {
		request := &bankv1.CreatePixCodeRequest{
			RequestId: id, Account: account, Kind: bankv1.PixCodeKind_PIX_CODE_KIND_DYNAMIC, AmountMinor: 700, Currency: "BRL", Message: "lunch",
			LifetimeSeconds: 600,
		}
		created, err := service.CreatePixCode(t.Context(), request)
		require.NoError(t, err)
		again, err := service.CreatePixCode(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, created.GetCode().GetText(), again.GetCode().GetText())
		require.Equal(t, created.GetCode().GetCreateTime().GetSeconds()+600, created.GetCode().GetExpireTime().GetSeconds())
		require.Equal(t, bankv1.PixCodeState_PIX_CODE_STATE_ACTIVE, created.GetCode().GetState())
		require.Contains(t, created.GetCode().GetText(), "Ada A*** L***")
		names = append([]string{created.GetCode().GetName()}, names...)
	}
	first, err := service.ListPixCodes(t.Context(), &bankv1.ListPixCodesRequest{Account: account, PageSize: 2})
	require.NoError(t, err)
	second, err := service.ListPixCodes(t.Context(), &bankv1.ListPixCodesRequest{Account: account, PageSize: 2, PageToken: first.GetNextPageToken()})
	require.NoError(t, err)
	require.Empty(t, second.GetNextPageToken())
	var listed []string
	for _, code := range append(first.GetCodes(), second.GetCodes()...) {
		listed = append(listed, code.GetName())
	}
	require.Equal(t, names, listed)
	_, err = service.ListPix(t.Context(), &bankv1.ListPixRequest{Account: account, PageToken: first.GetNextPageToken()})
	require.Equal(t, "page_token", fault.Of(serve.FromStatus(err)).Field, "the token is of another list")
	cancelled, err := service.CancelPixCode(t.Context(), &bankv1.CancelPixCodeRequest{Name: names[0]})
	require.NoError(t, err)
	require.Equal(t, bankv1.PixCodeState_PIX_CODE_STATE_CANCELLED, cancelled.GetCode().GetState())
	require.NotNil(t, cancelled.GetCode().GetEndTime())
	read, err := service.ParsePixCode(t.Context(), &bankv1.ParsePixCodeRequest{Account: account, Code: othersCode})
	require.NoError(t, err)
	require.Equal(t, [4]any{"Bob D***", "Second", int64(700), "invoice7"},
		[4]any{read.GetHolderName(), read.GetBankName(), read.GetAmountMinor(), read.GetTxid()})
	require.Equal(t, bankv1.PixCodeState_PIX_CODE_STATE_UNSPECIFIED, read.GetState())
}

// Over REST a picture is the picture itself, and gRPC names its type.
func TestThePictureOfACode(t *testing.T) {
	c := newClients(t)
	service := bankv1.NewPixServiceClient(c.conn)
	created, err := service.CreatePixCode(t.Context(), &bankv1.CreatePixCodeRequest{
		RequestId: "a", Account: c.keyed(t), Kind: bankv1.PixCodeKind_PIX_CODE_KIND_STATIC, Currency: "BRL",
	})
	require.NoError(t, err)
	code := created.GetCode()
	svg, err := picture.SVG(code.GetText())
	require.NoError(t, err)
	wide, err := picture.PNG(code.GetText(), 1024)
	require.NoError(t, err)
	get := func(query string) (status int, contentType string, body []byte) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.rest+"/v1/pix/"+code.GetName()+"/picture"+query, http.NoBody)
		require.NoError(t, err)
		answer, err := c.conn.client("operator").Do(request)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		body, err = io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, answer.Header.Get("Content-Type"), body
	}
	for query, want := range map[string][]byte{"": svg, "?format=PIX_CODE_PICTURE_FORMAT_SVG": svg, "?format=PIX_CODE_PICTURE_FORMAT_PNG&pixels=1024": wide} {
		status, contentType, body := get(query)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, want, body)
		require.Equal(t, map[bool]string{true: "image/svg+xml", false: "image/png"}[bytes.Equal(want, svg)], contentType)
	}
	small, err := service.GetPixCodePicture(t.Context(), &bankv1.GetPixCodePictureRequest{
		Name: code.GetName(), Format: bankv1.PixCodePictureFormat_PIX_CODE_PICTURE_FORMAT_PNG,
	})
	require.NoError(t, err)
	require.Equal(t, "image/png", small.GetContentType())
	drawn, err := png.DecodeConfig(bytes.NewReader(small.GetData()))
	require.NoError(t, err)
	require.LessOrEqual(t, drawn.Width, 512)
	for query, name := range map[string]string{
		"?pixels=512": "pixels", "?format=PIX_CODE_PICTURE_FORMAT_PNG&pixels=127": "pixels", "?format=PIX_CODE_PICTURE_FORMAT_PNG&pixels=2049": "pixels",
		"?format=7": "format",
	} {
		status, contentType, body := get(query)
		require.Equal(t, http.StatusBadRequest, status, query)
		require.Equal(t, "application/problem+json", contentType)
		require.Contains(t, string(body), name)
	}
}

// FuzzPixCode: whatever is pasted, the answer says what the code says or which field is wrong.
func FuzzPixCode(f *testing.F) {
	c := newClients(f)
	account, service := c.open(f, 0).GetName(), bankv1.NewPixServiceClient(c.conn)
	f.Add(othersCode)
	f.Add("00020126")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		read, err := service.ParsePixCode(t.Context(), &bankv1.ParsePixCodeRequest{Account: account, Code: text})
		if err != nil {
			require.Equal(t, "code", fault.Of(serve.FromStatus(err)).Field, text)
			return
		}
		require.Equal(t, "002", read.GetBankCode())
	})
}
