// Package failpoints lists the points at which a test can kill bankctl. Each lies between
// two durable steps. Package failpoint describes how it works.
package failpoints

import (
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/vault"
	checkout "codebank.dev/checkout/postgres"
	codepix "codebank.dev/codepix/postgres"
	gateway "codebank.dev/gateway/postgres"
	identity "codebank.dev/identity/postgres"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/keyfile"
	statement "codebank.dev/statement/postgres"
)

// The points of bankctl.
const (
	// TopicCreated: a topic is created; its partitions may have no leaders yet.
	TopicCreated failpoint.Point = "topic-created"
	// TopicAltered: a topic's settings are changed.
	TopicAltered failpoint.Point = "topic-altered"
	// SchemaRegistered: a version of a subject is registered.
	SchemaRegistered failpoint.Point = "schema-registered"
	// SubjectHeld: a subject's compatibility is set.
	SubjectHeld failpoint.Point = "subject-held"
	// TemplatePut: an index template is put; existing indices are as before.
	TemplatePut failpoint.Point = "template-put"
	// MappingPut: an index has the new mapping, but not all aliases yet.
	MappingPut failpoint.Point = "mapping-put"
	// AliasPut: an index has one more alias.
	AliasPut failpoint.Point = "alias-put"
	// ConnectorPut: a connector's configuration is put; others may not be.
	ConnectorPut failpoint.Point = "connector-put"
	// ConnectorRestarted: the restart of a connector is accepted; bankctl has not waited for it.
	ConnectorRestarted failpoint.Point = "connector-restarted"
	// ObjectsImported: Kibana has imported saved objects; nothing is reported.
	ObjectsImported failpoint.Point = "objects-imported"
	// RuleCreated: an alert rule is created; others may not be.
	RuleCreated failpoint.Point = "rule-created"
	// RuleUpdated: an alert rule is changed; others may not be.
	RuleUpdated failpoint.Point = "rule-updated"
	// ExportWritten: an exported object is written under another name and flushed.
	ExportWritten failpoint.Point = "export-written"
	// ExportPublished: an exported object has its name; others may not be written.
	ExportPublished failpoint.Point = "export-published"
	// RedriveProduced: dead letters are sent again; the action is not recorded.
	RedriveProduced failpoint.Point = "redrive-produced"
	// ActionRecorded: an operator's action on dead letters is recorded; letters that were sent
	// again are not marked as dealt with.
	ActionRecorded failpoint.Point = "action-recorded"
	// RedriveMarked: dead letters are marked as dealt with; nothing is reported.
	RedriveMarked failpoint.Point = "redrive-marked"
)

// All returns the points of bankctl, including those in other packages.
func All() []failpoint.Point {
	return []failpoint.Point{
		vault.KeysWritten, vault.KeysPublished, keyfile.Written, keyfile.Published, TopicCreated, TopicAltered, SchemaRegistered, SubjectHeld, TemplatePut,
		MappingPut, AliasPut, ConnectorPut, ConnectorRestarted, ObjectsImported, RuleCreated, RuleUpdated, ExportWritten,
		ExportPublished, RedriveProduced, ActionRecorded, RedriveMarked, postgres.RequeueLocked, postgres.RequeueDecided,
		postgres.RequeueCommitted, postgres.Migrated, postgres.Claimed,
		statement.Migrated, statement.Claimed, checkout.Migrated, identity.Migrated, gateway.Migrated, codepix.Migrated,
	}
}
