package banking

import (
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/web/design"
)

const transferPath = "/transfer"

func (b *Banking) showTransfer(c *customer) error {
	c.Tab("transfer")
	wallets, all, err := b.walletsOf(c)
	if err != nil {
		return err
	}
	return c.askTransfer(wallets, all, nil)
}

// askTransfer shows the form of a transfer, with what is wrong.
func (c *customer) askTransfer(wallets, all []*bankv1.Account, wrong map[string]string) error {
	if len(wallets) == 0 {
		return c.needWallet()
	}
	own := design.Field{Name: "own", Label: c.Say("transfer.to"), Type: "select", Options: []design.Choice{{Value: "", Text: c.Say("transfer.other")}}}
	for _, account := range all {
		if account.GetCloseTime() == nil && len(all) > 1 {
			number := idOf(account.GetName())
			own.Options = append(own.Options, design.Choice{Value: number, Text: described(c.Visit, account), Chosen: number == c.Value("own")})
		}
	}
	return c.show(entry{
		Title: c.Say("transfer.title"), Lead: c.Say("transfer.lead"), Button: c.Say("continue"), Action: transferPath,
		Fields: []design.Field{
			c.fromField(c.Say("from"), wallets), own,
			{Name: "number", Label: c.Say("account.number"), Help: c.Say("transfer.number-help"), Value: c.Value("number"), Max: 36, Autocomplete: "off"},
			c.amountField(wallets[0].GetCurrency(), ""), c.messageField(),
		},
		Links: []link{{pixPath, c.Say("transfer.pix")}},
	}, wrong)
}

// checkTransfer shows what a transfer will do.
func (b *Banking) checkTransfer(c *customer) error {
	c.Tab("transfer")
	wallets, all, err := b.walletsOf(c)
	if err != nil {
		return err
	}
	from, wrong := c.chosen(wallets), map[string]string{}
	if from == nil {
		return c.askTransfer(wallets, all, map[string]string{"from": c.Say("from.wrong")})
	}
	minor, text := c.Amount("amount", from.GetCurrency())
	if text == "" {
		text = covers(c.Visit, from, minor)
	}
	set(wrong, "amount", text)
	to := first(c.Value("own"), strings.ToLower(c.Value("number")))
	switch _, err := id.Parse(to); {
	case err != nil:
		wrong["number"] = c.Say("transfer.number-wrong")
	case to == idOf(from.GetName()):
		wrong[map[bool]string{true: "own", false: "number"}[c.Value("own") != ""]] = c.Say("transfer.same")
	}
	set(wrong, "message", c.tooLong("message", maxMessage))
	if len(wrong) > 0 {
		return c.askTransfer(wallets, all, wrong)
	}
	payee := design.Fact{Label: c.Say("to"), Text: c.Say("line.account", shortNumber(to)), Detail: to}
	for _, account := range all {
		if idOf(account.GetName()) == to {
			payee = design.Fact{Label: c.Say("to"), Text: nameOf(c.Visit, account) + " " + shortNumber(to), Detail: c.Say("to.own")}
		}
	}
	page := c.transferOf(from.GetName(), "accounts/"+to, minor, from.GetCurrency())
	page.Facts, page.Back = c.moneyFacts(from, minor, payee), transferPath
	return c.confirm(page)
}

func set(texts map[string]string, name, text string) {
	if text != "" {
		texts[name] = text
	}
}

// tooLong says that a field has too many characters; "" if it has not.
func (c *customer) tooLong(name string, most int) string {
	if len([]rune(c.Value(name))) > most {
		return c.Say("too-long", most)
	}
	return ""
}

// transferOf is the form that sends a transfer: every field that decides what it does, and the id of the command.
//
// tidy:parameters what a transfer is made of
func (c *customer) transferOf(source, destination string, minor int64, currency string) confirmation {
	return confirmation{
		Title: c.Say("check.title"), Lead: c.Say("check.lead"), Action: transferPath + "/send", Button: c.Say("send", c.Money(minor, currency).Text()),
		Hidden: append(c.carried("message"), moves(source, destination, minor, currency)...),
	}
}

// sendTransfer sends a transfer. The same form sends it once, however often it comes.
func (b *Banking) sendTransfer(c *customer) error {
	c.Tab("transfer")
	request, err := c.RequestID(c.user)
	if err != nil {
		return err
	}
	source, destination, minor, currency := "accounts/"+idOf(c.Value("source")), "accounts/"+idOf(c.Value("destination")), c.minorOf(), c.Value("currency")
	answer, err := b.wallets.Transfer(c.Context(), &bankv1.TransferRequest{
		RequestId: request, Source: source, Destination: destination, AmountMinor: minor, Currency: currency, Message: c.Value("message"),
	})
	if err != nil {
		if fault.Of(err).Field == "destination" {
			return c.refused(c.Say("transfer.nobody"), transferPath)
		}
		again := c.transferOf(source, destination, minor, currency)
		again.Facts = []design.Fact{{Label: c.Say("amount"), Money: c.Money(minor, currency), Strong: true}, {Label: c.Say("to"), Text: c.Say("line.account", shortNumber(destination))}}
		return c.unknown(err, again)
	}
	made := answer.GetTransaction()
	if made.GetStatus() != bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED {
		return c.refused(c.Translate(made.GetDecline().GetMessage()), transferPath)
	}
	return c.Redirect("/transfers/" + idOf(made.GetName()))
}

// refused says that nothing was sent, and why.
func (c *customer) refused(why, back string) error {
	return c.result(result{
		Answered: design.Answered{Tone: "bad", Title: c.Say("refused.title"), Text: why + " " + c.Say("refused.text")},
		Links:    []link{{back, c.Say("refused.again")}, {"/", c.Say("tab.home")}},
	})
}

// showTransferred shows a transfer that was made.
func (b *Banking) showTransferred(c *customer) error {
	c.Tab("transfer")
	found, err := b.wallets.GetTransaction(c.Context(), &bankv1.GetTransactionRequest{Name: "transactions/" + c.Path("transaction")})
	if err != nil {
		return err
	}
	made := found.GetTransaction()
	page := result{Answered: design.Answered{Tone: "good", Title: c.Say("sent")}, Links: []link{{transferPath, c.Say("transfer.more")}, {"/", c.Say("tab.home")}}}
	page.Facts = []design.Fact{
		{Label: c.Say("amount"), Money: c.Money(made.GetAmountMinor(), made.GetCurrency()), Strong: true},
		{Label: c.Say("to"), Text: c.Say("line.account", shortNumber(made.GetDestination()))},
		{Label: c.Say("from"), Text: c.Say("line.account", shortNumber(made.GetSource()))},
		{Label: c.Say("when"), Text: c.Moment(made.GetDecideTime().AsTime())},
	}
	page.Facts = append(page.Facts, c.messageFact(made.GetDescription())...)
	page.Facts = append(page.Facts, design.Fact{Label: c.Say("number"), Text: idOf(made.GetName())})
	account, mine := b.leftOn(c, made.GetSource())
	switch {
	case made.GetStatus() != bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED:
		page.Answered = design.Answered{Tone: "bad", Title: c.Say("refused.title"), Text: c.Translate(made.GetDecline().GetMessage())}
	case mine:
		page.Answered.Text = c.Say("left.now", c.Money(account.GetAvailableMinor(), account.GetCurrency()).Text())
		page.Links = append([]link{{"/accounts/" + idOf(account.GetName()), c.Say("activity.title")}}, page.Links...)
	default:
		page.Answered.Title = c.Say("received")
	}
	return c.result(page)
}

// leftOn returns an account of the user. It reports false for another's, and while the bank does not answer.
func (b *Banking) leftOn(c *customer, name string) (*bankv1.Account, bool) {
	found, err := b.wallets.GetBalance(c.Context(), &bankv1.GetBalanceRequest{Name: name})
	return found.GetAccount(), err == nil
}
