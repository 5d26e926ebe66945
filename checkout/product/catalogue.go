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

// The catalogue as a file has it: stores with their products.
type (
	catalogueFile struct {
		Stores []storeEntry `json:"stores"`
	}
	storeEntry struct {
		Slug         string         `json:"slug"`
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
	}
)

// Embedded returns the catalogue that is built into the program.
func Embedded() ([]checkout.Product, error) { return Parse(bytes.NewReader(embedded)) }

// Parse returns the products of a catalogue in JSON:
//
//	{"stores": [{
//	  "slug": "…", "display_name": "…", "category_code": "5942", "city": "…", "country": "BR", "currency": "BRL",
//	  "products": [{"slug": "…", "display_name": "…", "description": "…", "price_minor": 4990}]
//	}]}
//
// It is strict. It is an error if a field is unknown or missing, if a slug is used
// twice, if a price is not a whole number of minor units from 1 up, if a store has no
// products, or if anything follows the object. The error says where.
func Parse(r io.Reader) ([]checkout.Product, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxCatalogueBytes+1))
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if len(content) > maxCatalogueBytes {
		return nil, fmt.Errorf("catalogue: larger than %d bytes", maxCatalogueBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var file catalogueFile
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("catalogue: something follows the object")
	}
	products, err := file.products()
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return products, nil
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
			Price: money.Amount{Minor: entry.PriceMinor, Currency: currency}, Store: store,
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
