package rest

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/view"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/serve"
)

// The routes of figures, by their names in Permissions.
const (
	GetStatistics = "GET /v1/statistics"
	GetBalance    = "GET /v1/balance"
	GetMovements  = "GET /v1/balance/movements.csv"
)

func (s *Server) figures() []route {
	return []route{
		{GetStatistics, reads, s.getStatistics, false},
		{GetBalance, reads, s.getBalance, false},
		{GetMovements, reads, s.getMovements, true},
	}
}

// The parameters of a span.
const spanFrom, spanTo, intervalParameter = "from", "to", "interval"

const (
	day = 24 * time.Hour
	// mostHours and mostDays bound the time of statistics, and so the rows that are read for them.
	mostHours, mostDays = 31 * day, 366 * day
	// movementsAtOnce are read and written together.
	movementsAtOnce = 500
	// pieceTimeout bounds how long a client may take to read them.
	pieceTimeout = time.Minute
)

var (
	errInterval = fault.Invalid(intervalParameter, "The interval is hour or day.")
	errOrder    = fault.Invalid(spanTo, "The end must be later than the beginning.")
	errHours    = fault.Invalid(spanTo, "Statistics by the hour are of 31 days at most.")
	errDays     = fault.Invalid(spanTo, "Statistics by the day are of 366 days at most.")
	errFar      = fault.Invalid(spanFrom, "Statistics are of the years 1970 to 9998.")
	// The first and the last time of movements when none is given.
	earliest, latest = time.UnixMilli(0).UTC(), time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// getStatistics answers what happened to an owner's charges, by the hour or the day.
func (s *Server) getStatistics(w http.ResponseWriter, r *http.Request) error {
	query, err := serve.ReadQuery(r, merchantParameter, modeParameter, spanFrom, spanTo, intervalParameter)
	if err != nil {
		return err
	}
	of, err := s.Reader(r, query)
	if err != nil {
		return err
	}
	span, err := readSpan(query)
	if err != nil {
		return err
	}
	counts, err := s.config.Figures.Statistics(r.Context(), of, span)
	if err != nil {
		return err
	}
	interval := "hour"
	if span.ByDay {
		interval = "day"
	}
	return serve.WriteTagged(w, r, "", struct {
		Interval   string                    `json:"interval"`
		From       view.Time                 `json:"from"`
		To         view.Time                 `json:"to"`
		Currencies []view.CurrencyStatistics `json:"currencies"`
	}{interval, view.Time(span.From), view.Time(span.To), view.OfCounts(counts)})
}

// readSpan returns the span of statistics that a query asks for: whole hours or days, with the one in which it begins
// and the one in which it ends.
func readSpan(query url.Values) (span payment.Span, err error) {
	step, most, tooLong := time.Hour, mostHours, errHours
	switch query.Get(intervalParameter) {
	case "hour":
	case "day":
		step, most, tooLong, span.ByDay = day, mostDays, errDays, true
	case "":
		return span, field.Required(intervalParameter)
	default:
		return span, errInterval
	}
	for _, bound := range []struct {
		name string
		into *time.Time
	}{{spanFrom, &span.From}, {spanTo, &span.To}} {
		if !query.Has(bound.name) {
			return span, field.Required(bound.name)
		}
		if *bound.into, err = readTime(query, bound.name); err != nil {
			return span, err
		}
	}
	if !span.From.Before(span.To) {
		return span, errOrder
	}
	span.From, span.To = span.From.Truncate(step), span.To.Add(step-1).Truncate(step)
	if span.From.Before(earliest) || span.To.After(latest) {
		return span, errFar
	}
	if span.To.Sub(span.From) > most {
		return span, tooLong
	}
	return span, nil
}

// getBalance answers what an owner was paid and gave back, by currency.
func (s *Server) getBalance(w http.ResponseWriter, r *http.Request) error {
	query, err := serve.ReadQuery(r, merchantParameter, modeParameter)
	if err != nil {
		return err
	}
	of, err := s.Reader(r, query)
	if err != nil {
		return err
	}
	found, err := s.config.Figures.Balances(r.Context(), of)
	if err != nil {
		return err
	}
	answer := struct {
		Mode     string         `json:"mode"`
		Balances []view.Balance `json:"balances"`
	}{strings.ToLower(of.Mode.String()), make([]view.Balance, 0, len(found))}
	for i := range found {
		answer.Balances = append(answer.Balances, view.OfBalance(&found[i]))
	}
	return serve.WriteTagged(w, r, "", answer)
}

// getMovements streams an owner's movements as a file. If the store goes away meanwhile, the connection is cut, so that
// nobody takes the beginning for the whole.
func (s *Server) getMovements(w http.ResponseWriter, r *http.Request) error {
	query, err := serve.ReadQuery(r, merchantParameter, modeParameter, spanFrom, spanTo)
	if err != nil {
		return err
	}
	of, err := s.Reader(r, query)
	if err != nil {
		return err
	}
	wanted := payment.MovementQuery{From: earliest, To: latest, Size: movementsAtOnce}
	if err := readBounds(query, &wanted); err != nil {
		return err
	}
	text := []byte(view.MovementColumns)
	for {
		page, err := s.config.Figures.Movements(r.Context(), of, wanted)
		if err != nil {
			return err
		}
		for i := range page {
			text = view.AppendMovement(text, &page[i])
		}
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="movements.csv"`)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(pieceTimeout))
		if _, err := w.Write(text); err != nil {
			return err
		}
		if len(page) < movementsAtOnce || r.Method == http.MethodHead {
			return nil
		}
		text, wanted.After = text[:0], &page[len(page)-1]
	}
}

// readBounds sets the bounds that a query gives.
func readBounds(query url.Values, wanted *payment.MovementQuery) (err error) {
	if query.Has(spanFrom) {
		if wanted.From, err = readTime(query, spanFrom); err != nil {
			return err
		}
	}
	if query.Has(spanTo) {
		if wanted.To, err = readTime(query, spanTo); err != nil {
			return err
		}
	}
	if !wanted.From.Before(wanted.To) {
		return errOrder
	}
	return nil
}
