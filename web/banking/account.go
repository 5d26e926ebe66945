package banking

import (
	"context"
	"net/url"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	linesPerPage = 30
	// catchUp is how long a page waits for lines that the bank has decided already.
	catchUp = 700 * time.Millisecond
	// maxText is the most characters of a search.
	maxText = 140
)

// activity is the page of an account.
type activity struct {
	Account tile
	Quick   []design.Tab
	Fields  []design.Field
	Path    string
	// Number is the whole number of the account.
	Number string
	// Filtered says that the list does not have everything, Clear leads to all of it, and Older to the next page.
	Filtered     bool
	Clear, Older string
	Holds, Lines design.Activity
	// Behind says that newer lines are still on their way.
	Behind bool
	Empty  *design.Message
}

func (b *Banking) showAccount(c *customer) error {
	c.Tab("home")
	name := "accounts/" + c.Path("account")
	found, err := b.wallets.GetBalance(c.Context(), &bankv1.GetBalanceRequest{Name: name})
	if err != nil {
		return err
	}
	account := found.GetAccount()
	page := activity{Account: tileOf(c.Visit, account), Path: "/accounts/" + idOf(name), Number: idOf(name)}
	if isWallet(account) {
		page.Quick = quick(c.Visit, idOf(name))
	} else {
		page.Quick = quick(c.Visit, idOf(name))[2:]
	}
	request := b.filters(c, &page)
	request.Parent = name
	answer, behind, err := b.lines(c.Context(), request, account.GetSequence())
	if err != nil {
		return err
	}
	page.Lines, page.Behind = activityOf(c.Visit, answer.GetLines()), behind
	if next := answer.GetNextPageToken(); next != "" {
		page.Older = page.Path + "?" + with(c.Request().URL.Query(), "page", next)
	}
	if !page.Filtered && request.GetPageToken() == "" && account.GetHeldMinor() > 0 {
		holds, err := b.statements.ListPendingHolds(c.Context(), &statementv1.ListPendingHoldsRequest{Parent: name, PageSize: linesPerPage})
		if err != nil {
			return err
		}
		page.Holds = holdsOf(c.Visit, holds.GetHolds())
	}
	if len(page.Lines.Days) == 0 && len(page.Holds.Days) == 0 {
		page.Empty = emptyList(c.Visit, &page)
	}
	return c.Show(site.Page{Template: "account", Title: page.Account.Name, Data: page})
}

// emptyList says what will be here, or that the filters let nothing through.
func emptyList(v *site.Visit, page *activity) *design.Message {
	if page.Filtered {
		return &design.Message{Tone: "info", Title: v.Say("activity.none"), Text: v.Say("activity.none-text"), Link: page.Path, Action: v.Say("filter.clear")}
	}
	return &design.Message{Tone: "info", Title: v.Say("activity.empty"), Text: v.Say("activity.empty-text")}
}

// filters reads what the address asks for: a text, days, a direction and a page.
func (b *Banking) filters(c *customer, page *activity) *statementv1.ListLinesRequest {
	text := []rune(c.Value("text"))
	request := &statementv1.ListLinesRequest{PageSize: linesPerPage, PageToken: c.Value("page"), Text: string(text[:min(len(text), maxText)])}
	from, to := c.Date("from"), c.Date("to")
	if !from.IsZero() {
		request.StartTime = timestamppb.New(from)
	}
	if !to.IsZero() {
		request.EndTime = timestamppb.New(to.AddDate(0, 0, 1))
	}
	way := c.Value("way")
	switch way {
	case "in":
		request.Direction = statementv1.LineDirection_LINE_DIRECTION_CREDIT
	case "out":
		request.Direction = statementv1.LineDirection_LINE_DIRECTION_DEBIT
	}
	page.Filtered = request.GetText() != "" || request.GetDirection() != 0 || !from.IsZero() || !to.IsZero()
	page.Clear = page.Path
	page.Fields = []design.Field{
		{Name: "text", Label: c.Say("filter.text"), Type: "search", Value: request.GetText(), Max: maxText},
		{Name: "from", Label: c.Say("filter.from"), Type: "date", Value: c.Value("from")},
		{Name: "to", Label: c.Say("filter.to"), Type: "date", Value: c.Value("to")},
		{Name: "way", Label: c.Say("filter.way"), Type: "select", Options: []design.Choice{
			{Value: "", Text: c.Say("filter.all")}, {Value: "in", Text: c.Say("filter.in"), Chosen: way == "in"}, {Value: "out", Text: c.Say("filter.out"), Chosen: way == "out"},
		}},
	}
	return request
}

// lines returns a page of lines. It waits a moment for those up to a sequence, and reports whether some are still on
// their way.
func (b *Banking) lines(ctx context.Context, request *statementv1.ListLinesRequest, sequence int64) (answer *statementv1.ListLinesResponse, behind bool, err error) {
	if request.GetPageToken() == "" {
		request.MinSequence = sequence
		waiting, cancel := context.WithTimeout(ctx, catchUp)
		defer cancel()
		if answer, err = b.statements.ListLines(waiting, request); err == nil || !site.IsAway(err) {
			return answer, false, err
		}
		request.MinSequence = 0
	}
	answer, err = b.statements.ListLines(ctx, request)
	return answer, request.GetPageToken() == "", err
}

// with returns a query with one parameter replaced.
func with(query url.Values, name, value string) string {
	changed := url.Values{name: {value}}
	for key, values := range query {
		if key != name && len(values) > 0 && values[0] != "" {
			changed[key] = values[:1]
		}
	}
	return changed.Encode()
}
