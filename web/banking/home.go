package banking

import (
	"context"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
)

const (
	// maxPages bounds how many pages of accounts are read; accountsPerPage is the most of one.
	maxPages, accountsPerPage = 5, 100
	// latest is how many lines the first page shows.
	latest = 5
)

// tile is an account on the first page.
type tile struct {
	Glyph, Name, Number, Link, Label string
	Figure                           *design.Money
	Pairs                            []design.Fact
	Closed                           bool
}

// home is the first page.
type home struct {
	Email    string
	Tiles    []tile
	Quick    []design.Tab
	Latest   *design.Activity
	Account  string
	Problem  *design.Message
	Request  string
	NoWallet bool
}

func (b *Banking) showHome(c *customer) error {
	c.Tab("home")
	accounts, err := b.accounts(c.Context())
	if err != nil {
		return err
	}
	page := home{Email: c.email, Request: site.NewRequestID(), NoWallet: true}
	for _, account := range accounts {
		page.Tiles = append(page.Tiles, tileOf(c.Visit, account))
		if isOpenWallet(account) {
			page.NoWallet = false
			if page.Account == "" {
				page.Account = idOf(account.GetName())
			}
		}
	}
	if !page.NoWallet {
		page.Quick = quick(c.Visit, "")
	}
	if page.Account == "" && len(accounts) > 0 {
		page.Account = idOf(accounts[0].GetName())
	}
	if page.Account != "" {
		b.addLatest(c, &page)
	}
	return c.Show(site.Page{Template: "home", Title: c.Say("tab.home"), Data: page})
}

// addLatest adds the last lines of the first account. Without the statement the rest of the page is still right.
func (b *Banking) addLatest(c *customer, page *home) {
	answer, err := b.statements.ListLines(c.Context(), &statementv1.ListLinesRequest{Parent: "accounts/" + page.Account, PageSize: latest})
	if err != nil {
		page.Problem = &design.Message{Tone: "warn", Title: c.Say("statement.away"), Text: c.Say("statement.away-text")}
		return
	}
	shown := activityOf(c.Visit, answer.GetLines())
	page.Latest = &shown
}

// accounts returns all accounts of the user, oldest first.
func (b *Banking) accounts(ctx context.Context) ([]*bankv1.Account, error) {
	var found []*bankv1.Account
	request := &bankv1.ListAccountsRequest{PageSize: accountsPerPage}
	for range maxPages {
		page, err := b.wallets.ListAccounts(ctx, request)
		if err != nil {
			return nil, err
		}
		found = append(found, page.GetAccounts()...)
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	return found, nil
}

func isWallet(account *bankv1.Account) bool {
	return account.GetKind() == bankv1.AccountKind_ACCOUNT_KIND_WALLET
}

func isOpenWallet(account *bankv1.Account) bool {
	return isWallet(account) && account.GetCloseTime() == nil
}

// shortNumber is the end of an account's number, by which people tell their accounts apart.
func shortNumber(name string) string {
	const digits = 4
	number := idOf(name)
	return "··" + number[max(0, len(number)-digits):]
}

// nameOf returns what people call an account.
func nameOf(v *site.Visit, account *bankv1.Account) string {
	if isWallet(account) {
		return v.Say("account.wallet")
	}
	return v.Say("account.card")
}

func tileOf(v *site.Visit, account *bankv1.Account) tile {
	currency := account.GetCurrency()
	shown := tile{
		Glyph: "cash", Name: nameOf(v, account), Number: shortNumber(account.GetName()), Link: "/accounts/" + idOf(account.GetName()),
		Label: v.Say("available"), Figure: v.Money(account.GetAvailableMinor(), currency), Closed: account.GetCloseTime() != nil,
	}
	if !isWallet(account) {
		shown.Glyph, shown.Label = "card", v.Say("available.limit")
	}
	shown.Pairs = pairsOf(v, account)
	return shown
}

// pairsOf returns the figures of an account that stand beside what is available.
func pairsOf(v *site.Visit, account *bankv1.Account) []design.Fact {
	currency := account.GetCurrency()
	balance := design.Fact{Label: v.Say("balance"), Money: v.Money(account.GetBalanceMinor(), currency)}
	if !isWallet(account) {
		balance = design.Fact{Label: v.Say("owed"), Money: v.Money(-min(account.GetBalanceMinor(), 0), currency)}
	}
	pairs := []design.Fact{balance}
	if account.GetHeldMinor() > 0 {
		pairs = append(pairs, design.Fact{Label: v.Say("held"), Money: v.Money(account.GetHeldMinor(), currency)})
	}
	if account.GetCreditLimitMinor() > 0 {
		pairs = append(pairs, design.Fact{Label: v.Say("limit"), Money: v.Money(account.GetCreditLimitMinor(), currency)})
	}
	return pairs
}

// quick returns the ways to what people come for, from an account; "" for none.
func quick(v *site.Visit, account string) []design.Tab {
	from := ""
	if account != "" {
		from = "?from=" + account
	}
	ways := []design.Tab{
		{Glyph: "pix", Title: v.Say("quick.pay"), Link: pixPath + from}, {Glyph: "in", Title: v.Say("quick.receive"), Link: receivePath + from},
		{Glyph: "swap", Title: v.Say("quick.transfer"), Link: transferPath + from},
	}
	if account != "" {
		ways[2] = design.Tab{Glyph: "file", Title: v.Say("quick.files"), Link: "/accounts/" + account + "/files"}
	}
	return ways
}

// openAccount opens a wallet.
func (b *Banking) openAccount(c *customer) error {
	request, err := c.RequestID(c.user)
	if err != nil {
		return err
	}
	_, err = b.wallets.OpenAccount(c.Context(), &bankv1.OpenAccountRequest{RequestId: request, Currency: b.config.Currency})
	if err != nil {
		return err
	}
	return c.Redirect("/")
}
