package ledger

import (
	"context"
	"iter"

	"codebank.dev/bank/postgres"
	"codebank.dev/platform/id"
	"codebank.dev/statement"
)

// Lines returns the events of an account as a statement's lines, from the first one up to a sequence, those that
// no customer sees among them. There is none if the ledger does not have the account. An error ends them. A line is
// valid until the next one.
func (l *Ledger) Lines(ctx context.Context, account id.ID, through int64) iter.Seq2[*statement.Line, error] {
	return func(yield func(*statement.Line, error) bool) {
		for e, err := range l.journal.Entries(ctx, postgres.Position{AccountID: account}) {
			if err != nil {
				yield(nil, err)
				return
			}
			if e.AccountID != account.String() || e.Sequence.Value > through {
				return
			}
			line := statement.Line{
				Sequence: e.Sequence.Value, Kind: string(e.Kind), Direction: string(e.Direction), Status: string(e.Status),
				Amount: e.AmountMinor, Currency: e.Currency, BalanceAfter: e.BalanceAfterMinor.Value, OccurredAt: e.OccurredAt(),
				TransactionID: e.TransactionID, OriginalTransactionID: e.OriginalTransactionID, Description: e.Description,
				CounterpartyName: e.CounterpartyName, MerchantName: e.MerchantName, MerchantCity: e.MerchantCity,
				MerchantCountry: e.MerchantCountry, MerchantCategoryCode: e.MerchantCategoryCode, CardBrand: string(e.CardBrand),
				CardLast4: e.CardLast4, CounterpartyAccountID: e.CounterpartyAccountID, CounterpartyBankCode: e.CounterpartyBankCode, EndToEndID: e.EndToEndID,
				MerchantReference: e.MerchantReference,
			}
			if !yield(&line, nil) {
				return
			}
		}
	}
}
