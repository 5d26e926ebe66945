package failpoint

// The points of the bank, in the order in which an event passes them.
const (
	// LedgerMigrated: a migration of the ledger is committed, the next is not begun.
	LedgerMigrated Point = "ledger-migrated"
	// LedgerClaimed: whose ledger it is, is written down; nothing is served.
	LedgerClaimed Point = "ledger-claimed"
	// CardSealed: a card's number is drawn and sealed, nothing is stored.
	CardSealed Point = "card-sealed"
	// BatchLocked: a batch has locked and read, nothing is decided.
	BatchLocked Point = "batch-locked"
	// BatchDecided: a batch is decided, its writes and its commit are not sent.
	BatchDecided Point = "batch-decided"
	// BatchCommitted: a batch is committed, nobody is answered.
	BatchCommitted Point = "batch-committed"
	// CardIssued: a card is committed, its number is not read back.
	CardIssued Point = "card-issued"
	// TokenMade: a card token is made, not stored.
	TokenMade Point = "token-made"
	// TokenStored: a card token is stored, its text is not answered.
	TokenStored Point = "token-stored"
	// TokensSwept: expired tokens are deleted, perhaps not all.
	TokensSwept Point = "tokens-swept"
	// LeaseWritten: the relay's lease is taken, renewed or given back; the relay does not know.
	LeaseWritten Point = "lease-written"
	// RelayFetched: events are fetched, none of them is sent to the broker.
	RelayFetched Point = "relay-fetched"
	// RelayPublished: the broker has acknowledged a group, nobody waits for it any more.
	RelayPublished Point = "relay-published"
	// RelayAcknowledged: events are acknowledged, their rows are not deleted.
	RelayAcknowledged Point = "relay-acknowledged"
	// RelayDeleted: their rows are deleted, the relay does not know.
	RelayDeleted Point = "relay-deleted"
	// FloorMoved: the lowest id that fetches look at is stored higher than before.
	FloorMoved Point = "floor-moved"
	// WatermarkMarked: the time of a mark is noted, nothing is published of it.
	WatermarkMarked Point = "watermark-marked"
	// WatermarkPublished: the broker has a watermark of every partition.
	WatermarkPublished Point = "watermark-published"
)

// Bank returns the points of the bank.
func Bank() []Point {
	return []Point{
		LedgerMigrated, LedgerClaimed, CardSealed, BatchLocked, BatchDecided, BatchCommitted, CardIssued, TokenMade, TokenStored,
		TokensSwept, LeaseWritten, RelayFetched, RelayPublished, RelayAcknowledged, RelayDeleted, FloorMoved,
		WatermarkMarked, WatermarkPublished,
	}
}

// The points of bankctl.
const (
	// KeysWritten: a key file is written under another name and flushed.
	KeysWritten Point = "keys-written"
	// KeysPublished: the key file has its name, the folder is not flushed.
	KeysPublished Point = "keys-published"
	// TopicCreated: a topic is created, it may have no leaders yet.
	TopicCreated Point = "topic-created"
	// TopicAltered: a topic's settings are changed.
	TopicAltered Point = "topic-altered"
	// SchemaRegistered: a version of a subject is registered.
	SchemaRegistered Point = "schema-registered"
	// SubjectHeld: a subject is held to its compatibility.
	SubjectHeld Point = "subject-held"
	// TemplatePut: an index template is put, existing indices are as before.
	TemplatePut Point = "template-put"
	// MappingPut: an index has the new mapping, not yet all aliases.
	MappingPut Point = "mapping-put"
	// AliasPut: an index has one alias more.
	AliasPut Point = "alias-put"
	// ConnectorPut: a connector's configuration is put, others may not be.
	ConnectorPut Point = "connector-put"
	// ConnectorRestarted: the restart of a connector is accepted, not waited for.
	ConnectorRestarted Point = "connector-restarted"
	// ObjectsImported: Kibana has taken saved objects, nothing is reported.
	ObjectsImported Point = "objects-imported"
	// RuleCreated: an alert rule is made, others may not be.
	RuleCreated Point = "rule-created"
	// RuleUpdated: an alert rule is changed, others may not be.
	RuleUpdated Point = "rule-updated"
	// ExportWritten: an exported object is written under another name and flushed.
	ExportWritten Point = "export-written"
	// ExportPublished: an exported object has its name, others may not be written.
	ExportPublished Point = "export-published"
	// RedriveProduced: dead letters are sent again, not marked as dealt with.
	RedriveProduced Point = "redrive-produced"
	// RedriveMarked: dead letters are marked as dealt with, nothing is told.
	RedriveMarked Point = "redrive-marked"
	// RequeueLocked: entries are read under their account's lock, no event is written.
	RequeueLocked Point = "requeue-locked"
	// RequeueDecided: events are made again, their writes and their commit are not sent.
	RequeueDecided Point = "requeue-decided"
	// RequeueCommitted: a page of events is in the outbox again, the next is not.
	RequeueCommitted Point = "requeue-committed"
)

// Bankctl returns the points of bankctl.
func Bankctl() []Point {
	return []Point{
		KeysWritten, KeysPublished, TopicCreated, TopicAltered, SchemaRegistered, SubjectHeld, TemplatePut, MappingPut, AliasPut,
		ConnectorPut, ConnectorRestarted, ObjectsImported, RuleCreated, RuleUpdated, ExportWritten, ExportPublished, RedriveProduced, RedriveMarked, RequeueLocked, RequeueDecided, RequeueCommitted,
	}
}

// The points of the statement service.
const (
	// StatementMigrated: a migration of the statement is committed, the next is not begun.
	StatementMigrated Point = "statement-migrated"
	// StatementClaimed: whose statement it is, is written down; nothing is served.
	StatementClaimed Point = "statement-claimed"
	// AdvanceFound: it is known how far an account's events follow on, not stored.
	AdvanceFound Point = "advance-found"
	// AdvanceStored: an account's complete_to is moved up, nobody is answered.
	AdvanceStored Point = "advance-stored"
	// GapsFound: a stretch of time is examined for gaps, not committed.
	GapsFound Point = "gaps-found"
	// GapsStored: the gaps of a stretch are committed, nobody is told.
	GapsStored Point = "gaps-stored"
)

// Statement returns the points of the statement service.
func Statement() []Point {
	return []Point{StatementMigrated, StatementClaimed, AdvanceFound, AdvanceStored, GapsFound, GapsStored}
}

// The points of checkout in the life of an order, in the order in which it passes them.
const (
	// AfterToken: the bank gave a token, nothing is stored.
	AfterToken Point = "after-token"
	// BeforeBankCall: the order is stored, the bank has not been asked.
	BeforeBankCall Point = "before-bank-call"
	// AfterBankAnswer: the bank has decided, the answer is not stored.
	AfterBankAnswer Point = "after-bank-answer"
	// AfterVoidDecision: that the order is to be voided is stored, the bank is not told.
	AfterVoidDecision Point = "after-void-decision"
	// AfterVoidAnswer: the bank has voided, the end of the order is not stored.
	AfterVoidAnswer Point = "after-void-answer"
)

// The points of checkout's store.
const (
	// OrdersMigrated: a migration of checkout's database is committed, the next is not begun.
	OrdersMigrated Point = "orders-migrated"
	// CatalogueReplaced: the catalogue is in the database, nothing is served.
	CatalogueReplaced Point = "catalogue-replaced"
	// SecretStored: a secret that replicas share is in the database.
	SecretStored Point = "secret-stored"
	// OrderStored: an order is stored, nothing was done about it.
	OrderStored Point = "order-stored"
	// OrderChanged: a change of an order is stored, nobody was told.
	OrderChanged Point = "order-changed"
	// OrdersClaimed: open orders are claimed, nothing was done about them.
	OrdersClaimed Point = "orders-claimed"
)

// Orders returns the points in the life of an order.
func Orders() []Point {
	return []Point{AfterToken, BeforeBankCall, AfterBankAnswer, AfterVoidDecision, AfterVoidAnswer}
}

// Checkout returns the points of checkout.
func Checkout() []Point {
	return append(Orders(), OrdersMigrated, CatalogueReplaced, SecretStored, OrderStored, OrderChanged, OrdersClaimed)
}
