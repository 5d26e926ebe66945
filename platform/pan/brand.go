package pan

// Brand is the scheme that a card belongs to. The numbers are stored: append only.
type Brand uint8

// The brands.
const (
	BrandUnknown Brand = iota
	Visa
	Mastercard
	Amex
	Elo
	Hipercard
	Discover
	Diners
	JCB
)

var brandNames = [...]string{"UNKNOWN", "VISA", "MASTERCARD", "AMEX", "ELO", "HIPERCARD", "DISCOVER", "DINERS", "JCB"}

// String returns the brand as events name it, or UNKNOWN if it is not a brand.
func (b Brand) String() string {
	if int(b) >= len(brandNames) {
		b = BrandUnknown
	}
	return brandNames[b]
}

// CVVLength returns how many digits a security code of the brand has: four for AMEX,
// three for all others.
func (b Brand) CVVLength() int {
	if b == Amex {
		return 4
	}
	return 3
}

// hasLength reports whether numbers of the brand may have that many digits.
func (b Brand) hasLength(digits int) bool {
	switch b {
	case Visa, Hipercard:
		return digits == 13 || digits == 16 || digits == 19
	case Mastercard, Elo:
		return digits == 16
	case Amex:
		return digits == 15
	case Discover, JCB:
		return digits >= 16
	case Diners:
		return digits >= 14
	}
	return false
}

// Brand returns the scheme that the number's first digits belong to.
func (n Number) Brand() Brand { return brandOf(n.Reveal()) }

func brandOf(digits string) Brand {
	for _, r := range brandRanges {
		if len(digits) >= len(r.from) && digits[:len(r.from)] >= r.from && digits[:len(r.to)] <= r.to {
			return r.brand
		}
	}
	return BrandUnknown
}

// brandRanges lists issuer ranges, narrow before wide. The Elo and Hipercard
// ranges lie inside those of other schemes.
var brandRanges = []struct {
	from, to string
	brand    Brand
}{
	{"506699", "506778", Elo}, {"509000", "509999", Elo}, {"636368", "636368", Elo}, {"650031", "650051", Elo},
	{"606282", "606282", Hipercard}, {"637095", "637095", Hipercard},
	{"34", "34", Amex}, {"37", "37", Amex},
	{"3528", "3589", JCB},
	{"300", "305", Diners}, {"36", "36", Diners}, {"38", "39", Diners},
	{"6011", "6011", Discover}, {"644", "649", Discover}, {"65", "65", Discover},
	{"51", "55", Mastercard}, {"2221", "2720", Mastercard},
	{"4", "4", Visa},
}
