package command

// The symbols of ChargeRequest.Kind and ChargeResult.Kind. The kinds of operations are CAPTURE, VOID and REFUND.
// Expire asks whether an authorization has ended by itself. Payout is about no charge: it pays what charges have
// brought in to the merchant's account.
const (
	Charge  = "CHARGE"
	Capture = "CAPTURE"
	Void    = "VOID"
	Refund  = "REFUND"
	Expire  = "EXPIRE"
	Payout  = "PAYOUT"
)

// The symbols of ChargeRequest.Mode and ChargeResult.Mode.
const (
	TestMode = "TEST"
	LiveMode = "LIVE"
)

// The symbols of ChargeRequest.Capture.
const (
	CaptureAtOnce = "AT_ONCE"
	CaptureLater  = "LATER"
)

// The symbols of ChargeResult.Status.
const (
	Approved = "APPROVED"
	Rejected = "REJECTED"
)

// The symbols of ChargeEvent.OperationKind and OperationStatus for an event that is about the charge itself.
const NoOperation = "NONE"

// ChargeRequest is one record of the topic of charges. The fields are those of avro/charges, which says what each of
// them means. An empty text is null. It holds no card data in clear.
type ChargeRequest struct {
	RequestID   string
	ChargeID    string
	Kind        string
	MerchantID  string
	Mode        string
	AmountMinor int64
	Currency    string
	Capture     string
	SealedCard  string
	Description string
	// MerchantName, MerchantCategoryCode, MerchantCity and MerchantCountry are the merchant as the payer's statement
	// shows it.
	MerchantName, MerchantCategoryCode, MerchantCity, MerchantCountry string
	// Purchase is what the acquirer calls the charge.
	Purchase string
	// PayoutAccount is the account at the bank that a payout goes to.
	PayoutAccount string
	// AcceptedAtMillis is milliseconds since 1970, UTC.
	AcceptedAtMillis int64
	TraceID          string
}

// ChargeResult is one record of the topic of their results. The fields are those of avro/charge-results. An empty
// text, and the time 0, are null.
type ChargeResult struct {
	RequestID  string
	ChargeID   string
	Kind       string
	MerchantID string
	Mode       string
	Status     string
	Code       string
	Reason     string
	Message    string
	// ExpiresAtMillis, LapsedAtMillis and DecidedAtMillis are milliseconds since 1970, UTC.
	ExpiresAtMillis int64
	Purchase        string
	LapsedAtMillis  int64
	DecidedAtMillis int64
	TraceID         string
}

// ChargeEvent is one record of the topic of what became of charges. The fields are those of avro/charge-events. An
// empty text, and the number 0 where the schema has null, are null. It is not signed: nobody obeys it.
type ChargeEvent struct {
	EventID              string
	MerchantID           string
	Mode                 string
	Sequence             int64
	Kind                 string
	ChargeID             string
	Version              int64
	Status               string
	AmountMinor          int64
	Currency             string
	CapturedMinor        int64
	RefundedMinor        int64
	CardBrand            string
	CardLast4            string
	OperationID          string
	OperationKind        string
	OperationStatus      string
	OperationAmountMinor int64
	Code                 string
	Reason               string
	// AcceptedAtMillis, DecidedAtMillis and OccurredAtMillis are milliseconds since 1970, UTC.
	AcceptedAtMillis int64
	DecidedAtMillis  int64
	DecisionMillis   int64
	OccurredAtMillis int64
}
