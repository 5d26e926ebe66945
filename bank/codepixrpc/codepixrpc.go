// Package codepixrpc asks the hub between banks for keys over gRPC. It implements the ports of package pix.
package codepixrpc

import (
	"context"
	"strings"

	"codebank.dev/bank"
	"codebank.dev/bank/pix"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
	"google.golang.org/grpc"
)

// Directory is the hub's directory of keys. Make one with New; it is safe for concurrent use.
type Directory struct {
	client codepixv1.DirectoryServiceClient
	code   bank.Code
}

// The ports that Directory implements.
var (
	_ pix.Keys     = (*Directory)(nil)
	_ pix.Registry = (*Directory)(nil)
	_ pix.Claims   = (*Directory)(nil)
)

// New returns the directory behind a connection made with serve.Dial, which the hub knows as that of the bank with this
// code.
func New(conn grpc.ClientConnInterface, code bank.Code) *Directory {
	return &Directory{codepixv1.NewDirectoryServiceClient(conn), code}
}

// errBroken is the fault of an answer that makes no sense.
var errBroken = fault.New(fault.Internal, "HUB_ANSWER", "Something went wrong on our side.")

// LookUp implements pix.Keys.
func (d *Directory) LookUp(ctx context.Context, payer bank.ID, key string) (pix.Destination, error) {
	answer, err := d.client.LookUpKey(ctx, &codepixv1.LookUpKeyRequest{Key: key, CustomerId: payer.String()})
	if err != nil {
		return pix.Destination{}, err
	}
	found := answer.GetKey()
	code, noCode := bank.ParseCode(found.GetAccount().GetBankCode())
	account, noAccount := id.Parse(found.GetAccount().GetAccountId())
	if noCode != nil || noAccount != nil {
		return pix.Destination{}, errBroken
	}
	return pix.Destination{
		KeyKind: kindOf(found.GetKind()), BankCode: code, BankName: found.GetBankName(), Account: account,
		HolderName: found.GetAccount().GetHolderName(), HolderDocument: found.GetAccount().GetHolderDocument(),
	}, nil
}

// Create implements pix.Registry.
func (d *Directory) Create(ctx context.Context, owner pix.KeyOwner, r pix.KeyRequest) (bank.PixKey, error) {
	answer, err := d.client.CreateKey(ctx, &codepixv1.CreateKeyRequest{
		RequestId: r.RequestID, Kind: kindFor(r.Kind), Key: r.Key, Account: accountFor(owner, r.Account),
	})
	return keyOf(answer.GetKey(), err)
}

// Confirm implements pix.Registry.
func (d *Directory) Confirm(ctx context.Context, r pix.KeyRequest, code string) (bank.PixKey, error) {
	answer, err := d.client.ConfirmKey(ctx, &codepixv1.ConfirmKeyRequest{Kind: kindFor(r.Kind), Key: r.Key, AccountId: r.Account.String(), Code: code})
	return keyOf(answer.GetKey(), err)
}

// Delete implements pix.Registry.
func (d *Directory) Delete(ctx context.Context, r pix.KeyRequest) error {
	_, err := d.client.DeleteKey(ctx, &codepixv1.DeleteKeyRequest{RequestId: r.RequestID, Kind: kindFor(r.Kind), Key: r.Key, AccountId: r.Account.String()})
	return err
}

// keysPerPage is how many keys List asks for at once.
const keysPerPage = 1000

// List implements pix.Registry.
func (d *Directory) List(ctx context.Context) (keys []bank.PixKey, err error) {
	for token := ""; ; {
		page, err := d.client.ListKeys(ctx, &codepixv1.ListKeysRequest{PageSize: keysPerPage, PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, listed := range page.GetKeys() {
			key, err := keyOf(listed, nil)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
		if token = page.GetNextPageToken(); token == "" {
			return keys, nil
		}
	}
}

// Digests implements pix.Registry. A kind without keys is left out.
func (d *Directory) Digests(ctx context.Context) (map[string]pix.Digest, error) {
	answer, err := d.client.GetDigest(ctx, &codepixv1.GetDigestRequest{})
	if err != nil {
		return nil, err
	}
	digests := make(map[string]pix.Digest)
	for _, kind := range answer.GetKinds() {
		if kind.GetCount() > 0 {
			digest := pix.Digest{Count: kind.GetCount()}
			copy(digest.Sum[:], kind.GetDigest())
			digests[kindOf(kind.GetKind())] = digest
		}
	}
	return digests, nil
}

// CreateClaim implements pix.Claims.
func (d *Directory) CreateClaim(ctx context.Context, owner pix.KeyOwner, r pix.KeyRequest) (pix.Claim, error) {
	answer, err := d.client.CreateClaim(ctx, &codepixv1.CreateClaimRequest{
		RequestId: r.RequestID, Kind: kindFor(r.Kind), Key: r.Key, Account: accountFor(owner, r.Account),
	})
	return d.claimOf(answer.GetClaim(), err)
}

// EndClaim implements pix.Claims.
func (d *Directory) EndClaim(ctx context.Context, name string, end pix.ClaimEnd) (pix.Claim, error) {
	answer, err := d.client.EndClaim(ctx, &codepixv1.EndClaimRequest{Name: name, End: codepixv1.ClaimEnd(end)})
	return d.claimOf(answer.GetClaim(), err)
}

// claimsPerAccount is how many claims of an account are shown.
const claimsPerAccount = 100

// ClaimsOf implements pix.Claims.
func (d *Directory) ClaimsOf(ctx context.Context, account bank.ID) ([]pix.Claim, error) {
	page, err := d.client.ListClaims(ctx, &codepixv1.ListClaimsRequest{AccountId: account.String(), PageSize: claimsPerAccount})
	if err != nil {
		return nil, err
	}
	claims := make([]pix.Claim, len(page.GetClaims()))
	for i, claim := range page.GetClaims() {
		if claims[i], err = d.claimOf(claim, nil); err != nil {
			return nil, err
		}
	}
	return claims, nil
}

func accountFor(owner pix.KeyOwner, account bank.ID) *codepixv1.Account {
	return &codepixv1.Account{AccountId: account.String(), HolderName: owner.Name, HolderDocument: owner.Document}
}

func keyOf(key *codepixv1.Key, err error) (bank.PixKey, error) {
	if err != nil {
		return bank.PixKey{}, err
	}
	account, err := id.Parse(key.GetAccount().GetAccountId())
	if err != nil {
		return bank.PixKey{}, errBroken
	}
	return bank.PixKey{
		Kind: kindOf(key.GetKind()), Key: key.GetKey(), State: strings.TrimPrefix(key.GetState().String(), "KEY_STATE_"),
		Account: account, Digest: key.GetDigest(), CreatedAt: key.GetCreateTime().AsTime(),
	}, nil
}

func (d *Directory) claimOf(claim *codepixv1.Claim, err error) (pix.Claim, error) {
	if err != nil {
		return pix.Claim{}, err
	}
	of := func(account *codepixv1.Account) (bank.ID, bank.Code) {
		code := bank.Code(account.GetBankCode())
		if code != d.code {
			return bank.ID{}, code
		}
		parsed, _ := id.Parse(account.GetAccountId())
		return parsed, code
	}
	out := pix.Claim{
		Name: claim.GetName(), Kind: kindOf(claim.GetKind()), Key: claim.GetKey(),
		State:     strings.TrimPrefix(claim.GetState().String(), "CLAIM_STATE_"),
		CreatedAt: claim.GetCreateTime().AsTime(), ResolvesAt: claim.GetResolveTime().AsTime(),
	}
	out.ClaimerAccount, out.ClaimerBank = of(claim.GetClaimer())
	out.DonorAccount, out.DonorBank = of(claim.GetDonor())
	return out, nil
}

const kindPrefix = "KEY_KIND_"

func kindOf(kind codepixv1.KeyKind) string { return strings.TrimPrefix(kind.String(), kindPrefix) }

func kindFor(kind string) codepixv1.KeyKind {
	return codepixv1.KeyKind(codepixv1.KeyKind_value[kindPrefix+kind])
}
