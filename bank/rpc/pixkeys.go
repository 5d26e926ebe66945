package rpc

import (
	"context"
	"strings"

	"codebank.dev/bank"
	"codebank.dev/bank/pix"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

const (
	pixKindPrefix       = "PIX_KEY_KIND_"
	pixKeyStatePrefix   = "PIX_KEY_STATE_"
	pixClaimStatePrefix = "PIX_CLAIM_STATE_"
)

// pixKind returns a kind as the use case names it; empty for one that is unspecified.
func pixKind(kind bankv1.PixKeyKind) string {
	if kind == bankv1.PixKeyKind_PIX_KEY_KIND_UNSPECIFIED {
		return ""
	}
	return strings.TrimPrefix(kind.String(), pixKindPrefix)
}

func pixKindMessage(kind string) bankv1.PixKeyKind {
	return bankv1.PixKeyKind(bankv1.PixKeyKind_value[pixKindPrefix+kind])
}

func pixKeyMessage(key *bank.PixKey) *bankv1.PixKey {
	return &bankv1.PixKey{
		Kind: pixKindMessage(key.Kind), Key: key.Key, State: bankv1.PixKeyState(bankv1.PixKeyState_value[pixKeyStatePrefix+key.State]),
		Account: name(accountPrefix, key.Account), CreateTime: timestamp(key.CreatedAt),
	}
}

func pixKeyMessages(keys []bank.PixKey) (messages []*bankv1.PixKey) {
	for i := range keys {
		messages = append(messages, pixKeyMessage(&keys[i]))
	}
	return messages
}

// CreateKey implements bankv1.PixServiceServer.
func (p *Pix) CreateKey(ctx context.Context, in *bankv1.CreateKeyRequest) (*bankv1.CreateKeyResponse, error) {
	if p.Keys == nil {
		return nil, errNoHub
	}
	key, err := p.Keys.Create(ctx, pix.KeyCall{
		Call: p.call(ctx, in.GetRequestId()), Account: in.GetAccount(), Kind: pixKind(in.GetKind()), Key: in.GetKey(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.CreateKeyResponse{Key: pixKeyMessage(&key)}, nil
}

// ConfirmKey implements bankv1.PixServiceServer.
func (p *Pix) ConfirmKey(ctx context.Context, in *bankv1.ConfirmKeyRequest) (*bankv1.ConfirmKeyResponse, error) {
	if p.Keys == nil {
		return nil, errNoHub
	}
	key, err := p.Keys.Confirm(ctx, pix.KeyCall{
		Call: p.call(ctx, ""), Account: in.GetAccount(), Kind: pixKind(in.GetKind()), Key: in.GetKey(),
	}, in.GetCode())
	if err != nil {
		return nil, err
	}
	return &bankv1.ConfirmKeyResponse{Key: pixKeyMessage(&key)}, nil
}

// ListKeys implements bankv1.PixServiceServer.
func (p *Pix) ListKeys(ctx context.Context, in *bankv1.ListKeysRequest) (*bankv1.ListKeysResponse, error) {
	if p.Keys == nil {
		return nil, errNoHub
	}
	keys, err := p.Keys.List(ctx, p.Principals.of(ctx), in.GetAccount())
	if err != nil {
		return nil, err
	}
	return &bankv1.ListKeysResponse{Keys: pixKeyMessages(keys)}, nil
}

// DeleteKey implements bankv1.PixServiceServer.
func (p *Pix) DeleteKey(ctx context.Context, in *bankv1.DeleteKeyRequest) (*bankv1.DeleteKeyResponse, error) {
	if p.Keys == nil {
		return nil, errNoHub
	}
	err := p.Keys.Delete(ctx, pix.KeyCall{
		Call: p.call(ctx, in.GetRequestId()), Account: in.GetAccount(), Kind: pixKind(in.GetKind()), Key: in.GetKey(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.DeleteKeyResponse{}, nil
}

// LookUpKey implements bankv1.PixServiceServer.
func (p *Pix) LookUpKey(ctx context.Context, in *bankv1.LookUpKeyRequest) (*bankv1.LookUpKeyResponse, error) {
	if p.Keys == nil {
		return nil, errNoHub
	}
	found, err := p.Service.LookUp(ctx, p.Principals.of(ctx), in.GetAccount(), in.GetKey())
	if err != nil {
		return nil, err
	}
	return &bankv1.LookUpKeyResponse{
		Kind: pixKindMessage(found.KeyKind), HolderName: found.HolderName, HolderDocument: found.HolderDocument,
		BankCode: string(found.BankCode), BankName: found.BankName,
	}, nil
}

// ReconcileKeys implements bankv1.PixServiceServer.
func (p *Pix) ReconcileKeys(ctx context.Context, in *bankv1.ReconcileKeysRequest) (*bankv1.ReconcileKeysResponse, error) {
	if p.Keys == nil {
		return nil, errNoHub
	}
	look := p.Keys.Reconcile
	if in.GetValidateOnly() {
		look = p.Keys.Compare
	}
	found, err := look(ctx)
	if err != nil {
		return nil, err
	}
	return &bankv1.ReconcileKeysResponse{Added: pixKeyMessages(found.Added), Removed: pixKeyMessages(found.Removed)}, nil
}

func pixClaimMessage(claim *pix.Claim) *bankv1.PixClaim {
	return &bankv1.PixClaim{
		Name: claim.Name, Kind: pixKindMessage(claim.Kind), Key: claim.Key,
		State:          bankv1.PixClaimState(bankv1.PixClaimState_value[pixClaimStatePrefix+claim.State]),
		ClaimerAccount: name(accountPrefix, claim.ClaimerAccount), DonorAccount: name(accountPrefix, claim.DonorAccount),
		ClaimerBankCode: string(claim.ClaimerBank), DonorBankCode: string(claim.DonorBank),
		CreateTime: timestamp(claim.CreatedAt), ResolveTime: timestamp(claim.ResolvesAt),
	}
}

// CreateClaim implements bankv1.PixServiceServer.
func (p *Pix) CreateClaim(ctx context.Context, in *bankv1.CreateClaimRequest) (*bankv1.CreateClaimResponse, error) {
	if p.Keys == nil {
		return nil, errNoHub
	}
	claim, err := p.Keys.CreateClaim(ctx, pix.KeyCall{
		Call: p.call(ctx, in.GetRequestId()), Account: in.GetAccount(), Kind: pixKind(in.GetKind()), Key: in.GetKey(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.CreateClaimResponse{Claim: pixClaimMessage(&claim)}, nil
}

// EndClaim implements bankv1.PixServiceServer.
func (p *Pix) EndClaim(ctx context.Context, in *bankv1.EndClaimRequest) (*bankv1.EndClaimResponse, error) {
	switch {
	case p.Keys == nil:
		return nil, errNoHub
	case in.GetEnd() == bankv1.PixClaimEnd_PIX_CLAIM_END_UNSPECIFIED:
		return nil, errNoClose
	}
	claim, err := p.Keys.EndClaim(ctx, pix.EndRequest{
		Call: p.call(ctx, ""), Account: in.GetAccount(), Name: in.GetName(), End: pix.ClaimEnd(in.GetEnd()),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.EndClaimResponse{Claim: pixClaimMessage(&claim)}, nil
}

// ListClaims implements bankv1.PixServiceServer.
func (p *Pix) ListClaims(ctx context.Context, in *bankv1.ListClaimsRequest) (*bankv1.ListClaimsResponse, error) {
	if p.Keys == nil {
		return nil, errNoHub
	}
	claims, err := p.Keys.ListClaims(ctx, p.Principals.of(ctx), in.GetAccount())
	if err != nil {
		return nil, err
	}
	out := &bankv1.ListClaimsResponse{}
	for i := range claims {
		out.Claims = append(out.Claims, pixClaimMessage(&claims[i]))
	}
	return out, nil
}
