package product

import (
	"bytes"
	_ "embed" // for the catalogue
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"codebank.dev/checkout"
	"codebank.dev/platform/money"
)

//go:embed catalogue.json
var embedded []byte

// maxCatalogueBytes and maxProducts bound a catalogue, because it is read whole.
const (
	maxCatalogueBytes = 4 << 20
	maxProducts       = 10_000
)

// The catalogue as a file has it: merchants, and stores with their products.
type (
	catalogueFile struct {
		Merchants []merchantEntry `json:"merchants"`
		Stores    []storeEntry    `json:"stores"`
	}
	merchantEntry struct {
		Slug        string `json:"slug"`
		DisplayName string `json:"display_name"`
	}
	storeEntry struct {
		Slug         string         `json:"slug"`
		Merchant     string         `json:"merchant"`
		DisplayName  string         `json:"display_name"`
		CategoryCode string         `json:"category_code"`
		City         string         `json:"city"`
		Country      string         `json:"country"`
		Currency     string         `json:"currency"`
		Products     []productEntry `json:"products"`
	}
	productEntry struct {
		Slug        string `json:"slug"`
		DisplayName string `json:"display_name"`
		Description string `json:"description"`
		PriceMinor  int64  `json:"price_minor"`
		PictureURL  string `json:"picture_url"`
	}
)

// Embedded returns the catalogue that is built into the program.
func Embedded() (checkout.Seeds, error) { return Parse(bytes.NewReader(embedded)) }

// Parse returns the merchants and products of a catalogue in JSON:
//
//	{"merchants": [{"slug": "…", "display_name": "…"}],
//	 "stores": [{
//	  "slug": "…", "merchant": "…", "display_name": "…", "category_code": "5942", "city": "…", "country": "BR", "currency": "BRL",
//	  "products": [{"slug": "…", "display_name": "…", "description": "…", "price_minor": 4990, "picture_url": "https://…"}]
//	}]}
//
// A store without a merchant belongs to a merchant of its own slug and name. It is strict. It is an error if another
// field is unknown or missing, but for picture_url, if a slug is used twice, if a store names a merchant that the
// file does not have, if a price is not a whole number of minor units from 1 up, if a store has no products, or if
// anything follows the object. The error says where.
func Parse(r io.Reader) (checkout.Seeds, error) {
	seeds, err := parse(r)
	if err != nil {
		return checkout.Seeds{}, fmt.Errorf("catalogue: %w", err)
	}
	return seeds, nil
}

func parse(r io.Reader) (seeds checkout.Seeds, err error) {
	content, err := io.ReadAll(io.LimitReader(r, maxCatalogueBytes+1))
	if err != nil {
		return seeds, err
	}
	if len(content) > maxCatalogueBytes {
		return seeds, fmt.Errorf("larger than %d bytes", maxCatalogueBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var file catalogueFile
	if err := decoder.Decode(&file); err != nil {
		return seeds, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return seeds, errors.New("something follows the object")
	}
	if seeds.Merchants, err = file.merchants(); err != nil {
		return seeds, err
	}
	seeds.Products, err = file.products()
	return seeds, err
}

// merchants returns the merchants of the file, and those of stores that name none. It fills in their names.
func (f *catalogueFile) merchants() ([]checkout.Merchant, error) {
	var merchants []checkout.Merchant
	seen := make(map[string]bool)
	for i, entry := range f.Merchants {
		m, at := checkout.Merchant{Slug: entry.Slug, Name: entry.DisplayName}, fmt.Sprintf("merchants[%d]", i)
		if err := m.Check(at); err != nil {
			return nil, err
		}
		if seen[m.Slug] {
			return nil, fmt.Errorf("%s.slug: %q is used twice", at, m.Slug)
		}
		seen[m.Slug] = true
		merchants = append(merchants, m)
	}
	for i := range f.Stores {
		store := &f.Stores[i]
		if store.Merchant != "" {
			if !seen[store.Merchant] {
				return nil, fmt.Errorf("stores[%d].merchant: there is no merchant %q in the file", i, store.Merchant)
			}
			continue
		}
		if store.Merchant = store.Slug; !seen[store.Slug] {
			seen[store.Slug] = true
			merchants = append(merchants, checkout.Merchant{Slug: store.Slug, Name: store.DisplayName})
		}
	}
	return merchants, nil
}

func (f *catalogueFile) products() ([]checkout.Product, error) {
	if len(f.Stores) == 0 {
		return nil, errors.New("no stores")
	}
	var products []checkout.Product
	seenStores, seenProducts := make(map[string]bool), make(map[string]bool)
	for i, entry := range f.Stores {
		path := fmt.Sprintf("stores[%d]", i)
		if seenStores[entry.Slug] {
			return nil, fmt.Errorf("%s.slug: %q is used twice", path, entry.Slug)
		}
		seenStores[entry.Slug] = true
		sold, err := entry.products(path, seenProducts)
		if err != nil {
			return nil, err
		}
		if products = append(products, sold...); len(products) > maxProducts {
			return nil, fmt.Errorf("more than %d products", maxProducts)
		}
	}
	return products, nil
}

func (e *storeEntry) products(path string, seen map[string]bool) ([]checkout.Product, error) {
	store := checkout.Store{
		Slug: e.Slug, Name: e.DisplayName, CategoryCode: e.CategoryCode, City: e.City, Country: e.Country,
	}
	if err := store.Check(path); err != nil {
		return nil, err
	}
	currency, err := money.ParseCurrency(e.Currency)
	if err != nil {
		return nil, fmt.Errorf("%s.currency: %w", path, err)
	}
	if len(e.Products) == 0 {
		return nil, fmt.Errorf("%s: no products", path)
	}
	products := make([]checkout.Product, 0, len(e.Products))
	for j, entry := range e.Products {
		product := checkout.Product{
			Slug: entry.Slug, Name: entry.DisplayName, Description: entry.Description,
			Price: money.Amount{Minor: entry.PriceMinor, Currency: currency}, PictureURL: entry.PictureURL,
			Merchant: e.Merchant, Store: store,
		}
		at := fmt.Sprintf("%s.products[%d]", path, j)
		if err := product.Check(at); err != nil {
			return nil, err
		}
		if seen[product.Slug] {
			return nil, fmt.Errorf("%s.slug: %q is used twice", at, product.Slug)
		}
		seen[product.Slug] = true
		products = append(products, product)
	}
	return products, nil
}
