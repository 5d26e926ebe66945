package rpc

import (
	"context"

	"codebank.dev/checkout"
	"codebank.dev/checkout/merchant"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// MerchantServer serves checkout.v1.MerchantService. All fields are required; it is safe for concurrent use.
type MerchantServer struct {
	checkoutv1.UnimplementedMerchantServiceServer
	Merchants *merchant.Service
	Acts      *Acts
	Pages     *serve.PageTokens
}

var _ checkoutv1.MerchantServiceServer = (*MerchantServer)(nil)

// What page tokens belong to.
const (
	merchantsQuery = "checkout.v1.ListMerchants"
	membersQuery   = "checkout.v1.ListMembers"
)

// CreateMerchant implements checkoutv1.MerchantServiceServer.
func (s *MerchantServer) CreateMerchant(ctx context.Context, in *checkoutv1.CreateMerchantRequest) (*checkoutv1.CreateMerchantResponse, error) {
	made := checkout.Merchant{Slug: in.GetSlug(), Name: in.GetDisplayName(), SettlementAccount: in.GetSettlementAccount()}
	act, err := s.Acts.of(ctx, checkout.ActCreateMerchant, checkout.MerchantPrefix+in.GetSlug(), in)
	if err != nil {
		return nil, err
	}
	created, err := s.Merchants.Create(ctx, act, made)
	if err != nil {
		return nil, err
	}
	return &checkoutv1.CreateMerchantResponse{Merchant: merchantMessage(&created)}, nil
}

// GetMerchant implements checkoutv1.MerchantServiceServer.
func (s *MerchantServer) GetMerchant(ctx context.Context, in *checkoutv1.GetMerchantRequest) (*checkoutv1.GetMerchantResponse, error) {
	slug, err := checkout.ParseMerchantName("name", in.GetName())
	if err != nil {
		return nil, err
	}
	found, err := s.Merchants.Store.Merchant(ctx, actor(ctx), slug)
	if err != nil {
		return nil, err
	}
	return &checkoutv1.GetMerchantResponse{Merchant: merchantMessage(&found)}, nil
}

// ListMerchants implements checkoutv1.MerchantServiceServer.
func (s *MerchantServer) ListMerchants(ctx context.Context, in *checkoutv1.ListMerchantsRequest) (*checkoutv1.ListMerchantsResponse, error) {
	binding := []string{merchantsQuery, serve.Caller(ctx)}
	after, err := readPage(s.Pages, in.GetPageToken(), binding...)
	if err != nil {
		return nil, err
	}
	page, next, err := s.Merchants.List(ctx, actor(ctx), string(after), in.GetPageSize())
	if err != nil {
		return nil, err
	}
	out := &checkoutv1.ListMerchantsResponse{Merchants: make([]*checkoutv1.Merchant, len(page))}
	for i := range page {
		out.Merchants[i] = merchantMessage(&page[i])
	}
	if next != "" {
		out.NextPageToken = s.Pages.Issue([]byte(next), binding...)
	}
	return out, nil
}

// UpdateMerchant implements checkoutv1.MerchantServiceServer.
func (s *MerchantServer) UpdateMerchant(ctx context.Context, in *checkoutv1.UpdateMerchantRequest) (*checkoutv1.UpdateMerchantResponse, error) {
	slug, err := checkout.ParseMerchantName("name", in.GetName())
	if err != nil {
		return nil, err
	}
	version, err := checkout.ParseETag("etag", in.GetEtag())
	if err != nil {
		return nil, err
	}
	act, err := s.Acts.of(ctx, checkout.ActUpdateMerchant, in.GetName(), in)
	if err != nil {
		return nil, err
	}
	changed, err := s.Merchants.Update(ctx, act, slug, checkout.MerchantChange{
		Name: in.DisplayName, SettlementAccount: in.SettlementAccount, Version: version,
	})
	if err != nil {
		return nil, err
	}
	return &checkoutv1.UpdateMerchantResponse{Merchant: merchantMessage(&changed)}, nil
}

// AddMember implements checkoutv1.MerchantServiceServer.
func (s *MerchantServer) AddMember(ctx context.Context, in *checkoutv1.AddMemberRequest) (*checkoutv1.AddMemberResponse, error) {
	slug, user, err := readMember(in.GetMerchant(), in.GetUser())
	if err != nil {
		return nil, err
	}
	act, err := s.Acts.of(ctx, checkout.ActAddMember, in.GetMerchant()+" "+in.GetUser(), in)
	if err != nil {
		return nil, err
	}
	added, err := s.Merchants.AddMember(ctx, act, slug, user)
	if err != nil {
		return nil, err
	}
	return &checkoutv1.AddMemberResponse{Member: memberMessage(&added)}, nil
}

// RemoveMember implements checkoutv1.MerchantServiceServer.
func (s *MerchantServer) RemoveMember(ctx context.Context, in *checkoutv1.RemoveMemberRequest) (*checkoutv1.RemoveMemberResponse, error) {
	slug, user, err := readMember(in.GetMerchant(), in.GetUser())
	if err != nil {
		return nil, err
	}
	act, err := s.Acts.of(ctx, checkout.ActRemoveMember, in.GetMerchant()+" "+in.GetUser(), in)
	if err != nil {
		return nil, err
	}
	return &checkoutv1.RemoveMemberResponse{}, s.Merchants.RemoveMember(ctx, act, slug, user)
}

func readMember(merchantName, userName string) (slug string, user id.ID, err error) {
	if slug, err = checkout.ParseMerchantName("merchant", merchantName); err != nil {
		return "", id.ID{}, err
	}
	user, err = field.ID("user", checkout.UserPrefix, userName)
	return slug, user, err
}

// ListMembers implements checkoutv1.MerchantServiceServer.
func (s *MerchantServer) ListMembers(ctx context.Context, in *checkoutv1.ListMembersRequest) (*checkoutv1.ListMembersResponse, error) {
	slug, err := checkout.ParseMerchantName("parent", in.GetParent())
	if err != nil {
		return nil, err
	}
	binding := []string{membersQuery, serve.Caller(ctx), slug}
	token, err := readPage(s.Pages, in.GetPageToken(), binding...)
	if err != nil {
		return nil, err
	}
	var after id.ID
	copy(after[:], token) // The service has issued it.
	page, next, err := s.Merchants.Members(ctx, actor(ctx), slug, after, in.GetPageSize())
	if err != nil {
		return nil, err
	}
	out := &checkoutv1.ListMembersResponse{Members: make([]*checkoutv1.Member, len(page))}
	for i := range page {
		out.Members[i] = memberMessage(&page[i])
	}
	if !next.IsZero() {
		out.NextPageToken = s.Pages.Issue(next[:], binding...)
	}
	return out, nil
}

// readPage returns what a page token holds; nothing for no token.
func readPage(pages *serve.PageTokens, token string, binding ...string) ([]byte, error) {
	if token == "" {
		return nil, nil
	}
	return pages.Read(token, binding...)
}

func merchantMessage(m *checkout.Merchant) *checkoutv1.Merchant {
	return &checkoutv1.Merchant{
		Name: checkout.MerchantPrefix + m.Slug, DisplayName: m.Name, SettlementAccount: m.SettlementAccount, Etag: checkout.ETag(m.Version),
		CreateTime: timestamppb.New(m.CreatedAt), UpdateTime: timestamppb.New(m.UpdatedAt),
	}
}

func memberMessage(m *merchant.Member) *checkoutv1.Member {
	return &checkoutv1.Member{User: checkout.UserPrefix + m.User.String(), AddTime: timestamppb.New(m.AddedAt)}
}
