package postgres

import "codebank.dev/platform/database"

// ServiceRole is the role of the program. It owns no table, deletes no transfer, and changes only how a transfer
// ended. The owner migrates the database and is used for nothing else.
const ServiceRole = "gateway_service"

// Schema is the gateway's schema, with what each role may do in it.
func Schema() database.Schema {
	return database.Schema{Migrations: migrations, Roles: []database.Role{
		{Name: ServiceRole, Rights: database.Needs{
			"transfers":      "SELECT INSERT UPDATE(status,error,transaction_id,sequence,updated_at)",
			"outbox":         "SELECT INSERT DELETE UPDATE(due_at,claims,sends,sent_at)",
			"result_offsets": "SELECT INSERT UPDATE(next_offset)",
		}},
	}}
}
