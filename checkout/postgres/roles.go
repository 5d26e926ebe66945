package postgres

import (
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
)

// ServiceRole is the role of the checkout's program. It owns no table. Orders are never deleted, and what
// was ordered never changes. The owner of the database migrates it and is used for nothing else.
const ServiceRole = "checkout_service"

// changing are the columns of an order that change while it is open.
const changing = "state,purchase,decline_code,decline_reason,decline_message,token,token_expires_at,tries,next_at,voiding,ended_at"

// Schema is the schema of orders and catalogue, with what each role may do in it.
func Schema() database.Schema {
	return database.Schema{Migrations: migrations, Roles: []database.Role{{Name: ServiceRole, Rights: database.Needs{
		"stores": "SELECT INSERT UPDATE(name,category_code,city,country)",
		// Whoever seeds the catalogue locks the products, and Postgres lets nobody do so who may update
		// single columns only.
		"products": "SELECT INSERT UPDATE",
		// The triggers of stores and products count the version as whoever changes them.
		"catalogue":   "SELECT UPDATE(version,changed_by)",
		"orders":      "SELECT INSERT UPDATE(" + changing + ")",
		"order_items": "SELECT INSERT",
		"secrets":     "SELECT INSERT",

		"merchants":        "SELECT INSERT UPDATE(name,settlement_account,version,updated_at)",
		"merchant_members": "SELECT INSERT DELETE",
		"merchant_secrets": "SELECT INSERT UPDATE(last_used_on,revoked_at)",
		"acts":             "SELECT INSERT UPDATE(answer)",
		"audit_log":        table.Needs["audit_log"],
		"audit_head":       table.Needs["audit_head"],
	}}}}
}
