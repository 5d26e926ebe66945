package rpc

import (
	"fmt"
	"strconv"

	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// statementMessage returns an account's state in the form of the contract. It returns
// an error if the available amount does not fit 64 bits.
func statementMessage(state statement.State) (*statementv1.Statement, error) {
	available, err := state.Available()
	if err != nil {
		return nil, fmt.Errorf("available of account %s: %w", state.Account, err)
	}
	message := &statementv1.Statement{
		Name:               accountsPrefix + state.Account.String() + statementSuffix,
		Currency:           state.Currency,
		CompleteToSequence: state.CompleteTo,
		BalanceMinor:       state.Balance,
		HeldMinor:          state.Held,
		CreditLimitMinor:   state.CreditLimit,
		AvailableMinor:     available,
	}
	if state.CompleteTo > 0 {
		message.CompleteToTime = timestamppb.New(state.CompleteToTime)
	}
	return message, nil
}

func pageMessage(page statement.Page) (*statementv1.ListLinesResponse, error) {
	state, err := statementMessage(page.State)
	if err != nil {
		return nil, err
	}
	response := &statementv1.ListLinesResponse{Statement: state, Lines: make([]*statementv1.Line, len(page.Lines))}
	for i := range page.Lines {
		response.Lines[i] = lineMessage(page.State, &page.Lines[i])
	}
	return response, nil
}

func lineMessage(state statement.State, line *statement.Line) *statementv1.Line {
	return &statementv1.Line{
		Name:                  accountsPrefix + state.Account.String() + "/lines/" + strconv.FormatInt(line.Sequence, 10),
		Sequence:              line.Sequence,
		OccurTime:             timestamppb.New(line.OccurredAt),
		Kind:                  statementv1.LineKind(statementv1.LineKind_value["LINE_KIND_"+line.Kind]),
		Direction:             statementv1.LineDirection(statementv1.LineDirection_value["LINE_DIRECTION_"+line.Direction]),
		AmountMinor:           line.Amount,
		Currency:              line.Currency,
		BalanceAfterMinor:     line.BalanceAfter,
		Description:           line.Description,
		MerchantName:          line.MerchantName,
		MerchantCity:          line.MerchantCity,
		MerchantCountry:       line.MerchantCountry,
		MerchantCategoryCode:  line.MerchantCategoryCode,
		CardBrand:             line.CardBrand,
		CardLast4:             line.CardLast4,
		CounterpartyName:      line.CounterpartyName,
		TransactionId:         line.TransactionID,
		OriginalTransactionId: line.OriginalTransactionID,
		Provisional:           line.Sequence > state.CompleteTo,
		CounterpartyAccount:   accountName(line.CounterpartyAccountID),
		CounterpartyBankCode:  line.CounterpartyBankCode,
		MerchantReference:     line.MerchantReference,
		EndToEndId:            line.EndToEndID,
	}
}

// accountName returns the name of an account, or "" for none.
func accountName(id string) string {
	if id == "" {
		return ""
	}
	return accountsPrefix + id
}

func summaryMessage(summary *statement.Summary) (*statementv1.SummarizeLinesResponse, error) {
	state, err := statementMessage(summary.State)
	if err != nil {
		return nil, err
	}
	return &statementv1.SummarizeLinesResponse{
		Currency:            summary.State.Currency,
		OpeningBalanceMinor: summary.Opening,
		ClosingBalanceMinor: summary.Closing,
		CreditsMinor:        summary.Sums.Credits,
		DebitsMinor:         summary.Sums.Debits,
		LineCount:           summary.Sums.Count,
		FirstSequence:       summary.First,
		LastSequence:        summary.Last,
		Provisional:         summary.Provisional,
		Statement:           state,
		LeftOutCount:        summary.Sums.LeftOut,
	}, nil
}

func holdsMessage(page statement.Page) (*statementv1.ListPendingHoldsResponse, error) {
	state, err := statementMessage(page.State)
	if err != nil {
		return nil, err
	}
	response := &statementv1.ListPendingHoldsResponse{Statement: state, Holds: make([]*statementv1.PendingHold, len(page.Lines))}
	for i := range page.Lines {
		response.Holds[i] = holdMessage(page.State, &page.Lines[i])
	}
	return response, nil
}

func holdMessage(state statement.State, hold *statement.Line) *statementv1.PendingHold {
	message := &statementv1.PendingHold{
		Name:                 accountsPrefix + state.Account.String() + "/holds/" + strconv.FormatInt(hold.Sequence, 10),
		Sequence:             hold.Sequence,
		OccurTime:            timestamppb.New(hold.OccurredAt),
		AmountMinor:          hold.Amount,
		Currency:             hold.Currency,
		Description:          hold.Description,
		MerchantName:         hold.MerchantName,
		MerchantCity:         hold.MerchantCity,
		MerchantCountry:      hold.MerchantCountry,
		MerchantCategoryCode: hold.MerchantCategoryCode,
		MerchantReference:    hold.MerchantReference,
		CardBrand:            hold.CardBrand,
		CardLast4:            hold.CardLast4,
		CounterpartyName:     hold.CounterpartyName,
		CounterpartyBankCode: hold.CounterpartyBankCode,
		EndToEndId:           hold.EndToEndID,
		TransactionId:        hold.TransactionID,
		Provisional:          hold.Sequence > state.CompleteTo,
	}
	if !hold.HoldExpiresAt.IsZero() {
		message.ExpireTime = timestamppb.New(hold.HoldExpiresAt)
	}
	return message
}
