package command

// The symbols of StatementRequest.Format.
const (
	CSV     = "CSV"
	OFX2    = "OFX_2"
	OFX1    = "OFX_1"
	PDF     = "PDF"
	CAMT053 = "CAMT_053"
)

// StatementRequest is one record of the topic of statement requests. The fields are those of
// avro/statement-requests. An empty text is null. Times are milliseconds since 1970, UTC.
type StatementRequest struct {
	BankCode          string
	RequestID         string
	UserID            string
	AccountID         string
	StartAtMillis     int64
	EndAtMillis       int64
	Format            string
	Email             string
	Language          string
	RequestedAtMillis int64
}
