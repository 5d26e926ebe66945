package pdf

import (
	"strconv"
	"strings"

	"codebank.dev/platform/money"
	"codebank.dev/statement"
	"codebank.dev/statement/file/digest"
	"codebank.dev/statement/file/read"
)

// The layout of a page of A4, in points.
const (
	pageWidth   = 595
	left        = 42
	right       = pageWidth - left
	inner       = right - left
	firstTop    = 250 // of the table on the first page
	otherTop    = 70
	bottom      = 790
	rowHeight   = 25
	firstRows   = (bottom - firstTop - headHeight) / rowHeight
	otherRows   = (bottom - otherTop - headHeight) / rowHeight
	headHeight  = 20
	dateWidth   = 88
	moneyWidth  = 92
	descriptive = inner - dateWidth - 2*moneyWidth - 16
)

// printer writes the pages of a statement.
type printer struct {
	canvas
	facts *read.Facts
	words *words
	// page and pages are the number of the page that is being written and of all.
	page, pages int
	// rows are those that are left on the page, and y is where the next one begins.
	rows, y int
	shaded  bool
}

// pagesOf returns how many pages a statement has.
func pagesOf(lines int64) int {
	if lines <= firstRows {
		return 1
	}
	return 1 + int((lines-firstRows+otherRows-1)/otherRows)
}

func (p *printer) currency() money.Currency {
	currency, _ := money.ParseCurrency(p.facts.Header.Currency) // Header.Check has found it to be one.
	return currency
}

// money returns minor units for people.
func (p *printer) money(minor int64) string { return p.words.money(p.currency().FormatMinor(minor)) }

// first begins the first page: who, what, when, and the totals.
func (p *printer) first() {
	p.begin(firstRows)
	h := &p.facts.Header
	own := colourOf(h.BankCode)
	p.fill(box{0, 0, pageWidth, 78}, own)
	p.text(box{left, 22, inner, 20}, style{bold, 18, white}, "Code Bank "+h.BankCode)
	p.text(box{left, 47, inner, 14}, style{regular, 11, white}, p.words.title)
	p.right(box{left, 47, inner, 14}, style{regular, 9, white}, p.words.made+" "+p.words.moment(h.CreatedAt)+" UTC")

	p.fact(0, p.words.account, p.words.accountKinds[h.Kind]+" "+h.Account.String())
	p.fact(1, p.words.period, p.words.moment(h.Start)+" "+p.words.to+" "+p.words.moment(h.End)+" UTC")
	complete := p.words.number + " " + strconv.FormatInt(h.CompleteTo, 10)
	if h.CompleteTo > 0 {
		complete += ", " + p.words.moment(h.CompleteToTime) + " UTC"
	}
	p.fact(2, p.words.completeTo, complete)

	p.fill(box{left, 152, inner, 62}, band)
	p.fill(box{left, 152, 3, 62}, own)
	for i, total := range []struct {
		name  string
		minor int64
	}{{p.words.opening, h.Totals.Opening}, {p.words.credits, h.Totals.Credits}, {p.words.debits, -h.Totals.Debits}, {p.words.closing, h.Totals.Closing}} {
		b := box{left + 16 + i*124, 162, 118, 12}
		p.text(b, style{regular, 8, faint}, total.name)
		b.y = 176
		p.text(b, style{bold, p.size(b.width, p.money(total.minor)), ink}, p.money(total.minor))
		b.y = 195
		p.text(b, style{regular, 8, faint}, p.below(i))
	}
	p.y = firstTop
	p.head()
}

// below returns what stands below a total: the currency, and the number of lines below the last one.
func (p *printer) below(column int) string {
	if column == 3 {
		return p.facts.Header.Currency + ", " + strconv.FormatInt(p.facts.Header.Totals.Lines, 10) + " " + strings.ToLower(p.words.lines)
	}
	return p.facts.Header.Currency
}

// size returns the largest size, of three, in which a text fits a width.
func (p *printer) size(width int, text string) int {
	for _, size := range []int{13, 10} {
		if p.use(style{bold, size, ink}); p.width(text) <= width {
			return size
		}
	}
	return 8
}

// fact writes a named text on one of three lines.
func (p *printer) fact(line int, name, value string) {
	y := 92 + line*17
	p.text(box{left, y, 100, 12}, style{regular, 9, faint}, name)
	p.text(box{left + 100, y, inner - 100, 12}, style{regular, 9, ink}, value)
}

// begin begins a page with room for some rows.
func (p *printer) begin(rows int) {
	p.doc.AddPage()
	p.page++
	p.rows = rows
	p.shaded = false
	p.foot()
}

// foot writes what stands at the end of every page.
func (p *printer) foot() {
	p.fill(box{left, 802, inner, 1}, rule)
	p.text(box{left, 806, inner - 80, 9}, style{regular, 6, faint}, p.words.carried)
	p.text(box{left, 815, inner - 80, 9}, style{regular, 6, faint}, "SHA-256 "+p.facts.Lines.String()+" · "+digest.Name)
	p.right(box{left, 808, inner, 10}, style{regular, 8, ink}, p.words.page+" "+strconv.Itoa(p.page)+" "+p.words.of+" "+strconv.Itoa(p.pages))
}

// next begins a page that is not the first.
func (p *printer) next() {
	p.begin(otherRows)
	h := &p.facts.Header
	p.fill(box{0, 0, pageWidth, 44}, colourOf(h.BankCode))
	p.text(box{left, 16, inner, 14}, style{bold, 11, white}, "Code Bank "+h.BankCode)
	p.right(box{left, 17, inner, 12}, style{regular, 8, white}, p.words.accountKinds[h.Kind]+" "+h.Account.String())
	p.y = otherTop
	p.head()
}

// columns of the table.
func dateBox(y int) box        { return box{left + 8, y, dateWidth - 8, 12} }
func descriptionBox(y int) box { return box{left + dateWidth + 8, y, descriptive, 12} }
func amountBox(y int) box {
	return box{left + dateWidth + 8 + descriptive, y, moneyWidth, 12}
}
func balanceBox(y int) box { return box{right - moneyWidth - 8, y, moneyWidth, 12} }

// head writes the names of the columns.
func (p *printer) head() {
	s := style{bold, 8, colourOf(p.facts.Header.BankCode)}
	p.text(dateBox(p.y), s, p.words.date)
	p.text(descriptionBox(p.y), s, p.words.description)
	p.right(amountBox(p.y), s, p.words.amount)
	p.right(balanceBox(p.y), s, p.words.balance)
	p.fill(box{left, p.y + 15, inner, 1}, colourOf(p.facts.Header.BankCode))
	p.y += headHeight
}

// line writes a line in two rows of text: what moved, and more about it.
func (p *printer) line(line *read.Line) {
	if p.rows == 0 {
		p.next()
	}
	p.rows--
	if p.shaded {
		p.fill(box{left, p.y - 3, inner, rowHeight}, band)
	}
	p.shaded = !p.shaded
	title, more := p.describe(line.Full)
	p.text(dateBox(p.y), style{regular, 8, ink}, p.words.moment(line.Time))
	p.text(descriptionBox(p.y), style{regular, 9, ink}, title)
	p.text(descriptionBox(p.y+11), style{regular, 7, faint}, more)
	amount := p.money(line.Minor)
	if line.Minor > 0 {
		amount = "+" + amount
	}
	p.right(amountBox(p.y), style{bold, 9, ink}, amount)
	p.right(balanceBox(p.y), style{regular, 9, ink}, p.money(line.Full.BalanceAfter))
	p.y += rowHeight
}

// describe returns the two texts of a line.
func (p *printer) describe(line *statement.Line) (title, more string) {
	kind := p.words.kind(line.Kind)
	var texts []string
	for _, text := range []string{line.MerchantName, line.CounterpartyName, line.Description} {
		if text != "" {
			texts = append(texts, text)
		}
	}
	title = kind
	if len(texts) > 0 {
		title, texts = texts[0], texts[1:]
		texts = append([]string{kind}, texts...)
	}
	if line.CounterpartyBankCode != "" {
		texts = append(texts, p.words.bank+" "+line.CounterpartyBankCode)
	}
	for _, text := range []string{line.EndToEndID, line.MerchantCity, line.MerchantCountry, line.MerchantReference} {
		if text != "" {
			texts = append(texts, text)
		}
	}
	if line.CardLast4 != "" {
		texts = append(texts, strings.TrimSpace(line.CardBrand+" •••• "+line.CardLast4))
	}
	return title, strings.Join(append(texts, p.words.number+" "+strconv.FormatInt(line.Sequence, 10)), " · ")
}

// last ends the last page.
func (p *printer) last() {
	if p.facts.Header.Totals.Lines == 0 {
		p.text(descriptionBox(p.y+4), style{regular, 9, faint}, p.words.noLines)
	}
}
