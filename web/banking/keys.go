package banking

import (
	"codebank.dev/platform/fault"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
)

const keysPath = "/pix/keys"

// keyKinds are the kinds of keys, in the order in which they are offered, by their names in forms.
var keyKinds = []struct {
	name string
	kind bankv1.PixKeyKind
}{
	{"random", bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM}, {"email", bankv1.PixKeyKind_PIX_KEY_KIND_EMAIL}, {"phone", bankv1.PixKeyKind_PIX_KEY_KIND_PHONE},
	{"cpf", bankv1.PixKeyKind_PIX_KEY_KIND_CPF},
}

func kindNamed(name string) bankv1.PixKeyKind {
	for _, one := range keyKinds {
		if one.name == name {
			return one.kind
		}
	}
	return bankv1.PixKeyKind_PIX_KEY_KIND_UNSPECIFIED
}

func nameOfKind(kind bankv1.PixKeyKind) string {
	for _, one := range keyKinds {
		if one.kind == kind {
			return one.name
		}
	}
	return "random"
}

// keyList is the page of keys.
type keyList struct {
	Form  entry
	Lists []keysOfAccount
	Empty *design.Message
}

type keysOfAccount struct {
	Account string
	Keys    []shownKey
}

type shownKey struct {
	Key, KindText string
	Chip          design.Chip
	Pending       bool
	Hidden        []hidden
}

func (b *Banking) showKeys(c *customer) error {
	c.Tab("pix")
	wallets, _, err := b.walletsOf(c)
	if err != nil {
		return err
	}
	return b.askKey(c, wallets, nil)
}

// askKey shows the keys of all wallets, and the form for a new one.
func (b *Banking) askKey(c *customer, wallets []*bankv1.Account, wrong map[string]string) error {
	if len(wallets) == 0 {
		return c.needWallet()
	}
	page := keyList{Form: c.keyForm(wallets, wrong)}
	for _, account := range wallets {
		answer, err := b.pix.ListKeys(c.Context(), &bankv1.ListKeysRequest{Account: account.GetName()})
		if err != nil {
			return err
		}
		list := keysOfAccount{Account: nameOf(c.Visit, account) + " " + shortNumber(account.GetName())}
		for _, key := range answer.GetKeys() {
			list.Keys = append(list.Keys, c.shownKey(key))
		}
		if len(list.Keys) > 0 {
			page.Lists = append(page.Lists, list)
		}
	}
	if len(page.Lists) == 0 {
		page.Empty = &design.Message{Tone: "info", Title: c.Say("keys.empty"), Text: c.Say("keys.empty-text")}
	}
	return c.Show(site.Page{Template: "keys", Title: c.Say("keys.title"), Data: page})
}

func (c *customer) keyForm(wallets []*bankv1.Account, wrong map[string]string) entry {
	kinds := design.Field{Name: "kind", Label: c.Say("keys.kind"), Type: "select"}
	for _, one := range keyKinds {
		kinds.Options = append(kinds.Options, design.Choice{Value: one.name, Text: c.Say("keys." + one.name), Chosen: one.name == c.Value("kind")})
	}
	form := entry{
		Title: c.Say("keys.new"), Button: c.Say("keys.make"), Action: keysPath,
		Fields: []design.Field{
			kinds, {Name: "key", Label: c.Say("keys.key"), Help: c.Say("keys.key-help"), Value: c.Value("key"), Max: 77, Autocomplete: "off"}, c.fromField(c.Say("keys.account"), wallets),
		},
	}
	for i := range form.Fields {
		form.Fields[i].Error = wrong[form.Fields[i].Name]
	}
	return form
}

func (c *customer) shownKey(key *bankv1.PixKey) shownKey {
	shown := shownKey{
		Key: key.GetKey(), KindText: c.Say("keys." + nameOfKind(key.GetKind())), Chip: design.Chip{Tone: "good", Word: c.Say("keys.active")},
		Hidden: []hidden{{"from", idOf(key.GetAccount())}, {"kind", nameOfKind(key.GetKind())}, {"key", key.GetKey()}},
	}
	if key.GetState() == bankv1.PixKeyState_PIX_KEY_STATE_PENDING {
		shown.Chip, shown.Pending = design.Chip{Tone: "warn", Word: c.Say("keys.pending")}, true
	}
	return shown
}

// makeKey registers a key.
func (b *Banking) makeKey(c *customer) error {
	c.Tab("pix")
	request, err := c.RequestID(c.user)
	if err != nil {
		return err
	}
	asked := &bankv1.CreateKeyRequest{RequestId: request, Account: "accounts/" + idOf(c.Value("from")), Kind: kindNamed(c.Value("kind"))}
	if asked.GetKind() != bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM {
		asked.Key = c.Value("key")
	}
	answer, err := b.pix.CreateKey(c.Context(), asked)
	if err != nil {
		wrong := wrongIn(c.Visit, err, map[string]string{"key": "key", "kind": "kind", "account": "from", "": "key"})
		if wrong == nil {
			return err
		}
		wallets, _, listed := b.walletsOf(c)
		if listed != nil {
			return listed
		}
		return b.askKey(c, wallets, wrong)
	}
	if answer.GetKey().GetState() == bankv1.PixKeyState_PIX_KEY_STATE_PENDING {
		return c.askProof(answer.GetKey().GetKey(), nil)
	}
	return c.Redirect(keysPath)
}

// showProof asks for the code that was sent to a key.
func (b *Banking) showProof(c *customer) error { return c.askProof(c.Value("key"), nil) }

func (c *customer) askProof(key string, wrong map[string]string) error {
	c.Tab("pix")
	return c.show(entry{
		Title: c.Say("prove.title"), Lead: c.Say("prove.lead", key), Button: c.Say("prove.button"), Action: keysPath + "/confirm",
		Fields: []design.Field{{Name: "code", Label: c.Say("prove.code"), Inputmode: "numeric", Autocomplete: "one-time-code", Max: 6, Required: true}},
		Hidden: []hidden{{"from", c.Value("from")}, {"kind", c.Value("kind")}, {"key", key}}, Links: []link{{keysPath, c.Say("keys.title")}},
	}, wrong)
}

// proveKey gives back the code that was sent to a key.
func (b *Banking) proveKey(c *customer) error {
	if c.Value("code") == "" {
		return c.askProof(c.Value("key"), map[string]string{"code": c.Say("prove.empty")})
	}
	_, err := b.pix.ConfirmKey(c.Context(), &bankv1.ConfirmKeyRequest{
		Account: "accounts/" + idOf(c.Value("from")), Kind: kindNamed(c.Value("kind")), Key: c.Value("key"), Code: c.Value("code"),
	})
	if err != nil {
		if code := fault.CodeOf(err); code == fault.InvalidArgument || code == fault.FailedPrecondition || code == fault.ResourceExhausted {
			return c.askProof(c.Value("key"), map[string]string{"code": c.Reason(err)})
		}
		return err
	}
	return c.Redirect(keysPath)
}

// checkRemoval shows what it means to remove a key.
func (b *Banking) checkRemoval(c *customer) error {
	c.Tab("pix")
	return c.confirm(confirmation{
		Title: c.Say("remove.title"), Lead: c.Say("remove.lead"), Action: keysPath + "/delete", Button: c.Say("remove.button"), Back: keysPath, Danger: true,
		Facts:  []design.Fact{{Label: c.Say("keys." + nameOfKind(kindNamed(c.Value("kind")))), Text: c.Value("key")}},
		Hidden: c.carried("from", "kind", "key"),
	})
}

// removeKey ends a key.
func (b *Banking) removeKey(c *customer) error {
	request, err := c.RequestID(c.user)
	if err != nil {
		return err
	}
	_, err = b.pix.DeleteKey(c.Context(), &bankv1.DeleteKeyRequest{
		RequestId: request, Account: "accounts/" + idOf(c.Value("from")), Kind: kindNamed(c.Value("kind")), Key: c.Value("key"),
	})
	if err != nil {
		return err
	}
	return c.Redirect(keysPath)
}
