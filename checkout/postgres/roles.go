package postgres

import (
	"codebank.dev/checkout/webhook/queue"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
)

// ServiceRole is the role of the checkout's program. It owns no table. Orders are never deleted, and what
// was ordered never changes, nor does a row of the audit log. The owner of the database migrates it and is used for nothing else.
const ServiceRole = "checkout_service"

// AuditorRole verifies the audit log, and compares charges with the index. It reads nothing of cards and payers.
const AuditorRole = "auditor"

// changing are the columns of an order that change while it is open.
const changing = "state,purchase,decline_code,decline_reason,decline_message,token,token_expires_at,tries,next_at,voiding,ended_at"

// Schema is the schema of orders and catalogue, with what each role may do in it.
func Schema() database.Schema {
	auditor := database.Role{Name: AuditorRole, Rights: database.Needs{
		"audit_log": "SELECT", "audit_head": "SELECT", "merchant_sequences": "SELECT", "charge_events": "SELECT",
		"charges": "SELECT(id,merchant,mode,amount_minor,currency)", "charge_operations": "SELECT(id,merchant,mode,kind,amount_minor,outcome)",
	}}
	return database.Schema{Migrations: migrations, Library: queue.Migrate, Roles: append(paymentRoles(), auditor, database.Role{Name: ServiceRole, Rights: database.Needs{
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
	}})}
}

// The roles of the payment gateway's two programs.
const (
	// PaymentGatewayRole accepts charges and applies answers. It stores the keys of sealed card data and cannot read
	// them.
	PaymentGatewayRole = "payment_gateway_service"
	// PaymentProcessorRole reads these keys and nothing else.
	PaymentProcessorRole = "payment_processor_service"
)

// paymentRoles returns these roles, with what each may do.
func paymentRoles() []database.Role {
	return []database.Role{
		{Name: PaymentGatewayRole, Rights: withWebhooks(database.Needs{
			"charges": "SELECT INSERT UPDATE(state,captured_minor,refunded_minor,reserved_minor,ending,rejection_code,rejection_reason," +
				"rejection_message,expires_at,version,decided_at,changed_at,purchase,expiry_due_at)",
			"charge_operations":  "SELECT INSERT UPDATE(outcome,rejection_code,rejection_reason,rejection_message,ended_at)",
			"charge_keys":        "SELECT(charge_id) INSERT DELETE",
			"charge_requests":    "SELECT INSERT",
			"merchant_sequences": "SELECT INSERT UPDATE(sequence)",
			"charge_events":      "SELECT INSERT",
			"charge_statistics":  "SELECT INSERT UPDATE(count,amount_minor)",
			"charge_balances":    "SELECT INSERT UPDATE(captured_minor,refunded_minor,reserved_minor,paid_out_minor,paying_out_minor)",
			"payouts":            "SELECT INSERT UPDATE(state,rejection_code,rejection_reason,rejection_message,ended_at)",
			"charge_feed":        "SELECT INSERT UPDATE(published,leased_until)",
			"charge_outbox":      "SELECT INSERT DELETE UPDATE(due_at,claims,sends,sent_at)",
			"charge_offsets":     "SELECT INSERT UPDATE(next_offset)",
			// Its own: those of checkout open guests' orders.
			"charge_secrets": "SELECT INSERT",
			// Who calls, and for which merchant.
			"merchants":        "SELECT",
			"merchant_members": "SELECT",
			"merchant_secrets": "SELECT UPDATE(last_used_on)",
			// How a merchant is shown to payers.
			"stores": "SELECT",
			// Refunds and changes of webhook endpoints.
			"audit_log":  table.Needs["audit_log"],
			"audit_head": table.Needs["audit_head"],
		})},
		{Name: PaymentProcessorRole, Rights: database.Needs{
			"charge_keys": "SELECT", "charge_offsets": "SELECT INSERT UPDATE(next_offset)",
		}},
	}
}
