package rpc_test

import (
	"bytes"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/inmem"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/rpctest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

// lines is a log.
type lines struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(line)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// desk is a directory in memory.
type desk struct {
	*directory.Service
	mailbox *codepixtest.Mailbox
	mailer  *directory.Mailer
	log     lines
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	banks := codepixtest.NewDirectoryBanks()
	service, err := directory.New(directory.Config{Store: inmem.NewDirectory(banks), Banks: banks, Secret: codepixtest.DirectorySecret})
	require.NoError(t, err)
	d := &desk{Service: service, mailbox: codepixtest.NewMailbox()}
	d.mailer = &directory.Mailer{Service: service, Sender: d.mailbox, Logger: slog.New(slog.NewTextHandler(&d.log, nil))}
	return d
}

// code returns the newest code that was sent to a key.
func (d *desk) code(t testing.TB, kind key.Kind, text string) string {
	t.Helper()
	for sent := true; sent; {
		var err error
		sent, err = d.mailer.SendNext(t.Context())
		require.NoError(t, err)
	}
	codes := d.mailbox.Sent(key.Key{Kind: kind, Text: text})
	require.NotEmpty(t, codes)
	return codes[len(codes)-1].Reveal()
}

// bank returns a client with the certificate of a bank.
func (h *hub) bank(t testing.TB, program string) codepixv1.DirectoryServiceClient {
	t.Helper()
	return codepixv1.NewDirectoryServiceClient(h.kit.Dial(t, h.address, program))
}

const (
	cpf, name11, account11 = "52998224725", "Ana Souza Lima", "11111111-1111-4111-8111-111111111111"
	account22              = "22222222-2222-4222-8222-222222222222"
	email                  = "ana@exemplo.com"
)

// ana is an account of ana's.
func ana(accountID string) *codepixv1.Account {
	return &codepixv1.Account{AccountId: accountID, HolderName: name11, HolderDocument: cpf}
}

func refusal(t testing.TB, err error) *fault.Error {
	t.Helper()
	require.Error(t, err)
	return fault.Of(serve.FromStatus(err))
}

func TestAKeyIsRegisteredFoundListedAndEnded(t *testing.T) {
	h := start(t)
	one, two := h.bank(t, "001/bank"), h.bank(t, "002/bank")
	created, err := one.CreateKey(t.Context(), &codepixv1.CreateKeyRequest{RequestId: "r1", Kind: codepixv1.KeyKind_KEY_KIND_EMAIL, Key: "Ana@Exemplo.com", Account: ana(account11)})
	require.NoError(t, err)
	require.Equal(t, codepixv1.KeyState_KEY_STATE_PENDING, created.GetKey().GetState())
	require.Empty(t, created.GetKey().GetDigest())
	_, err = two.LookUpKey(t.Context(), &codepixv1.LookUpKeyRequest{Key: email, CustomerId: account22})
	require.Equal(t, "KEY_NOT_FOUND", refusal(t, err).Reason)
	confirmed, err := one.ConfirmKey(t.Context(), &codepixv1.ConfirmKeyRequest{Kind: codepixv1.KeyKind_KEY_KIND_EMAIL, Key: email, AccountId: account11, Code: h.desk.code(t, key.Email, email)})
	require.NoError(t, err)
	require.Equal(t, codepixv1.KeyState_KEY_STATE_ACTIVE, confirmed.GetKey().GetState())
	require.Equal(t, name11, confirmed.GetKey().GetAccount().GetHolderName(), "its own bank sees the name")
	require.Equal(t, "***.982.***-**", confirmed.GetKey().GetAccount().GetHolderDocument())
	random, err := one.CreateKey(t.Context(), &codepixv1.CreateKeyRequest{RequestId: "r2", Kind: codepixv1.KeyKind_KEY_KIND_RANDOM, Account: ana(account11)})
	require.NoError(t, err)

	found, err := two.LookUpKey(t.Context(), &codepixv1.LookUpKeyRequest{Key: email, CustomerId: account22})
	require.NoError(t, err)
	require.Equal(t, "001", found.GetKey().GetAccount().GetBankCode())
	require.Equal(t, "Bank 001", found.GetKey().GetBankName())
	require.Equal(t, account11, found.GetKey().GetAccount().GetAccountId())
	require.Equal(t, "Ana S*** L***", found.GetKey().GetAccount().GetHolderName())
	require.Empty(t, found.GetKey().GetDigest(), "it is the bank's own")
	require.EqualValues(t, 79, found.GetTokensLeft())

	var listed []*codepixv1.Key
	for token := ""; ; {
		page, err := one.ListKeys(t.Context(), &codepixv1.ListKeysRequest{PageSize: 1, PageToken: token})
		require.NoError(t, err)
		listed = append(listed, page.GetKeys()...)
		if token = page.GetNextPageToken(); token == "" {
			break
		}
		_, err = two.ListKeys(t.Context(), &codepixv1.ListKeysRequest{PageSize: 1, PageToken: token})
		require.Equal(t, "page_token", refusal(t, err).Field)
		_, err = one.ListClaims(t.Context(), &codepixv1.ListClaimsRequest{PageToken: token})
		require.Equal(t, "page_token", refusal(t, err).Field)
	}
	require.Len(t, listed, 2)
	require.True(t, proto.Equal(confirmed.GetKey(), listed[0]))
	require.True(t, proto.Equal(random.GetKey(), listed[1]))

	digests, err := one.GetDigest(t.Context(), &codepixv1.GetDigestRequest{})
	require.NoError(t, err)
	require.Equal(t, "one-1", digests.GetDigestKeyId())
	for _, of := range digests.GetKinds() {
		want := make([]byte, 32)
		for _, one := range listed {
			if one.GetKind() == of.GetKind() {
				want = one.GetDigest()
			}
		}
		require.Equal(t, hex.EncodeToString(want), hex.EncodeToString(of.GetDigest()), of.GetKind())
	}
	_, err = one.DeleteKey(t.Context(), &codepixv1.DeleteKeyRequest{RequestId: "r3", Kind: codepixv1.KeyKind_KEY_KIND_EMAIL, Key: email, AccountId: account11})
	require.NoError(t, err)
	_, err = two.LookUpKey(t.Context(), &codepixv1.LookUpKeyRequest{Key: email})
	require.Equal(t, fault.NotFound, refusal(t, err).Code)
}

func TestAClaimIsMadeAndEnded(t *testing.T) {
	h := start(t)
	one, two := h.bank(t, "001/bank"), h.bank(t, "002/bank")
	_, err := one.CreateKey(t.Context(), &codepixv1.CreateKeyRequest{RequestId: "r1", Kind: codepixv1.KeyKind_KEY_KIND_CPF, Key: cpf, Account: ana(account11)})
	require.NoError(t, err)
	_, err = two.CreateKey(t.Context(), &codepixv1.CreateKeyRequest{RequestId: "r1", Kind: codepixv1.KeyKind_KEY_KIND_CPF, Key: cpf, Account: ana(account22)})
	require.Equal(t, "KEY_TAKEN", refusal(t, err).Reason)
	made, err := two.CreateClaim(t.Context(), &codepixv1.CreateClaimRequest{RequestId: "r2", Kind: codepixv1.KeyKind_KEY_KIND_CPF, Key: cpf, Account: ana(account22)})
	require.NoError(t, err)
	require.Equal(t, name11, made.GetClaim().GetClaimer().GetHolderName())
	require.Equal(t, "Ana S*** L***", made.GetClaim().GetDonor().GetHolderName())
	_, err = two.EndClaim(t.Context(), &codepixv1.EndClaimRequest{Name: made.GetClaim().GetName(), End: codepixv1.ClaimEnd_CLAIM_END_COMPLETE})
	require.Equal(t, "CLAIM_NOT_DUE", refusal(t, err).Reason)
	listed, err := one.ListClaims(t.Context(), &codepixv1.ListClaimsRequest{AccountId: account11})
	require.NoError(t, err)
	require.Len(t, listed.GetClaims(), 1)
	require.Equal(t, "Ana S*** L***", listed.GetClaims()[0].GetClaimer().GetHolderName(), "the other bank's holder is masked")
	require.WithinDuration(t, time.Now().Add(directory.DefaultClaimPeriod), listed.GetClaims()[0].GetResolveTime().AsTime(), time.Minute)
	ended, err := one.EndClaim(t.Context(), &codepixv1.EndClaimRequest{Name: made.GetClaim().GetName(), End: codepixv1.ClaimEnd_CLAIM_END_CONSENT})
	require.NoError(t, err)
	require.Equal(t, codepixv1.ClaimState_CLAIM_STATE_COMPLETED, ended.GetClaim().GetState())
	_, err = h.bank(t, "003/bank").EndClaim(t.Context(), &codepixv1.EndClaimRequest{Name: made.GetClaim().GetName()})
	require.Equal(t, fault.PermissionDenied, refusal(t, err).Code, "a bank that takes no part")
}

func TestARefusalNamesItsField(t *testing.T) {
	one := start(t).bank(t, "001/bank")
	create := func(change func(*codepixv1.CreateKeyRequest)) error {
		request := &codepixv1.CreateKeyRequest{RequestId: "r1", Kind: codepixv1.KeyKind_KEY_KIND_CPF, Key: cpf, Account: ana(account11)}
		change(request)
		_, err := one.CreateKey(t.Context(), request)
		return err
	}
	for field, change := range map[string]func(*codepixv1.CreateKeyRequest){
		"request_id":              func(r *codepixv1.CreateKeyRequest) { r.RequestId = "" },
		"kind":                    func(r *codepixv1.CreateKeyRequest) { r.Kind = 9 },
		"key":                     func(r *codepixv1.CreateKeyRequest) { r.Key = "11111111111" },
		"account.account_id":      func(r *codepixv1.CreateKeyRequest) { r.Account.AccountId = "1" },
		"account.bank_code":       func(r *codepixv1.CreateKeyRequest) { r.Account.BankCode = "002" },
		"account.holder_name":     func(r *codepixv1.CreateKeyRequest) { r.Account.HolderName = "" },
		"account.holder_document": func(r *codepixv1.CreateKeyRequest) { r.Account.HolderDocument = "1" },
	} {
		err := refusal(t, create(change))
		require.Equal(t, fault.InvalidArgument, err.Code, field)
		require.Equal(t, field, err.Field)
	}
	_, err := one.LookUpKey(t.Context(), &codepixv1.LookUpKeyRequest{Key: email, CustomerId: "a b"})
	require.Equal(t, "customer_id", refusal(t, err).Field)
	_, err = one.ConfirmKey(t.Context(), &codepixv1.ConfirmKeyRequest{Key: email, AccountId: account11, Code: "12"})
	require.Equal(t, "code", refusal(t, err).Field)
	_, err = one.EndClaim(t.Context(), &codepixv1.EndClaimRequest{Name: "claims/1"})
	require.Equal(t, "name", refusal(t, err).Field)
	_, err = one.EndClaim(t.Context(), &codepixv1.EndClaimRequest{Name: "claims/" + account11})
	require.Equal(t, "end", refusal(t, err).Field)
}

func TestAScannerIsToldToWait(t *testing.T) {
	one := start(t).bank(t, "001/bank")
	var err error
	for range 5 {
		_, err = one.LookUpKey(t.Context(), &codepixv1.LookUpKeyRequest{Key: email, CustomerId: account11})
		require.Equal(t, fault.NotFound, refusal(t, err).Code)
	}
	_, err = one.LookUpKey(t.Context(), &codepixv1.LookUpKeyRequest{Key: email, CustomerId: account11})
	require.Equal(t, "LOOKUPS_EXHAUSTED", refusal(t, err).Reason)
	require.Greater(t, refusal(t, err).RetryAfter, 9*time.Minute)
}

// What is planted here stands in no line of the log.
func TestTheLogKeepsSecrets(t *testing.T) {
	h := start(t)
	one := h.bank(t, "001/bank")
	_, err := one.CreateKey(t.Context(), &codepixv1.CreateKeyRequest{RequestId: "r1", Kind: codepixv1.KeyKind_KEY_KIND_EMAIL, Key: email, Account: ana(account11)})
	require.NoError(t, err)
	code := h.desk.code(t, key.Email, email)
	for _, given := range []string{"000000", "12x", code} {
		_, _ = one.ConfirmKey(t.Context(), &codepixv1.ConfirmKeyRequest{Key: email, AccountId: account11, Code: given})
	}
	for _, text := range []string{cpf, "529.982.247-25", "52998224726", email} {
		_, _ = one.CreateKey(t.Context(), &codepixv1.CreateKeyRequest{RequestId: "r2", Kind: codepixv1.KeyKind_KEY_KIND_CPF, Key: text, Account: ana(account11)})
		_, _ = one.LookUpKey(t.Context(), &codepixv1.LookUpKeyRequest{Key: text, CustomerId: account22})
		_, _ = one.DeleteKey(t.Context(), &codepixv1.DeleteKeyRequest{RequestId: "r2", Key: text, AccountId: account22})
	}
	log := h.desk.log.String()
	require.NotEmpty(t, log)
	for _, secret := range []string{code, cpf, "529.982.247-25", "52998224726", email, name11} {
		require.False(t, strings.Contains(log, secret), "the log has %s", secret)
	}
}

func TestEveryMethodOfTheDirectoryIsForBanksOnly(t *testing.T) {
	h := start(t)
	claims := make(map[wallstest.Caller]string)
	ask := func(message func(wallstest.Caller) proto.Message) func(wallstest.Caller) proto.Message {
		return message
	}
	fresh := func() string { return id.Derive(id.ID{15: 1}, time.Now().String()).String() }
	row := func(method string, message func(wallstest.Caller) proto.Message, served string) wallstest.Row {
		// owner, other customer, service, service not listed, operator, nobody, and the owner with tokens that are wrong.
		return wallstest.Row{Method: method, Request: ask(message), Cells: "401 401 " + served + " 403 403 401 401 401 401 401 401 401 401"}
	}
	_, err := h.desk.CreateKey(t.Context(), "001", &directory.Registration{RequestID: "k", Kind: key.CPF, Text: cpf,
		Account: directory.Holder{AccountID: account11, Name: name11, Document: cpf}})
	require.NoError(t, err)
	claim, err := h.desk.CreateClaim(t.Context(), "002", &directory.Registration{RequestID: "k", Text: cpf,
		Account: directory.Holder{AccountID: account22, Name: name11, Document: cpf}})
	require.NoError(t, err)
	claims[wallstest.Service] = claim.Name()
	matrix := wallstest.Matrix{
		Kit: h.kit, GRPC: h.address, HTTP: h.http, Service: "bank", Unlisted: "checkout", Operator: "-/operator",
		Tokens: map[wallstest.Caller]string{wallstest.EndedSession: "none"},
		Rows: []wallstest.Row{
			row(codepixv1.DirectoryService_CreateKey_FullMethodName, func(wallstest.Caller) proto.Message {
				return &codepixv1.CreateKeyRequest{RequestId: fresh(), Kind: codepixv1.KeyKind_KEY_KIND_RANDOM, Account: ana(account11)}
			}, "200"),
			row(codepixv1.DirectoryService_ConfirmKey_FullMethodName, func(wallstest.Caller) proto.Message {
				return &codepixv1.ConfirmKeyRequest{Key: email, AccountId: account11}
			}, "404"),
			row(codepixv1.DirectoryService_LookUpKey_FullMethodName, func(wallstest.Caller) proto.Message { return &codepixv1.LookUpKeyRequest{Key: cpf} }, "200"),
			row(codepixv1.DirectoryService_ListKeys_FullMethodName, func(wallstest.Caller) proto.Message { return &codepixv1.ListKeysRequest{} }, "200"),
			row(codepixv1.DirectoryService_DeleteKey_FullMethodName, func(wallstest.Caller) proto.Message {
				return &codepixv1.DeleteKeyRequest{RequestId: fresh(), Key: email, AccountId: account11}
			}, "404"),
			row(codepixv1.DirectoryService_CreateClaim_FullMethodName, func(wallstest.Caller) proto.Message {
				return &codepixv1.CreateClaimRequest{RequestId: fresh(), Key: cpf, Account: ana(account22)}
			}, "422"),
			row(codepixv1.DirectoryService_EndClaim_FullMethodName, func(wallstest.Caller) proto.Message {
				return &codepixv1.EndClaimRequest{Name: claims[wallstest.Service], End: codepixv1.ClaimEnd_CLAIM_END_CONSENT}
			}, "200"),
			row(codepixv1.DirectoryService_ListClaims_FullMethodName, func(wallstest.Caller) proto.Message { return &codepixv1.ListClaimsRequest{} }, "200"),
			row(codepixv1.DirectoryService_GetDigest_FullMethodName, func(wallstest.Caller) proto.Message { return &codepixv1.GetDigestRequest{} }, "200"),
		},
	}
	matrix.Run(t, codepixv1.DirectoryService_ServiceDesc)
}

// FuzzDirectoryRequest: any bytes to any method are answered, or refused with a reason that lies with the caller.
func FuzzDirectoryRequest(f *testing.F) {
	h := start(f)
	conn := h.kit.Dial(f, h.address, "001/bank")
	methods := rpctest.Unary([]grpc.ServiceDesc{codepixv1.DirectoryService_ServiceDesc}...)
	methods.Seed(f,
		&codepixv1.CreateKeyRequest{RequestId: "r1", Kind: codepixv1.KeyKind_KEY_KIND_CPF, Key: cpf, Account: ana(account11)},
		&codepixv1.ConfirmKeyRequest{Kind: codepixv1.KeyKind_KEY_KIND_EMAIL, Key: email, AccountId: account11, Code: "123456"},
		&codepixv1.LookUpKeyRequest{Key: "+5511987654321", CustomerId: account22},
		&codepixv1.ListKeysRequest{AccountId: account11, PageSize: 1, PageToken: "AQ"},
		&codepixv1.EndClaimRequest{Name: "claims/" + account11, End: codepixv1.ClaimEnd_CLAIM_END_COMPLETE},
	)
	f.Fuzz(func(t *testing.T, method byte, body []byte) { methods.Invoke(t, conn, method, body) })
}
