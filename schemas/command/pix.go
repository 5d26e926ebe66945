package command

// The symbols of PixMessage.Step.
const (
	PixInitiated = "INITIATED"
	PixConfirmed = "CONFIRMED"
	PixRejected  = "REJECTED"
	PixCompleted = "COMPLETED"
)

// The symbols of PixMessage.Kind and PixPayment.Kind.
const (
	PixPaymentKind = "PAYMENT"
	PixReturnKind  = "RETURN"
)

// PixPending is the symbol of PixPayment.Status for a payment that the receiving bank did not answer yet. The other
// ones are those of the steps that make them: PixConfirmed, PixCompleted and PixRejected.
const PixPending = "PENDING"

// PixNoKey is the symbol of KeyKind for a return, which pays to no key.
const PixNoKey = "NONE"

// PixHub is the producer whose key signs what the hub sends to a bank. What a bank sends is signed with the key of
// PixBank of its code.
const PixHub = "codepix"

// PixBank returns the producer whose key signs what a bank sends to the hub.
func PixBank(code string) string { return "bank-" + code }

// PixFromBank returns the topic that a bank alone writes and the hub reads.
func PixFromBank(code string) string { return "codepix.bank-" + code + ".out.v1" }

// PixToBank returns the topic that the hub alone writes and a bank reads.
func PixToBank(code string) string { return "codepix.bank-" + code + ".in.v1" }

// PixPaymentTopic is the topic of PixPayment.
const PixPaymentTopic = "codepix.payments.v1"

// PixMessage is one record of the topics between the hub and a bank. The fields are those of avro/pix-messages, which
// says what each of them means. An empty text is null where the schema has null. The key of a record is the
// end-to-end id; of a return it is that of the payment that it gives back, so that the two keep their order.
type PixMessage struct {
	EndToEndID         string
	Step               string
	Kind               string
	OriginalEndToEndID string
	SenderBankCode     string
	ReceiverBankCode   string
	AmountMinor        int64
	Currency           string
	SenderAccountID    string
	SenderName         string
	ReceiverAccountID  string
	ReceiverName       string
	KeyKind            string
	Reference          string
	Description        string
	Reason             string
	InitiatedAtMillis  int64
	DecidedAtMillis    int64
	TraceID            string
}

// RecordKey returns the key of the message's record.
func (m *PixMessage) RecordKey() []byte {
	if m.OriginalEndToEndID != "" {
		return []byte(m.OriginalEndToEndID)
	}
	return []byte(m.EndToEndID)
}

// PixPayment is one record of the topic of what became of payments between banks. The fields are those of
// avro/pix-payments. An empty text is null where the schema has null. It is not signed: nobody obeys it.
type PixPayment struct {
	EventID            string
	EndToEndID         string
	Version            int64
	Kind               string
	Status             string
	OriginalEndToEndID string
	SenderBankCode     string
	ReceiverBankCode   string
	AmountMinor        int64
	Currency           string
	KeyKind            string
	Reason             string
	InitiatedAtMillis  int64
	ElapsedMillis      int64
	OccurredAtMillis   int64
}
