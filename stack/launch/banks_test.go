package launch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The first bank has the names that it had when it was the only one.
func TestTheFirstBankKeepsItsNames(t *testing.T) {
	stack, bank, a := open(t, t.TempDir()), FirstBank(), Addresses{BasePort: DefaultBasePort}
	require.Equal(t, []string{"bank", "statement", "bank_001", "statement_001"},
		[]string{bank.Bank, bank.Statement, bank.LedgerDatabase, bank.StatementDatabase})
	require.Equal(t, BankAddresses{a.BankGRPC(), a.BankHTTP(), a.StatementGRPC(), a.StatementHTTP()}, a.Of(bank))
	require.Equal(t, []string{"operator", "bank_service", "connect-statement-postgres", "commands"},
		[]string{bank.As(Operator), bank.role("bank_service"), bank.sinkGroup(), bank.Keys(Commands)})
	require.Equal(t, "vault.key", stack.vaultKeyFile(bank)[len(stack.Dir()+"/secrets/"):])
}

// Two banks share no process, port, database, role, key, certificate and consumer group.
func TestBanksShareNothing(t *testing.T) {
	stack, a := open(t, t.TempDir()), Addresses{BasePort: DefaultBasePort}
	seen := map[string]string{}
	for _, bank := range Banks() {
		addresses := a.Of(bank)
		own := []string{
			bank.Code, bank.Name, bank.Theme, bank.Bank, bank.Statement, bank.LedgerDatabase, bank.StatementDatabase, bank.As(Operator), "file " + fileOf(bank.As(Bank)),
			addresses.BankGRPC, addresses.BankHTTP, addresses.StatementGRPC, addresses.StatementHTTP, bank.sinkGroup(), stack.vaultKeyFile(bank),
			stack.verifierKeyFile(bank.Keys(Commands)), stack.verifierKeyFile(bank.Keys(Requests)), stack.ProducerKeyFile(bank.Keys(Commands), Events),
			bank.Banking(), a.Banking(bank), stack.sessionKeyFile(bank),
		}
		for _, role := range []string{"bank", "bank_service", "bank_operator", "statement", "statement_service", "statement_sink", "auditor"} {
			own = append(own, "role "+bank.role(role))
		}
		for _, name := range own {
			require.NotEmpty(t, name)
			require.Empty(t, seen[name], "%s is bank %s's too", name, bank.Code)
			seen[name] = bank.Code
		}
		require.NotNil(t, stack.Process(bank.Bank))
		require.NotNil(t, stack.Process(bank.Statement))
	}
}
