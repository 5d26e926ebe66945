package launch

import (
	"net"
	"strconv"
	"strings"

	"codebank.dev/platform/mtls"
)

// Institution is a bank of the stack. All banks run the same programs and differ by configuration only. The
// identity, the brokers, the index and the servers belong to all of them. The checkout, the gateways and their
// processor serve the first bank.
type Institution struct {
	// Code is the bank's code, three digits.
	Code string
	// Name is what people call it, and Theme is the name of its colours on pages.
	Name, Theme string
	// Bank and Statement are the names of its processes in the table.
	Bank, Statement string
	// LedgerDatabase and StatementDatabase are its databases.
	LedgerDatabase, StatementDatabase string

	// suffix ends the names of its roles, files of keys and certificates; empty for the first bank.
	suffix string
	// The ports of its programs, counted from the base port.
	bankGRPC, bankHTTP, statementGRPC, statementHTTP, bankingHTTP int
}

// SecondBankCode is the code of the second bank of the stack.
const SecondBankCode = "002"

var (
	first = Institution{
		Code: BankCode, Name: "Code Bank", Theme: "blue", Bank: Bank, Statement: Statement,
		LedgerDatabase: LedgerDatabase, StatementDatabase: StatementDatabase,
		bankGRPC: bankGRPC, bankHTTP: bankHTTP, statementGRPC: statementGRPC, statementHTTP: statementHTTP, bankingHTTP: bankingHTTP,
	}
	second = Institution{
		Code: SecondBankCode, Name: "Banco Aurora", Theme: "green", Bank: Bank + "-" + SecondBankCode, Statement: Statement + "-" + SecondBankCode,
		LedgerDatabase: "bank_" + SecondBankCode, StatementDatabase: "statement_" + SecondBankCode, suffix: SecondBankCode,
		bankGRPC: secondBankGRPC, bankHTTP: secondBankHTTP, statementGRPC: secondStatementGRPC, statementHTTP: secondStatementHTTP, bankingHTTP: secondBankingHTTP,
	}
)

// FirstBank is bank 001, which has the checkout and the gateways.
func FirstBank() Institution { return first }

// SecondBank is bank 002.
func SecondBank() Institution { return second }

// Banks lists the banks of a stack, the first one first.
func Banks() []Institution { return []Institution{first, second} }

// As names a program of the bank for [Stack.Dial] and [Stack.HTTPClient].
func (i Institution) As(program string) string {
	if i.suffix == "" {
		return program
	}
	return i.Code + ":" + program
}

// role is the name of a role of the bank on the database server.
func (i Institution) role(role string) string { return i.joined(role, "_") }

// Keys is what the files of keys for Commands or Requests of the bank are called.
func (i Institution) Keys(topic string) string { return i.file(topic) }

// sinkGroup is the consumer group of the sink that writes the bank's statement.
func (i Institution) sinkGroup() string { return "connect-" + i.file("statement-postgres") }

// SinkSecret is the name of a file of Kafka Connect's folder of secrets, and of a setting of [Config.Adjust]: url,
// user or password of the bank's statement, for the sink that writes it.
func (i Institution) SinkSecret(what string) string { return "statement-" + i.Code + "." + what }

// file is the name of a file of the bank, without the extension, such as that of a key or a certificate.
func (i Institution) file(name string) string { return i.joined(name, "-") }

func (i Institution) joined(name, with string) string {
	if i.suffix == "" {
		return name
	}
	return name + with + i.suffix
}

// idOf returns who a program is that [Institution.As] names. Without a code it is one of the first bank, or one
// that serves all banks.
func idOf(as string) mtls.ID {
	if code, program, found := strings.Cut(as, ":"); found {
		return mtls.ID{Bank: code, Program: program}
	}
	if ofNoBank[as] {
		return mtls.ID{Bank: mtls.NoBank, Program: as}
	}
	return mtls.ID{Bank: BankCode, Program: as}
}

// fileOf is the name of the files of its certificate.
func fileOf(as string) string {
	id := idOf(as)
	switch {
	case id.Bank == BankCode || ofNoBank[as]:
		return id.Program
	case id.Bank == mtls.NoBank:
		return id.Program + "-of-none"
	}
	return id.Program + "-" + id.Bank
}

// HubOperator names who operates the hub of transfers between banks, for [Stack.Dial]. It is of no bank, because
// an operator of one bank must not act on another.
const HubOperator = mtls.NoBank + ":" + Operator

// ofNoBank are the programs that serve all banks.
var ofNoBank = map[string]bool{Identity: true, CodePix: true}

// BankAddresses are the addresses of the programs of one bank, host:port.
type BankAddresses struct {
	// BankGRPC and BankHTTP are those of the program bank.
	BankGRPC, BankHTTP string
	// StatementGRPC and StatementHTTP are those of the program statement.
	StatementGRPC, StatementHTTP string
}

// Of returns the addresses of a bank's programs.
func (a Addresses) Of(bank Institution) BankAddresses {
	return BankAddresses{
		BankGRPC: a.host(bank.bankGRPC), BankHTTP: a.host(bank.bankHTTP),
		StatementGRPC: a.host(bank.statementGRPC), StatementHTTP: a.host(bank.statementHTTP),
	}
}

// loopback is the address of a port of this machine.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
