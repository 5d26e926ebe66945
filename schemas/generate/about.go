package main

const (
	// aboutTokens is true of each program but identity, which has a text of its own.
	aboutTokens = "A person shows an access token: give Authorize the `accessToken` that `SignIn` of the program identity answers. " +
		"A program shows its certificate."
	aboutIdentity = "`SignUp` sends a code by e-mail, with which `ConfirmSignUp` opens the account. `SignIn` answers `accessToken`, which " +
		"lives 15 minutes: give it to Authorize, here and on the pages of the other programs."
	aboutBank = "\n\nThe examples are an operator's: a customer's token gets NOT_FOUND for what they name. The demo (`go run ./stack demo`) " +
		"makes the card, the wallets and the transactions, and `bankctl operators add` makes operators. Only acquirers, such as the " +
		"checkout, create card tokens. They are programs with a certificate, so no access token can try these two calls."
	aboutStatement = "\n\nThe examples are an operator's: a customer's token gets NOT_FOUND for what they name. The demo " +
		"(`go run ./stack demo`) makes the accounts, and `bankctl operators add` makes operators."
	aboutCheckout = "\n\nAnybody reads the catalogue. Shops and customers place orders, and read and list their own. Operators read and list every order, refund any, and " +
		"place none. The bank does not know the card of the example, so its order is declined."
)

// about returns the text at the top of the page of a package: what a reader must know before a call succeeds.
func about(pkg string) string {
	switch pkg {
	case "identity.v1":
		return aboutIdentity
	case "bank.v1":
		return aboutTokens + aboutBank
	case "statement.v1":
		return aboutTokens + aboutStatement
	case "checkout.v1":
		return aboutTokens + aboutCheckout
	default:
		return aboutTokens
	}
}
