package shop

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"codebank.dev/platform/fault"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
)

const (
	productsPerPage = 24
	// maxText is the most characters of a search.
	maxText = 100
	// atOnce is the most of a product that its page puts into the basket.
	atOnce = 10
	// productPrefix begins the names of products.
	productPrefix = "products/"
)

// product is a product as pages show it.
type product struct {
	Slug, Link, Picture, Name, Description, Store string
	Price                                         design.Money
}

// products is the page of all products.
type products struct {
	Text  string
	List  []product
	More  string
	Empty *design.Message
}

// detail is the page of one product.
type detail struct {
	Product  product
	City     string
	Quantity design.Field
	Message  *design.Message
}

// shown returns a product as pages show it.
func shown(v *site.Visit, p *checkoutv1.CatalogueProduct) product {
	slug := strings.TrimPrefix(p.GetName(), productPrefix)
	return product{
		Slug: slug, Link: "/products/" + slug, Picture: picturePath(slug), Name: p.GetDisplayName(), Description: p.GetDescription(),
		Store: p.GetStore().GetDisplayName(), Price: *v.Money(p.GetPriceMinor(), p.GetCurrency()),
	}
}

func (s *Shop) showProducts(v *site.Visit) error {
	v.Tab("products")
	text := []rune(v.Value("text"))
	page := products{Text: string(text[:min(len(text), maxText)])}
	answer, err := s.catalogue.SearchProducts(v.Context(), &checkoutv1.SearchProductsRequest{
		Text: page.Text, PageSize: productsPerPage, PageToken: v.Value("page"),
	})
	if err != nil {
		return err
	}
	for _, found := range answer.GetProducts() {
		page.List = append(page.List, shown(v, found))
	}
	if next := answer.GetNextPageToken(); next != "" {
		page.More = "/?" + url.Values{"text": {page.Text}, "page": {next}}.Encode()
	}
	switch {
	case len(page.List) > 0:
	case page.Text != "":
		page.Empty = &design.Message{Tone: "info", Title: v.Say("products.none"), Text: v.Say("products.none-text"), Link: "/", Action: v.Say("products.all")}
	default:
		page.Empty = &design.Message{Tone: "info", Title: v.Say("products.empty"), Text: v.Say("products.empty-text")}
	}
	return v.Show(site.Page{Template: "products", Title: v.Say("tab.products"), Data: page})
}

// find returns the product that a slug names.
func (s *Shop) find(v *site.Visit, slug string) (*checkoutv1.CatalogueProduct, error) {
	if !isSlug(slug) {
		return nil, site.ErrNoPage()
	}
	answer, err := s.catalogue.FindProduct(v.Context(), &checkoutv1.FindProductRequest{Name: productPrefix + slug})
	if err != nil {
		return nil, err
	}
	return answer.GetProduct(), nil
}

func (s *Shop) showProduct(v *site.Visit) error {
	return s.productPage(v, v.Path("product"), nil)
}

func (s *Shop) productPage(v *site.Visit, slug string, message *design.Message) error {
	v.Tab("products")
	found, err := s.find(v, slug)
	if err != nil {
		return err
	}
	page := detail{Product: shown(v, found), City: found.GetStore().GetCity(), Message: message}
	page.Quantity = design.Field{Name: "quantity", Label: v.Say("quantity"), Type: "select"}
	for i := 1; i <= atOnce; i++ {
		page.Quantity.Options = append(page.Quantity.Options, design.Choice{Value: strconv.Itoa(i), Text: strconv.Itoa(i)})
	}
	shown := site.Page{Template: "product", Title: page.Product.Name, Data: page}
	if message != nil {
		shown.Status = http.StatusUnprocessableEntity
	}
	return v.Show(shown)
}

// quantityOf returns the quantity that a form names; -1 if it is none.
func quantityOf(v *site.Visit) int32 {
	quantity, err := strconv.ParseUint(v.Value("quantity"), 10, 16)
	if err != nil || quantity > maxQuantity {
		return -1
	}
	return int32(quantity)
}

// addToBasket puts a product into the basket, to what is there of it.
func (s *Shop) addToBasket(v *site.Visit) error {
	slug, quantity := v.Value("product"), quantityOf(v)
	if quantity < 1 {
		return s.productPage(v, slug, &design.Message{Tone: "bad", Title: v.Say("quantity.wrong", maxQuantity)})
	}
	found, err := s.find(v, slug)
	if err != nil {
		return err
	}
	// A UUID may stand in place of the slug, and the basket has one line for both.
	slug = strings.TrimPrefix(found.GetName(), productPrefix)
	held := basketOf(v)
	held, fits := held.with(slug, held.quantity(slug)+quantity)
	if !fits {
		return s.productPage(v, slug, &design.Message{Tone: "warn", Title: v.Say("basket.full"), Text: v.Say("basket.full-text"), Link: "/basket", Action: v.Say("tab.basket")})
	}
	keepBasket(v, held)
	return v.Redirect("/basket")
}

// isGone reports whether an error says that a product is not sold any more.
func isGone(err error) bool { return err != nil && fault.CodeOf(err) == fault.NotFound }
