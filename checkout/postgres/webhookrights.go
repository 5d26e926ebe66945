package postgres

import (
	"maps"

	"codebank.dev/checkout/webhook/queue"
	"codebank.dev/platform/database"
)

// withWebhooks adds what the payment gateway's role needs to send messages to merchants' endpoints: what it sends,
// and the queue of jobs.
func withWebhooks(rights database.Needs) database.Needs {
	maps.Copy(rights, queue.Rights())
	maps.Copy(rights, database.Needs{
		"webhook_endpoints": "SELECT INSERT DELETE UPDATE(url,description,types,enabled,disabled_why,after,failures,failing_since,version," +
			"changed_at,deleted_at)",
		"webhook_secrets":    "SELECT INSERT DELETE UPDATE(expires_at)",
		"webhook_cursors":    "SELECT INSERT DELETE UPDATE(sequence)",
		"webhook_deliveries": "SELECT INSERT DELETE UPDATE(state,attempts,tries,next_at,ended_at)",
		"webhook_attempts":   "SELECT INSERT DELETE",
	})
	return rights
}
