package command

// The symbols of ChargeRequest.Kind and ChargeResult.Kind. The kinds of operations are CAPTURE, VOID and REFUND.
const (
	Charge  = "CHARGE"
	Capture = "CAPTURE"
	Void    = "VOID"
	Refund  = "REFUND"
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
	// ExpiresAtMillis and DecidedAtMillis are milliseconds since 1970, UTC.
	ExpiresAtMillis int64
	DecidedAtMillis int64
	TraceID         string
}
