package postgres_test

import (
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// A purchase with one fault does not pass as an ordinary one, and the error names the rule that it breaks.
func TestTheDatabaseNamesTheRuleThatAnEntryBreaks(t *testing.T) {
	w := newWall(t)
	purchase := columns{"transaction_id": banktest.NewID().String(), "sequence": 4}
	require.NoError(t, w.insert(t, purchase))
	for rule, fault := range map[string]columns{
		"entries_amount_check":          {"amount": -1},
		"entries_applied_has_no_amount": {"status": bank.Applied, "debit_account": nil, "credit_account": nil},
		"entries_channel_check":         {"channel": -1},
		"entries_decline_check":         {"decline": -1},
		"entries_decline_has_reason":    {"decline": bank.Blocked},
		"entries_direction_check":       {"direction": 4},
		"entries_directions":            {"direction": bank.Credit},
		"entries_fingerprint_check":     {"fingerprint": `\x00`},
		"entries_held_after_check":      {"held_after": -1},
		"entries_kind_check":            {"kind": 0},
		"entries_leg_check":             {"leg": 2},
		"entries_move":                  {"debit_account": nil, "credit_account": nil},
		"entries_movement":              {"credit_account": w.account},
		"entries_only_approved_moves":   {"status": bank.Declined, "decline": bank.Blocked},
		"entries_refer":                 {"original_transaction_id": w.hold},
		"entries_refusal":               {"account_id": nil, "sequence": nil},
		"entries_second_leg":            {"leg": 1},
		"entries_sequence_check":        {"sequence": 0},
		"entries_sequence_of_account":   {"sequence": nil},
		"entries_sides":                 {"debit_account": w.hold},
		"entries_status_check":          {"status": 5, "debit_account": nil, "credit_account": nil},
		"entries_voided_is_refusal":     {"status": bank.Voided, "debit_account": nil, "credit_account": nil},
		"entries_within_limit":          {"balance_after": -1001},
	} {
		var broken *pgconn.PgError
		require.ErrorAs(t, w.insert(t, purchase.with(fault)), &broken, rule)
		require.Equal(t, []string{"23514", "entries", rule}, []string{broken.Code, broken.TableName, broken.ConstraintName}, broken.Message)
	}
}
