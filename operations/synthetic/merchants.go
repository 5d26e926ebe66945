package synthetic

import (
	"strconv"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// city is a place where customers live and shops are.
type city struct{ slug, name, country string }

// homeCities is how many of the cities have customers. They come first. Customers only
// travel to the other cities.
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

// The channels of purchases.
const (
	inShop    = bankv1.Channel_CHANNEL_POINT_OF_SALE
	online    = bankv1.Channel_CHANNEL_ECOMMERCE
	byPhone   = bankv1.Channel_CHANNEL_MAIL_OR_TELEPHONE
	recurring = bankv1.Channel_CHANNEL_RECURRING
)

// category is a line of business: its prices, its hours, and how it is paid.
type category struct {
	slug, code string // code is ISO 18245
	// weight is how often customers go there.
	weight int
	// median and spread are the parameters of draw.amount.
	median  int64
	spread  int
	hours   *profile
	channel bankv1.Channel
	// names are the shops of each city. If homes is set, names are the merchants.
	names []string
	// homes are the cities of merchants that sell from afar; nil for shops.
	homes []string
}

var categories = []category{
	{"supermarket", "5411", 200, 9_800, 72, &shopHours, inShop, []string{"Mercado Bom Preço", "Supermercado Ipê", "Hortifruti Horta Viva"}, nil},
	{"bakery", "5462", 90, 1_850, 46, &mealHours, inShop, []string{"Padaria Estrela", "Confeitaria Doce Lar"}, nil},
	{"restaurant", "5812", 140, 6_400, 52, &mealHours, inShop, []string{"Cantina Nonna Rosa", "Churrascaria do Sul", "Bistrô da Praça"}, nil},
	{"fast-food", "5814", 80, 3_300, 42, &mealHours, inShop, []string{"Lanches Express", "Pastelaria Central"}, nil},
	{"fuel", "5541", 80, 15_500, 38, &shopHours, inShop, []string{"Posto Avenida", "Posto Rodovia"}, nil},
	{"pharmacy", "5912", 80, 4_700, 66, &shopHours, inShop, []string{"Drogaria Vida", "Farmácia Popular"}, nil},
	{"clothes", "5651", 45, 14_800, 66, &shopHours, inShop, []string{"Moda Atlântica", "Ateliê Baiano"}, nil},
	{"books", "5942", 18, 6_900, 48, &shopHours, inShop, []string{"Livraria Aurora"}, nil},
	{"electronics", "5732", 14, 52_000, 70, &shopHours, inShop, []string{"Eletro Norte"}, nil},
	{"hotel", "7011", 9, 46_000, 58, &shopHours, inShop, []string{"Hotel Mirante", "Pousada das Flores"}, nil},
	{"ride", "4121", 78, 2_300, 52, &onlineHours, online, []string{"Carona Já", "Leva Táxi"}, []string{"sao-paulo", "sao-paulo"}},
	{"shop-online", "5311", 88, 11_900, 84, &onlineHours, online, []string{"Loja Tudo", "Magazine Praia", "Compra Fácil", "Bazaar World"}, []string{"sao-paulo", "rio", "curitiba", "miami"}},
	{"games", "5816", 16, 3_900, 56, &onlineHours, online, []string{"Play Norte", "Arcade Global"}, []string{"recife", "paris"}},
	{"airline", "4511", 9, 92_000, 60, &onlineHours, online, []string{"Voa Brasil", "Ibero Líneas"}, []string{"sao-paulo", "madrid"}},
	{"catalogue", "5969", 9, 8_900, 58, &shopHours, byPhone, []string{"Catálogo Casa & Cia", "Flores por Telefone"}, []string{"porto-alegre", "goiania"}},
	{"streaming", "4899", 26, 3_990, 18, &nightHours, recurring, []string{"Cine em Casa", "Música Livre", "Streamly"}, []string{"sao-paulo", "rio", "miami"}},
	{"telephone", "4814", 18, 8_990, 34, &nightHours, recurring, []string{"Fala Mais", "Conecta Fibra"}, []string{"sao-paulo", "belo-horizonte"}},
}

// The indices of the categories that courses name.
const (
	electronics = 8
	shopOnline  = 11
	streaming   = 15
)

// burstMerchant is the merchant at which the burst tries its numbers. It delivers at
// once.
var burstMerchant = &bankv1.Merchant{Id: "gift-cards-miami", Name: "Instant Gift Cards", CategoryCode: "5815", City: "Miami", Country: "US"}

// merchants are all merchants: shops by category and city, and the others by category.
type merchants struct {
	weights []int
	shops   [][][]*bankv1.Merchant
	afar    [][]*bankv1.Merchant
}

func newMerchants() *merchants {
	m := &merchants{
		weights: make([]int, len(categories)), shops: make([][][]*bankv1.Merchant, len(categories)), afar: make([][]*bankv1.Merchant, len(categories)),
	}
	for i, of := range categories {
		m.weights[i] = of.weight
		if of.homes == nil {
			m.shops[i] = make([][]*bankv1.Merchant, len(cities))
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

func shopsIn(of category, place city) []*bankv1.Merchant {
	shops := make([]*bankv1.Merchant, len(of.names))
	for n := range of.names {
		shops[n] = merchant(of, n, place)
	}
	return shops
}

func merchant(of category, n int, place city) *bankv1.Merchant {
	return &bankv1.Merchant{
		Id:   of.slug + "-" + place.slug + "-" + strconv.Itoa(n+1),
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

// sell draws a merchant of a category for a customer of a city. A shop is in that city
// or, sometimes, in another one.
func (m *merchants) sell(d draw, of, home int) *bankv1.Merchant {
	const away = 60 // in a thousand
	if afar := m.afar[of]; afar != nil {
		return afar[d.below(len(afar))]
	}
	if d.chance(away) || categories[of].code == "7011" { // nobody stays in a hotel at home
		home = d.pick(cityWeights)
	}
	shops := m.shops[of][home]
	return shops[d.below(len(shops))]
}
