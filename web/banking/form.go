package banking

import (
	"net/http"
	"strconv"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
)

const (
	// maxMessage is the most characters of a message to the other side.
	maxMessage = 140
	// maxCode is the most characters of a key or of the text of a code.
	maxCode = 1024
)

// hidden is a field that a form carries on.
type hidden struct{ Name, Value string }

// confirmation is what somebody sees before something is done: who, how much, from where, and what is left.
type confirmation struct {
	Title, Lead, Action, Button, Back string
	Facts                             []design.Fact
	Hidden                            []hidden
	Danger                            bool
}

func (c *customer) confirm(page confirmation) error {
	return c.Show(site.Page{Template: "confirm", Title: page.Title, Data: page})
}

// result is what became of something. The page can be loaded again.
type result struct {
	Answered design.Answered
	Facts    []design.Fact
	// Pending says that the page asks again by itself, and Again is its own path.
	Pending bool
	Again   string
	Links   []link
	// Retry sends the same command again; nil for none.
	Retry *confirmation
	// Details is a technical text.
	Details string
}

func (c *customer) result(page result) error {
	return c.Show(site.Page{Template: "result", Title: page.Answered.Title, Data: page})
}

// unknown says that the bank did not answer a command, and offers to send the same one again, which is done once.
func (c *customer) unknown(err error, again confirmation) error {
	if !site.IsAway(err) {
		return err
	}
	return c.Show(site.Page{Template: "result", Title: c.Say("unknown.title"), Status: http.StatusServiceUnavailable, Data: result{
		Answered: design.Answered{Tone: "warn", Title: c.Say("unknown.title"), Text: c.Say("unknown.text")},
		Facts:    again.Facts, Retry: &again, Links: []link{{"/", c.Say("tab.home")}}, Details: c.Say("unknown.trace", c.Trace()),
	}})
}

// carried returns the fields of a form that a confirmation carries on.
func (c *customer) carried(names ...string) []hidden {
	fields := []hidden{{"request", c.SameRequest()}}
	for _, name := range names {
		fields = append(fields, hidden{name, c.Value(name)})
	}
	return fields
}

// minorOf returns the amount that a confirmation carries on; 0 if it is none.
func (c *customer) minorOf() int64 {
	minor, err := strconv.ParseInt(c.Value("minor"), 10, 64)
	if err != nil || minor < 0 {
		return 0
	}
	return minor
}

// wallets returns the open wallets of the user.
func (b *Banking) walletsOf(c *customer) (wallets, all []*bankv1.Account, err error) {
	all, err = b.accounts(c.Context())
	for _, account := range all {
		if isOpenWallet(account) {
			wallets = append(wallets, account)
		}
	}
	return wallets, all, err
}

// described is an account in a list to choose from.
func described(v *site.Visit, account *bankv1.Account) string {
	return v.Say("choice.account", nameOf(v, account), shortNumber(account.GetName()), v.Money(account.GetAvailableMinor(), account.GetCurrency()).Text())
}

// fromField is the field of the account from which, or into which, money goes.
func (c *customer) fromField(label string, wallets []*bankv1.Account) design.Field {
	field := design.Field{Name: "from", Label: label, Type: "select", Required: true}
	for _, account := range wallets {
		id := idOf(account.GetName())
		field.Options = append(field.Options, design.Choice{Value: id, Text: described(c.Visit, account), Chosen: id == c.Value("from")})
	}
	return field
}

// chosen returns the account that the field "from" names; nil if it is none of these.
func (c *customer) chosen(wallets []*bankv1.Account) *bankv1.Account {
	for _, account := range wallets {
		if idOf(account.GetName()) == c.Value("from") {
			return account
		}
	}
	return nil
}

// amountField is the field of an amount.
func (c *customer) amountField(currency, help string) design.Field {
	return design.Field{
		Name: "amount", Label: c.Say("amount"), Before: site.Symbol(currency), Inputmode: "decimal", Value: c.Value("amount"), Help: help, Max: 24,
		Autocomplete: "off",
	}
}

func (c *customer) messageField() design.Field {
	return design.Field{Name: "message", Label: c.Say("message"), Help: c.Say("message.help"), Value: c.Value("message"), Max: maxMessage, Autocomplete: "off"}
}

// show shows a form with what is wrong, by the names of its fields.
func (c *customer) show(page entry, wrong map[string]string) error {
	status := 0
	for i := range page.Fields {
		page.Fields[i].Error = wrong[page.Fields[i].Name]
	}
	if len(wrong) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return c.Show(site.Page{Template: "entry", Title: page.Title, Data: page, Status: status})
}

// needWallet leads somebody without a wallet to where he opens one.
func (c *customer) needWallet() error {
	return c.Show(site.Page{Template: "problem", Title: c.Say("home.none"), Data: design.Message{
		Tone: "info", Title: c.Say("home.none"), Text: c.Say("home.none-text"), Link: "/", Action: c.Say("tab.home"),
	}})
}

// covers says that an account does not cover an amount; "" if it does.
func covers(v *site.Visit, account *bankv1.Account, minor int64) string {
	if minor <= account.GetAvailableMinor() {
		return ""
	}
	return v.Say("amount.uncovered", v.Money(account.GetAvailableMinor(), account.GetCurrency()).Text())
}

// moneyFacts are the facts of a payment: how much, from where, and what is left.
func (c *customer) moneyFacts(from *bankv1.Account, minor int64, to design.Fact) []design.Fact {
	currency := from.GetCurrency()
	facts := []design.Fact{
		{Label: c.Say("amount"), Money: c.Money(minor, currency), Strong: true},
		to,
		{Label: c.Say("from"), Text: nameOf(c.Visit, from) + " " + shortNumber(from.GetName())},
		{Label: c.Say("left"), Money: c.Money(from.GetAvailableMinor()-minor, currency)},
	}
	return append(facts, c.messageFact(c.Value("message"))...)
}

func (c *customer) messageFact(message string) []design.Fact {
	if message == "" {
		return nil
	}
	return []design.Fact{{Label: c.Say("message"), Text: message}}
}

// moves are the hidden fields that say what a transfer moves.
//
// tidy:parameters what a transfer is made of
func moves(source, destination string, minor int64, currency string) []hidden {
	return []hidden{
		{"source", idOf(source)}, {"destination", idOf(destination)}, {"minor", strconv.FormatInt(minor, 10)}, {"currency", currency},
	}
}
