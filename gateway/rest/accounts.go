package rest

import (
	"context"
	"net/http"
	"strings"

	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// maxPages bounds how many pages of accounts are read for one answer; the bank has 100 accounts on a page.
const maxPages, accountsPerPage = 10, 100

// account is an account as its owner sees it. Amounts are minor units.
type account struct {
	ID        string `json:"id"`
	Balance   int64  `json:"balance"`
	Held      int64  `json:"held"`
	Available int64  `json:"available"`
	Currency  string `json:"currency"`
	Kind      string `json:"kind"`
	Closed    bool   `json:"closed"`
}

// accounts answers the accounts of the user, oldest first.
func (s *Server) accounts(w http.ResponseWriter, r *http.Request) error {
	if _, err := User(r); err != nil {
		return err
	}
	found, err := s.accountsOf(r.Context())
	if err != nil {
		return err
	}
	shown := make([]account, 0, len(found))
	for _, one := range found {
		shown = append(shown, account{
			ID: idOf(one.GetName()), Balance: one.GetBalanceMinor(), Held: one.GetHeldMinor(), Available: one.GetAvailableMinor(),
			Currency: one.GetCurrency(), Kind: wordOf(one.GetKind().String(), "ACCOUNT_KIND_"), Closed: one.GetCloseTime() != nil,
		})
	}
	return serve.WriteJSON(w, http.StatusOK, struct {
		Accounts []account `json:"accounts"`
	}{shown})
}

// accountsOf returns all accounts of all customers that are the user's. Those of one customer are oldest first.
func (s *Server) accountsOf(ctx context.Context) ([]*bankv1.Account, error) {
	var found []*bankv1.Account
	request := &bankv1.ListAccountsRequest{PageSize: accountsPerPage}
	for range maxPages {
		page, err := s.wallets.ListAccounts(ctx, request)
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

// idOf returns the id behind the last slash of a name such as accounts/{uuid}.
func idOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// wordOf returns the word of a symbol of the contract without its prefix, in lower case.
func wordOf(symbol, prefix string) string { return strings.ToLower(strings.TrimPrefix(symbol, prefix)) }
