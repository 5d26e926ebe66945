package postgres

import (
	"slices"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
)

// The columns of entries, each in one place: a new one is a line here and a column in a migration. A
// column that most entries do not have is a rare one, so that a purchase does not pay for it.
var (
	// usualColumns are those that every entry is written with.
	usualColumns = []column[bank.Entry]{
		uuids("transaction_id", func(e *bank.Entry) *bank.ID { return &e.TransactionID }),
		smallints("leg", func(e *bank.Entry) *uint8 { return &e.Leg }),
		nullableUUIDs("account_id", func(e *bank.Entry) *bank.ID { return &e.AccountID }),
		nullableBigints("sequence", func(e *bank.Entry) *int64 { return &e.Sequence }),
		smallints("kind", func(e *bank.Entry) *bank.Kind { return &e.Kind }),
		smallints("direction", func(e *bank.Entry) *bank.Direction { return &e.Direction }),
		smallints("status", func(e *bank.Entry) *bank.Status { return &e.Status }),
		smallints("decline", func(e *bank.Entry) *bank.DeclineReason { return &e.Decline }),
		bigints("amount", func(e *bank.Entry) *int64 { return &e.Amount }),
		nullableUUIDs("debit_account", func(e *bank.Entry) *bank.ID { return &e.DebitAccount }),
		nullableUUIDs("credit_account", func(e *bank.Entry) *bank.ID { return &e.CreditAccount }),
		bigints("balance_after", func(e *bank.Entry) *int64 { return &e.BalanceAfter }),
		bigints("held_after", func(e *bank.Entry) *int64 { return &e.HeldAfter }),
		bigints("credit_limit_after", func(e *bank.Entry) *int64 { return &e.CreditLimitAfter }),
		nullableUUIDs("card_id", func(e *bank.Entry) *bank.ID { return &e.Card.ID }),
		texts("merchant_id", func(e *bank.Entry) *string { return &e.Merchant.ID }),
		texts("merchant_name", func(e *bank.Entry) *string { return &e.Merchant.Name }),
		texts("merchant_category_code", func(e *bank.Entry) *string { return &e.Merchant.CategoryCode }),
		texts("merchant_city", func(e *bank.Entry) *string { return &e.Merchant.City }),
		texts("merchant_country", func(e *bank.Entry) *string { return &e.Merchant.Country }),
		smallints("channel", func(e *bank.Entry) *bank.Channel { return &e.Channel }),
		texts("description", func(e *bank.Entry) *string { return &e.Description }),
		nullableUUIDs("original_transaction_id", func(e *bank.Entry) *bank.ID { return &e.OriginalID }),
		texts("counterparty_name", func(e *bank.Entry) *string { return &e.CounterpartyName }),
		texts("end_to_end_id", func(e *bank.Entry) *string { return &e.EndToEndID }),
		integers("attempt", func(e *bank.Entry) *int32 { return &e.Attempt }),
		texts("caller", func(e *bank.Entry) *string { return &e.Request.Caller }),
		texts("request_id", func(e *bank.Entry) *string { return &e.Request.ID }),
		hashes("fingerprint", func(e *bank.Entry) *[32]byte { return &e.Request.Fingerprint }),
		texts("trace_id", func(e *bank.Entry) *string { return &e.Request.TraceID }),
		bigints("decision_micros", func(e *bank.Entry) *int64 { return &e.DecisionMicros }),
		timestamps("occurred_at", func(e *bank.Entry) *time.Time { return &e.OccurredAt }),
		texts("producer_version", func(e *bank.Entry) *string { return &e.ProducerVersion }),
		nullableSmallints("card_use", func(e *bank.Entry) *bank.CardUse { return &e.CardUse }),
		nullable(smallints("risk_score", func(e *bank.Entry) *uint8 { return &e.Risk.Score }), func(e *bank.Entry) bool { return e.Risk.Rule == 0 }),
		nullableSmallints("risk_rule", func(e *bank.Entry) *bank.RiskRule { return &e.Risk.Rule }),
		nullableSmallints("principal_kind", func(e *bank.Entry) *principal.Kind { return &e.Request.PrincipalKind }),
		nullableSmallints("event_version", func(e *bank.Entry) *uint8 { return &e.EventVersion }),
	}

	// transferColumns and holdColumns are the rare columns of most entries that have any.
	transferColumns = []column[bank.Entry]{
		nullableUUIDs("counterparty_account_id", func(e *bank.Entry) *bank.ID { return &e.CounterpartyAccountID }),
	}
	holdColumns = []column[bank.Entry]{
		nullableUUIDs("hold_id", func(e *bank.Entry) *bank.ID { return &e.HoldID }),
		nullableTimestamps("hold_expires_at", func(e *bank.Entry) *time.Time { return &e.HoldExpiresAt }),
		nullableTexts("merchant_reference", func(e *bank.Entry) *string { return &e.MerchantReference }),
	}
	// rarestColumns are null for most of these too.
	rarestColumns = []column[bank.Entry]{
		nullableTexts("counterparty_bank_code", func(e *bank.Entry) *bank.Code { return &e.CounterpartyBankCode }),
		nullableSmallints("mode", func(e *bank.Entry) *bank.Mode { return &e.Mode }),
	}

	// rareColumns are null for most entries, and for every plain purchase.
	rareColumns = slices.Concat(transferColumns, holdColumns, rarestColumns)

	// ownColumns are what an entry stores only if no account and no card keeps it for the entry.
	ownColumns = []column[bank.Entry]{
		orElse("coalesce(a.currency, e.refused_currency)", currencies("refused_currency", func(e *bank.Entry) *money.Currency { return &e.Currency })),
		orElse("coalesce(c.brand, e.presented_brand)", smallints("presented_brand", func(e *bank.Entry) *pan.Brand { return &e.Card.Brand })),
		orElse("coalesce(c.bin, e.presented_bin)", texts("presented_bin", func(e *bank.Entry) *string { return &e.Card.BIN })),
		orElse("coalesce(c.last4, e.presented_last4)", texts("presented_last4", func(e *bank.Entry) *string { return &e.Card.Last4 })),
	}

	// accountColumnsOfEntry are what the account of an entry keeps for it.
	accountColumnsOfEntry = []column[bank.Entry]{
		elsewhere("a.customer_id", uuids("", func(e *bank.Entry) *bank.ID { return &e.CustomerID })),
		elsewhere("a.kind", smallints("", func(e *bank.Entry) *bank.AccountKind { return &e.AccountKind })),
	}

	// ofTransfers and ofHolds are those of a batch with transfers, and of one with holds, beside usual entries.
	ofTransfers = slices.Concat(usualColumns, transferColumns)
	ofHolds     = slices.Concat(usualColumns, holdColumns)

	// writtenColumns are those of an entry with everything, and entryColumns those that are read.
	writtenColumns = slices.Concat(usualColumns, rareColumns, ownColumns)
	entryColumns   = slices.Concat(writtenColumns, accountColumnsOfEntry)
)

// hasRareData reports whether an entry has a value in one of the rareColumns.
func hasRareData(e *bank.Entry) bool { return hasDataIn(rareColumns, e) }

// hasDataIn reports whether an entry has a value in one of the columns, each of which may be null.
func hasDataIn(columns []column[bank.Entry], e *bank.Entry) bool {
	for i := range columns {
		if !columns[i].isNull(e) {
			return true
		}
	}
	return false
}

// insertionOf returns the columns that entries need, and the statement that inserts them.
func insertionOf(entries []*bank.Entry) ([]column[bank.Entry], *wire.Statement) {
	transfer, hold := false, false
	for _, e := range entries {
		if hasOwnData(e) || hasDataIn(rarestColumns, e) {
			return writtenColumns, insertAnyEntries
		}
		transfer = transfer || hasDataIn(transferColumns, e)
		hold = hold || hasDataIn(holdColumns, e)
	}
	switch {
	case transfer && hold:
		return writtenColumns, insertAnyEntries
	case transfer:
		return ofTransfers, insertTransfers
	case hold:
		return ofHolds, insertHolds
	}
	return usualColumns, insertEntries
}

// hasOwnData reports whether an entry has a currency or card data that no account or card keeps for
// it.
func hasOwnData(e *bank.Entry) bool {
	return e.IsRefusal() || e.Card.ID.IsZero() && e.Card != bank.CardSnapshot{}
}
