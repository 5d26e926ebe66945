package rpc

import (
	"context"

	"codebank.dev/checkout"
	"codebank.dev/checkout/product"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/platform/serve"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
)

// CatalogueServer serves checkout.v1.CatalogueService. All fields are required; it is safe for concurrent use.
type CatalogueServer struct {
	checkoutv1.UnimplementedCatalogueServiceServer
	Products *product.Service
	Editor   *product.Editor
	Acts     *Acts
	Pages    *serve.PageTokens
}

var _ checkoutv1.CatalogueServiceServer = (*CatalogueServer)(nil)

const searchQuery = "checkout.v1.SearchProducts"

// SearchProducts implements checkoutv1.CatalogueServiceServer.
func (s *CatalogueServer) SearchProducts(ctx context.Context, in *checkoutv1.SearchProductsRequest) (*checkoutv1.SearchProductsResponse, error) {
	filter := checkout.ProductFilter{Text: in.GetText()}
	var err error
	if in.GetStore() != "" {
		if filter.Store, err = checkout.ParseStoreName("store", in.GetStore()); err != nil {
			return nil, err
		}
	}
	binding := []string{searchQuery, in.GetStore(), in.GetText()}
	after, err := readPage(s.Pages, in.GetPageToken(), binding...)
	if err != nil {
		return nil, err
	}
	page, next, err := s.Products.Search(ctx, filter, string(after), in.GetPageSize())
	if err != nil {
		return nil, err
	}
	out := &checkoutv1.SearchProductsResponse{Products: make([]*checkoutv1.CatalogueProduct, len(page))}
	for i := range page {
		out.Products[i] = catalogueMessage(&page[i])
	}
	if next != "" {
		out.NextPageToken = s.Pages.Issue([]byte(next), binding...)
	}
	return out, nil
}

// FindProduct implements checkoutv1.CatalogueServiceServer.
func (s *CatalogueServer) FindProduct(ctx context.Context, in *checkoutv1.FindProductRequest) (*checkoutv1.FindProductResponse, error) {
	found, err := s.Products.Find(ctx, in.GetName())
	if err != nil {
		return nil, err
	}
	return &checkoutv1.FindProductResponse{Product: catalogueMessage(&found)}, nil
}

// CreateStore implements checkoutv1.CatalogueServiceServer.
func (s *CatalogueServer) CreateStore(ctx context.Context, in *checkoutv1.CreateStoreRequest) (*checkoutv1.CreateStoreResponse, error) {
	owner, err := checkout.ParseMerchantName("merchant", in.GetMerchant())
	if err != nil {
		return nil, err
	}
	act, err := s.change(ctx, checkout.ActCreateStore, checkout.StorePrefix+in.GetSlug(), in)
	if err != nil {
		return nil, err
	}
	created, err := s.Editor.CreateStore(ctx, act, owner, checkout.Store{
		Slug: in.GetSlug(), Name: in.GetDisplayName(), CategoryCode: in.GetCategoryCode(), City: in.GetCity(), Country: in.GetCountry(),
	})
	if err != nil {
		return nil, err
	}
	return &checkoutv1.CreateStoreResponse{Store: storeMessage(&created)}, nil
}

// CreateProduct implements checkoutv1.CatalogueServiceServer.
func (s *CatalogueServer) CreateProduct(ctx context.Context, in *checkoutv1.CreateProductRequest) (*checkoutv1.CreateProductResponse, error) {
	store, err := checkout.ParseStoreName("store", in.GetStore())
	if err != nil {
		return nil, err
	}
	currency, err := field.Currency("currency", in.GetCurrency())
	if err != nil {
		return nil, err
	}
	act, err := s.change(ctx, checkout.ActCreateProduct, checkout.ProductPrefix+in.GetSlug(), in)
	if err != nil {
		return nil, err
	}
	created, err := s.Editor.Create(ctx, act, checkout.Product{
		Slug: in.GetSlug(), Name: in.GetDisplayName(), Description: in.GetDescription(), PictureURL: in.GetPictureUrl(),
		Price: money.Amount{Minor: in.GetPriceMinor(), Currency: currency}, Store: checkout.Store{Slug: store},
	})
	if err != nil {
		return nil, err
	}
	return &checkoutv1.CreateProductResponse{Product: catalogueMessage(&created)}, nil
}

// UpdateProduct implements checkoutv1.CatalogueServiceServer.
func (s *CatalogueServer) UpdateProduct(ctx context.Context, in *checkoutv1.UpdateProductRequest) (*checkoutv1.UpdateProductResponse, error) {
	version, err := checkout.ParseETag("etag", in.GetEtag())
	if err != nil {
		return nil, err
	}
	act, err := s.change(ctx, checkout.ActUpdateProduct, in.GetName(), in)
	if err != nil {
		return nil, err
	}
	changed, err := s.Editor.Update(ctx, act, in.GetName(), checkout.ProductChange{
		Name: in.DisplayName, Description: in.Description, PriceMinor: in.PriceMinor, PictureURL: in.PictureUrl, Version: version,
	})
	if err != nil {
		return nil, err
	}
	return &checkoutv1.UpdateProductResponse{Product: catalogueMessage(&changed)}, nil
}

// RetireProduct implements checkoutv1.CatalogueServiceServer.
func (s *CatalogueServer) RetireProduct(ctx context.Context, in *checkoutv1.RetireProductRequest) (*checkoutv1.RetireProductResponse, error) {
	version, err := checkout.ParseETag("etag", in.GetEtag())
	if err != nil {
		return nil, err
	}
	act, err := s.change(ctx, checkout.ActRetireProduct, in.GetName(), in)
	if err != nil {
		return nil, err
	}
	retired, err := s.Editor.Retire(ctx, act, in.GetName(), version)
	if err != nil {
		return nil, err
	}
	return &checkoutv1.RetireProductResponse{Product: catalogueMessage(&retired)}, nil
}

// change returns the act of a request that changes the catalogue.
func (s *CatalogueServer) change(ctx context.Context, act auditlog.Act, what string, in request) (checkout.Act, error) {
	if err := live(ctx); err != nil {
		return checkout.Act{}, err
	}
	return s.Acts.of(ctx, act, what, in)
}

func catalogueMessage(p *checkout.Product) *checkoutv1.CatalogueProduct {
	return &checkoutv1.CatalogueProduct{
		Name: checkout.ProductPrefix + p.Slug, Id: p.ID.String(), DisplayName: p.Name, Description: p.Description,
		PriceMinor: p.Price.Minor, Currency: p.Price.Currency.String(), PictureUrl: p.PictureURL, Store: storeMessage(&p.Store),
		Merchant: checkout.MerchantPrefix + p.Merchant, Etag: checkout.ETag(p.Version), Retired: p.Retired,
	}
}
