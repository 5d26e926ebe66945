package money

import "strings"

// Currency is an ISO 4217 alphabetic code. Make one with ParseCurrency; the zero
// value is no currency.
type Currency [3]byte

// currencies lists the active ISO 4217 codes that people pay with, by the number of
// decimal places of their minor unit. Source: ISO 4217 list one; precious metals,
// bond units, funds codes and test codes are left out because nobody pays with them.
var currencies = buildCurrencies()

type currency struct {
	text     string
	exponent int
}

func buildCurrencies() map[Currency]currency {
	groups := []string{
		"BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
		"",
		"AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD " +
			"CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD " +
			"HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN " +
			"NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL " +
			"THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG",
		"BHD IQD JOD KWD LYD OMR TND",
	}
	table := make(map[Currency]currency)
	for places, codes := range groups {
		for _, code := range strings.Fields(codes) {
			table[Currency([]byte(code))] = currency{text: code, exponent: places}
		}
	}
	return table
}

// ParseCurrency returns the currency of an upper-case ISO 4217 code, or
// ErrUnknownCurrency.
func ParseCurrency(code string) (Currency, error) {
	if len(code) != 3 {
		return Currency{}, ErrUnknownCurrency
	}
	c := Currency([]byte(code))
	if _, ok := currencies[c]; !ok {
		return Currency{}, ErrUnknownCurrency
	}
	return c, nil
}

// MustCurrency is ParseCurrency for codes written in source; it panics on an unknown one.
func MustCurrency(code string) Currency {
	c, err := ParseCurrency(code)
	if err != nil {
		panic("money: " + code + " is no ISO 4217 code")
	}
	return c
}

// String returns the code, or "" for no currency. It allocates nothing.
func (c Currency) String() string { return currencies[c].text }

// Exponent returns how many decimal places the minor unit has: 2 for BRL, 0 for JPY.
func (c Currency) Exponent() int { return currencies[c].exponent }
