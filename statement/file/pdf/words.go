package pdf

import (
	"strings"
	"time"

	"codebank.dev/statement/file"
)

// words are the PDF's own texts in a language.
type words struct {
	title, account, period, opening, closing, credits, debits, lines, completeTo, made string
	date, description, amount, balance                                                 string
	page, of, to, number, bank                                                         string
	carried, noLines                                                                   string
	kinds                                                                              map[string]string
	accountKinds                                                                       map[file.AccountKind]string
	layout                                                                             string
	// thousands and decimal separate the digits of an amount.
	thousands, decimal string
}

// wordsIn has every language.
var wordsIn = map[string]*words{
	file.English: {
		title: "Account statement", account: "Account", period: "Period", opening: "Opening balance", closing: "Closing balance",
		credits: "Credits", debits: "Debits", lines: "Lines", completeTo: "Complete to", made: "Made",
		date: "Date (UTC)", description: "Description", amount: "Amount", balance: "Balance",
		page: "Page", of: "of", to: "to", number: "event no.", bank: "bank", noLines: "No money moved in this period.",
		carried: "This file carries its lines as an attachment, statement.csv. “bankctl statement verify” compares lines and pages with the bank's ledger.",
		kinds: map[string]string{
			"PURCHASE": "Purchase", "REVERSAL": "Reversal", "DEPOSIT": "Deposit", "WITHDRAWAL": "Withdrawal", "TRANSFER": "Transfer",
			"CAPTURE": "Purchase", "VOID": "Void", "PIX_OUT": "Pix sent", "PIX_IN": "Pix received", "PIX_RETURN": "Pix returned",
		},
		accountKinds: map[file.AccountKind]string{file.Card: "Card", file.Wallet: "Wallet"},
		layout:       "2006-01-02 15:04", thousands: ",", decimal: ".",
	},
	file.Portuguese: {
		title: "Extrato da conta", account: "Conta", period: "Período", opening: "Saldo inicial", closing: "Saldo final",
		credits: "Créditos", debits: "Débitos", lines: "Lançamentos", completeTo: "Completo até", made: "Emitido em",
		date: "Data (UTC)", description: "Descrição", amount: "Valor", balance: "Saldo",
		page: "Página", of: "de", to: "até", number: "evento nº", bank: "banco", noLines: "Não houve lançamentos neste período.",
		carried: "Este arquivo traz os seus lançamentos em anexo, statement.csv. “bankctl statement verify” compara lançamentos e páginas com o livro do banco.",
		kinds: map[string]string{
			"PURCHASE": "Compra", "REVERSAL": "Estorno", "DEPOSIT": "Depósito", "WITHDRAWAL": "Saque", "TRANSFER": "Transferência",
			"CAPTURE": "Compra", "VOID": "Cancelamento", "PIX_OUT": "Pix enviado", "PIX_IN": "Pix recebido", "PIX_RETURN": "Pix devolvido",
		},
		accountKinds: map[file.AccountKind]string{file.Card: "Cartão", file.Wallet: "Carteira"},
		layout:       "02/01/2006 15:04", thousands: ".", decimal: ",",
	},
}

// kind returns what a line is called. A kind of a later version keeps its own name.
func (w *words) kind(name string) string {
	if known, ok := w.kinds[name]; ok {
		return known
	}
	return name
}

func (w *words) moment(moment time.Time) string { return moment.UTC().Format(w.layout) }

// money returns a decimal, as the currency writes it, with the language's separators.
func (w *words) money(decimal string) string {
	sign := ""
	if strings.HasPrefix(decimal, "-") {
		sign, decimal = "-", decimal[1:]
	}
	whole, part, broken := strings.Cut(decimal, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + w.thousands + whole[i:]
	}
	if broken {
		whole += w.decimal + part
	}
	return sign + whole
}
