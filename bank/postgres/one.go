package postgres

import (
	"encoding/binary"
	"time"

	"codebank.dev/bank"
)

// writeOne is the write set of a single decision, as an idle bank has them: one
// statement instead of three, and no arrays. Each part is fed by the one before, so
// the account is met first, and the outbox id is taken last (see floor).
var writeOne = &statement{"write_one", `WITH written AS (UPDATE accounts
		SET balance = $2, held = $3, credit_limit = $4, sequence = $5, last_at = $6, version = $7::bigint + 1
		WHERE id = $1 AND version = $7::bigint RETURNING id),
	posted AS (INSERT INTO entries (` + insertedColumns + `)
		SELECT $8::uuid, $9::smallint, $10::uuid, $11::bigint, $12::smallint, $13::smallint, $14::smallint, $15::smallint, $16::bigint,
			$17::uuid, $18::uuid, $19::bigint, $20::bigint, $21::bigint, $22::uuid, $23::text, $24::text, $25::text, $26::text, $27::text,
			$28::smallint, $29::text, $30::uuid, $31::text, $32::text, $33::integer, $34::text, $35::text, $36::bytea, $37::text,
			$38::bigint, $39::timestamptz, $40::text FROM written RETURNING transaction_id),
	emitted AS (INSERT INTO outbox (transaction_id, account_id, sequence, key, schema_version, body)
		SELECT transaction_id, $41::uuid, $42::bigint, $43::uuid, $44::integer, $45::bytea FROM posted RETURNING id)
	SELECT require_all(count(*), 1) FROM emitted`}

// isOne reports whether changes are a single decision on a known account.
func isOne(changes *bank.Changes) bool {
	return len(changes.Accounts) == 1 && len(changes.Entries) == 1 && len(changes.Events) == 1 && !standsAlone(changes.Entries[0]) &&
		len(changes.NewAccounts)+len(changes.NewCards)+len(changes.Cards)+len(changes.Tokens) == 0
}

func addOne(b *batch, seen *view, changes *bank.Changes) {
	p := &b.session.parameters
	a, e, event := &changes.Accounts[0], changes.Entries[0], &changes.Events[0]
	p.uuidArgument(a.ID)
	for _, figure := range []int64{a.Balance, a.Held, a.CreditLimit, a.Sequence} {
		p.int8Argument(figure)
	}
	p.timeArgument(a.LastAt)
	p.int8Argument(seen.version(a.ID))

	p.uuidArgument(e.TransactionID)
	p.int2Argument(e.Leg)
	p.optionalUUIDArgument(e.AccountID)
	p.int8Argument(e.Sequence)
	for _, symbol := range []uint8{uint8(e.Kind), uint8(e.Direction), uint8(e.Status), uint8(e.Decline)} {
		p.int2Argument(symbol)
	}
	p.int8Argument(e.Amount)
	p.optionalUUIDArgument(e.DebitAccount)
	p.optionalUUIDArgument(e.CreditAccount)
	for _, figure := range []int64{e.BalanceAfter, e.HeldAfter, e.CreditLimitAfter} {
		p.int8Argument(figure)
	}
	p.optionalUUIDArgument(e.Card.ID)
	p.addCircumstances(e)

	p.optionalUUIDArgument(event.AccountID)
	p.int8Argument(event.Sequence)
	p.uuidArgument(event.Key)
	p.int4Argument(event.SchemaVersion)
	p.bytesArgument(event.Body)
	b.add(writeOne, nil)
}

// addCircumstances is addCircumstances of write.go for one entry.
func (p *parameters) addCircumstances(e *bank.Entry) {
	for _, text := range []string{e.Merchant.ID, e.Merchant.Name, e.Merchant.CategoryCode, e.Merchant.City, e.Merchant.Country} {
		p.textArgument(text)
	}
	p.int2Argument(uint8(e.Channel))
	p.textArgument(e.Description)
	p.optionalUUIDArgument(e.OriginalID)
	p.textArgument(e.CounterpartyName)
	p.textArgument(e.EndToEndID)
	p.int4Argument(int(e.Attempt))
	p.textArgument(e.Request.Caller)
	p.textArgument(e.Request.ID)
	p.bytesArgument(e.Request.Fingerprint[:])
	p.textArgument(e.Request.TraceID)
	p.int8Argument(e.DecisionMicros)
	p.timeArgument(e.OccurredAt)
	p.textArgument(e.ProducerVersion)
}

func (p *parameters) int2Argument(value uint8) {
	p.argument()
	p.buffer = append(p.buffer, 0, value)
}

func (p *parameters) int4Argument(value int) {
	p.argument()
	p.buffer = binary.BigEndian.AppendUint32(p.buffer, uint32(value))
}

func (p *parameters) timeArgument(at time.Time) { p.int8Argument(at.UnixMicro() - epochMicros) }

// optionalUUIDArgument writes the zero id as null.
func (p *parameters) optionalUUIDArgument(id bank.ID) {
	if id.IsZero() {
		p.starts = append(p.starts, ^len(p.buffer))
		return
	}
	p.uuidArgument(id)
}
