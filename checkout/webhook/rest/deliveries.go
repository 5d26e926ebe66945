package rest

import (
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"codebank.dev/checkout/payment/view"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/postgres"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
)

// The sizes of a page of deliveries.
const usualDeliveries, mostDeliveries = 25, 100

// deliveryView is a delivery as merchants read it.
type deliveryView struct {
	// ID is that of the message, in its header webhook-id.
	ID        string       `json:"id"`
	EventType webhook.Type `json:"event_type"`
	Sequence  int64        `json:"sequence"`
	Status    string       `json:"status"`
	// NextAttemptAt is when it is tried again at the earliest; nil unless pending.
	NextAttemptAt *view.Time    `json:"next_attempt_at"`
	CreatedAt     view.Time     `json:"created_at"`
	EndedAt       *view.Time    `json:"ended_at"`
	Attempts      []attemptView `json:"attempts"`
}

// attemptView is one try.
type attemptView struct {
	Number int       `json:"number"`
	At     view.Time `json:"at"`
	// Status is the HTTP status of the answer; nil if there was none, and then Error says why.
	Status *int    `json:"status"`
	Error  *string `json:"error"`
	TookMS int64   `json:"took_ms"`
}

func viewOfDelivery(d *webhook.Delivery) deliveryView {
	shown := deliveryView{
		ID: d.ID.String(), EventType: d.Type, Sequence: d.Sequence, Status: d.State.String(), NextAttemptAt: view.TimeOrNil(d.NextAt),
		CreatedAt: view.Time(d.CreatedAt), EndedAt: view.TimeOrNil(d.EndedAt), Attempts: make([]attemptView, 0, len(d.Attempts)),
	}
	for i := range d.Attempts {
		one := &d.Attempts[i]
		try := attemptView{Number: one.Number, At: view.Time(one.At), TookMS: one.Took.Milliseconds()}
		if one.Error == webhook.NoError {
			try.Status = &one.Status
		} else {
			class := strings.ToLower(string(one.Error.Shown()))
			try.Error = &class
		}
		shown.Attempts = append(shown.Attempts, try)
	}
	return shown
}

// listDeliveries answers a page of the log of an endpoint, the newest event first.
func (s *Server) listDeliveries(w http.ResponseWriter, r *http.Request) error {
	name, query, err := s.named(r, sizeParameter, tokenParameter)
	if err != nil {
		return err
	}
	scope := []string{ListDeliveries, name.Merchant, name.Mode.String(), name.ID.String()}
	page := postgres.LogPage{Owner: name.Owner, Endpoint: name.ID}
	if page.Size, err = readSize(query); err != nil {
		return err
	}
	if page.Before, err = s.readPosition(query, scope); err != nil {
		return err
	}
	size := page.Size
	page.Size++ // One more says whether there is a next page.
	found, err := s.config.Store.Log(r.Context(), page)
	if err != nil {
		return err
	}
	answer := struct {
		Deliveries    []deliveryView `json:"deliveries"`
		NextPageToken string         `json:"next_page_token"`
	}{Deliveries: make([]deliveryView, 0, size)}
	if len(found) > size {
		found = found[:size]
		position := binary.BigEndian.AppendUint64(nil, uint64(found[size-1].Sequence))
		answer.NextPageToken = s.pages.Issue(position, scope...)
	}
	for i := range found {
		answer.Deliveries = append(answer.Deliveries, viewOfDelivery(&found[i]))
	}
	return serve.WriteTagged(w, r, "", answer)
}

// readSize returns the size of a page.
func readSize(query url.Values) (int, error) {
	size := int64(0)
	if query.Has(sizeParameter) {
		var err error
		if size, err = strconv.ParseInt(query.Get(sizeParameter), 10, 32); err != nil {
			return 0, fault.Invalid(sizeParameter, "This must be a whole number.")
		}
	}
	return field.PageSize(sizeParameter, int32(size), usualDeliveries, mostDeliveries)
}

// readPosition returns the sequence before which a page begins; 0 for the first page.
func (s *Server) readPosition(query url.Values, scope []string) (int64, error) {
	if query.Get(tokenParameter) == "" {
		return 0, nil
	}
	position, err := s.pages.Read(query.Get(tokenParameter), scope...)
	if err != nil || len(position) != 8 {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(position)), nil
}

// delivery returns the delivery that a request names.
func (s *Server) delivery(r *http.Request) (postgres.Resend, error) {
	name, _, err := s.named(r)
	if err != nil {
		return postgres.Resend{}, err
	}
	delivery, err := id.Parse(r.PathValue("delivery"))
	if err != nil {
		return postgres.Resend{}, webhook.ErrNoDelivery
	}
	return postgres.Resend{Owner: name.Owner, Endpoint: name.ID, Delivery: delivery}, nil
}

func (s *Server) getDelivery(w http.ResponseWriter, r *http.Request) error {
	wanted, err := s.delivery(r)
	if err != nil {
		return err
	}
	found, err := s.config.Store.Delivery(r.Context(), wanted)
	if err != nil {
		return err
	}
	return serve.WriteTagged(w, r, "", viewOfDelivery(&found))
}

// resend makes a delivery due now, whatever became of it before.
func (s *Server) resend(w http.ResponseWriter, r *http.Request) error {
	wanted, err := s.delivery(r)
	if err != nil {
		return err
	}
	again, err := s.config.Store.Resend(r.Context(), wanted, s.config.Now())
	if err != nil {
		return err
	}
	return serve.WriteJSON(w, http.StatusAccepted, viewOfDelivery(&again))
}
