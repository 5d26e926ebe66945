package banking

import (
	"strings"
	"time"

	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
)

// activityOf returns lines by day, newest first.
func activityOf(v *site.Visit, lines []*statementv1.Line) (shown design.Activity) {
	for _, line := range lines {
		at := line.GetOccurTime().AsTime()
		add(v, &shown, at, movementOf(v, line))
	}
	return shown
}

// add adds a row under its day.
func add(v *site.Visit, to *design.Activity, at time.Time, row design.Movement) {
	title := v.Day(at)
	if last := len(to.Days) - 1; last < 0 || to.Days[last].Title != title {
		to.Days = append(to.Days, design.Day{Title: title})
	}
	day := &to.Days[len(to.Days)-1]
	day.Rows = append(day.Rows, row)
}

// kind is how a kind of line is shown: its sign, and the key of its title with and without a name.
type kind struct{ glyph, key string }

var kinds = map[statementv1.LineKind]kind{
	statementv1.LineKind_LINE_KIND_PURCHASE:   {"shop", "line.purchase"},
	statementv1.LineKind_LINE_KIND_CAPTURE:    {"shop", "line.purchase"},
	statementv1.LineKind_LINE_KIND_REVERSAL:   {"back", "line.reversal"},
	statementv1.LineKind_LINE_KIND_VOID:       {"back", "line.reversal"},
	statementv1.LineKind_LINE_KIND_DEPOSIT:    {"cash", "line.deposit"},
	statementv1.LineKind_LINE_KIND_WITHDRAWAL: {"cash", "line.withdrawal"},
	statementv1.LineKind_LINE_KIND_TRANSFER:   {"swap", "line.transfer"},
	statementv1.LineKind_LINE_KIND_PIX_OUT:    {"pix", "line.pix"},
	statementv1.LineKind_LINE_KIND_PIX_IN:     {"pix", "line.pix"},
	statementv1.LineKind_LINE_KIND_PIX_RETURN: {"back", "line.pix-return"},
}

func movementOf(v *site.Visit, line *statementv1.Line) design.Movement {
	as, known := kinds[line.GetKind()]
	if !known {
		as = kind{"", "line.other"}
	}
	amount := line.GetAmountMinor()
	if line.GetDirection() == statementv1.LineDirection_LINE_DIRECTION_DEBIT {
		amount = -amount
	}
	row := design.Movement{
		Glyph: as.glyph, Title: v.Say(as.key), Amount: v.Movement(amount, line.GetCurrency()),
		After: v.Money(line.GetBalanceAfterMinor(), line.GetCurrency()), AfterLabel: v.Say("balance.after"),
	}
	who := first(line.GetMerchantName(), line.GetCounterpartyName())
	if who == "" && line.GetCounterpartyAccount() != "" {
		who = v.Say("line.account", shortNumber(line.GetCounterpartyAccount()))
	}
	details := []string{v.Clock(line.GetOccurTime().AsTime())}
	if who != "" {
		details = append(details, row.Title)
		row.Title = who
	}
	row.Detail = join(append(details, line.GetDescription(), line.GetMerchantCity(), cardText(line.GetCardLast4()))...)
	if line.GetProvisional() {
		row.Chip = &design.Chip{Tone: "info", Word: v.Say("chip.provisional"), Reason: v.Say("chip.provisional-why")}
	}
	return row
}

// holdsOf returns holds, newest first.
func holdsOf(v *site.Visit, holds []*statementv1.PendingHold) (shown design.Activity) {
	for _, hold := range holds {
		at := hold.GetOccurTime().AsTime()
		add(v, &shown, at, design.Movement{
			Glyph: "wait", Title: first(hold.GetMerchantName(), hold.GetCounterpartyName(), hold.GetDescription(), v.Say("line.hold")),
			Detail: join(v.Clock(at), cardText(hold.GetCardLast4())), Amount: v.Movement(-hold.GetAmountMinor(), hold.GetCurrency()),
			Chip: &design.Chip{Tone: "warn", Word: v.Say("chip.held"), Reason: v.Say("chip.held-why")},
		})
	}
	return shown
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// join joins the texts that there are.
func join(texts ...string) string {
	var there []string
	for _, text := range texts {
		if text != "" {
			there = append(there, text)
		}
	}
	return strings.Join(there, " · ")
}

func cardText(last4 string) string {
	if last4 == "" {
		return ""
	}
	return "•••• " + last4
}
