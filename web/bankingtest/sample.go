package bankingtest

import (
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The people of a sample.
const (
	Maria    = "maria@example.com"
	Joao     = "joao@example.org"
	Password = "correct horse battery"
)

// Sample is a bank with two people, and what they have.
type Sample struct {
	*World
	// Wallet, Savings and Card are accounts of Maria, and Other is one of João.
	MariaID, Wallet, Savings, Card, Other string
}

// NewSample returns a bank in which Maria has two wallets and a card's account with a month of life in them.
func NewSample(now func() time.Time) *Sample {
	s := &Sample{World: NewWorld(now)}
	s.MariaID = s.Join(Maria, Password)
	s.Wallet = s.Open(s.MariaID, bankv1.AccountKind_ACCOUNT_KIND_WALLET, 0)
	s.Card = s.Open(s.MariaID, bankv1.AccountKind_ACCOUNT_KIND_CARD, 500_000)
	s.Savings = s.Open(s.MariaID, bankv1.AccountKind_ACCOUNT_KIND_WALLET, 0)
	s.Other = s.Open(s.Join(Joao, Password), bankv1.AccountKind_ACCOUNT_KIND_WALLET, 0)
	in, out := statementv1.LineDirection_LINE_DIRECTION_CREDIT, statementv1.LineDirection_LINE_DIRECTION_DEBIT
	for _, one := range []struct {
		account string
		hours   time.Duration
		line    *statementv1.Line
	}{
		{s.Wallet, 700, &statementv1.Line{Kind: statementv1.LineKind_LINE_KIND_DEPOSIT, Direction: in, AmountMinor: 450_000, Description: "Salário"}},
		{s.Wallet, 500, &statementv1.Line{Kind: statementv1.LineKind_LINE_KIND_PIX_OUT, Direction: out, AmountMinor: 180_000, CounterpartyName: "I*** S***", CounterpartyBankCode: "002", Description: "Aluguel"}},
		{s.Wallet, 50, &statementv1.Line{Kind: statementv1.LineKind_LINE_KIND_PIX_IN, Direction: in, AmountMinor: 8_000, CounterpartyName: "A*** L***", CounterpartyBankCode: "002"}},
		{s.Wallet, 27, &statementv1.Line{Kind: statementv1.LineKind_LINE_KIND_PURCHASE, Direction: out, AmountMinor: 4_290, MerchantName: "Café da Serra", MerchantCity: "Campos do Jordão"}},
		{s.Wallet, 3, &statementv1.Line{Kind: statementv1.LineKind_LINE_KIND_PURCHASE, Direction: out, AmountMinor: 23_977, MerchantName: "Armazém Nossa Senhora do Perpétuo Socorro de São José dos Campos", MerchantCity: "São José dos Campos"}},
		{s.Wallet, 1, &statementv1.Line{Kind: statementv1.LineKind_LINE_KIND_REVERSAL, Direction: in, AmountMinor: 1_000, MerchantName: "Café da Serra"}},
		{s.Card, 30, &statementv1.Line{Kind: statementv1.LineKind_LINE_KIND_PURCHASE, Direction: out, AmountMinor: 129_990, MerchantName: "Livraria Aurora", MerchantCity: "São Paulo", CardLast4: "1111"}},
		{s.Other, 30, &statementv1.Line{Kind: statementv1.LineKind_LINE_KIND_DEPOSIT, Direction: in, AmountMinor: 10_000}},
	} {
		one.line.OccurTime = timestamppb.New(s.now().Add(-one.hours * time.Hour))
		s.Post(one.account, one.line)
	}
	s.Hold(s.Wallet, &statementv1.PendingHold{AmountMinor: 15_000, MerchantName: "Posto do Lago"})
	return s
}
