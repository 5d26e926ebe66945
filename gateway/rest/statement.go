package rest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/language"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	day = 24 * time.Hour
	// atOnce is the longest range whose lines are in the answer.
	atOnce = 15 * day
	// linesPerPage and maxLinePages bound the lines of an answer.
	linesPerPage = 500
	maxLinePages = 20
	// asJSON is the format of an answer with the lines themselves.
	asJSON = "json"
)

// formats are the files that can be asked for.
var formats = map[string]statementv1.FileFormat{
	"csv":      statementv1.FileFormat_FILE_FORMAT_CSV,
	"ofx":      statementv1.FileFormat_FILE_FORMAT_OFX_2,
	"ofx1":     statementv1.FileFormat_FILE_FORMAT_OFX_1,
	"pdf":      statementv1.FileFormat_FILE_FORMAT_PDF,
	"camt.053": statementv1.FileFormat_FILE_FORMAT_CAMT_053,
}

var (
	errFormat    = fault.Invalid("format", "A format is json, csv, ofx, ofx1, pdf or camt.053.")
	errRange     = fault.Invalid("maxDate", "The range is empty, or begins in the future.")
	errNoWallet  = fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "There is no wallet yet. The first transaction opens it.").In("accountId")
	errBehind    = fault.New(fault.Unavailable, "STATEMENT_BEHIND", "The statement has not heard of this account yet. Send the same request again.").After(time.Second)
	errManyLines = fault.New(fault.FailedPrecondition, "TOO_MANY_LINES", "There are more lines in this range than an answer holds. Ask for a file, such as csv.").In("format")
)

// wanted is what POST /statement/generate asks for.
type wanted struct {
	account string // accounts/{uuid}
	// start is inclusive and end exclusive. endsNow says that end is the present, and so another one in a repeat.
	start, end time.Time
	endsNow    bool
	format     string
	language   string
	request    id.ID
}

// generate answers the statement of a range: its lines, or a file of them. A range of more than 15 days becomes
// a file that is made afterwards, and the answer says where.
func (s *Server) generate(w http.ResponseWriter, r *http.Request) error {
	asked, err := s.wantedOf(r)
	if err != nil {
		return err
	}
	if asked.end.Sub(asked.start) > atOnce && asked.format == asJSON {
		asked.format = "csv"
	}
	if asked.format == asJSON {
		return s.lines(w, r, asked)
	}
	file, err := s.createFile(r.Context(), asked)
	if err != nil {
		return s.unknown(r.Context(), asked, err)
	}
	if file.GetState() == statementv1.FileState_FILE_STATE_READY && asked.end.Sub(asked.start) <= atOnce {
		return send(r.Context(), s.files, w, file)
	}
	w.Header().Set("Location", pathOf(file))
	return serve.WriteJSON(w, http.StatusAccepted, fileOf(file))
}

// unknown returns why the statement refuses. An account that the bank has and the statement has not is one that
// was opened a moment ago.
func (s *Server) unknown(ctx context.Context, asked *wanted, err error) error {
	if fault.CodeOf(err) == fault.NotFound {
		if _, bankErr := s.wallets.GetBalance(ctx, &bankv1.GetBalanceRequest{Name: asked.account}); bankErr == nil {
			return errBehind
		}
	}
	return renamed(err, map[string]string{
		"parent": "accountId", "name": "accountId", "start_time": "minDate", "end_time": "maxDate", "language_code": "language",
	})
}

// wantedOf reads a request.
func (s *Server) wantedOf(r *http.Request) (*wanted, error) {
	_, request, err := RequestID(r)
	if err != nil {
		return nil, err
	}
	body, err := serve.ReadObject(r, "maxDate", "minDate", "format", "accountId", "language")
	if err != nil {
		return nil, err
	}
	asked := &wanted{request: request}
	var maxDate, minDate, account string
	err = body.Texts(map[string]*string{
		"maxDate": &maxDate, "minDate": &minDate, "format": &asked.format, "accountId": &account, "language": &asked.language,
	})
	if err != nil {
		return nil, err
	}
	if asked.format == "" {
		asked.format = asJSON
	}
	if asked.language == "" {
		asked.language = string(language.Choose(r.Header.Get("Accept-Language")))
	}
	if _, known := formats[asked.format]; !known && asked.format != asJSON {
		return nil, errFormat
	}
	if err := asked.span(minDate, maxDate, s.now()); err != nil {
		return nil, err
	}
	if account == "" {
		wallet, _, err := s.findWallet(r.Context())
		if err == nil && wallet == nil {
			err = errNoWallet
		}
		asked.account = wallet.GetName()
		return asked, err
	}
	parsed, err := id.Parse(account)
	if err != nil || parsed.IsZero() {
		return nil, fault.Invalid("accountId", "An account id is a lower-case UUID.")
	}
	asked.account = "accounts/" + account
	return asked, nil
}

// span sets the range. With both dates it is from the first to the end of the other. With maxDate alone it is
// the furthest date: from it to the present. Days are those of UTC.
func (a *wanted) span(minDate, maxDate string, now time.Time) error {
	last, err := dateOf("maxDate", maxDate)
	if err != nil {
		return err
	}
	now = now.UTC().Truncate(time.Second)
	a.start, a.end, a.endsNow = last, now, true
	if minDate != "" {
		if a.start, err = dateOf("minDate", minDate); err != nil {
			return err
		}
		if end := last.Add(day); !end.After(now) {
			a.end, a.endsNow = end, false
		}
	}
	if !a.start.Before(a.end) || minDate != "" && last.Before(a.start) {
		return errRange
	}
	return nil
}

// dateOf returns the beginning of a day.
func dateOf(name, text string) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil || at.Year() < 1970 {
		return time.Time{}, fault.Invalid(name, "A date is such as 2026-01-31.")
	}
	return at, nil
}

// createFile asks for a file. One that takes long is announced to the user's e-mail address, as it is at the first
// request: for a repeat nobody asks identity. The range of a repeat may end at another present than the first one's,
// which counts.
func (s *Server) createFile(ctx context.Context, asked *wanted) (*statementv1.File, error) {
	order := &statementv1.CreateFileRequest{
		RequestId: asked.request.String(), Parent: asked.account, Format: formats[asked.format],
		StartTime: timestamppb.New(asked.start), EndTime: timestamppb.New(asked.end), LanguageCode: asked.language,
	}
	if asked.end.Sub(asked.start) > atOnce {
		known, err := s.askedBefore(ctx, asked)
		if err != nil {
			return nil, err
		}
		if known != nil {
			return s.createAgain(ctx, asked, order, known)
		}
		found, err := s.identity.GetMe(ctx, &identityv1.GetMeRequest{})
		if err != nil {
			return nil, err
		}
		order.Email = found.GetUser().GetEmail()
	}
	created, err := s.files.CreateFile(ctx, order)
	if err != nil && fault.Of(err).Field == "email" { // The statement announces nothing.
		order.Email = ""
		created, err = s.files.CreateFile(ctx, order)
	}
	if err == nil || fault.CodeOf(err) != fault.Aborted || !asked.endsNow {
		return created.GetFile(), err
	}
	known, listErr := s.askedBefore(ctx, asked)
	switch {
	case listErr != nil:
		return nil, listErr
	case known == nil:
		return nil, err
	}
	return s.createAgain(ctx, asked, order, known)
}

// createAgain repeats a request that has a file. The statement says whether it is the same request.
//
// tidy:parameters a request, as it is now and as it was
func (s *Server) createAgain(ctx context.Context, asked *wanted, order *statementv1.CreateFileRequest, known *statementv1.File) (*statementv1.File, error) {
	if asked.endsNow {
		order.EndTime = known.GetEndTime()
	}
	created, err := s.files.CreateFile(ctx, order)
	return created.GetFile(), err
}

// askedBefore returns the file that a request has already, or nil. One page has all files: the statement keeps a
// hundred of a user.
func (s *Server) askedBefore(ctx context.Context, asked *wanted) (*statementv1.File, error) {
	page, err := s.files.ListFiles(ctx, &statementv1.ListFilesRequest{Parent: asked.account, PageSize: linesPerPage})
	if err != nil {
		return nil, err
	}
	for _, file := range page.GetFiles() {
		if file.GetRequestId() == asked.request.String() {
			return file, nil
		}
	}
	return nil, nil
}

// line is a line of a statement. Amounts are major units.
type line struct {
	Operation     string    `json:"operation"`
	Direction     string    `json:"direction"`
	Date          time.Time `json:"date"`
	Amount        any       `json:"amount"`
	Balance       any       `json:"balance"`
	Description   string    `json:"description,omitempty"`
	Merchant      string    `json:"merchant,omitempty"`
	Counterparty  string    `json:"counterparty,omitempty"`
	TransactionID string    `json:"transactionId"`
	Sequence      int64     `json:"sequence"`
}

// lines answers the lines of a range, oldest first, and the balances around them, as of one sequence.
func (s *Server) lines(w http.ResponseWriter, r *http.Request, asked *wanted) error {
	start, end := timestamppb.New(asked.start), timestamppb.New(asked.end)
	if asked.endsNow {
		end = nil // What was just done is in it, whatever the clocks say.
	}
	summary, err := s.statements.SummarizeLines(r.Context(), &statementv1.SummarizeLinesRequest{Parent: asked.account, StartTime: start, EndTime: end})
	if err != nil {
		return s.unknown(r.Context(), asked, err)
	}
	request := &statementv1.ListLinesRequest{
		Parent: asked.account, PageSize: linesPerPage, StartTime: start, EndTime: end, AsOfSequence: summary.GetLastSequence(),
	}
	items := []line{}
	for range maxLinePages {
		if summary.GetLastSequence() == 0 {
			break
		}
		page, err := s.statements.ListLines(r.Context(), request)
		if err != nil {
			return err
		}
		for _, one := range page.GetLines() {
			items = append(items, lineOf(one))
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	if request.PageToken != "" {
		return errManyLines
	}
	slices.Reverse(items)
	code := summary.GetCurrency()
	return serve.WriteJSON(w, http.StatusOK, struct {
		Account    string `json:"accountId"`
		Currency   string `json:"currency"`
		Opening    any    `json:"openingBalance"`
		Closing    any    `json:"closingBalance"`
		Items      []line `json:"items"`
		CompleteTo int64  `json:"completeToSequence"`
		Changing   bool   `json:"provisional"`
	}{
		idOf(asked.account), code, majorUnits(summary.GetOpeningBalanceMinor(), code), majorUnits(summary.GetClosingBalanceMinor(), code),
		items, summary.GetStatement().GetCompleteToSequence(), summary.GetProvisional(),
	})
}

func lineOf(of *statementv1.Line) line {
	return line{
		Operation: wordOf(of.GetKind().String(), "LINE_KIND_"), Direction: wordOf(of.GetDirection().String(), "LINE_DIRECTION_"),
		Date: timeOf(of.GetOccurTime()), Amount: majorUnits(of.GetAmountMinor(), of.GetCurrency()),
		Balance: majorUnits(of.GetBalanceAfterMinor(), of.GetCurrency()), Description: of.GetDescription(),
		Merchant: of.GetMerchantName(), Counterparty: of.GetCounterpartyName(), TransactionID: of.GetTransactionId(), Sequence: of.GetSequence(),
	}
}
