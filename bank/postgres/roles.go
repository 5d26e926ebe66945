package postgres

import (
	"strings"

	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
)

// The roles of the ledger's database. None of them owns a table, and none may change or delete an
// entry. Its owner migrates it and is used for nothing else.
const (
	// ServiceRole is the role of the bank's program.
	ServiceRole = "bank_service"
	// OperatorRole is the role of an operator who has events published again.
	OperatorRole = "bank_operator"
	// AuditorRole is the role that compares the ledger with its copies. The statement has it too. It
	// reads everything but sealed card numbers, and writes nothing.
	AuditorRole = "auditor"
)

// Schema is the ledger's schema, with what each role may do in it. Nobody needs more of a card's
// number than its seal, so only the bank reads the vault. There are no policies for rows: a batch
// mixes customers, and every caller is a program.
func Schema() database.Schema {
	return database.Schema{Migrations: migrations, Roles: []database.Role{
		{Name: ServiceRole, Rights: database.Needs{
			"bank":          "SELECT",
			"accounts":      "SELECT INSERT " + updates(names(accountFigures), names(accountClosing), "version"),
			"cards":         "SELECT INSERT " + updates(names(cardState)),
			"vault":         "SELECT INSERT",
			"entries":       "SELECT INSERT",
			"outbox":        "SELECT INSERT DELETE",
			"outbox_id_seq": "SELECT",
			"relay_lease":   "SELECT " + updates("holder,epoch,expires_at,floor,marked_at"),
			"used_tokens":   "SELECT INSERT DELETE",
			"card_tokens":   "SELECT DELETE " + updates("used_by"),
			"open_holds":    "SELECT INSERT DELETE",
			"audit_log":     table.Needs["audit_log"],
			"audit_head":    "SELECT " + updates("sequence,hash"),

			"customer_links": "SELECT INSERT",

			"command_offsets":  "SELECT INSERT " + updates("next_offset"),
			"command_outcomes": "SELECT INSERT",

			"pix_messages": "SELECT INSERT UPDATE DELETE",
			"pix_keys":     "SELECT INSERT UPDATE DELETE",
			"holders":      "SELECT INSERT",
			"pix_codes":    "SELECT INSERT " + updates("state,paid_by,ended_at"),
		}},
		{Name: OperatorRole, Rights: database.Needs{
			"bank": "SELECT",
			// Whoever writes events of an account again locks its row, and Postgres lets nobody do so who
			// may not update a column. A changed version makes a bank read the account again, and no more.
			"accounts": "SELECT " + updates("version"),
			"cards":    "SELECT",
			"entries":  "SELECT",
			"outbox":   "SELECT INSERT",
		}},
		{Name: AuditorRole, Rights: database.Needs{
			"bank": "SELECT", "accounts": "SELECT", "cards": "SELECT", "entries": "SELECT", "refusals": "SELECT",
			"outbox": "SELECT", "outbox_id_seq": "SELECT", "relay_lease": "SELECT", "open_holds": "SELECT", "used_tokens": "SELECT",
			"audit_log": "SELECT", "audit_head": "SELECT", "customer_links": "SELECT",
			"command_offsets": "SELECT", "command_outcomes": "SELECT", "pix_messages": "SELECT", "pix_keys": "SELECT(kind,state,digest)",
			"pix_codes": "SELECT(" + names(auditedCodeColumns) + ")",
		}},
	}}
}

// updates is the privilege to update these columns. Each list has commas.
func updates(columns ...string) string { return "UPDATE(" + strings.Join(columns, ",") + ")" }

// names returns the names of columns, separated by commas.
func names[T any](columns []column[T]) string { return strings.ReplaceAll(named(columns), ", ", ",") }
