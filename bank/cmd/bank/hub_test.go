package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/mtls"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The topics between bank 001 and the hub.
var hubIn, hubOut, hubLetters = command.PixToBank("001"), command.PixFromBank("001"), "dlq.bank-001.pix"

// hub stands in for the hub between banks, by its contract: its directory keeps keys in memory, and it sends and reads
// messages as the test says.
type hub struct {
	codepixv1.UnimplementedDirectoryServiceServer
	t       testing.TB
	keys    *command.Keys
	keyFile string
	files   *mtls.Files
	address string
	// stop ends the directory at the address.
	stop   func()
	client *kgo.Client

	mutex   sync.Mutex
	entries map[string]*codepixv1.Key
	heard   []command.PixMessage
}

const brunasKey = "11144477735"

// bruna is whose the key of the other bank is.
var bruna = &codepixv1.Account{BankCode: "002", AccountId: "571f8d71-ad86-5cfe-8506-fda942cfaed9", HolderName: "Bruna R***", HolderDocument: "***.444.***-**"}

// newHub serves the directory with the certificate of the hub, and reads what the bank sends.
func newHub(w *world) *hub {
	w.Helper()
	h := &hub{t: w.T, entries: map[string]*codepixv1.Key{
		brunasKey: {Kind: codepixv1.KeyKind_KEY_KIND_CPF, Key: brunasKey, State: codepixv1.KeyState_KEY_STATE_ACTIVE, Account: bruna, BankName: "Second"},
	}}
	h.writeKeys()
	var err error
	h.files, err = mtls.Open(w.kit.Files(w.T, "-/codepix"))
	require.NoError(w, err)
	h.serve("127.0.0.1:0")
	h.client, err = kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.ConsumeTopics(hubOut), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(w, err)
	w.Cleanup(h.client.Close)
	return h
}

// serve serves the directory at an address until stop.
func (h *hub) serve(address string) {
	h.t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(h.t, err)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(h.files.ServerConfig())))
	codepixv1.RegisterDirectoryServiceServer(server, h)
	go func() { _ = server.Serve(listener) }()
	h.t.Cleanup(server.Stop)
	h.address, h.stop = listener.Addr().String(), server.Stop
}

// flags are those of a bank that takes part.
func (h *hub) flags() []string {
	return []string{"--codepix-address=" + h.address, "--pix-keys=" + h.keyFile}
}

func (h *hub) writeKeys() {
	content := []byte(`{"keys":[]}`)
	for _, producer := range []string{command.PixBank("001"), command.PixHub} {
		keys, err := command.ParseKeys(content)
		require.NoError(h.t, err)
		content, err = keys.With(producer, producer, false)
		require.NoError(h.t, err)
	}
	var err error
	h.keys, err = command.ParseKeys(content)
	require.NoError(h.t, err)
	h.keyFile = filepath.Join(h.t.TempDir(), "pix-keys.json")
	require.NoError(h.t, os.WriteFile(h.keyFile, content, 0o600))
}

// say sends a message to the bank.
func (h *hub) say(m command.PixMessage) {
	h.t.Helper()
	body, err := command.Encode(&m)
	require.NoError(h.t, err)
	key := h.keys.Signer(command.PixHub)
	mac := key.Sign(command.Record{Topic: hubIn, Key: m.RecordKey(), Body: body})
	require.NoError(h.t, h.client.ProduceSync(h.t.Context(), &kgo.Record{
		Topic: hubIn, Key: m.RecordKey(), Value: append(event.AppendFrame(nil, 1), body...),
		Headers: []kgo.RecordHeader{{Key: command.HeaderKey, Value: []byte(key.ID)}, {Key: command.HeaderMAC, Value: []byte(mac)}},
	}).FirstErr())
}

// hears returns the next message of the bank with a step about a payment. What was heard before counts too.
func (h *hub) hears(step, endToEndID string) (found command.PixMessage) {
	h.t.Helper()
	decoder, err := command.NewDecoder[command.PixMessage]("")
	require.NoError(h.t, err)
	await.Until(h.t, func() bool {
		if i := slices.IndexFunc(h.heard, func(m command.PixMessage) bool {
			return m.Step == step && (endToEndID == "" || m.EndToEndID == endToEndID)
		}); i >= 0 {
			found = h.heard[i]
			h.heard = slices.Delete(h.heard, i, i+1)
			return true
		}
		ctx, cancel := context.WithTimeout(h.t.Context(), time.Second)
		defer cancel()
		h.client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			_, body, err := event.ParseFrame(r.Value)
			require.NoError(h.t, err)
			header := func(name string) string {
				for _, h := range r.Headers {
					if h.Key == name {
						return string(h.Value)
					}
				}
				return ""
			}
			key, err := h.keys.Verify(command.Record{Topic: r.Topic, Key: r.Key, Body: body}, header(command.HeaderKey), header(command.HeaderMAC))
			require.NoError(h.t, err)
			require.Equal(h.t, command.PixBank("001"), key.Producer)
			m, err := decoder.Decode(body)
			require.NoError(h.t, err)
			h.heard = append(h.heard, m)
		})
		return false
	}, 60*time.Second, time.Millisecond, fmt.Sprintf("%s of %s", step, endToEndID))
	return found
}

func notFound() error {
	return serve.ToStatus(fault.New(fault.NotFound, "KEY_NOT_FOUND", "There is no such key.")).Err()
}

// LookUpKey implements codepixv1.DirectoryServiceServer.
func (h *hub) LookUpKey(_ context.Context, in *codepixv1.LookUpKeyRequest) (*codepixv1.LookUpKeyResponse, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if key, ok := h.entries[in.GetKey()]; ok {
		return &codepixv1.LookUpKeyResponse{Key: key}, nil
	}
	return nil, notFound()
}

// CreateKey implements codepixv1.DirectoryServiceServer.
func (h *hub) CreateKey(_ context.Context, in *codepixv1.CreateKeyRequest) (*codepixv1.CreateKeyResponse, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	name := in.GetKey()
	if name == "" {
		name = uuid.NewString()
	}
	account := &codepixv1.Account{BankCode: "001", AccountId: in.GetAccount().GetAccountId(), HolderName: in.GetAccount().GetHolderName()}
	h.entries[name] = &codepixv1.Key{Kind: in.GetKind(), Key: name, State: codepixv1.KeyState_KEY_STATE_ACTIVE, Account: account, Digest: []byte(name),
		CreateTime: timestamppb.Now()}
	return &codepixv1.CreateKeyResponse{Key: h.entries[name]}, nil
}

// ConfirmKey implements codepixv1.DirectoryServiceServer.
func (h *hub) ConfirmKey(_ context.Context, in *codepixv1.ConfirmKeyRequest) (*codepixv1.ConfirmKeyResponse, error) {
	return &codepixv1.ConfirmKeyResponse{Key: &codepixv1.Key{
		Kind: in.GetKind(), Key: in.GetKey(), State: codepixv1.KeyState_KEY_STATE_PENDING, Account: &codepixv1.Account{BankCode: "001", AccountId: in.GetAccountId()},
	}}, nil
}

// DeleteKey implements codepixv1.DirectoryServiceServer.
func (h *hub) DeleteKey(_ context.Context, in *codepixv1.DeleteKeyRequest) (*codepixv1.DeleteKeyResponse, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	delete(h.entries, in.GetKey())
	return &codepixv1.DeleteKeyResponse{}, nil
}

// ListKeys implements codepixv1.DirectoryServiceServer.
func (h *hub) ListKeys(context.Context, *codepixv1.ListKeysRequest) (*codepixv1.ListKeysResponse, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	out := &codepixv1.ListKeysResponse{}
	for _, key := range h.entries {
		if key.GetAccount().GetBankCode() == "001" {
			out.Keys = append(out.Keys, key)
		}
	}
	return out, nil
}

// GetDigest implements codepixv1.DirectoryServiceServer. It always differs, so the keys are listed.
func (h *hub) GetDigest(context.Context, *codepixv1.GetDigestRequest) (*codepixv1.GetDigestResponse, error) {
	return &codepixv1.GetDigestResponse{Kinds: []*codepixv1.KindDigest{{Kind: codepixv1.KeyKind_KEY_KIND_RANDOM, Count: 1 << 40}}}, nil
}

func claimOf(account string) *codepixv1.Claim {
	return &codepixv1.Claim{
		Name: "claims/0d5a8e0c-4f0f-4c5e-9a55-0c8f1b2a7d01", Kind: codepixv1.KeyKind_KEY_KIND_EMAIL, Key: "bruna@example.com", Donor: bruna,
		State: codepixv1.ClaimState_CLAIM_STATE_OPEN, Claimer: &codepixv1.Account{BankCode: "001", AccountId: account},
	}
}

// CreateClaim implements codepixv1.DirectoryServiceServer.
func (h *hub) CreateClaim(_ context.Context, in *codepixv1.CreateClaimRequest) (*codepixv1.CreateClaimResponse, error) {
	return &codepixv1.CreateClaimResponse{Claim: claimOf(in.GetAccount().GetAccountId())}, nil
}

// EndClaim implements codepixv1.DirectoryServiceServer.
func (h *hub) EndClaim(context.Context, *codepixv1.EndClaimRequest) (*codepixv1.EndClaimResponse, error) {
	return &codepixv1.EndClaimResponse{Claim: claimOf("")}, nil
}

// ListClaims implements codepixv1.DirectoryServiceServer.
func (h *hub) ListClaims(_ context.Context, in *codepixv1.ListClaimsRequest) (*codepixv1.ListClaimsResponse, error) {
	return &codepixv1.ListClaimsResponse{Claims: []*codepixv1.Claim{claimOf(in.GetAccountId())}}, nil
}
