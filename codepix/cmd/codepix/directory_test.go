package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/codepix/failpoints"
	"codebank.dev/codepix/postgres"
	"codebank.dev/native/await"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/mail/mailtest"
	"codebank.dev/platform/serve"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

const (
	accountOne, accountTwo = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	holderCPF, address     = "52998224725", "ana@exemplo.com"
)

func holderOf(accountID string) *codepixv1.Account {
	return &codepixv1.Account{AccountId: accountID, HolderName: "Ana Souza Lima", HolderDocument: holderCPF}
}

// directory returns a client of a bank.
func (s *setting) directory(t *testing.T, at, bank string) codepixv1.DirectoryServiceClient {
	t.Helper()
	return codepixv1.NewDirectoryServiceClient(s.kit.Dial(t, at, bank+"/bank"))
}

// command runs a command for the first bank.
func (s *setting) command(t *testing.T, words ...string) string {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), append(words, "--bank=001", "--banks="+s.banks.Path, "--database-url="+databasetest.As(t, s.url, postgres.ServiceRole)), nil, &out)
	require.NoError(t, err, words)
	return out.String()
}

// Wherever the program is killed, a key is registered once and proved, and the digest is that of the keys.
func TestKilledAtAnyFailpointKeysAreWhole(t *testing.T) {
	for _, point := range failpoints.Directory() {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			s := newSetting(t)
			mails := mailtest.Catch(t)
			s.flags = append(s.flags, "--smtp-url="+mails.URL())
			admin, err := pgx.Connect(t.Context(), s.url)
			require.NoError(t, err)
			defer admin.Close(context.WithoutCancel(t.Context()))
			// Digests that are made with a secret of before.
			_, err = admin.Exec(t.Context(), "INSERT INTO pix_tallies VALUES ('001', 1, 'before', 0, repeat('0', 256)::bit(256))")
			require.NoError(t, err)

			first := s.start(t, "--failpoint="+string(point))
			if at, ready := first.AwaitReady(t); ready {
				client := s.directory(t, at.GRPC, sender)
				// Each of them is lost if the program is killed before.
				_, _ = client.CreateKey(t.Context(), creation())
				_, _ = client.LookUpKey(t.Context(), &codepixv1.LookUpKeyRequest{Key: "nobody@exemplo.com", CustomerId: accountTwo})
				_, _ = client.GetDigest(t.Context(), &codepixv1.GetDigestRequest{})
			}
			first.AwaitKilledAt(t, string(point))

			next := s.start(t)
			at, ready := next.AwaitReady(t)
			require.True(t, ready, next.Log())
			client := s.directory(t, at.GRPC, sender)
			created, err := client.CreateKey(t.Context(), creation())
			require.NoError(t, err)
			require.Equal(t, codepixv1.KeyState_KEY_STATE_PENDING, created.GetKey().GetState())
			await.Until(t, func() bool {
				var sent bool
				require.NoError(t, admin.QueryRow(t.Context(), "SELECT sent FROM pix_codes").Scan(&sent))
				return sent
			}, time.Minute, 10*time.Millisecond)
			caught := mails.All()
			code := caught[len(caught)-1].Code()
			confirmed, err := client.ConfirmKey(t.Context(), &codepixv1.ConfirmKeyRequest{Key: address, AccountId: accountOne, Code: code})
			require.NoError(t, err, "of several codes the last one counts")
			require.Equal(t, codepixv1.KeyState_KEY_STATE_ACTIVE, confirmed.GetKey().GetState())
			digests, err := client.GetDigest(t.Context(), &codepixv1.GetDigestRequest{})
			require.NoError(t, err)
			require.Equal(t, confirmed.GetKey().GetDigest(), digests.GetKinds()[0].GetDigest())
			require.Contains(t, s.command(t, "keys", "check"), "are those of its keys")
			for _, secret := range []string{code, holderCPF, address} {
				require.NotContains(t, first.Log()+next.Log(), secret)
			}
			next.Interrupt(t)
		})
	}
}

func creation() *codepixv1.CreateKeyRequest {
	return &codepixv1.CreateKeyRequest{RequestId: "r1", Kind: codepixv1.KeyKind_KEY_KIND_EMAIL, Key: address, Account: holderOf(accountOne)}
}

// The domain is used without gRPC and without topics; and two replicas share what a scanner has left.
func TestKeysOnTheCommandLineAndTwoReplicas(t *testing.T) {
	s := newSetting(t)
	holder := []string{"--account=" + accountOne, "--holder-name=Ana Souza Lima", "--holder-document=" + holderCPF}
	made := s.command(t, append([]string{"keys", "create", "cpf", holderCPF, "--request-id=r1"}, holder...)...)
	require.Contains(t, made, "ACTIVE")
	require.Equal(t, made, s.command(t, append([]string{"keys", "create", "cpf", holderCPF, "--request-id=r1"}, holder...)...))
	require.Contains(t, s.command(t, "keys", "list"), accountOne)
	require.Contains(t, s.command(t, "keys", "look-up", holderCPF), "Ana S*** L***")
	require.NotContains(t, s.command(t, "claims", "list"), "claims/")

	var clients []codepixv1.DirectoryServiceClient
	for range 2 {
		p := s.start(t)
		at, ready := p.AwaitReady(t)
		require.True(t, ready, p.Log())
		clients = append(clients, s.directory(t, at.GRPC, receiver))
		defer p.Interrupt(t)
	}
	misses := 0
	for i := range 12 {
		_, err := clients[i%2].LookUpKey(t.Context(), &codepixv1.LookUpKeyRequest{Key: "nobody@exemplo.com", CustomerId: accountTwo})
		if refused := fault.Of(serve.FromStatus(err)); refused.Code == fault.NotFound {
			misses++
		} else {
			require.Equal(t, "LOOKUPS_EXHAUSTED", refused.Reason)
			require.Positive(t, refused.RetryAfter)
		}
	}
	require.Equal(t, 5, misses)
	claim, err := clients[0].CreateClaim(t.Context(), &codepixv1.CreateClaimRequest{RequestId: "r1", Kind: codepixv1.KeyKind_KEY_KIND_CPF, Key: holderCPF, Account: holderOf("33333333-3333-4333-8333-333333333333")})
	require.NoError(t, err)
	require.Contains(t, s.command(t, "claims", "end", claim.GetClaim().GetName(), "consent"), "COMPLETED")
	require.NotContains(t, s.command(t, "keys", "list"), accountOne)
}
