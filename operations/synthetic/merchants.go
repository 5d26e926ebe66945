package synthetic

import (
	"strconv"
	"time"

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
	// cityWeights say how often customers go to a city.
	cityWeights = []int{300, 150, 90, 80, 70, 60, 60, 50, 50, 30, 30, 30, 60, 50, 45, 20, 15, 10}
)

// miami is the index of the city where most holders of cards in dollars live.
const miami = 13

// burstMerchant is the merchant at which the burst tries its numbers. It delivers at
// once.
var burstMerchant = &bankv1.Merchant{Id: "gift-cards-miami", Name: "Instant Gift Cards", CategoryCode: "5815", City: "Miami", Country: "US"}

// merchants are all merchants: shops by category and city, and the others by category.
type merchants struct {
	// weights are those of the categories, by month and by whether it is a weekend.
	weights [12][2][]int
	shops   [][][]*bankv1.Merchant
	afar    [][]*bankv1.Merchant
}

func newMerchants() *merchants {
	m := &merchants{shops: make([][][]*bankv1.Merchant, len(categories)), afar: make([][]*bankv1.Merchant, len(categories))}
	for i := range categories {
		of := &categories[i]
		for month := range m.weights {
			for weekend := range m.weights[month] {
				m.weights[month][weekend] = append(m.weights[month][weekend], of.weightIn(month, weekend))
			}
		}
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

// weightsOf returns the weights of the categories on a date.
func (m *merchants) weightsOf(date time.Time) []int {
	if weekend(date) {
		return m.weights[date.Month()-1][1]
	}
	return m.weights[date.Month()-1][0]
}

func shopsIn(of *category, place city) []*bankv1.Merchant {
	shops := make([]*bankv1.Merchant, len(of.shops))
	for n := range of.shops {
		shops[n] = merchant(of, n, place)
	}
	return shops
}

func merchant(of *category, n int, place city) *bankv1.Merchant {
	return &bankv1.Merchant{
		Id:   of.slug + "-" + place.slug + "-" + strconv.Itoa(n+1),
		Name: of.shops[n].name, CategoryCode: of.code, City: place.name, Country: place.country,
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

// trend says how the share of a store changes over the load.
type trend int

// The trends.
const (
	steady trend = iota
	grows
	shrinks
	opens  // after three tenths of the time
	closes // after seven tenths of the time
)

// The shares of stores, in hundredths of that of a steady one.
const (
	small = 20
	large = 200
	same  = 100
)

// share returns the share of a store at a part of the load, in thousandths.
func (t trend) share(progress int) int {
	switch t {
	case grows:
		return small + (large-small)*progress/1000
	case shrinks:
		return large - (large-small)*progress/1000
	case opens:
		if progress < 300 {
			return 0
		}
	case closes:
		if progress >= 700 {
			return 0
		}
	}
	return same
}

// progress returns how much of the load's time has passed, in thousandths.
func (l *Load) progress(at time.Time) int {
	return int(at.Sub(l.plan.Start) / day * 1000 / time.Duration(l.plan.Days))
}

// sell draws a merchant of a category for a customer of a city. A shop is in that city
// or, sometimes, in another one. Each category has a store that is open at any time.
func (m *merchants) sell(d draw, of, home, progress int) *bankv1.Merchant {
	const away = 60 // in a thousand
	stores := m.afar[of]
	if stores == nil {
		if d.chance(away) || categories[of].code == "7011" { // nobody stays in a hotel at home
			home = d.pick(cityWeights)
		}
		stores = m.shops[of][home]
	}
	for {
		n := d.below(len(stores))
		if d.below(large) < categories[of].shops[n].trend.share(progress) {
			return stores[n]
		}
	}
}
