package checkout

import (
	"crypto/sha256"
	"encoding/binary"

	"codebank.dev/platform/auditlog"
)

// The acts on merchants and the catalogue, as the audit log names them.
const (
	ActCreateMerchant auditlog.Act = "CREATE_MERCHANT"
	ActUpdateMerchant auditlog.Act = "UPDATE_MERCHANT"
	ActAddMember      auditlog.Act = "ADD_MEMBER"
	ActRemoveMember   auditlog.Act = "REMOVE_MEMBER"
	ActCreateSecret   auditlog.Act = "CREATE_SECRET"
	ActRevokeSecret   auditlog.Act = "REVOKE_SECRET"
	ActCreateStore    auditlog.Act = "CREATE_STORE"
	ActCreateProduct  auditlog.Act = "CREATE_PRODUCT"
	ActUpdateProduct  auditlog.Act = "UPDATE_PRODUCT"
	ActRetireProduct  auditlog.Act = "RETIRE_PRODUCT"
)

// The acts on money and on webhook endpoints, as the audit log names them. A refund is recorded when it is accepted.
const (
	ActRefundOrder         auditlog.Act = "REFUND_ORDER"
	ActRefundCharge        auditlog.Act = "REFUND_CHARGE"
	ActCreateEndpoint      auditlog.Act = "CREATE_WEBHOOK_ENDPOINT"
	ActUpdateEndpoint      auditlog.Act = "UPDATE_WEBHOOK_ENDPOINT"
	ActRotateWebhookSecret auditlog.Act = "ROTATE_WEBHOOK_SECRET"
	ActDeleteEndpoint      auditlog.Act = "DELETE_WEBHOOK_ENDPOINT"
)

// Act is what somebody does to a merchant or to the catalogue. A store does it once: a repeat, an act with the
// same caller, request id and fingerprint, is answered with the first answer. An act that is refused leaves
// nothing, and its request id is free.
type Act struct {
	By Actor
	// Caller is the namespace of RequestID.
	Caller, RequestID string
	// Fingerprint is equal for equal requests of the same actor (ActFingerprint).
	Fingerprint [sha256.Size]byte
	// Record is committed with the act. Its time is that of the act.
	Record auditlog.Record
}

// ActFingerprint returns a hash of parts that tell a request from others: the method, the actor and the message.
func ActFingerprint(parts ...[]byte) [sha256.Size]byte {
	var canonical []byte
	for _, part := range parts { // A length, so that no two requests are one text.
		canonical = binary.AppendUvarint(canonical, uint64(len(part)))
		canonical = append(canonical, part...)
	}
	return sha256.Sum256(canonical)
}
