package postgres

import (
	"context"
	"maps"

	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"codebank.dev/statement"
	"codebank.dev/statement/queue"
	"github.com/jackc/pgx/v5"
)

// The roles of the statement's database. None of them owns a table, and none may change or delete a
// line or a row of the audit log. Its owner migrates it and is used for nothing else.
const (
	// ServiceRole is the role of the statement's program. It sees the rows of its reader. It also sees when
	// the transactions of the sink began, so that the check for gaps passes over no line that is not
	// committed yet; without pg_read_all_stats a server shows that to nobody else.
	ServiceRole = "statement_service"
	// SinkRole is the role of the sink that writes the lines. It must have been made with BYPASSRLS.
	SinkRole = "statement_sink"
	// AuditorRole is the role that compares the lines with the ledger, and checks the audit log. The ledger has it too.
	AuditorRole = "auditor"
)

// Schema is the statement's schema, with what each role may do in it.
func Schema() database.Schema {
	service := database.Needs{
		"statement_settings": "SELECT",
		"statement_lines":    "SELECT",
		"statement_accounts": "SELECT INSERT UPDATE(complete_to,complete_to_time,balance_minor,held_minor,credit_limit_minor,currency)",
		"statement_watch":    "SELECT UPDATE(checked_to)",
		"statement_gaps":     "SELECT INSERT DELETE",
		"customer_links":     "SELECT INSERT",
		"audit_log":          table.Needs["audit_log"],
		"audit_head":         "SELECT UPDATE(sequence,hash)",
		"statement_files": "SELECT INSERT DELETE UPDATE(state,failure,complete_to,first_sequence,last_sequence,done_to,line_count,parts,size,digest," +
			"writer,fence,claimed_until,expires_at,waiting,admitted_at)",
		"statement_file_parts": "SELECT INSERT DELETE",
		"request_offsets":      "SELECT INSERT UPDATE(next_offset)",
	}
	maps.Copy(service, queue.Rights())
	return database.Schema{Migrations: migrations, Library: queue.Migrate, Roles: []database.Role{
		{Name: ServiceRole, Rights: service, MemberOf: []string{"pg_read_all_stats"}},
		// The sink writes a batch with keys that exist already by way of a temporary table.
		{Name: SinkRole, Rights: database.Needs{"statement_lines": "SELECT INSERT"}, Temporary: true},
		{Name: AuditorRole, Rights: database.Needs{
			"statement_lines": "SELECT", "statement_accounts": "SELECT", "statement_gaps": "SELECT", "customer_links": "SELECT",
			"audit_log": "SELECT", "audit_head": "SELECT",
		}},
	}}
}

// setReader makes the rest of a transaction see only the rows of a reader. The policies of migrations 00007 and
// 00009 read it, and the customers that he owns: those that are linked to him, and the one with his UUID unless
// it is linked to somebody else. It also keeps the planner to the order of an index: it takes the policies for a
// filter that leaves few rows, and would read and sort all lines of an account for a page of it. And it keeps the
// plan of a query for the session, because planning takes longer than reading.
const setReader = `SELECT set_config('codebank.reader', $1::text, true),
	set_config('codebank.customers', $1::text || ' ' || (ARRAY(SELECT customer_id::text FROM customer_links WHERE user_id = $1::text) || CASE
		WHEN EXISTS (SELECT FROM customer_links WHERE customer_id = $1::text) THEN '{}'::text[] ELSE ARRAY[$1::text] END)::text, true),
	set_config('enable_bitmapscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)`

// rowAs runs a query that answers with one row, as a reader. Both statements travel together and
// are one transaction.
func (s *Store) rowAs(ctx context.Context, reader statement.Reader, query string, args []any, to ...any) error {
	batch := &pgx.Batch{}
	batch.Queue(setReader, string(reader))
	batch.Queue(query, args...).QueryRow(func(row pgx.Row) error { return row.Scan(to...) })
	return s.pool.SendBatch(ctx, batch).Close()
}
