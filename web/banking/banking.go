// Package banking is the internet banking of a bank: pages over bank, statement and identity, for people in a browser.
// It decides nothing about money and keeps nothing: each call is made with the access token of the user, which lies in
// the sealed session. A map of the package:
//
//	banking.go   what the pages need, and all paths
//	customer.go  the signed-in user of a visit
//	entry.go     signing up, in and out
//	home.go      accounts and cards
//	account.go   an account's activity; line.go a line of it
//	form.go      what forms, confirmations and results share
//	transfer.go  transfers between accounts
//	pix.go       payments by key and by code; keys.go keys; receive.go codes to be paid
//	files.go     statements as files
//	security.go  sessions
//	words_*.go   the texts
package banking

import (
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"codebank.dev/platform/language"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/people"
	"codebank.dev/web/site"
	"google.golang.org/grpc"
)

//go:embed templates
var templates embed.FS

// Config is what the pages need; all of it but Currency, Address, Zone, Logger and Now is required.
type Config struct {
	// Bank, Statement and Identity are connections to the programs of these names, as serve.Dial makes them.
	Bank, Statement, Identity grpc.ClientConnInterface
	// BankCode, BankName and Accent are those of the bank: 001, Code Bank, blue.
	BankCode, BankName, Accent string
	// Currency is that of accounts which are opened here. Default: BRL.
	Currency string
	Keys     *site.Keys
	// Address returns the network address that a request comes from, which identity counts tries by.
	Address func(*http.Request) netip.Addr
	Zone    *time.Location
	Logger  *slog.Logger
	Now     func() time.Time
}

// Banking is the pages.
type Banking struct {
	config     Config
	site       *site.Site
	wallets    bankv1.WalletServiceClient
	pix        bankv1.PixServiceClient
	statements statementv1.StatementServiceClient
	files      statementv1.FileServiceClient
	identity   identityv1.IdentityServiceClient
	people     *people.People
}

// signIn is the path of the page to sign in on.
const signIn = "/sign-in"

// New returns the handler of all pages.
func New(config Config) (http.Handler, error) {
	folder, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	if config.Currency == "" {
		config.Currency = "BRL"
	}
	b := &Banking{
		config: config, wallets: bankv1.NewWalletServiceClient(config.Bank), pix: bankv1.NewPixServiceClient(config.Bank),
		statements: statementv1.NewStatementServiceClient(config.Statement), files: statementv1.NewFileServiceClient(config.Statement),
		identity: identityv1.NewIdentityServiceClient(config.Identity), people: people.New(config.Identity, config.Address),
	}
	b.site, err = site.New(site.Config{
		Name: "codebank-banking-" + config.BankCode, Brand: config.BankName, Accent: config.Accent, Keys: config.Keys,
		Words:     map[language.Tag]site.Words{language.English: english, language.Portuguese: portuguese},
		Templates: folder, SignIn: signIn, Tabs: tabs, SignedIn: people.IsSignedIn, Zone: config.Zone, Logger: config.Logger, Now: config.Now,
	})
	if err != nil {
		return nil, err
	}
	b.mount()
	return b.site.Handler(), nil
}

// mount adds all pages and forms.
func (b *Banking) mount() {
	for path, handle := range map[string]site.Handler{
		signIn: b.showSignIn, "/sign-up": b.showSignUp, "/confirm": b.showConfirm, "/forgot": b.showForgot, "/reset": b.showReset,
	} {
		b.site.Page(path, handle)
	}
	for path, handle := range map[string]site.Handler{
		signIn: b.signIn, "/sign-out": b.signOut, "/sign-up": b.signUp, "/confirm": b.confirm, "/forgot": b.forgot, "/reset": b.reset,
	} {
		b.site.Form(path, b.called(handle))
	}
	for path, handle := range map[string]handler{
		"/{$}": b.showHome, "/accounts/{account}": b.showAccount,
		transferPath: b.showTransfer, "/transfers/{transaction}": b.showTransferred,
		pixPath: b.showPix, "/pix/payments/{payment}": b.showPayment, keysPath: b.showKeys, receivePath: b.showReceive, "/pix/codes/{code}": b.showCode,
		"/accounts/{account}/files": b.showFiles, securityPath: b.showSecurity,
	} {
		b.site.Page(path, b.mine(handle))
	}
	for path, handle := range map[string]handler{
		"/accounts": b.openAccount, transferPath: b.checkTransfer, transferPath + "/send": b.sendTransfer,
		pixPath: b.checkPix, pixPath + "/send": b.sendPix, receivePath: b.makeCode,
		keysPath: b.makeKey, keysPath + "/prove": b.showProof, keysPath + "/confirm": b.proveKey, keysPath + "/remove": b.checkRemoval, keysPath + "/delete": b.removeKey,
		"/accounts/{account}/files": b.makeFile, securityPath + "/end": b.endSession, securityPath + "/end-all": b.endAll,
	} {
		b.site.Form(path, b.mine(handle))
	}
	b.site.Download("/pix/codes/{code}/picture", b.mine(b.sendPicture))
	b.site.Download("/accounts/{account}/files/{file}", b.mine(b.sendFile))
}

// tabs returns the navigation of a signed-in user.
func tabs(v *site.Visit) []design.Tab {
	if !people.IsSignedIn(v) {
		return nil
	}
	return []design.Tab{
		{Glyph: "home", Title: v.Say("tab.home"), Link: "/", Current: v.CurrentTab() == "home"},
		{Glyph: "swap", Title: v.Say("tab.transfer"), Link: transferPath, Current: v.CurrentTab() == "transfer"},
		{Glyph: "pix", Title: v.Say("tab.pix"), Link: pixPath, Current: v.CurrentTab() == "pix"},
		{Glyph: "lock", Title: v.Say("tab.security"), Link: securityPath, Current: v.CurrentTab() == "security"},
	}
}
