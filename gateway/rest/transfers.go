package rest

import (
	"context"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"

	"codebank.dev/gateway"
	"codebank.dev/gateway/transfer"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
)

// The routes of transfers, by their names in Permissions.
const (
	AcceptTransfer = "POST /cmd/transfer"
	ListTransfers  = "GET /q/transfers"
	GetTransfer    = "GET /q/transfers/{id}"
	CancelTransfer = "POST /cmd/transfers/{id}/cancel"
)

// The sizes of a page of transfers.
const usualTransfers, mostTransfers = 25, 100

// Transfers answers the routes of transfers. It is safe for concurrent use.
type Transfers struct {
	service *transfer.Service
	pages   *serve.PageTokens
	onward  func(context.Context) context.Context
}

// NewTransfers returns Transfers. onward is as in Config.
func NewTransfers(service *transfer.Service, pages *serve.PageTokens, onward func(context.Context) context.Context) *Transfers {
	return &Transfers{service: service, pages: pages, onward: onward}
}

// Mount adds the routes.
func (t *Transfers) Mount(router Router) {
	for pattern, handle := range map[string]serve.RouteHandler{
		AcceptTransfer: t.accept, ListTransfers: t.list, GetTransfer: t.get, CancelTransfer: t.cancel,
	} {
		router.Route(pattern, func(w http.ResponseWriter, r *http.Request) error {
			return handle(w, r.WithContext(t.onward(r.Context())))
		})
	}
}

// transferBody is a transfer as its owner sees it. Amounts are minor units.
type transferBody struct {
	ID            string  `json:"id"`
	Status        string  `json:"status"`
	Error         *string `json:"error"`
	Amount        int64   `json:"amount"`
	Currency      string  `json:"currency"`
	Message       string  `json:"message"`
	FromAccountID string  `json:"from_account_id"`
	ToAccountID   string  `json:"to_account_id"`
	TransactionID *string `json:"transaction_id"`
	Sequence      *int64  `json:"sequence"`
	CreatedAt     string  `json:"created_at"`
	UpdatedAt     string  `json:"updated_at"`
}

// bodyOf returns what is shown of a transfer.
func bodyOf(of *gateway.Transfer) transferBody {
	shown := transferBody{
		ID: of.ID.String(), Status: string(of.Status), Amount: of.AmountMinor, Currency: of.Currency,
		Message: of.Message, FromAccountID: of.From.String(), ToAccountID: of.To.String(),
		CreatedAt: of.CreatedAt.UTC().Format(timeFormat), UpdatedAt: of.UpdatedAt.UTC().Format(timeFormat),
	}
	if of.Error != "" {
		shown.Error = &of.Error
	}
	if of.Status == gateway.Completed {
		transaction := of.TransactionID.String()
		shown.TransactionID, shown.Sequence = &transaction, &of.Sequence
	}
	return shown
}

// timeFormat is RFC 3339 with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// accept accepts a transfer, and answers it as it was accepted.
func (t *Transfers) accept(w http.ResponseWriter, r *http.Request) error {
	user, _, err := RequestID(r)
	if err != nil {
		return err
	}
	request, err := readTransfer(r)
	if err != nil {
		return err
	}
	accepted, err := t.service.Accept(r.Context(), user, r.Header.Get(gateway.KeyHeader), request)
	if err != nil {
		return err
	}
	serve.SetReplayed(w, accepted.IsRepeat)
	w.Header().Set("Location", "/q/transfers/"+accepted.Transfer.ID.String())
	return serve.WriteJSON(w, http.StatusCreated, bodyOf(&accepted.Transfer))
}

// readTransfer reads the body of a transfer that is asked for.
func readTransfer(r *http.Request) (request gateway.Request, err error) {
	body, err := serve.ReadObject(r, "amount", "message", "from_account_id", "to_account_id")
	if err != nil {
		return request, err
	}
	var from, to string
	err = body.Texts(map[string]*string{"message": &request.Message, "from_account_id": &from, "to_account_id": &to})
	if err != nil {
		return request, err
	}
	if !body.Has("amount") {
		return request, field.Required("amount")
	}
	if request.AmountMinor, err = body.Whole("amount"); err != nil {
		return request, err
	}
	if request.From, err = accountID("from_account_id", from); err != nil {
		return request, err
	}
	request.To, err = accountID("to_account_id", to)
	return request, err
}

// accountID returns the account that a field names.
func accountID(name, text string) (id.ID, error) {
	if text == "" {
		return id.ID{}, field.Required(name)
	}
	parsed, err := id.Parse(text)
	if err != nil || parsed.IsZero() {
		return id.ID{}, fault.Invalid(name, "An account id is a lower-case UUID.")
	}
	return parsed, nil
}

// get answers a transfer as it is now.
func (t *Transfers) get(w http.ResponseWriter, r *http.Request) error {
	user, err := User(r)
	if err != nil {
		return err
	}
	name, err := transferID(r)
	if err != nil {
		return err
	}
	if _, err := serve.ReadQuery(r); err != nil {
		return err
	}
	found, err := t.service.Transfer(r.Context(), user, name)
	if err != nil {
		return err
	}
	return serve.WriteJSON(w, http.StatusOK, bodyOf(&found))
}

// transferID returns the transfer that the path of a request names. A name that is none names nothing.
func transferID(r *http.Request) (id.ID, error) {
	name, err := id.Parse(r.PathValue("id"))
	if err != nil {
		return id.ID{}, gateway.ErrNoTransfer
	}
	return name, nil
}

// cancel cancels a transfer that is processing, and answers it as it is then.
func (t *Transfers) cancel(w http.ResponseWriter, r *http.Request) error {
	user, _, err := RequestID(r)
	if err != nil {
		return err
	}
	name, err := transferID(r)
	if err != nil {
		return err
	}
	if r.ContentLength != 0 {
		if _, err := serve.ReadObject(r); err != nil {
			return err
		}
	}
	cancelled, before, err := t.service.Cancel(r.Context(), user, name)
	if err != nil {
		return err
	}
	serve.SetReplayed(w, before)
	return serve.WriteJSON(w, http.StatusOK, bodyOf(&cancelled))
}

// list answers a page of the caller's transfers, the newest first.
func (t *Transfers) list(w http.ResponseWriter, r *http.Request) error {
	user, err := User(r)
	if err != nil {
		return err
	}
	query, err := serve.ReadQuery(r, "status", "page_size", "page_token")
	if err != nil {
		return err
	}
	page, err := t.readPage(query, user)
	if err != nil {
		return err
	}
	size := page.Size
	page.Size++ // One more says whether there is a next page.
	found, err := t.service.Transfers(r.Context(), user, page)
	if err != nil {
		return err
	}
	answer := struct {
		Transfers     []transferBody `json:"transfers"`
		NextPageToken string         `json:"next_page_token"`
	}{Transfers: make([]transferBody, 0, size)}
	if len(found) > size {
		found = found[:size]
		answer.NextPageToken = t.pages.Issue(positionOf(&found[size-1]), transfersQuery(user, page.Status)...)
	}
	for i := range found {
		answer.Transfers = append(answer.Transfers, bodyOf(&found[i]))
	}
	return serve.WriteJSON(w, http.StatusOK, answer)
}

// readPage returns the page that a query asks for.
func (t *Transfers) readPage(query url.Values, user id.ID) (gateway.Page, error) {
	page := gateway.Page{Status: gateway.Status(query.Get("status"))}
	if page.Status != "" && !page.Status.IsValid() {
		return page, fault.Invalid("status", "The status is processing, completed or cancelled.")
	}
	var size int64
	var err error
	if text := query.Get("page_size"); text != "" {
		if size, err = strconv.ParseInt(text, 10, 32); err != nil {
			return page, fault.Invalid("page_size", "This must be a whole number.")
		}
	}
	if page.Size, err = field.PageSize("page_size", int32(size), usualTransfers, mostTransfers); err != nil {
		return page, err
	}
	if token := query.Get("page_token"); token != "" {
		position, err := t.pages.Read(token, transfersQuery(user, page.Status)...)
		if err != nil {
			return page, err
		}
		page.After = placeOf(position)
	}
	return page, nil
}

// transfersQuery is the query that a page token of transfers belongs to.
func transfersQuery(user id.ID, status gateway.Status) []string {
	return []string{ListTransfers, user.String(), string(status)}
}

// positionOf returns where a page ends, for its token, and placeOf reads that back.
func positionOf(last *gateway.Transfer) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(last.CreatedAt.UnixMicro())), last.ID[:]...)
}

func placeOf(position []byte) *gateway.Place {
	const length = 8 + len(id.ID{})
	if len(position) != length {
		return &gateway.Place{} // No token of ours.
	}
	return &gateway.Place{CreatedAtMicros: int64(binary.BigEndian.Uint64(position)), ID: id.ID(position[8:])}
}
