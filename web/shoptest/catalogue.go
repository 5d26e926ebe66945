package shoptest

import (
	"context"
	"strconv"
	"strings"

	"codebank.dev/platform/fault"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/protobuf/proto"
)

var (
	bookshop = &checkoutv1.Store{Name: "stores/livraria-aurora", DisplayName: "Livraria Aurora", CategoryCode: "5942", City: "São Paulo", Country: "BR"}
	cafe     = &checkoutv1.Store{Name: "stores/cafe-da-serra", DisplayName: "Café da Serra", CategoryCode: "5814", City: "Belo Horizonte", Country: "BR"}
	ceramics = &checkoutv1.Store{Name: "stores/barro-e-fogo", DisplayName: "Barro & Fogo", CategoryCode: "5719", City: "Cunha", Country: "BR"}
)

// sample returns products as checkout lists them: by their slugs.
func sample() []*checkoutv1.CatalogueProduct {
	made := func(slug, name, text string, price int64, store *checkoutv1.Store) *checkoutv1.CatalogueProduct {
		return &checkoutv1.CatalogueProduct{Name: "products/" + slug, DisplayName: name, Description: text, PriceMinor: price, Currency: "BRL", Store: store}
	}
	return []*checkoutv1.CatalogueProduct{
		made("agenda-de-bolso", "Agenda de bolso", "Agenda sem datas, capa de tecido, 160 páginas.", 3890, bookshop),
		made("bolo-de-fuba", "Bolo de fubá", "Fatia com goiabada.", 1100, cafe),
		made("caderno-pautado", "Caderno pautado", "Caderno de 96 folhas, capa de linho.", 3450, bookshop),
		made("cafe-coado", "Café coado", "Xícara de 150 ml, grão da casa.", 750, cafe),
		made("cafe-em-graos-500g", "Café em grãos 500 g", "Torra média, notas de caramelo.", 5490, cafe),
		made("caneca-de-ceramica", "Caneca de cerâmica", "Feita à mão, 300 ml, vai à lava-louças.", 8900, ceramics),
		made("livro-dom-casmurro", "Dom Casmurro", "Romance de Machado de Assis, edição de bolso.", 2990, bookshop),
		made("livro-grande-sertao", "Grande Sertão: Veredas", "Romance de João Guimarães Rosa, capa dura.", 8990, bookshop),
		made("marcador-de-pagina", "Marcador de página", "Marcador de papel reciclado.", 50, bookshop),
		made("pao-de-queijo", "Pão de queijo", "Porção com seis unidades, assada na hora.", 1290, cafe),
		made("prato-raso", "Prato raso", "Cerâmica de alta temperatura, 26 cm.", 12400, ceramics),
		made("vaso-pequeno-para-flores-do-campo", "Vaso pequeno para flores do campo", "Esmalte azul, 18 cm, peça única de forno a lenha.", 23950, ceramics),
	}
}

// Offer puts a product up for sale, in the order of slugs, or changes it.
func (w *World) Offer(product *checkoutv1.CatalogueProduct) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for i, one := range w.products {
		if one.GetName() == product.GetName() {
			w.products[i] = product
			return
		}
	}
	w.products = append(w.products, product)
}

// Retire ends the sale of a product.
func (w *World) Retire(slug string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for i, one := range w.products {
		if one.GetName() == "products/"+slug {
			w.products = append(w.products[:i:i], w.products[i+1:]...)
			return
		}
	}
}

// Reprice changes the price of a product.
func (w *World) Reprice(slug string, minor int64) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.sold("products/" + slug).PriceMinor = minor
}

// sold returns a product that is for sale; nil for none. The caller holds the mutex.
func (w *World) sold(name string) *checkoutv1.CatalogueProduct {
	for _, one := range w.products {
		if one.GetName() == name {
			return one
		}
	}
	return nil
}

type catalogue struct {
	checkoutv1.UnimplementedCatalogueServiceServer
	*World
}

func (c *catalogue) SearchProducts(_ context.Context, in *checkoutv1.SearchProductsRequest) (*checkoutv1.SearchProductsResponse, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var found []*checkoutv1.CatalogueProduct
	text := strings.ToLower(in.GetText())
	for _, one := range c.products {
		if strings.Contains(strings.ToLower(one.GetDisplayName()+" "+one.GetDescription()), text) {
			found = append(found, proto.CloneOf(one))
		}
	}
	page, next, err := pageOf(found, in.GetPageToken(), in.GetPageSize())
	return &checkoutv1.SearchProductsResponse{Products: page, NextPageToken: next}, err
}

// pageOf returns a page of a list, and the token of the next one.
func pageOf[T any](all []T, token string, size int32) (page []T, next string, err error) {
	from := 0
	if token != "" {
		if from, err = strconv.Atoi(token); err != nil || from < 0 || from > len(all) {
			return nil, "", fault.Invalid("page_token", "The page token is not one of this list.")
		}
	}
	to := min(from+int(size), len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next, nil
}

func (c *catalogue) FindProduct(_ context.Context, in *checkoutv1.FindProductRequest) (*checkoutv1.FindProductResponse, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	found := c.sold(in.GetName())
	if found == nil {
		return nil, errNoProduct
	}
	return &checkoutv1.FindProductResponse{Product: proto.CloneOf(found)}, nil
}

var errNoProduct = fault.New(fault.NotFound, "PRODUCT_NOT_FOUND", "There is no such product.")
