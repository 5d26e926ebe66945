package banking

import (
	"strings"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
)

const receivePath = "/pix/receive"

// maxCodeMessage is the most characters of a message in a code.
const maxCodeMessage = 35

func (b *Banking) showReceive(c *customer) error {
	c.Tab("pix")
	wallets, _, err := b.walletsOf(c)
	if err != nil {
		return err
	}
	return c.askReceive(wallets, nil)
}

func (c *customer) askReceive(wallets []*bankv1.Account, wrong map[string]string) error {
	if len(wallets) == 0 {
		return c.needWallet()
	}
	message := design.Field{Name: "message", Label: c.Say("receive.message"), Help: c.Say("receive.message-help"), Value: c.Value("message"), Max: maxCodeMessage, Autocomplete: "off"}
	return c.show(entry{
		Title: c.Say("receive.title"), Lead: c.Say("receive.lead"), Button: c.Say("receive.make"), Action: receivePath, Hidden: []hidden{{"request", c.SameRequest()}},
		Fields: []design.Field{c.amountField("BRL", c.Say("receive.amount-help")), message, c.fromField(c.Say("receive.into"), wallets)},
		Links:  []link{{keysPath, c.Say("keys.title")}, {pixPath, c.Say("pix.title")}},
	}, wrong)
}

// makeCode makes a code: one that is paid once if it has an amount, and again and again otherwise.
func (b *Banking) makeCode(c *customer) error {
	c.Tab("pix")
	wallets, _, err := b.walletsOf(c)
	if err != nil {
		return err
	}
	into := c.chosen(wallets)
	if into == nil {
		return c.askReceive(wallets, map[string]string{"from": c.Say("from.wrong")})
	}
	requestID, err := c.RequestID(c.user)
	if err != nil {
		return err
	}
	request := &bankv1.CreatePixCodeRequest{
		RequestId: requestID, Account: into.GetName(), Kind: bankv1.PixCodeKind_PIX_CODE_KIND_STATIC, Currency: "BRL", Message: c.Value("message"),
	}
	if c.Value("amount") != "" {
		minor, wrong := c.Amount("amount", "BRL")
		if wrong != "" {
			return c.askReceive(wallets, map[string]string{"amount": wrong})
		}
		request.Kind, request.AmountMinor = bankv1.PixCodeKind_PIX_CODE_KIND_DYNAMIC, minor
	}
	answer, err := b.pix.CreatePixCode(c.Context(), request)
	if err != nil {
		wrong := wrongIn(c.Visit, err, map[string]string{"amount_minor": "amount", "message": "message", "key": "from", "account": "from", "currency": "from", "": "from"})
		if wrong == nil {
			return err
		}
		return c.askReceive(wallets, wrong)
	}
	return c.Redirect("/pix/codes/" + idOf(answer.GetCode().GetName()))
}

// code is the page of a code that is to be paid.
type code struct {
	Title, Text, Picture, Again string
	Chip                        design.Chip
	Facts                       []design.Fact
	Pending                     bool
}

func (b *Banking) showCode(c *customer) error {
	c.Tab("pix")
	answer, err := b.pix.GetPixCode(c.Context(), &bankv1.GetPixCodeRequest{Name: "codes/" + c.Path("code")})
	if err != nil {
		return err
	}
	made := answer.GetCode()
	path := "/pix/codes/" + idOf(made.GetName())
	page := code{Title: c.Say("code.title"), Text: made.GetText(), Again: path, Chip: design.Chip{Tone: "info", Word: c.Say("code.active")}}
	if made.GetAmountMinor() > 0 {
		page.Facts = append(page.Facts, design.Fact{Label: c.Say("amount"), Money: c.Money(made.GetAmountMinor(), made.GetCurrency()), Strong: true})
	}
	page.Facts = append(page.Facts, design.Fact{Label: c.Say("receive.into"), Text: c.Say("line.account", shortNumber(made.GetAccount()))})
	page.Facts = append(page.Facts, c.messageFact(made.GetMessage())...)
	switch made.GetState() {
	case bankv1.PixCodeState_PIX_CODE_STATE_ACTIVE:
		page.Picture, page.Pending = path+"/picture", made.GetKind() == bankv1.PixCodeKind_PIX_CODE_KIND_DYNAMIC
	case bankv1.PixCodeState_PIX_CODE_STATE_PAID:
		page.Title, page.Chip = c.Say("code.paid-title"), design.Chip{Tone: "good", Word: c.Say("code.paid")}
	default:
		page.Chip = design.Chip{Tone: "warn", Word: c.Say("code.ended")}
	}
	return c.Show(site.Page{Template: "code", Title: page.Title, Data: page})
}

// sendPicture sends the picture of a code.
func (b *Banking) sendPicture(c *customer) error {
	picture, err := b.pix.GetPixCodePicture(c.Context(), &bankv1.GetPixCodePictureRequest{
		Name: "codes/" + c.Path("code"), Format: bankv1.PixCodePictureFormat_PIX_CODE_PICTURE_FORMAT_SVG,
	})
	if err != nil {
		return err
	}
	if !strings.HasPrefix(picture.GetContentType(), "image/svg+xml") {
		return site.ErrNoPage()
	}
	w, err := c.Writer()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(picture.GetData())
	return nil
}
