package rpc

import (
	"context"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/merchant"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// CreateSecret implements checkoutv1.MerchantServiceServer.
func (s *MerchantServer) CreateSecret(ctx context.Context, in *checkoutv1.CreateSecretRequest) (*checkoutv1.CreateSecretResponse, error) {
	slug, err := checkout.ParseMerchantName("parent", in.GetParent())
	if err != nil {
		return nil, err
	}
	act, err := s.Acts.of(ctx, checkout.ActCreateSecret, in.GetParent(), in)
	if err != nil {
		return nil, err
	}
	secret, text, err := s.Merchants.CreateSecret(ctx, act, slug, modeOf(in.GetMode()))
	if err != nil {
		return nil, err
	}
	return &checkoutv1.CreateSecretResponse{Secret: secretMessage(&secret), Text: text}, nil
}

// ListSecrets implements checkoutv1.MerchantServiceServer.
func (s *MerchantServer) ListSecrets(ctx context.Context, in *checkoutv1.ListSecretsRequest) (*checkoutv1.ListSecretsResponse, error) {
	slug, err := checkout.ParseMerchantName("parent", in.GetParent())
	if err != nil {
		return nil, err
	}
	found, err := s.Merchants.Store.Secrets(ctx, actor(ctx), slug)
	if err != nil {
		return nil, err
	}
	out := &checkoutv1.ListSecretsResponse{Secrets: make([]*checkoutv1.Secret, len(found))}
	for i := range found {
		out.Secrets[i] = secretMessage(&found[i])
	}
	return out, nil
}

// RevokeSecret implements checkoutv1.MerchantServiceServer.
func (s *MerchantServer) RevokeSecret(ctx context.Context, in *checkoutv1.RevokeSecretRequest) (*checkoutv1.RevokeSecretResponse, error) {
	slug, secret, err := merchant.ParseSecretName("name", in.GetName())
	if err != nil {
		return nil, err
	}
	act, err := s.Acts.of(ctx, checkout.ActRevokeSecret, in.GetName(), in)
	if err != nil {
		return nil, err
	}
	revoked, err := s.Merchants.RevokeSecret(ctx, act, slug, secret)
	if err != nil {
		return nil, err
	}
	return &checkoutv1.RevokeSecretResponse{Secret: secretMessage(&revoked)}, nil
}

func modeOf(mode checkoutv1.SecretMode) merchant.Mode {
	switch mode {
	case checkoutv1.SecretMode_SECRET_MODE_TEST:
		return merchant.Test
	case checkoutv1.SecretMode_SECRET_MODE_LIVE:
		return merchant.Live
	}
	return 0
}

func secretMessage(s *merchant.Secret) *checkoutv1.Secret {
	out := &checkoutv1.Secret{
		Name: merchant.SecretName(s.Merchant, s.ID), Mode: checkoutv1.SecretMode(s.Mode), Last4: s.Last4,
		CreateTime: timestamppb.New(s.CreatedAt),
	}
	if !s.LastUsedOn.IsZero() {
		out.LastUsedDate = s.LastUsedOn.Format(time.DateOnly)
	}
	if !s.RevokedAt.IsZero() {
		out.RevokeTime = timestamppb.New(s.RevokedAt)
	}
	return out
}
