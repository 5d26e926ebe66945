package synthetic

import (
	"strconv"

	"codebank.dev/bank"
)

// city is where people live and shops are.
type city struct{ slug, name, country string }

// The customers live in the first of the cities; in the others they travel.
const homeCities = 12

var (
	cities = []city{
		{"sao-paulo", "São Paulo", "BR"}, {"rio", "Rio de Janeiro", "BR"}, {"belo-horizonte", "Belo Horizonte", "BR"},
		{"brasilia", "Brasília", "BR"}, {"salvador", "Salvador", "BR"}, {"curitiba", "Curitiba", "BR"},
		{"fortaleza", "Fortaleza", "BR"}, {"recife", "Recife", "BR"}, {"porto-alegre", "Porto Alegre", "BR"},
		{"manaus", "Manaus", "BR"}, {"goiania", "Goiânia", "BR"}, {"florianopolis", "Florianópolis", "BR"},
		{"lisboa", "Lisboa", "PT"}, {"miami", "Miami", "US"}, {"buenos-aires", "Buenos Aires", "AR"},
		{"santiago", "Santiago", "CL"}, {"paris", "Paris", "FR"}, {"madrid", "Madrid", "ES"},
	}
	cityWeights = []int{300, 150, 90, 80, 70, 60, 60, 50, 50, 30, 30, 30, 60, 50, 45, 20, 15, 10}
)

// category is a line of business: what it sells for, when, and how it is paid.
type category struct {
	slug, code string // code is ISO 18245
	// weight is how often it is visited.
	weight int
	// median and spread are of an amount, see draw.amount.
	median  int64
	spread  int
	hours   *profile
	channel bank.Channel
	// names are those of its shops in each city, or, when it has none, of its merchants anywhere.
	names []string
	// homes are the cities of those who sell from afar; nil for shops.
	homes []string
}

var categories = []category{
	{"supermarket", "5411", 200, 9_800, 72, &shopHours, bank.ChannelPointOfSale, []string{"Mercado Bom Preço", "Supermercado Ipê", "Hortifruti Horta Viva"}, nil},
	{"bakery", "5462", 90, 1_850, 46, &mealHours, bank.ChannelPointOfSale, []string{"Padaria Estrela", "Confeitaria Doce Lar"}, nil},
	{"restaurant", "5812", 140, 6_400, 52, &mealHours, bank.ChannelPointOfSale, []string{"Cantina Nonna Rosa", "Churrascaria do Sul", "Bistrô da Praça"}, nil},
	{"fast-food", "5814", 80, 3_300, 42, &mealHours, bank.ChannelPointOfSale, []string{"Lanches Express", "Pastelaria Central"}, nil},
	{"fuel", "5541", 80, 15_500, 38, &shopHours, bank.ChannelPointOfSale, []string{"Posto Avenida", "Posto Rodovia"}, nil},
	{"pharmacy", "5912", 80, 4_700, 66, &shopHours, bank.ChannelPointOfSale, []string{"Drogaria Vida", "Farmácia Popular"}, nil},
	{"clothes", "5651", 45, 14_800, 66, &shopHours, bank.ChannelPointOfSale, []string{"Moda Atlântica", "Ateliê Baiano"}, nil},
	{"books", "5942", 18, 6_900, 48, &shopHours, bank.ChannelPointOfSale, []string{"Livraria Aurora"}, nil},
	{"electronics", "5732", 14, 52_000, 70, &shopHours, bank.ChannelPointOfSale, []string{"Eletro Norte"}, nil},
	{"hotel", "7011", 9, 46_000, 58, &shopHours, bank.ChannelPointOfSale, []string{"Hotel Mirante", "Pousada das Flores"}, nil},
	{"ride", "4121", 78, 2_300, 52, &onlineHours, bank.ChannelECommerce, []string{"Carona Já", "Leva Táxi"}, []string{"sao-paulo", "sao-paulo"}},
	{"shop-online", "5311", 88, 11_900, 84, &onlineHours, bank.ChannelECommerce, []string{"Loja Tudo", "Magazine Praia", "Compra Fácil", "Bazaar World"}, []string{"sao-paulo", "rio", "curitiba", "miami"}},
	{"games", "5816", 16, 3_900, 56, &onlineHours, bank.ChannelECommerce, []string{"Play Norte", "Arcade Global"}, []string{"recife", "paris"}},
	{"airline", "4511", 9, 92_000, 60, &onlineHours, bank.ChannelECommerce, []string{"Voa Brasil", "Ibero Líneas"}, []string{"sao-paulo", "madrid"}},
	{"catalogue", "5969", 9, 8_900, 58, &shopHours, bank.ChannelMailOrTelephone, []string{"Catálogo Casa & Cia", "Flores por Telefone"}, []string{"porto-alegre", "goiania"}},
	{"streaming", "4899", 26, 3_990, 18, &nightHours, bank.ChannelRecurring, []string{"Cine em Casa", "Música Livre", "Streamly"}, []string{"sao-paulo", "rio", "miami"}},
	{"telephone", "4814", 18, 8_990, 34, &nightHours, bank.ChannelRecurring, []string{"Fala Mais", "Conecta Fibra"}, []string{"sao-paulo", "belo-horizonte"}},
}

// Categories that visits of their own kind go to.
const (
	electronics = 8
	shopOnline  = 11
	streaming   = 15
)

// burstMerchant is where numbers are tried: what it sells is sent at once.
var burstMerchant = bank.Merchant{ID: "gift-cards-miami", Name: "Instant Gift Cards", CategoryCode: "5815", City: "Miami", Country: "US"}

// merchants are all there are: shops by category and city, the others by category.
type merchants struct {
	weights []int
	shops   [][][]bank.Merchant
	afar    [][]bank.Merchant
}

func newMerchants() *merchants {
	m := &merchants{
		weights: make([]int, len(categories)), shops: make([][][]bank.Merchant, len(categories)), afar: make([][]bank.Merchant, len(categories)),
	}
	for i, of := range categories {
		m.weights[i] = of.weight
		if of.homes == nil {
			m.shops[i] = make([][]bank.Merchant, len(cities))
			for at, place := range cities {
				m.shops[i][at] = shopsIn(of, place)
			}
			continue
		}
		for n, home := range of.homes {
			m.afar[i] = append(m.afar[i], merchant(of, n, placeOf(home)))
		}
	}
	return m
}

func shopsIn(of category, place city) []bank.Merchant {
	shops := make([]bank.Merchant, len(of.names))
	for n := range of.names {
		shops[n] = merchant(of, n, place)
	}
	return shops
}

func merchant(of category, n int, place city) bank.Merchant {
	return bank.Merchant{
		ID:   of.slug + "-" + place.slug + "-" + strconv.Itoa(n+1),
		Name: of.names[n], CategoryCode: of.code, City: place.name, Country: place.country,
	}
}

func placeOf(slug string) city {
	for _, place := range cities {
		if place.slug == slug {
			return place
		}
	}
	panic("synthetic: no city " + slug)
}

// sell draws a merchant of a category for somebody who lives in a city: that town's
// shops, sometimes those of another one.
func (m *merchants) sell(d draw, of, home int) *bank.Merchant {
	const away = 60 // in a thousand
	if afar := m.afar[of]; afar != nil {
		return &afar[d.below(len(afar))]
	}
	if d.chance(away) || categories[of].code == "7011" { // nobody stays in a hotel at home
		home = d.pick(cityWeights)
	}
	shops := m.shops[of][home]
	return &shops[d.below(len(shops))]
}
