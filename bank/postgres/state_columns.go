package postgres

import (
	"slices"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
)

// The columns of the other tables of a batch, each in one place, as those of entries are in
// entry_columns.go.
var (
	// accountIdentity never changes.
	accountIdentity = []column[bank.Account]{
		uuids("id", func(a *bank.Account) *bank.ID { return &a.ID }),
		uuids("customer_id", func(a *bank.Account) *bank.ID { return &a.CustomerID }),
		smallints("kind", func(a *bank.Account) *bank.AccountKind { return &a.Kind }),
		currencies("currency", func(a *bank.Account) *money.Currency { return &a.Currency }),
	}
	// accountFigures change with every entry.
	accountFigures = []column[bank.Account]{
		bigints("balance", func(a *bank.Account) *int64 { return &a.Balance }),
		bigints("held", func(a *bank.Account) *int64 { return &a.Held }),
		bigints("credit_limit", func(a *bank.Account) *int64 { return &a.CreditLimit }),
		bigints("sequence", func(a *bank.Account) *int64 { return &a.Sequence }),
		timestamps("last_at", func(a *bank.Account) *time.Time { return &a.LastAt }),
	}
	// accountClosing changes once, by a statement of its own, so that no other batch writes it.
	accountClosing = []column[bank.Account]{
		nullableTimestamps("closed_at", func(a *bank.Account) *time.Time { return &a.ClosedAt }),
	}
	accountColumns = slices.Concat(accountIdentity, accountFigures, accountClosing)

	// cardIdentity never changes.
	cardIdentity = []column[bank.Card]{
		uuids("id", func(c *bank.Card) *bank.ID { return &c.ID }),
		smallints("brand", func(c *bank.Card) *pan.Brand { return &c.Brand }),
		texts("bin", func(c *bank.Card) *string { return &c.BIN }),
		texts("last4", func(c *bank.Card) *string { return &c.Last4 }),
		uuids("account_id", func(c *bank.Card) *bank.ID { return &c.AccountID }),
		texts("holder_name", func(c *bank.Card) *string { return &c.HolderName }),
		ints("expiry_month", func(c *bank.Card) *int { return &c.Expiry.Month }),
		ints("expiry_year", func(c *bank.Card) *int { return &c.Expiry.Year }),
		timestamps("issued_at", func(c *bank.Card) *time.Time { return &c.IssuedAt }),
	}
	// cardState may change.
	cardState = []column[bank.Card]{
		smallints("blocks", func(c *bank.Card) *bank.Blocks { return &c.Blocks }),
		blocked,
		wrongAt,
		nullableTimestamps("locked_until", func(c *bank.Card) *time.Time { return &c.LockedUntil }),
		bigints("purchase_limit", func(c *bank.Card) *int64 { return &c.Rules.Limit }),
		bigints("purchase_minimum", func(c *bank.Card) *int64 { return &c.Rules.Minimum }),
		integers("purchases_per_minute", func(c *bank.Card) *int32 { return &c.Rules.PerMinute }),
		bigints("frequency_level", func(c *bank.Card) *int64 { return &c.Frequency.Level }),
		nullableTimestamps("frequency_at", func(c *bank.Card) *time.Time { return &c.Frequency.At }),
		booleans("used", func(c *bank.Card) *bool { return &c.Used }),
	}
	cardColumns = slices.Concat(cardIdentity, cardState)

	// blocked is whether any side blocks the card. A bank from before there were sides writes it alone: it has
	// the last word on whether the card is blocked, and its blocks are the bank's. It is read after blocks.
	blocked = column[bank.Card]{name: "blocked", kind: boolType,
		put: func(p *wire.Parameters, c *bank.Card) { p.Bool(c.IsBlocked()) },
		get: func(v wire.Value, c *bank.Card) {
			switch blocked := v.Bool(); {
			case !blocked:
				c.Blocks = 0
			case c.Blocks == 0:
				c.Blocks = bank.BlockedByBank
			}
		}}

	// wrongAt is written as text (see wire.Parameters.Micros).
	wrongAt = column[bank.Card]{name: "wrong_at", kind: columnType{wire.TypeText, "text"}, cast: "::bigint[]",
		put: func(p *wire.Parameters, c *bank.Card) { p.Micros(c.WrongAt) }, get: func(v wire.Value, c *bank.Card) { c.WrongAt = v.Micros() }}

	tokenUseColumns = []column[bank.TokenUse]{
		uuids("nonce", func(u *bank.TokenUse) *bank.ID { return &u.Nonce }),
		uuids("transaction_id", func(u *bank.TokenUse) *bank.ID { return &u.TransactionID }),
		timestamps("expires_at", func(u *bank.TokenUse) *time.Time { return &u.ExpiresAt }),
	}

	outboxColumns = []column[bank.Event]{
		uuids("transaction_id", func(e *bank.Event) *bank.ID { return &e.TransactionID }),
		nullableUUIDs("account_id", func(e *bank.Event) *bank.ID { return &e.AccountID }),
		nullableBigints("sequence", func(e *bank.Event) *int64 { return &e.Sequence }),
		uuids("key", func(e *bank.Event) *bank.ID { return &e.Key }),
		ints("schema_version", func(e *bank.Event) *int { return &e.SchemaVersion }),
		blobs("body", func(e *bank.Event) *[]byte { return &e.Body }),
	}
)
