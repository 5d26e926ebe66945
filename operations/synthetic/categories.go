package synthetic

import (
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
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
	// weight is how often customers go there on a working day, and weekend is that on
	// Saturdays and Sundays.
	weight, weekend int
	// reais and dollars are the medians of the prices in minor units, and spread is their
	// spread, as draw.amount has them.
	reais, dollars int64
	spread         int
	hours          *hours
	channel        bankv1.Channel
	// season changes the weight by month, in hundredths; nil if all months are alike.
	season  *[12]int
	returns returns
	holds   holds
	// shops are the shops of each city. If homes is set, shops are the merchants.
	shops []shop
	// homes are the cities of merchants that sell from afar; nil for shops.
	homes []string
}

// shop is a store by its name, which has 2 to 60 characters.
type shop struct {
	name  string
	trend trend
}

// weightIn returns the weight in a month, January being 0, on weekends if weekend is 1.
func (c *category) weightIn(month, weekend int) int {
	weight := []int{c.weight, c.weekend}[weekend]
	if c.season != nil {
		weight = weight * c.season[month] / 100
	}
	return weight
}

// prices are the parameters of the prices in one currency.
type prices struct {
	median   int64
	spread   int
	currency string
}

func (c *category) prices(currency string) prices {
	if currency == Dollar {
		return prices{c.dollars, c.spread, currency}
	}
	return prices{c.reais, c.spread, currency}
}

// The seasons, from January to December.
var (
	holidays = &[12]int{150, 110, 80, 85, 80, 95, 145, 85, 85, 95, 100, 150}
	gifts    = &[12]int{75, 80, 90, 90, 125, 115, 90, 105, 90, 115, 150, 170}
	school   = &[12]int{190, 170, 95, 85, 85, 80, 110, 115, 85, 85, 85, 90}
	cold     = &[12]int{90, 90, 95, 100, 110, 120, 125, 115, 105, 95, 90, 90}
)

var categories = []category{
	{slug: "supermarket", code: "5411", weight: 200, weekend: 230, reais: 9_800, dollars: 5_400, spread: 72, hours: &shopHours, channel: inShop,
		returns: returns{4, 2, 20, 72}, shops: []shop{
			{"Mercado Bom Preço", steady}, {"Supermercado Ipê", shrinks}, {"Hortifruti Horta Viva", grows},
			{"Comércio de Gêneros Alimentícios e Bebidas São João da Praça", steady}}},
	{slug: "bakery", code: "5462", weight: 90, weekend: 105, reais: 1_850, dollars: 1_050, spread: 46, hours: &mealHours, channel: inShop,
		returns: returns{3, 0, 0, 0}, shops: []shop{{"Padaria Estrela", steady}, {"Confeitaria Doce Lar", steady}, {"Pão", grows}}},
	{slug: "restaurant", code: "5812", weight: 140, weekend: 210, reais: 6_400, dollars: 3_900, spread: 52, hours: &mealHours, channel: inShop,
		returns: returns{6, 1, 12, 72}, shops: []shop{
			{"Cantina Nonna Rosa", steady}, {"Churrascaria do Sul", closes}, {"Bistrô da Praça", steady}, {"Zé", steady}}},
	{slug: "fast-food", code: "5814", weight: 80, weekend: 110, reais: 3_300, dollars: 1_450, spread: 42, hours: &mealHours, channel: inShop,
		returns: returns{4, 0, 0, 0}, shops: []shop{{"Lanches Express", steady}, {"Pastelaria Central", shrinks}, {"Açaí & Cia", opens}}},
	{slug: "fuel", code: "5541", weight: 80, weekend: 70, reais: 15_500, dollars: 4_700, spread: 38, hours: &shopHours, channel: inShop,
		returns: returns{5, 0, 0, 0}, holds: holds{600, 5_000, 0, 10, 3, 2 * time.Minute, 25 * time.Minute},
		shops: []shop{{"Posto Avenida", steady}, {"Posto Rodovia", steady}}},
	{slug: "pharmacy", code: "5912", weight: 80, weekend: 60, reais: 4_700, dollars: 2_300, spread: 66, hours: &shopHours, channel: inShop,
		season: cold, returns: returns{3, 4, 20, 120}, shops: []shop{{"Drogaria Vida", steady}, {"Farmácia Popular", steady}}},
	{slug: "clothes", code: "5651", weight: 45, weekend: 70, reais: 14_800, dollars: 6_900, spread: 66, hours: &shopHours, channel: inShop,
		season: gifts, returns: returns{3, 38, 24, 480}, shops: []shop{
			{"Moda Atlântica", steady}, {"Ateliê Baiano", grows}, {"Confecções e Calçados Irmãos Magalhães & Conceição", shrinks}}},
	{slug: "books", code: "5942", weight: 18, weekend: 22, reais: 6_900, dollars: 2_600, spread: 48, hours: &shopHours, channel: inShop,
		season: school, returns: returns{2, 9, 24, 360}, shops: []shop{{"Livraria Aurora", steady}}},
	{slug: "electronics", code: "5732", weight: 14, weekend: 18, reais: 52_000, dollars: 23_900, spread: 70, hours: &shopHours, channel: inShop,
		season: gifts, returns: returns{4, 32, 48, 600}, shops: []shop{{"Eletro Norte", steady}}},
	{slug: "hotel", code: "7011", weight: 9, weekend: 12, reais: 46_000, dollars: 18_500, spread: 58, hours: &shopHours, channel: inShop,
		season: holidays, returns: returns{2, 45, 24, 1_080}, holds: holds{850, 0, 250, 60, 15, 20 * time.Hour, 6 * day}, shops: []shop{{"Hotel Mirante", steady}, {"Pousada das Flores", steady}}},
	{slug: "ride", code: "4121", weight: 78, weekend: 88, reais: 2_300, dollars: 1_700, spread: 52, hours: &onlineHours, channel: online,
		returns: returns{14, 2, 2, 48}, shops: []shop{{"Carona Já", shrinks}, {"Leva Táxi", grows}, {"Uí", steady}},
		homes: []string{"sao-paulo", "sao-paulo", "rio"}},
	{slug: "shop-online", code: "5311", weight: 88, weekend: 84, reais: 11_900, dollars: 5_600, spread: 84, hours: &onlineHours, channel: online,
		season: gifts, returns: returns{5, 42, 72, 720}, shops: []shop{
			{"Loja Tudo", steady}, {"Magazine Praia", shrinks}, {"Compra Fácil", grows}, {"Bazaar World", steady}},
		homes: []string{"sao-paulo", "rio", "curitiba", "miami"}},
	{slug: "games", code: "5816", weight: 16, weekend: 24, reais: 3_900, dollars: 1_950, spread: 56, hours: &onlineHours, channel: online,
		season: holidays, returns: returns{5, 12, 4, 96}, shops: []shop{{"Play Norte", steady}, {"Arcade Global", grows}}, homes: []string{"recife", "paris"}},
	{slug: "airline", code: "4511", weight: 9, weekend: 8, reais: 92_000, dollars: 41_000, spread: 60, hours: &onlineHours, channel: online,
		season: holidays, returns: returns{6, 52, 24, 1_440}, shops: []shop{{"Voa Brasil", steady}, {"Ibero Líneas", steady}}, homes: []string{"sao-paulo", "madrid"}},
	{slug: "catalogue", code: "5969", weight: 9, weekend: 5, reais: 8_900, dollars: 4_400, spread: 58, hours: &shopHours, channel: byPhone,
		season: gifts, returns: returns{2, 30, 96, 600}, shops: []shop{{"Catálogo Casa & Cia", shrinks}, {"Flores por Telefone", steady}},
		homes: []string{"porto-alegre", "goiania"}},
	{slug: "streaming", code: "4899", weight: 26, weekend: 26, reais: 3_990, dollars: 1_399, spread: 18, hours: &nightHours, channel: recurring,
		returns: returns{0, 6, 6, 240}, shops: []shop{{"Cine em Casa", steady}, {"Música Livre", steady}, {"Streamly", opens}},
		homes: []string{"sao-paulo", "rio", "miami"}},
	{slug: "telephone", code: "4814", weight: 18, weekend: 18, reais: 8_990, dollars: 4_800, spread: 34, hours: &nightHours, channel: recurring,
		returns: returns{0, 3, 24, 480}, shops: []shop{{"Fala Mais", steady}, {"Conecta Fibra", steady}}, homes: []string{"sao-paulo", "belo-horizonte"}},
}

// The indices of the categories that courses name.
const (
	electronics = 8
	hotel       = 9
	ride        = 10
	shopOnline  = 11
	streaming   = 15
)
