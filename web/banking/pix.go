package banking

import (
	"strconv"
	"strings"

	"codebank.dev/platform/fault"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/web/design"
)

const pixPath = "/pix"

// codeStart begins the text of every BR Code: its version.
const codeStart = "000201"

// payee is whom a key or a code names.
type payee struct {
	name, document, bank, code string
	// minor is the amount that a code asks for; 0 leaves it to the payer.
	minor   int64
	message string
}

func (b *Banking) showPix(c *customer) error {
	c.Tab("pix")
	wallets, _, err := b.walletsOf(c)
	if err != nil {
		return err
	}
	return c.askPix(wallets, nil)
}

func (c *customer) askPix(wallets []*bankv1.Account, wrong map[string]string) error {
	if len(wallets) == 0 {
		return c.needWallet()
	}
	return c.show(entry{
		Title: c.Say("pix.title"), Lead: c.Say("pix.lead"), Button: c.Say("continue"), Action: pixPath,
		Fields: []design.Field{
			{Name: "to", Label: c.Say("pix.to"), Help: c.Say("pix.to-help"), Type: "area", Value: c.Value("to"), Max: maxCode, Required: true},
			c.amountField(wallets[0].GetCurrency(), c.Say("pix.amount-help")), c.fromField(c.Say("from"), wallets), c.messageField(),
		},
		Links: []link{{receivePath, c.Say("receive.title")}, {keysPath, c.Say("keys.title")}},
	}, wrong)
}

// checkPix shows what a payment will do, and whom it pays.
func (b *Banking) checkPix(c *customer) error {
	c.Tab("pix")
	wallets, _, err := b.walletsOf(c)
	if err != nil {
		return err
	}
	from, wrong := c.chosen(wallets), map[string]string{}
	if from == nil {
		return c.askPix(wallets, map[string]string{"from": c.Say("from.wrong")})
	}
	set(wrong, "message", c.tooLong("message", maxMessage))
	to, err := b.payeeOf(c, from.GetName())
	if err != nil {
		if wrong = wrongIn(c.Visit, err, map[string]string{"key": "to", "code": "to", "": "to"}); wrong == nil {
			return err
		}
		return c.askPix(wallets, wrong)
	}
	minor, text := c.asked(to, from.GetCurrency())
	if text == "" {
		text = covers(c.Visit, from, minor)
	}
	if set(wrong, "amount", text); len(wrong) > 0 {
		return c.askPix(wallets, wrong)
	}
	page := c.pixOf(from.GetName(), minor, from.GetCurrency())
	page.Facts = c.moneyFacts(from, minor, design.Fact{Label: c.Say("to"), Text: to.name, Detail: join(to.bank, to.document)})
	if to.message != "" {
		page.Facts = append(page.Facts, design.Fact{Label: c.Say("pix.says"), Text: to.message})
	}
	page.Back = pixPath
	return c.confirm(page)
}

// asked returns the amount of a payment: that of the form, or of the code. A form must not say another one than its code.
func (c *customer) asked(to payee, currency string) (minor int64, wrong string) {
	if to.minor > 0 && c.Value("amount") == "" {
		return to.minor, ""
	}
	minor, wrong = c.Amount("amount", currency)
	if wrong == "" && to.minor > 0 && minor != to.minor {
		return 0, c.Say("pix.amount-fixed", c.Money(to.minor, currency).Text())
	}
	return minor, wrong
}

// payeeOf looks up whom the key or the code of the form pays.
func (b *Banking) payeeOf(c *customer, account string) (payee, error) {
	to := c.Value("to")
	switch {
	case to == "":
		return payee{}, fault.Invalid("key", "This field is required.")
	case strings.HasPrefix(to, codeStart):
		found, err := b.pix.ParsePixCode(c.Context(), &bankv1.ParsePixCodeRequest{Account: account, Code: to})
		return payee{found.GetHolderName(), found.GetHolderDocument(), found.GetBankName(), found.GetBankCode(), found.GetAmountMinor(), found.GetMessage()}, err
	}
	found, err := b.pix.LookUpKey(c.Context(), &bankv1.LookUpKeyRequest{Account: account, Key: to})
	return payee{name: found.GetHolderName(), document: found.GetHolderDocument(), bank: found.GetBankName(), code: found.GetBankCode()}, err
}

// pixOf is the form that sends a payment.
func (c *customer) pixOf(account string, minor int64, currency string) confirmation {
	return confirmation{
		Title: c.Say("check.title"), Lead: c.Say("pix.confirm-lead"), Action: pixPath + "/send", Button: c.Say("pay", c.Money(minor, currency).Text()),
		Hidden: append(c.carried("message", "to"), hidden{"source", idOf(account)}, hidden{"minor", strconv.FormatInt(minor, 10)}, hidden{"currency", currency}),
	}
}

// sendPix sends a payment. The same form sends it once, however often it comes.
func (b *Banking) sendPix(c *customer) error {
	c.Tab("pix")
	requestID, err := c.RequestID(c.user)
	if err != nil {
		return err
	}
	account, minor, currency := "accounts/"+idOf(c.Value("source")), c.minorOf(), c.Value("currency")
	request := &bankv1.SendPixRequest{RequestId: requestID, Account: account, AmountMinor: minor, Currency: currency, Description: c.Value("message")}
	if to := c.Value("to"); strings.HasPrefix(to, codeStart) {
		request.Destination = &bankv1.SendPixRequest_Code{Code: to}
	} else {
		request.Destination = &bankv1.SendPixRequest_Key{Key: to}
	}
	answer, err := b.pix.SendPix(c.Context(), request)
	if err != nil {
		again := c.pixOf(account, minor, currency)
		again.Facts = []design.Fact{{Label: c.Say("amount"), Money: c.Money(minor, currency), Strong: true}}
		return c.unknown(err, again)
	}
	made := answer.GetPix()
	if made.GetName() == "" {
		return c.refused(c.Translate(made.GetDecline().GetMessage()), pixPath)
	}
	return c.Redirect("/pix/payments/" + idOf(made.GetName()))
}

// showPayment shows what has become of a payment.
func (b *Banking) showPayment(c *customer) error {
	c.Tab("pix")
	found, err := b.pix.GetPix(c.Context(), &bankv1.GetPixRequest{Name: "pix/" + c.Path("payment")})
	if err != nil {
		return err
	}
	made := found.GetPix()
	page := result{Again: "/pix/payments/" + idOf(made.GetName()), Links: []link{{pixPath, c.Say("pix.more")}, {"/", c.Say("tab.home")}}}
	page.Facts = []design.Fact{
		{Label: c.Say("amount"), Money: c.Money(made.GetAmountMinor(), made.GetCurrency()), Strong: true},
		{Label: c.Say("pix.with"), Text: made.GetCounterpartyName(), Detail: c.Say("bank", made.GetCounterpartyBankCode())},
		{Label: c.Say("when"), Text: c.Moment(made.GetCreateTime().AsTime())},
	}
	page.Facts = append(page.Facts, c.messageFact(made.GetDescription())...)
	page.Facts = append(page.Facts, design.Fact{Label: c.Say("number"), Text: idOf(made.GetName())})
	received := made.GetDirection() == bankv1.PixDirection_PIX_DIRECTION_RECEIVED
	switch made.GetState() {
	case bankv1.PixState_PIX_STATE_PENDING:
		page.Answered, page.Pending = design.Answered{Tone: "info", Title: c.Say("pix.pending"), Text: c.Say("pix.pending-text")}, true
	case bankv1.PixState_PIX_STATE_REJECTED:
		why := c.Translate(made.GetDecline().GetMessage())
		page.Answered = design.Answered{Tone: "bad", Title: c.Say("refused.title"), Text: strings.TrimSpace(why + " " + c.Say("pix.rejected-text"))}
		page.Details = made.GetReason()
	default:
		page.Answered = design.Answered{Tone: "good", Title: c.Say("sent"), Text: c.Say("pix.sent-text")}
		if received {
			page.Answered = design.Answered{Tone: "good", Title: c.Say("received")}
		}
	}
	return c.result(page)
}
