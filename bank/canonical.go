package bank

import (
	"strconv"
	"time"
)

// Canonical is the form of a request from which its fingerprint is computed. Every field has its
// length, so that two different requests never have the same form.
type Canonical []byte

// NewCanonical starts the canonical form of a request of the given kind.
func NewCanonical(kind string) Canonical {
	return make(Canonical, 0, 256).Text(kind)
}

// Text appends a text field.
func (c Canonical) Text(field string) Canonical {
	c = strconv.AppendInt(c, int64(len(field)), 10)
	c = append(c, ':')
	return append(c, field...)
}

// Number appends a whole number.
func (c Canonical) Number(field int64) Canonical {
	c = strconv.AppendInt(c, field, 10)
	return append(c, ';')
}

// Merchant appends every field of a merchant.
func (c Canonical) Merchant(m *Merchant) Canonical {
	return c.Text(m.ID).Text(m.Name).Text(m.CategoryCode).Text(m.City).Text(m.Country)
}

// Moment appends the time that a request names. For the zero time it appends nothing, so
// a request that names none keeps the form that it had before requests could name one.
func (c Canonical) Moment(at time.Time) Canonical {
	if at.IsZero() {
		return c
	}
	return c.Text("at").Number(at.UnixMilli())
}
