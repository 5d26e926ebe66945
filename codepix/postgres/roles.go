package postgres

import "codebank.dev/platform/database"

// ServiceRole is the role of the program. It owns no table, deletes no payment, and changes only how far one has come.
// The owner of the database migrates it and is used for nothing else.
const ServiceRole = "codepix_service"

// AuditorRole compares the payments with the banks' ledgers, and the tallies over keys with those of the banks' copies. It
// reads nothing else.
const AuditorRole = "auditor"

// Schema is the hub's schema, with what each role may do in it.
func Schema() database.Schema {
	return database.Schema{Migrations: migrations, Roles: []database.Role{
		{Name: ServiceRole, Rights: rights()},
		{Name: AuditorRole, Rights: database.Needs{"payments": "SELECT", "pix_tallies": "SELECT"}},
	}}
}

// rights are those of the program.
func rights() database.Needs {
	return withDirectory(database.Needs{
		"payments":        "SELECT INSERT UPDATE(state,held,returned_minor,reason,version,decided_at,confirmed_at,ended_at,changed_at)",
		"payment_outbox":  "SELECT INSERT DELETE UPDATE(due_at,claims,sends)",
		"payment_offsets": "SELECT INSERT UPDATE(next_offset)",
		"secrets":         "SELECT INSERT",
	})
}

// needs is what calls do with the tables; the program is not ready without it.
func needs() database.Needs {
	return needingDirectory(database.Needs{
		"payments": "SELECT INSERT UPDATE", "payment_outbox": "SELECT INSERT UPDATE DELETE", "payment_offsets": "SELECT INSERT UPDATE",
		"secrets": "SELECT INSERT",
	})
}
