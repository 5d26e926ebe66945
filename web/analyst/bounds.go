package analyst

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
	"codebank.dev/platform/fault"
)

// takeSlider reads the bounds of a slider. Amounts are in major units in an address, as
// everywhere on a page, and in minor units in the index.
func (s *state) takeSlider(control view.Control, values url.Values) error {
	for _, suffix := range []string{fromSuffix, toSuffix} {
		name := control.ID + suffix
		text := values.Get(name)
		if text == "" {
			continue
		}
		bound, err := parseBound(control, text)
		switch {
		case errors.Is(err, strconv.ErrRange):
			return fault.Invalid(name, "It is larger than any value: the largest is "+boundText(control, math.MaxInt64)+".")
		case err != nil && isAmount(control):
			return fault.Invalid(name, "It is not an amount such as 100 or 99.90.")
		case err != nil:
			return fault.Invalid(name, "It is not a whole number, 0 or more.")
		}
		s.bounds[name] = bound
	}
	from, isFrom := s.bounds[control.ID+fromSuffix]
	to, isTo := s.bounds[control.ID+toSuffix]
	if isFrom && isTo && from > to {
		return fault.Invalid(control.ID+fromSuffix, "It is larger than "+control.ID+toSuffix+".")
	}
	return nil
}

// bounded returns the condition of one bound of a slider. The bound of an amount is one in
// major units, whatever the currency: 100 are 10000 minor units in BRL and 100 in JPY.
func bounded(control view.Control, operator kql.Operator, bound int64) kql.Query {
	compare := func(bound int64) kql.Query {
		return kql.Compare{Field: control.Field, Operator: operator, Value: kql.Number(bound)}
	}
	if !isAmount(control) {
		return compare(bound)
	}
	money := view.DataView{Decimals: catalogue.Decimals()}
	in := func(decimals int) kql.Query {
		return kql.OneOf{Field: view.CurrencyField, Values: money.CurrenciesOf(decimals)}
	}
	whole := bound / 100
	if operator == kql.GreaterOrEqual && bound%100 != 0 {
		whole++
	}
	thousandths := int64(math.MaxInt64)
	if bound <= thousandths/10 {
		thousandths = 10 * bound
	}
	return kql.Or{
		kql.And{compare(bound), kql.Not{Query: kql.Or{in(0), in(3)}}},
		kql.And{compare(whole), in(0)},
		kql.And{compare(thousandths), in(3)},
	}
}

// isAmount reports whether a slider's field holds minor units. Its bounds are kept in
// hundredths of the major unit.
func isAmount(control view.Control) bool { return strings.HasSuffix(control.Field, "_minor") }

// parseBound returns a bound in the unit of the index. A bound that the index cannot have has
// the error strconv.ErrRange. No bound is rounded: it stays a whole number from the address to
// the query.
func parseBound(control view.Control, text string) (int64, error) {
	if isAmount(control) {
		whole, fraction, _ := strings.Cut(text, ".")
		if whole == "" || len(fraction) > 2 {
			return 0, strconv.ErrSyntax
		}
		text = whole + (fraction + "00")[:2]
	}
	parsed, err := strconv.ParseUint(text, 10, 63)
	return int64(parsed), err
}

// boundText writes a bound of a slider as an address has it, or "" for an open one.
func (s *state) boundText(control view.Control, suffix string) string {
	bound, is := s.bounds[control.ID+suffix]
	if !is {
		return ""
	}
	return boundText(control, bound)
}

func boundText(control view.Control, bound int64) string {
	switch {
	case isAmount(control) && bound%100 != 0:
		return fmt.Sprintf("%d.%02d", bound/100, bound%100)
	case isAmount(control):
		bound /= 100
	}
	return strconv.FormatInt(bound, 10)
}
