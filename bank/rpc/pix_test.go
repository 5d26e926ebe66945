package rpc_test

import (
	"context"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/brcode"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/pix"
	"codebank.dev/bank/rpc"
	"codebank.dev/bank/vault"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// directory is the hub's, which knows one key of another bank and takes every key of this one.
type directory struct{}

const othersKey = "bob@example.com"

func (directory) LookUp(_ context.Context, _ bank.ID, key string) (pix.Destination, error) {
	if key != othersKey {
		return pix.Destination{}, fault.New(fault.NotFound, "KEY_NOT_FOUND", "There is no such key.").In("key")
	}
	return pix.Destination{KeyKind: pix.KindEmail, BankCode: "002", BankName: "Second", Account: bank.ID{1}, HolderName: "Bob D***", HolderDocument: "***.456.***-**"}, nil
}

func (directory) Create(_ context.Context, _ pix.KeyOwner, r pix.KeyRequest) (bank.PixKey, error) {
	return bank.PixKey{Kind: r.Kind, Key: r.Key, State: "ACTIVE", Account: r.Account, Digest: []byte{1}, CreatedAt: banktest.Start}, nil
}

func (directory) Confirm(_ context.Context, r pix.KeyRequest, _ string) (bank.PixKey, error) {
	return bank.PixKey{Kind: r.Kind, Key: r.Key, State: "ACTIVE", Account: r.Account, CreatedAt: banktest.Start}, nil
}

func (directory) Delete(context.Context, pix.KeyRequest) error           { return nil }
func (directory) List(context.Context) ([]bank.PixKey, error)            { return nil, nil }
func (directory) Digests(context.Context) (map[string]pix.Digest, error) { return nil, nil }

func (directory) CreateClaim(_ context.Context, _ pix.KeyOwner, r pix.KeyRequest) (pix.Claim, error) {
	return pix.Claim{Name: claimName, Kind: r.Kind, Key: r.Key, State: "OPEN", ClaimerAccount: r.Account, ClaimerBank: "001", DonorBank: "002"}, nil
}

func (directory) EndClaim(context.Context, string, pix.ClaimEnd) (pix.Claim, error) {
	return pix.Claim{Name: claimName, State: "CANCELLED"}, nil
}

func (directory) ClaimsOf(_ context.Context, account bank.ID) ([]pix.Claim, error) {
	return []pix.Claim{{Name: claimName, State: "OPEN", ClaimerAccount: account}}, nil
}

// codeName names no code, and othersCode is one of another bank.
const codeName = "codes/0d5a8e0c-4f0f-4c5e-9a55-0c8f1b2a7d01"

var othersCode = made(&brcode.Code{Key: othersKey, Name: "Bob", City: "OLINDA", AmountMinor: 700, TxID: "invoice7"})

func made(code *brcode.Code) string {
	text, err := brcode.Make(code)
	if err != nil {
		panic(err)
	}
	return text
}

const claimName = "claims/0d5a8e0c-4f0f-4c5e-9a55-0c8f1b2a7d01"

// newPix returns the service of a bank in memory with a hub.
func newPix(t testing.TB, store *inmem.Store, ledger bank.Submitter, keys *vault.Vault) *rpc.Pix {
	t.Helper()
	tokens, err := serve.NewPageTokens(make([]byte, 32))
	require.NoError(t, err)
	holders := &pix.HolderService{Store: store, Vault: keys, Now: time.Now}
	return &rpc.Pix{
		PageTokens: tokens, Holders: holders,
		Service: &pix.Service{
			Code: "001", Ledger: ledger, Directory: store, Reader: store, Holds: store, Messages: store, Payments: store, Vault: keys,
			Holders: holders, Keys: directory{},
		},
		Keys: &pix.KeyService{Code: "001", Directory: store, Holders: holders, Copy: store, Registry: directory{}, Claims: directory{}},
		Codes: &pix.CodeService{
			Code: "001", Directory: store, Holders: holders, OwnKeys: store, Keys: directory{}, Codes: store, Vault: keys, Now: time.Now,
		},
	}
}

// pixRequests are requests to PixService for the account of a customer, and a payment of it.
func pixRequests(customer, account, payment string) map[string]proto.Message {
	return map[string]proto.Message{
		"PixService/RegisterHolder": &bankv1.RegisterHolderRequest{Customer: "customers/" + customer, FullName: "Ada Lovelace", Document: "52998224725"},
		"PixService/CreateKey":      &bankv1.CreateKeyRequest{RequestId: "k", Account: account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_EMAIL, Key: "ada@example.com"},
		"PixService/ConfirmKey":     &bankv1.ConfirmKeyRequest{Account: account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_EMAIL, Key: "ada@example.com", Code: "123456"},
		"PixService/ListKeys":       &bankv1.ListKeysRequest{Account: account},
		"PixService/DeleteKey":      &bankv1.DeleteKeyRequest{RequestId: "d", Account: account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_EMAIL, Key: "ada@example.com"},
		"PixService/LookUpKey":      &bankv1.LookUpKeyRequest{Account: account, Key: othersKey},
		"PixService/CreateClaim":    &bankv1.CreateClaimRequest{RequestId: "c", Account: account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_EMAIL, Key: othersKey},
		"PixService/EndClaim":       &bankv1.EndClaimRequest{Name: claimName, Account: account, End: bankv1.PixClaimEnd_PIX_CLAIM_END_CANCEL},
		"PixService/ListClaims":     &bankv1.ListClaimsRequest{Account: account},
		"PixService/CreatePixCode": &bankv1.CreatePixCodeRequest{RequestId: "code", Account: account, Kind: bankv1.PixCodeKind_PIX_CODE_KIND_STATIC,
			Currency: "BRL"},
		"PixService/GetPixCode":        &bankv1.GetPixCodeRequest{Name: codeName},
		"PixService/ListPixCodes":      &bankv1.ListPixCodesRequest{Account: account},
		"PixService/CancelPixCode":     &bankv1.CancelPixCodeRequest{Name: codeName},
		"PixService/GetPixCodePicture": &bankv1.GetPixCodePictureRequest{Name: codeName},
		"PixService/ParsePixCode":      &bankv1.ParsePixCodeRequest{Account: account, Code: othersCode},
		"PixService/SendPix": &bankv1.SendPixRequest{RequestId: "p", Account: account, AmountMinor: 5, Currency: "BRL", Description: "lunch",
			Destination: &bankv1.SendPixRequest_Key{Key: othersKey}},
		"PixService/GetPix":        &bankv1.GetPixRequest{Name: payment},
		"PixService/ListPix":       &bankv1.ListPixRequest{Account: account},
		"PixService/ReturnPix":     &bankv1.ReturnPixRequest{RequestId: "b", Name: payment},
		"PixService/ResolvePix":    &bankv1.ResolvePixRequest{Name: payment},
		"PixService/ReconcileKeys": &bankv1.ReconcileKeysRequest{},
	}
}

func TestPaymentsBetweenBanksOverTheWire(t *testing.T) {
	c := newClients(t)
	wallet := c.open(t, 1000)
	account, service := wallet.GetName(), bankv1.NewPixServiceClient(c.conn)
	holder, err := service.RegisterHolder(t.Context(), &bankv1.RegisterHolderRequest{
		Customer: "customers/" + wallet.GetCustomerId(), FullName: "Ada Augusta  Lovelace", Document: "52998224725",
	})
	require.NoError(t, err)
	require.Equal(t, [2]string{"Ada A*** L***", "***.982.***-**"}, [2]string{holder.GetMaskedName(), holder.GetMaskedDocument()})
	for document, reason := range map[string]string{"52998224724": "INVALID_FIELD", "11111111111": "INVALID_FIELD", "11144477735": "HOLDER_KNOWN"} {
		_, err = service.RegisterHolder(t.Context(), &bankv1.RegisterHolderRequest{
			Customer: "customers/" + wallet.GetCustomerId(), FullName: "Ada Augusta Lovelace", Document: document,
		})
		require.Equal(t, reason, fault.Of(serve.FromStatus(err)).Reason, document)
	}
	_, err = service.RegisterHolder(t.Context(), &bankv1.RegisterHolderRequest{
		Customer: "customers/" + c.open(t, 0).GetCustomerId(), FullName: "Eve", Document: "52998224725",
	})
	require.Equal(t, "DOCUMENT_TAKEN", fault.Of(serve.FromStatus(err)).Reason)

	created, err := service.CreateKey(t.Context(), &bankv1.CreateKeyRequest{
		RequestId: "k", Account: account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_PHONE, Key: "+5511987654321",
	})
	require.NoError(t, err)
	require.Equal(t, bankv1.PixKeyState_PIX_KEY_STATE_ACTIVE, created.GetKey().GetState())
	keys, err := service.ListKeys(t.Context(), &bankv1.ListKeysRequest{Account: account})
	require.NoError(t, err)
	require.Len(t, keys.GetKeys(), 1)
	require.Equal(t, "+5511987654321", keys.GetKeys()[0].GetKey())
	for range 2 {
		different, err := service.ReconcileKeys(t.Context(), &bankv1.ReconcileKeysRequest{ValidateOnly: true})
		require.NoError(t, err)
		require.Len(t, different.GetRemoved(), 1, "what is only listed stays")
	}
	mended, err := service.ReconcileKeys(t.Context(), &bankv1.ReconcileKeysRequest{})
	require.NoError(t, err)
	require.Len(t, mended.GetRemoved(), 1, "the hub has no key")
	found, err := service.LookUpKey(t.Context(), &bankv1.LookUpKeyRequest{Account: account, Key: othersKey})
	require.NoError(t, err)
	require.Equal(t, [2]string{"Bob D***", "002"}, [2]string{found.GetHolderName(), found.GetBankCode()})

	var names []string
	for _, id := range []string{"p1", "p2", "p3"} {
		sent, err := service.SendPix(t.Context(), &bankv1.SendPixRequest{
			RequestId: id, Account: account, AmountMinor: 400, Currency: "BRL", Destination: &bankv1.SendPixRequest_Key{Key: othersKey},
		})
		require.NoError(t, err)
		names = append([]string{sent.GetPix().GetName()}, names...)
		require.Equal(t, id == "p3", sent.GetPix().GetDecline() != nil, "the third one is more than is left")
	}
	first, err := service.ListPix(t.Context(), &bankv1.ListPixRequest{Account: account, PageSize: 2})
	require.NoError(t, err)
	second, err := service.ListPix(t.Context(), &bankv1.ListPixRequest{Account: account, PageSize: 2, PageToken: first.GetNextPageToken()})
	require.NoError(t, err)
	require.Empty(t, second.GetNextPageToken())
	var listed []string
	for _, payment := range append(first.GetPayments(), second.GetPayments()...) {
		listed = append(listed, payment.GetName())
	}
	require.Equal(t, names, listed)
	_, err = service.ReturnPix(t.Context(), &bankv1.ReturnPixRequest{RequestId: "r", Name: names[2]})
	require.Equal(t, "NOT_RETURNABLE", fault.Of(serve.FromStatus(err)).Reason)
	_, err = c.wallets.VoidHold(t.Context(), &bankv1.VoidHoldRequest{Name: second.GetPayments()[0].GetTransaction()})
	require.Equal(t, "HOLD_OF_PIX", fault.Of(serve.FromStatus(err)).Reason, "nobody takes back what may have been credited")
}
