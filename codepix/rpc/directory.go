package rpc

import (
	"context"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

// Directory implements codepixv1.DirectoryServiceServer. Its fields are set before the first call.
type Directory struct {
	codepixv1.UnimplementedDirectoryServiceServer
	Service *directory.Service
	// Pages make and read the tokens of pages.
	Pages *serve.PageTokens
}

// caller returns the bank that calls. Error: permission.ErrNotAllowed for who is no bank, or one that does not take
// part.
func (d *Directory) caller(ctx context.Context) (directory.Bank, error) {
	code, isBank := BankOf(ctx)
	if !isBank {
		return directory.Bank{}, permission.ErrNotAllowed
	}
	bank, known := d.Service.Bank(code)
	if !known {
		return directory.Bank{}, permission.ErrNotAllowed
	}
	return bank, nil
}

// CreateKey registers a key. Errors: those of directory.Service.
func (d *Directory) CreateKey(ctx context.Context, request *codepixv1.CreateKeyRequest) (*codepixv1.CreateKeyResponse, error) {
	bank, err := d.caller(ctx)
	if err != nil {
		return nil, err
	}
	entry, err := d.Service.CreateKey(ctx, bank.Code, &directory.Registration{
		RequestID: request.GetRequestId(), Kind: kindOf(request.GetKind()), Text: request.GetKey(), Account: holder(request.GetAccount()),
	})
	if err != nil {
		return nil, err
	}
	return &codepixv1.CreateKeyResponse{Key: d.own(&entry, &bank)}, nil
}

// ConfirmKey proves a key or a claim. Errors: those of directory.Service.
func (d *Directory) ConfirmKey(ctx context.Context, request *codepixv1.ConfirmKeyRequest) (*codepixv1.ConfirmKeyResponse, error) {
	bank, err := d.caller(ctx)
	if err != nil {
		return nil, err
	}
	entry, err := d.Service.ConfirmKey(ctx, bank.Code, &directory.Confirmation{
		Kind: kindOf(request.GetKind()), Text: request.GetKey(), AccountID: request.GetAccountId(), Code: request.GetCode(),
	})
	if err != nil {
		return nil, err
	}
	return &codepixv1.ConfirmKeyResponse{Key: d.own(&entry, &bank)}, nil
}

// LookUpKey answers whose a key is. Errors: those of directory.Service.
func (d *Directory) LookUpKey(ctx context.Context, request *codepixv1.LookUpKeyRequest) (*codepixv1.LookUpKeyResponse, error) {
	bank, err := d.caller(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := d.Service.LookUpKey(ctx, bank.Code, directory.LookUp{
		Kind: kindOf(request.GetKind()), Text: request.GetKey(), Customer: request.GetCustomerId(),
	})
	if err != nil {
		return nil, err
	}
	return &codepixv1.LookUpKeyResponse{Key: d.masked(&answer.Entry), TokensLeft: int32(answer.TokensLeft)}, nil
}

// ListKeys lists the caller's keys. Errors: InvalidArgument account_id, page_size, page_token.
func (d *Directory) ListKeys(ctx context.Context, request *codepixv1.ListKeysRequest) (*codepixv1.ListKeysResponse, error) {
	bank, err := d.caller(ctx)
	if err != nil {
		return nil, err
	}
	query := []string{"keys", bank.Code, request.GetAccountId()}
	after, err := d.readKeyPlace(request.GetPageToken(), query)
	if err != nil {
		return nil, err
	}
	entries, more, err := d.Service.ListKeys(ctx, bank.Code, directory.List{AccountID: request.GetAccountId(), Size: request.GetPageSize()}, after)
	if err != nil {
		return nil, err
	}
	response := &codepixv1.ListKeysResponse{}
	for i := range entries {
		response.Keys = append(response.Keys, d.own(&entries[i], &bank))
	}
	if more {
		response.NextPageToken = d.writeKeyPlace(&entries[len(entries)-1], query)
	}
	return response, nil
}

// DeleteKey ends a key. Errors: those of directory.Service.
func (d *Directory) DeleteKey(ctx context.Context, request *codepixv1.DeleteKeyRequest) (*codepixv1.DeleteKeyResponse, error) {
	bank, err := d.caller(ctx)
	if err != nil {
		return nil, err
	}
	return &codepixv1.DeleteKeyResponse{}, d.Service.DeleteKey(ctx, bank.Code, &directory.Deletion{
		RequestID: request.GetRequestId(), Kind: kindOf(request.GetKind()), Text: request.GetKey(), AccountID: request.GetAccountId(),
	})
}

// CreateClaim asks for a key that another account has. Errors: those of directory.Service.
func (d *Directory) CreateClaim(ctx context.Context, request *codepixv1.CreateClaimRequest) (*codepixv1.CreateClaimResponse, error) {
	bank, err := d.caller(ctx)
	if err != nil {
		return nil, err
	}
	claim, err := d.Service.CreateClaim(ctx, bank.Code, &directory.Registration{
		RequestID: request.GetRequestId(), Kind: kindOf(request.GetKind()), Text: request.GetKey(), Account: holder(request.GetAccount()),
	})
	if err != nil {
		return nil, err
	}
	return &codepixv1.CreateClaimResponse{Claim: claimMessage(&claim, bank.Code)}, nil
}

// EndClaim ends a claim. Errors: those of directory.Service.
func (d *Directory) EndClaim(ctx context.Context, request *codepixv1.EndClaimRequest) (*codepixv1.EndClaimResponse, error) {
	bank, err := d.caller(ctx)
	if err != nil {
		return nil, err
	}
	var end directory.End
	if request.GetEnd() > 0 && request.GetEnd() <= codepixv1.ClaimEnd(directory.Cancel) {
		end = directory.End(request.GetEnd())
	}
	claim, err := d.Service.EndClaim(ctx, bank.Code, request.GetName(), end)
	if err != nil {
		return nil, err
	}
	return &codepixv1.EndClaimResponse{Claim: claimMessage(&claim, bank.Code)}, nil
}

// ListClaims lists the claims in which the caller takes part. Errors: InvalidArgument account_id, page_size,
// page_token.
func (d *Directory) ListClaims(ctx context.Context, request *codepixv1.ListClaimsRequest) (*codepixv1.ListClaimsResponse, error) {
	bank, err := d.caller(ctx)
	if err != nil {
		return nil, err
	}
	query := []string{"claims", bank.Code, request.GetAccountId()}
	before, err := d.readClaimPlace(request.GetPageToken(), query)
	if err != nil {
		return nil, err
	}
	claims, more, err := d.Service.ListClaims(ctx, bank.Code, directory.List{AccountID: request.GetAccountId(), Size: request.GetPageSize()}, before)
	if err != nil {
		return nil, err
	}
	response := &codepixv1.ListClaimsResponse{}
	for i := range claims {
		response.Claims = append(response.Claims, claimMessage(&claims[i], bank.Code))
	}
	if more {
		response.NextPageToken = d.writeClaimPlace(&claims[len(claims)-1], query)
	}
	return response, nil
}

// GetDigest answers the digests over the caller's keys.
func (d *Directory) GetDigest(ctx context.Context, _ *codepixv1.GetDigestRequest) (*codepixv1.GetDigestResponse, error) {
	bank, err := d.caller(ctx)
	if err != nil {
		return nil, err
	}
	tallies, keyID, err := d.Service.Tallies(ctx, bank.Code)
	if err != nil {
		return nil, err
	}
	response := &codepixv1.GetDigestResponse{DigestKeyId: keyID}
	for _, kind := range key.Kinds() {
		tally := tallies[kind]
		response.Kinds = append(response.Kinds, &codepixv1.KindDigest{Kind: codepixv1.KeyKind(kind), Count: tally.Count, Digest: tally.Digest[:]})
	}
	return response, nil
}
