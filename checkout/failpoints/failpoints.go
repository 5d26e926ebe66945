// Package failpoints lists the points at which a test can kill checkout. Each lies between
// two durable steps. Package failpoint describes how it works.
package failpoints

import "codebank.dev/platform/failpoint"

// The points of checkout in the life of an order, in the order in which it passes them.
const (
	// AfterToken: the bank gave a token, nothing is stored.
	AfterToken failpoint.Point = "after-token"
	// BeforeBankCall: the order is stored, the bank has not been asked.
	BeforeBankCall failpoint.Point = "before-bank-call"
	// AfterBankAnswer: the bank has decided, the answer is not stored.
	AfterBankAnswer failpoint.Point = "after-bank-answer"
	// AfterVoidDecision: that the order is to be voided is stored, the bank is not told.
	AfterVoidDecision failpoint.Point = "after-void-decision"
	// AfterVoidAnswer: the bank has voided, the end of the order is not stored.
	AfterVoidAnswer failpoint.Point = "after-void-answer"
)

// The points of checkout in the life of a refund, in the order in which it passes them.
const (
	// RefundStored: the refund is stored and its amount reserved, the bank has not been asked.
	RefundStored failpoint.Point = "refund-stored"
	// AfterRefundAnswer: the bank has given back or has refused, the answer is not stored.
	AfterRefundAnswer failpoint.Point = "after-refund-answer"
)

// The points of checkout's store.
const (
	// OrdersMigrated: a migration of checkout's database is committed, the next is not begun.
	OrdersMigrated failpoint.Point = "orders-migrated"
	// CatalogueSeeded: what the catalogue begins with is in the database, nothing is served.
	CatalogueSeeded failpoint.Point = "catalogue-seeded"
	// ActDone: an act on merchants or the catalogue is committed with its record, its caller was not told.
	ActDone failpoint.Point = "act-done"
	// SecretUsed: that a secret was used is stored.
	SecretUsed failpoint.Point = "secret-used"
	// SecretStored: a secret that replicas share is in the database.
	SecretStored failpoint.Point = "secret-stored"
	// OrderStored: a batch with new orders is stored, nothing was done about them.
	OrderStored failpoint.Point = "order-stored"
	// OrderChanged: a batch with changes of orders is stored, their callers were not told.
	OrderChanged failpoint.Point = "order-changed"
	// OrderChangedUnderLock: a change that was made again from the stored order is stored, the
	// caller was not told.
	OrderChangedUnderLock failpoint.Point = "order-changed-under-lock"
	// OrdersClaimed: open orders are claimed, nothing was done about them.
	OrdersClaimed failpoint.Point = "orders-claimed"
	// RefundChanged: a refund or a change of one is stored, the caller was not told.
	RefundChanged failpoint.Point = "refund-changed"
	// RefundsClaimed: pending refunds are claimed, nothing was done about them.
	RefundsClaimed failpoint.Point = "refunds-claimed"
)

// Order returns the points in the life of an order.
func Order() []failpoint.Point {
	return []failpoint.Point{AfterToken, BeforeBankCall, AfterBankAnswer, AfterVoidDecision, AfterVoidAnswer}
}

// Refund returns the points in the life of a refund, those of the store included.
func Refund() []failpoint.Point {
	return []failpoint.Point{RefundStored, AfterRefundAnswer, RefundChanged, RefundsClaimed}
}

// All returns the points of checkout.
func All() []failpoint.Point {
	return append(append(Order(), Refund()...), OrdersMigrated, CatalogueSeeded, ActDone, SecretUsed, SecretStored, OrderStored, OrderChanged, OrderChangedUnderLock, OrdersClaimed)
}
