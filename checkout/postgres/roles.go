package postgres

import (
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
)

// ServiceRole is the role of the checkout's program. It owns no table. Orders are never deleted, and what
// was ordered never changes, nor does a row of the audit log. The owner of the database migrates it and is used for nothing else.
const ServiceRole = "checkout_service"

// AuditorRole verifies the audit log and reads nothing else.
const AuditorRole = "auditor"

// changing are the columns of an order that change while it is open.
const changing = "state,purchase,decline_code,decline_reason,decline_message,token,token_expires_at,tries,next_at,voiding,ended_at"

// Schema is the schema of orders and catalogue, with what each role may do in it.
func Schema() database.Schema {
	auditor := database.Role{Name: AuditorRole, Rights: database.Needs{"audit_log": "SELECT", "audit_head": "SELECT"}}
	return database.Schema{Migrations: migrations, Roles: []database.Role{auditor, {Name: ServiceRole, Rights: database.Needs{
		"stores": "SELECT INSERT UPDATE(name,category_code,city,country)",
		// Whoever seeds the catalogue locks the products, and Postgres lets nobody do so who may update
		// single columns only.
		"products": "SELECT INSERT UPDATE",
		// The triggers of stores and products count the version as whoever changes them.
		"catalogue":   "SELECT UPDATE(version,changed_by)",
		"orders":      "SELECT INSERT UPDATE(" + changing + ",refunded_minor)",
		"refunds":     "SELECT INSERT UPDATE(state,reversal,refusal_reason,refusal_message,tries,next_at,ended_at)",
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

// The roles of the payment gateway's two programs. They become roles of Schema together with the programs.
const (
	// PaymentGatewayRole accepts charges and applies answers. It stores the keys of sealed card data and cannot read
	// them.
	PaymentGatewayRole = "payment_gateway_service"
	// PaymentProcessorRole reads these keys and nothing else.
	PaymentProcessorRole = "payment_processor_service"
)

// PaymentRoles returns these roles, with what each may do.
func PaymentRoles() []database.Role {
	return []database.Role{
		{Name: PaymentGatewayRole, Rights: database.Needs{
			"charges": "SELECT INSERT UPDATE(state,captured_minor,refunded_minor,reserved_minor,ending,rejection_code,rejection_reason," +
				"rejection_message,expires_at,version,decided_at,changed_at)",
			"charge_operations":  "SELECT INSERT UPDATE(outcome,rejection_code,rejection_reason,rejection_message,ended_at)",
			"charge_keys":        "SELECT(charge_id) INSERT DELETE",
			"charge_requests":    "SELECT INSERT",
			"merchant_sequences": "SELECT INSERT UPDATE(sequence)",
			"charge_events":      "SELECT INSERT",
			"charge_outbox":      "SELECT INSERT DELETE UPDATE(due_at,claims,sends,sent_at)",
			"charge_offsets":     "SELECT INSERT UPDATE(next_offset)",
			"secrets":            "SELECT INSERT",
		}},
		{Name: PaymentProcessorRole, Rights: database.Needs{
			"charge_keys": "SELECT", "charge_offsets": "SELECT INSERT UPDATE(next_offset)",
		}},
	}
}
