package rpc

import (
	"encoding/binary"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/fault"
)

// query is what a page token belongs to: the same list must be asked for with it.
func query(page *payment.Page) []string {
	if page.OpenOnly {
		return []string{"payments", page.Bank, "open"}
	}
	return []string{"payments", page.Bank, "all"}
}

func (p *Payments) writePlace(place payment.Place, page *payment.Page) string {
	position := binary.BigEndian.AppendUint64(nil, uint64(place.AcceptedAtMicros))
	return p.Pages.Issue(append(position, place.ID...), query(page)...)
}

// errPlace refuses a token that this service has not made.
var errPlace = fault.Invalid("page_token", "The page token was not issued for this query; ask for the first page again.")

// timeBytes are the bytes of the time, before the id.
const timeBytes = 8

// readPlace returns where a page begins; nil for the first page.
func (p *Payments) readPlace(token string, page *payment.Page) (*payment.Place, error) {
	if token == "" {
		return nil, nil
	}
	position, err := p.Pages.Read(token, query(page)...)
	if err != nil {
		return nil, err
	}
	if len(position) < timeBytes {
		return nil, errPlace
	}
	name, err := payment.ParseID(string(position[timeBytes:]))
	if err != nil {
		return nil, errPlace
	}
	return &payment.Place{AcceptedAtMicros: int64(binary.BigEndian.Uint64(position)), ID: name}, nil
}
