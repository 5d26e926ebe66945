package file_test

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/aclindsa/ofxgo"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/platform/money"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/filetest"
)

// imported is a program of the customer's that imports OFX. It knows transactions by FITID.
type imported struct {
	transactions map[string]*big.Rat
	balance      *big.Rat
}

// read imports a file with the reader of another project.
func (i *imported) read(t require.TestingT, text []byte, h *file.Header) {
	response, err := ofxgo.ParseResponse(bytes.NewReader(text))
	require.NoError(t, err)
	require.EqualValues(t, h.BankCode, response.Signon.Fid)
	var currency ofxgo.CurrSymbol
	var list *ofxgo.TransactionList
	var balance ofxgo.Amount
	var account ofxgo.String
	if h.Kind == file.Card {
		require.Len(t, response.CreditCard, 1)
		s := response.CreditCard[0].(*ofxgo.CCStatementResponse)
		currency, list, balance, account = s.CurDef, s.BankTranList, s.BalAmt, s.CCAcctFrom.AcctID
	} else {
		require.Len(t, response.Bank, 1)
		s := response.Bank[0].(*ofxgo.StatementResponse)
		currency, list, balance, account = s.CurDef, s.BankTranList, s.BalAmt, s.BankAcctFrom.AcctID
		require.EqualValues(t, h.BankCode, s.BankAcctFrom.BankID)
	}
	require.Equal(t, h.Currency, currency.String())
	require.EqualValues(t, file.AccountName(h.Account), account)
	require.True(t, list.DtStart.Equal(ofxgo.Date{Time: h.Start}) && list.DtEnd.Equal(ofxgo.Date{Time: h.End}))
	i.balance = &balance.Rat
	for _, transaction := range list.Transactions {
		require.LessOrEqual(t, len([]rune(string(transaction.Name))), 32)
		require.LessOrEqual(t, len([]rune(string(transaction.Memo))), 255)
		i.transactions[string(transaction.FiTID)] = &transaction.TrnAmt.Rat
	}
}

// rat returns minor units as an exact number of major units.
func rat(t require.TestingT, code string, minor int64) *big.Rat {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places(t, code))), nil)
	return new(big.Rat).SetFrac(big.NewInt(minor), unit)
}

// TestAnotherProgramImportsOFX: it finds the account's lines, and importing both versions and the same file twice
// doubles nothing.
func TestAnotherProgramImportsOFX(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := filetest.Random(t)
		if s.Header.Currency == "XCG" {
			t.Skip("the currency is younger than the reader's list")
		}
		program := imported{transactions: make(map[string]*big.Rat)}
		for _, format := range []file.Format{file.OFX2, file.OFX1, file.OFX2} {
			program.read(t, s.Write(t, format), &s.Header)
			require.Len(t, program.transactions, len(s.Lines))
			sum := rat(t, s.Header.Currency, s.Header.Totals.Opening)
			for i := range s.Lines {
				line := &s.Lines[i]
				amount := rat(t, line.Currency, line.Amount)
				if line.Direction == "DEBIT" {
					amount.Neg(amount)
				}
				got := program.transactions[file.EventID(s.Header.Account, line.Sequence)]
				require.NotNil(t, got)
				require.Zero(t, got.Cmp(amount))
				sum.Add(sum, got)
			}
			require.Zero(t, sum.Cmp(program.balance), "the ledger's balance")
		}
	})
}

// TestOverlappingFilesDoubleNothing imports a month, and then that month with the next one.
func TestOverlappingFilesDoubleNothing(t *testing.T) {
	s := filetest.Long(t, 60)
	program := imported{transactions: make(map[string]*big.Rat)}
	for _, days := range []int{1, 30, 1} {
		s.Range(s.Header.Start, s.Header.Start.AddDate(0, 0, days))
		program.read(t, s.Write(t, file.OFX1), &s.Header)
	}
	require.Len(t, program.transactions, 60)
}

// TestFactsFitIntoOFX: MKTGINFO has room for 360 characters.
func TestFactsFitIntoOFX(t *testing.T) {
	s := filetest.Sample()
	s.Header.CompleteTo = 1<<63 - 1
	s.Header.Totals = file.Totals{Opening: -1 << 63, Credits: 1<<63 - 1, Debits: 0, Closing: -1, Lines: 1<<63 - 1}
	require.NoError(t, s.Header.Check(file.OFX1))
	require.ErrorIs(t, s.Header.Check(file.CAMT053), file.ErrTooLargeForCAMT)
	require.LessOrEqual(t, len(file.Facts(&s.Header)), 360)
}

// places returns how many decimal places a currency has.
func places(t require.TestingT, code string) int {
	currency, err := money.ParseCurrency(code)
	require.NoError(t, err)
	return currency.Exponent()
}
