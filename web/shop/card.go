package shop

import (
	"strconv"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
)

// The fields of a card.
const (
	fieldNumber = "number"
	fieldHolder = "holder"
	fieldExpiry = "expiry"
	fieldCVV    = "cvv"
)

// fieldsOf are the fields of the form, by those of the contract.
var fieldsOf = map[string]string{
	"card.number": fieldNumber, "card.holder_name": fieldHolder, "card.expiry_month": fieldExpiry, "card.expiry_year": fieldExpiry, "card.cvv": fieldCVV,
}

// cardFields returns the fields of a card with what is wrong in them. They never have a value: what somebody has typed
// is not sent back.
func cardFields(v *site.Visit, wrong map[string]string) []design.Field {
	fields := []design.Field{
		{Name: fieldNumber, Label: v.Say("card.number"), Autocomplete: "cc-number", Inputmode: "numeric", Max: 32},
		{Name: fieldHolder, Label: v.Say("card.holder"), Help: v.Say("card.holder-help"), Autocomplete: "cc-name", Max: field.MaxHolderName},
		{Name: fieldExpiry, Label: v.Say("card.expiry"), Help: v.Say("card.expiry-help"), Autocomplete: "cc-exp", Inputmode: "numeric", Max: 9},
		{Name: fieldCVV, Label: v.Say("card.cvv"), Help: v.Say("card.cvv-help"), Autocomplete: "cc-csc", Inputmode: "numeric", Max: 4},
	}
	first := true
	for i := range fields {
		fields[i].Required = true
		fields[i].Error = wrong[fields[i].Name]
		if fields[i].Error != "" && first {
			fields[i].First, first = true, false
		}
	}
	return fields
}

// cardOf returns the card in the form, or what is wrong with it by the names of the fields.
func cardOf(v *site.Visit) (*checkoutv1.Card, map[string]string) {
	wrong := map[string]string{}
	number, err := pan.Parse(v.Value(fieldNumber))
	if err != nil {
		wrong[fieldNumber] = v.Say("card.number-wrong")
	}
	holder := v.Value(fieldHolder)
	if field.Text(fieldHolder, holder, field.MaxHolderName) != nil {
		wrong[fieldHolder] = v.Say("card.holder-wrong")
	}
	expiry, ok := parseExpiry(v.Value(fieldExpiry))
	switch {
	case !ok:
		wrong[fieldExpiry] = v.Say("card.expiry-wrong")
	case !v.Now().Before(expiry.End().Add(zonesBehind)):
		wrong[fieldExpiry] = v.Say("card.expired")
	}
	cvv, err := pan.ParseCVV(v.Value(fieldCVV))
	switch {
	case err != nil && wrong[fieldNumber] == "":
		wrong[fieldCVV] = v.Say("card.cvv-wrong", number.Brand().CVVLength())
	case err != nil:
		wrong[fieldCVV] = v.Say("card.cvv-missing")
	case wrong[fieldNumber] == "" && !cvv.Fits(number.Brand()):
		wrong[fieldCVV] = v.Say("card.cvv-wrong", number.Brand().CVVLength())
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return &checkoutv1.Card{
		Number: number.Reveal(), HolderName: holder, ExpiryMonth: int32(expiry.Month), ExpiryYear: int32(expiry.Year), Cvv: cvv.Reveal(),
	}, nil
}

// zonesBehind is how much later than in UTC a month ends where it ends last.
const zonesBehind = 12 * time.Hour

// century is added to years of two digits.
const century = 2000

// parseExpiry returns the expiry of a text such as 03/30, 3/2030, 0330 or 03 / 30.
func parseExpiry(text string) (pan.Expiry, bool) {
	const longest = 9
	if len(text) > longest {
		return pan.Expiry{}, false
	}
	text = strings.ReplaceAll(text, " ", "")
	month, year, apart := strings.Cut(text, "/")
	if !apart && len(text) >= 4 {
		month, year = text[:2], text[2:]
	}
	if len(month) < 1 || len(month) > 2 || len(year) != 2 && len(year) != 4 {
		return pan.Expiry{}, false
	}
	m, wrongMonth := strconv.ParseUint(month, 10, 8)
	y, wrongYear := strconv.ParseUint(year, 10, 16)
	if wrongMonth != nil || wrongYear != nil {
		return pan.Expiry{}, false
	}
	if len(year) == 2 {
		y += century
	}
	expiry, err := pan.NewExpiry(int(m), int(y))
	return expiry, err == nil
}

// wrongIn returns what an error of checkout says about a field of the card; nil if it names none.
func wrongIn(v *site.Visit, err error) map[string]string {
	known := fault.Of(err)
	name := fieldsOf[known.Field]
	if known.Code != fault.InvalidArgument || name == "" {
		return nil
	}
	return map[string]string{name: v.Reason(err)}
}
