package postgres

import (
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
)

// The roles of identity's database. Neither owns a table, and neither may change or delete a row of the
// audit log. The owner migrates the database and is used for nothing else.
const (
	// ServiceRole is the role of the program, and of an operator who makes operators.
	ServiceRole = "identity_service"
	// AuditorRole verifies the audit log and reads nothing else.
	AuditorRole = "auditor"
)

// Schema is identity's schema, with what each role may do in it.
func Schema() database.Schema {
	return database.Schema{Migrations: migrations, Roles: []database.Role{
		{Name: ServiceRole, Rights: database.Needs{
			"users":          "SELECT INSERT UPDATE(password_hash,roles)",
			"sessions":       "SELECT INSERT DELETE UPDATE(used_at,expires_at,ended_at,end_reason)",
			"refresh_tokens": "SELECT INSERT UPDATE(rotated_at,nonce)",
			"devices":        "SELECT INSERT DELETE UPDATE(used_at)",
			"ended_sessions": "SELECT INSERT DELETE",
			"attempts":       "SELECT INSERT DELETE UPDATE(key,count,last_at)",
			"mails":          "SELECT INSERT DELETE UPDATE(requested_at,sent_at,tries,next_try_at)",
			"mail_tokens":    "SELECT INSERT DELETE",
			"audit_log":      table.Needs["audit_log"],
			"audit_head":     "SELECT UPDATE(sequence,hash,ended_sequence)",
		}},
		{Name: AuditorRole, Rights: database.Needs{"audit_log": "SELECT", "audit_head": "SELECT"}},
	}}
}
