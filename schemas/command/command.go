package command

// The symbols of Command.Kind and Result.Kind.
const (
	Deposit      = "DEPOSIT"
	Withdrawal   = "WITHDRAWAL"
	Purchase     = "PURCHASE"
	Transfer     = "TRANSFER"
	Reversal     = "REVERSAL"
	Cancellation = "CANCELLATION"
)

// The symbols of Command.PrincipalKind.
const (
	User    = "USER"
	Service = "SERVICE"
)

// The symbols of Result.Status.
const (
	Completed = "COMPLETED"
	Cancelled = "CANCELLED"
)

// Command is one record of the commands topic. The fields are those of avro/commands, which says what each of
// them means. An empty text is null.
type Command struct {
	BankCode              string
	RequestID             string
	Kind                  string
	PrincipalKind         string
	PrincipalID           string
	AccountID             string
	DestinationAccountID  string
	OriginalTransactionID string
	AmountMinor           int64
	Currency              string
	Description           string
	MerchantID            string
	MerchantName          string
	MerchantCategoryCode  string
	MerchantCity          string
	MerchantCountry       string
	// AcceptedAtMillis is milliseconds since 1970, UTC.
	AcceptedAtMillis int64
	TraceID          string
}

// Result is one record of the results topic. The fields are those of avro/command-results. An empty text, and
// the sequence 0, are null.
type Result struct {
	BankCode      string
	Producer      string
	RequestID     string
	TransactionID string
	Kind          string
	AccountID     string
	Status        string
	Reason        string
	Field         string
	Sequence      int64
	AmountMinor   int64
	Currency      string
	// DecidedAtMillis and PublishedAtMillis are milliseconds since 1970, UTC.
	DecidedAtMillis   int64
	PublishedAtMillis int64
	TraceID           string
}
