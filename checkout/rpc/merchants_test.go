package rpc_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/product"
	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// addMember makes a user a member of a merchant.
func (s *service) addMember(user, slug string) {
	parsed, err := id.Parse(user)
	if err == nil {
		_, err = s.store.AddMember(context.Background(), checkouttest.Act(checkouttest.Operator(), uuid.NewString()), slug, parsed)
	}
	if err != nil {
		panic(err)
	}
}

// revokeAll ends all secrets of a merchant.
func (s *service) revokeAll(slug string) {
	ctx := context.Background()
	secrets, err := s.store.Secrets(ctx, checkouttest.Operator(), slug)
	for _, secret := range secrets {
		if err == nil {
			_, err = s.store.RevokeSecret(ctx, checkouttest.Act(checkouttest.Operator(), uuid.NewString()), slug, secret.ID)
		}
	}
	if err != nil {
		panic(err)
	}
}

// merchants is a client with the certificate of a program; without one if it is "".
func (s *service) merchants(t testing.TB, program string) (checkoutv1.MerchantServiceClient, checkoutv1.CatalogueServiceClient) {
	t.Helper()
	conn := s.kit.Dial(t, s.grpc, program)
	return checkoutv1.NewMerchantServiceClient(conn), checkoutv1.NewCatalogueServiceClient(conn)
}

// secret makes a secret of a merchant, and returns its name and its text.
func (s *service) secret(t testing.TB, slug string, mode checkoutv1.SecretMode) (name, text string) {
	t.Helper()
	client, _ := s.merchants(t, "operator")
	made, err := client.CreateSecret(t.Context(), &checkoutv1.CreateSecretRequest{RequestId: uuid.NewString(), Parent: "merchants/" + slug, Mode: mode})
	require.NoError(t, err)
	return made.GetSecret().GetName(), made.GetText()
}

// with returns a context for calls with a header Authorization.
func with(ctx context.Context, authorization string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", authorization)
}

const (
	test = checkoutv1.SecretMode_SECRET_MODE_TEST
	live = checkoutv1.SecretMode_SECRET_MODE_LIVE
)

// A secret acts for its merchant, and makes no others and lets nobody in; one for tests only reads.
func TestWhatASecretMayDo(t *testing.T) {
	s := start(t)
	s.addMember(ada, "paper")
	ofPaper, ofBeans := map[checkoutv1.SecretMode]string{}, ""
	for _, mode := range []checkoutv1.SecretMode{test, live} {
		_, ofPaper[mode] = s.secret(t, "paper", mode)
	}
	_, ofBeans = s.secret(t, "beans", live)
	conn := s.kit.Dial(t, s.grpc, "")
	seen := 0
	for _, row := range append(merchantRows(s), orderRows()...) {
		method := row.Method[strings.LastIndexByte(row.Method, '/')+1:]
		want, ok := map[string][3]int{ // The live secret, that for tests, and another merchant's.
			"GetMerchant":    {200, 200, 404},
			"ListMerchants":  {200, 200, 200},
			"SearchProducts": {200, 200, 200},
			"FindProduct":    {200, 200, 200},
			"ListProducts":   {200, 200, 200},
			"GetProduct":     {200, 200, 200},
			"CreateStore":    {200, 403, 404},
			"CreateProduct":  {200, 403, 404},
			"UpdateProduct":  {200, 403, 404},
			"RetireProduct":  {404, 403, 404},
			"GetOrder":       {404, 403, 404},
			"ListOrders":     {200, 403, 200},
			"RefundOrder":    {404, 403, 404},
		}[method]
		if !ok {
			want = [3]int{403, 403, 403}
		}
		if method == "CreateSecret" {
			continue // Its rows revoke secrets; the next test has it.
		}
		for i, secret := range []string{ofPaper[live], ofPaper[test], ofBeans} {
			got := http.StatusOK
			if err := conn.Invoke(with(t.Context(), "Bearer "+secret), row.Method, row.Request(0), new(checkoutv1.RemoveMemberResponse)); err != nil {
				got = serve.HTTPStatus(fault.CodeOf(serve.FromStatus(err)))
			}
			require.Equal(t, want[i], got, "%s with secret %d", row.Method, i)
			seen++
		}
	}
	require.Equal(t, 3*(15+6), seen)
	_, err := checkoutv1.NewMerchantServiceClient(conn).CreateSecret(with(t.Context(), "Bearer "+ofPaper[live]),
		&checkoutv1.CreateSecretRequest{RequestId: "r1", Parent: "merchants/paper", Mode: live})
	require.Equal(t, fault.PermissionDenied, fault.CodeOf(serve.FromStatus(err)))
}

// A secret is shown once, is taken over gRPC and over REST as Bearer and as Basic, and is refused once revoked.
func TestASecretIsShownOnceAndRevoked(t *testing.T) {
	s := start(t)
	client, _ := s.merchants(t, "operator")
	in := &checkoutv1.CreateSecretRequest{RequestId: "r1", Parent: "merchants/paper", Mode: live}
	made, err := client.CreateSecret(t.Context(), in)
	require.NoError(t, err)
	text := made.GetText()
	_, formed := merchant.ParseSecret(text)
	require.True(t, formed)
	again, err := client.CreateSecret(t.Context(), in)
	require.NoError(t, err)
	require.Empty(t, again.GetText())
	require.Equal(t, made.GetSecret().GetName(), again.GetSecret().GetName())
	in.Mode = test
	_, err = client.CreateSecret(t.Context(), in)
	require.Equal(t, "REQUEST_ID_REUSED", fault.Of(serve.FromStatus(err)).Reason)
	for _, authorization := range []string{"Bearer " + text, "bearer " + text, "Basic " + base64.StdEncoding.EncodeToString([]byte(text+":"))} {
		require.Equal(t, http.StatusOK, s.getAs(t, "merchants/paper", authorization), authorization)
	}
	listed, err := client.ListSecrets(t.Context(), &checkoutv1.ListSecretsRequest{Parent: "merchants/paper"})
	require.NoError(t, err)
	require.Len(t, listed.GetSecrets(), 1)
	require.Equal(t, text[len(text)-4:], listed.GetSecrets()[0].GetLast4())
	require.NotEmpty(t, listed.GetSecrets()[0].GetLastUsedDate())
	require.NotContains(t, listed.String(), text)

	_, err = client.RevokeSecret(t.Context(), &checkoutv1.RevokeSecretRequest{RequestId: "r2", Name: made.GetSecret().GetName()})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, s.getAs(t, "merchants/paper", "Bearer "+text))
}

// getAs reads a resource over REST, and returns the status.
func (s *service) getAs(t testing.TB, name, authorization string) int {
	t.Helper()
	in, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.http+"/v1/"+name, nil)
	require.NoError(t, err)
	in.Header.Set("Authorization", authorization)
	out, err := s.kit.HTTP(t, "").Do(in)
	require.NoError(t, err)
	require.NoError(t, out.Body.Close())
	return out.StatusCode
}

// Wrong secrets of every form are refused in one way, and not looked up without end.
func TestWrongSecretsAreLimited(t *testing.T) {
	s := start(t)
	_, right := s.secret(t, "paper", live)
	wrong := []string{
		"Bearer sk_live_x", "Bearer sk_", "Bearer sk_test_" + right[len("sk_live_"):], "Bearer " + right + "A", "Basic !", "Basic", "Basic Og==",
		"Basic " + base64.StdEncoding.EncodeToString([]byte("maria:"+right)), "Bearer SK_LIVE_" + right[len("sk_live_"):],
	}
	for _, authorization := range wrong {
		require.Equal(t, http.StatusUnauthorized, s.getAs(t, "merchants/paper", authorization), authorization)
	}
	require.Equal(t, http.StatusOK, s.getAs(t, "merchants/paper", "Bearer "+right))
	status := http.StatusUnauthorized
	for range 10 {
		if status = s.getAs(t, "merchants/paper", "Bearer sk_live_x"); status != http.StatusUnauthorized {
			break
		}
	}
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Equal(t, http.StatusTooManyRequests, s.getAs(t, "merchants/paper", "Bearer "+right), "the address waits")
	_, err := s.shop.ListProducts(t.Context(), &checkoutv1.ListProductsRequest{})
	require.NoError(t, err, "others do not")
}

// The request ids of a merchant are his own in each mode, whatever program sends his secret.
func TestRequestIDsBelongToMerchantAndMode(t *testing.T) {
	s := start(t)
	_, ofPaper := s.secret(t, "paper", live)
	_, other := s.secret(t, "paper", live)
	_, ofBeans := s.secret(t, "beans", live)
	create := func(program, secret, store, slug string) (string, error) {
		_, client := s.merchants(t, program)
		made, err := client.CreateProduct(with(t.Context(), "Bearer "+secret), &checkoutv1.CreateProductRequest{
			RequestId: "r1", Store: "stores/" + store, Slug: slug, DisplayName: "X", Description: "X.", PriceMinor: 100, Currency: "BRL",
		})
		return made.GetProduct().GetId(), err
	}
	first, err := create("", ofPaper, "books", "globe")
	require.NoError(t, err)
	again, err := create("mall", other, "books", "globe")
	require.NoError(t, err)
	require.Equal(t, first, again, "the other secret of the same merchant")
	_, err = create("", ofPaper, "books", "map")
	require.Equal(t, "REQUEST_ID_REUSED", fault.Of(serve.FromStatus(err)).Reason)
	_, err = create("mall", ofBeans, "coffee", "cup")
	require.NoError(t, err, "another merchant's r1")
}

// A merchant's product is created, found by both names, changed by its etag, and retired; the orders' catalogue follows.
func TestAProductIsSoldChangedAndRetired(t *testing.T) {
	s := start(t)
	s.addMember(ada, "paper")
	_, client := s.merchants(t, "")
	ctx := s.as(t, ada)
	made, err := client.CreateProduct(ctx, &checkoutv1.CreateProductRequest{
		RequestId: "r1", Store: "stores/books", Slug: "globe", DisplayName: "Globo", Description: "Redondo.", PriceMinor: 100, Currency: "BRL",
		PictureUrl: "https://example.com/globe.png",
	})
	require.NoError(t, err)
	p := made.GetProduct()
	require.Equal(t, "merchants/paper", p.GetMerchant())
	await.Until(t, func() bool {
		for _, name := range []string{"products/globe", "products/" + p.GetId()} {
			found, err := client.FindProduct(t.Context(), &checkoutv1.FindProductRequest{Name: name})
			if err != nil || !proto.Equal(found.GetProduct(), p) {
				return false
			}
		}
		return true
	}, 5*product.MaxAge, product.MaxAge/100)
	found, err := client.SearchProducts(t.Context(), &checkoutv1.SearchProductsRequest{Text: "GLOBO"})
	require.NoError(t, err)
	require.Len(t, found.GetProducts(), 1)

	change := &checkoutv1.UpdateProductRequest{RequestId: "r2", Name: "products/" + p.GetId(), PriceMinor: proto.Int64(200), Etag: p.GetEtag()}
	changed, err := client.UpdateProduct(ctx, change)
	require.NoError(t, err)
	require.EqualValues(t, 200, changed.GetProduct().GetPriceMinor())
	change.RequestId = "r3"
	_, err = client.UpdateProduct(ctx, change)
	require.Equal(t, "ETAG_MISMATCH", fault.Of(serve.FromStatus(err)).Reason)
	retired, err := client.RetireProduct(ctx, &checkoutv1.RetireProductRequest{RequestId: "r4", Name: "products/globe"})
	require.NoError(t, err)
	require.True(t, retired.GetProduct().GetRetired())
	await.Until(t, func() bool {
		_, err := s.shop.GetProduct(t.Context(), &checkoutv1.GetProductRequest{Name: "products/globe"})
		return err != nil && fault.CodeOf(serve.FromStatus(err)) == fault.NotFound
	}, 5*product.MaxAge, product.MaxAge/100)
}

// Pages have no gaps and no repeats, and a token belongs to who got it.
func TestMerchantsAndMembersArePaged(t *testing.T) {
	s := start(t)
	s.addMember(ada, "paper")
	s.addMember(bob, "paper")
	client, _ := s.merchants(t, "operator")
	first, err := client.ListMerchants(t.Context(), &checkoutv1.ListMerchantsRequest{PageSize: 1})
	require.NoError(t, err)
	require.Equal(t, "merchants/beans", first.GetMerchants()[0].GetName())
	next := &checkoutv1.ListMerchantsRequest{PageSize: 1, PageToken: first.GetNextPageToken()}
	second, err := client.ListMerchants(t.Context(), next)
	require.NoError(t, err)
	require.Equal(t, "merchants/paper", second.GetMerchants()[0].GetName())
	require.Empty(t, second.GetNextPageToken())
	direct, _ := s.merchants(t, "")
	_, err = direct.ListMerchants(s.as(t, ada), next)
	require.Equal(t, "page_token", fault.Of(serve.FromStatus(err)).Field)

	var users []string
	for in := (&checkoutv1.ListMembersRequest{Parent: "merchants/paper", PageSize: 1}); ; {
		page, err := client.ListMembers(t.Context(), in)
		require.NoError(t, err)
		for _, member := range page.GetMembers() {
			users = append(users, member.GetUser())
		}
		if in.PageToken = page.GetNextPageToken(); in.PageToken == "" {
			break
		}
	}
	require.Equal(t, []string{"users/" + ada, "users/" + bob}, users)
}
