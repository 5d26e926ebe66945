package rest

import (
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/view"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
)

// ListCharges is a route, by its name in Permissions.
const ListCharges = "GET /v1/charges"

// The sizes of a page of charges.
const usualCharges, mostCharges = 25, 100

// The parameters of a page of charges.
const (
	statusParameter = "status"
	fromParameter   = "created_from"
	toParameter     = "created_to"
	sizeParameter   = "page_size"
	tokenParameter  = "page_token"
)

// listCharges answers a page of charges, the newest first.
func (s *Server) listCharges(w http.ResponseWriter, r *http.Request) error {
	query, err := serve.ReadQuery(r, merchantParameter, modeParameter, statusParameter, fromParameter, toParameter, sizeParameter, tokenParameter)
	if err != nil {
		return err
	}
	of, err := s.Reader(r, query)
	if err != nil {
		return err
	}
	page, err := s.readPage(query, ListCharges, of)
	if err != nil {
		return err
	}
	size := page.Size
	page.Size++ // One more says whether there is a next page.
	found, err := s.config.Store.Charges(r.Context(), of, page)
	if err != nil {
		return err
	}
	answer := struct {
		Charges       []view.Charge `json:"charges"`
		NextPageToken string        `json:"next_page_token"`
	}{Charges: make([]view.Charge, 0, size)}
	if len(found) > size {
		found = found[:size]
		answer.NextPageToken = s.pages.Issue(positionOf(found[size-1].CreatedAt, found[size-1].ID), pageQuery(ListCharges, of, &page)...)
	}
	for i := range found {
		answer.Charges = append(answer.Charges, view.OfCharge(&found[i]))
	}
	return serve.WriteTagged(w, r, "", answer)
}

// readPage returns the page of a route that a query asks for.
func (s *Server) readPage(query url.Values, route string, of payment.Owner) (page payment.Page, err error) {
	if query.Has(statusParameter) {
		var known bool
		if page.State, known = payment.StateOf(query.Get(statusParameter)); !known {
			return page, errStatus
		}
	}
	if page.From, err = readTime(query, fromParameter); err != nil {
		return page, err
	}
	if page.To, err = readTime(query, toParameter); err != nil {
		return page, err
	}
	if !page.From.IsZero() && !page.To.IsZero() && !page.From.Before(page.To) {
		return page, errWindow
	}
	var size int64
	if query.Has(sizeParameter) {
		if size, err = strconv.ParseInt(query.Get(sizeParameter), 10, 32); err != nil {
			return page, fault.Invalid(sizeParameter, "This must be a whole number.")
		}
	}
	if page.Size, err = field.PageSize(sizeParameter, int32(size), usualCharges, mostCharges); err != nil {
		return page, err
	}
	if token := query.Get(tokenParameter); token != "" {
		position, err := s.pages.Read(token, pageQuery(route, of, &page)...)
		if err != nil {
			return page, err
		}
		page.After = placeOf(position)
	}
	return page, nil
}

// readTime returns a time of a query, rounded up to what the store keeps; the zero time if it is not given.
func readTime(query url.Values, name string) (time.Time, error) {
	if !query.Has(name) {
		return time.Time{}, nil
	}
	read, err := time.Parse(time.RFC3339Nano, query.Get(name))
	if err != nil || read.IsZero() {
		return time.Time{}, fault.Invalid(name, "A time is written as in 2030-01-02T15:04:05Z (RFC 3339).")
	}
	return read.UTC().Add(time.Microsecond - 1).Truncate(time.Microsecond), nil
}

var errWindow = fault.Invalid(toParameter, "The end must be later than the beginning.")

var errStatus = fault.Invalid(statusParameter, "The status is pending, rejected, authorized, approved, voided or expired.")

// pageQuery is the query that a page token of a route belongs to.
func pageQuery(route string, of payment.Owner, page *payment.Page) []string {
	return []string{
		route, of.Merchant, of.Mode.String(), page.State.String(), page.From.Format(time.RFC3339Nano), page.To.Format(time.RFC3339Nano),
	}
}

// positionOf returns where a page ends, for its token, and placeOf reads that back.
func positionOf(createdAt time.Time, last id.ID) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(createdAt.UnixMicro())), last[:]...) //nolint:gosec // placeOf turns it back
}

func placeOf(position []byte) *payment.Place {
	const length = 8 + len(id.ID{})
	if len(position) != length {
		return &payment.Place{} // No token of ours.
	}
	return &payment.Place{CreatedAtMicros: int64(binary.BigEndian.Uint64(position)), ID: id.ID(position[8:])} //nolint:gosec // as positionOf wrote it
}
