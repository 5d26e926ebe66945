package checkout

import "codebank.dev/platform/pan"

// Token stands for card data at the bank, for one purchase. A holder of the token can
// pay with it, so it is masked like the data itself. Only the client of the bank and the
// store that keeps it may reveal it. The zero Token is none.
type Token struct{ pan.Secret }

// NewToken returns the token of the bank's text; "" is none.
func NewToken(text string) Token { return Token{pan.NewSecret(text)} }
