package serve

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// ErrorDomain is the domain of every google.rpc.ErrorInfo that this system writes.
const ErrorDomain = "codebank.dev"

// translation is one row of the table of errors.
type translation struct {
	fault fault.Code
	grpc  codes.Code
	http  int
	// title is the title of RFC 9457. It is the same for every error of the class.
	title string
}

// translations is the one table between fault codes, gRPC codes and HTTP statuses. No value
// is twice in a column, so clients can translate it back. The HTTP status of
// FailedPrecondition is 422, because 412 is about conditional headers and 409 is the status
// of Aborted.
var translations = [...]translation{
	{fault.Internal, codes.Internal, http.StatusInternalServerError, "Internal error"},
	{fault.InvalidArgument, codes.InvalidArgument, http.StatusBadRequest, "Invalid argument"},
	{fault.NotFound, codes.NotFound, http.StatusNotFound, "Not found"},
	{fault.Aborted, codes.Aborted, http.StatusConflict, "Aborted"},
	{fault.FailedPrecondition, codes.FailedPrecondition, http.StatusUnprocessableEntity, "Failed precondition"},
	{fault.ResourceExhausted, codes.ResourceExhausted, http.StatusTooManyRequests, "Resource exhausted"},
	{fault.Unavailable, codes.Unavailable, http.StatusServiceUnavailable, "Unavailable"},
	{fault.DeadlineExceeded, codes.DeadlineExceeded, http.StatusGatewayTimeout, "Deadline exceeded"},
	{fault.Unauthenticated, codes.Unauthenticated, http.StatusUnauthorized, "Unauthenticated"},
	{fault.PermissionDenied, codes.PermissionDenied, http.StatusForbidden, "Permission denied"},
}

// translate returns the row of a code; a code outside the closed list is Internal.
func translate(code fault.Code) translation {
	for _, row := range translations {
		if row.fault == code {
			return row
		}
	}
	return translations[0]
}

// GRPCCode returns the gRPC code of a fault code.
func GRPCCode(code fault.Code) codes.Code { return translate(code).grpc }

// HTTPStatus returns the HTTP status of a fault code.
func HTTPStatus(code fault.Code) int { return translate(code).http }

// CodeFromGRPC returns the fault code of a gRPC code. A code that this system never sends is
// translated by the caller's next step: Canceled is an unknown outcome, a request with
// OutOfRange or AlreadyExists can never succeed as it is, and any other code is a broken
// peer.
func CodeFromGRPC(code codes.Code) fault.Code {
	for _, row := range translations {
		if row.grpc == code {
			return row.fault
		}
	}
	switch code {
	case codes.Canceled:
		return fault.DeadlineExceeded
	case codes.OutOfRange:
		return fault.InvalidArgument
	case codes.AlreadyExists:
		return fault.FailedPrecondition
	default:
		return fault.Internal
	}
}

// CodeFromHTTP returns the fault code of an HTTP status. A status that is not in the table
// is InvalidArgument if it is 4xx, and Internal otherwise.
func CodeFromHTTP(httpStatus int) fault.Code {
	for _, row := range translations {
		if row.http == httpStatus {
			return row.fault
		}
	}
	if httpStatus >= 400 && httpStatus < 500 {
		return fault.InvalidArgument
	}
	return fault.Internal
}

// codeFromName returns the code with a name, for example NOT_FOUND.
func codeFromName(name string) (fault.Code, bool) {
	for _, code := range fault.Codes() {
		if code.String() == name {
			return code, true
		}
	}
	return fault.Internal, false
}

// ToStatus returns err in the form in which it goes over the wire: its code and message, an
// ErrorInfo with its reason and ErrorDomain, a BadRequest violation if it names a field, and
// a RetryInfo if it says how long to wait. The cause stays in the process. An error that is
// not a fault becomes Internal with a message that tells nothing. A gRPC status, such as the
// library makes for a message that is too large, stays as it is. ToStatus(nil) is nil, which
// is OK.
func ToStatus(err error) *status.Status {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if !errors.As(err, &known) {
		if foreign, ok := status.FromError(err); ok {
			return foreign
		}
		known = fault.Of(err)
	}
	plain := status.New(GRPCCode(known.Code), strings.ToValidUTF8(known.Message, "?"))
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: known.Reason, Domain: ErrorDomain}}
	if known.Field != "" {
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{
			Field: strings.ToValidUTF8(known.Field, "?"), Description: plain.Message(), Reason: known.Reason,
		}}})
	}
	if known.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(known.RetryAfter)})
	}
	detailed, err := plain.WithDetails(details...)
	if err != nil { // The reason is not UTF-8. The code is still right.
		return plain
	}
	return detailed
}

// FromStatus is the inverse of ToStatus for clients. It returns the *fault.Error of a call's
// error, with the original as its cause. FromStatus(nil) is nil. It keeps the message only
// of a peer of this system. Any other text, such as a dial error with an address in it, is
// not meant for people and stays in the cause.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	st, ok := status.FromError(err)
	if !ok {
		return fault.Of(err)
	}
	code := CodeFromGRPC(st.Code())
	result := fault.New(code, code.String(), plainMessage(code))
	for _, detail := range st.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == ErrorDomain {
				result.Reason, result.Message = detail.GetReason(), st.Message()
			}
		case *errdetails.BadRequest:
			if violations := detail.GetFieldViolations(); len(violations) > 0 {
				result.Field = violations[0].GetField()
			}
		case *errdetails.RetryInfo:
			result.RetryAfter = max(detail.GetRetryDelay().AsDuration(), 0)
		}
	}
	return result.Wrap(err)
}

// plainMessage returns a message that may be shown in place of the peer's own.
func plainMessage(code fault.Code) string {
	switch code {
	case fault.Unavailable:
		return "The service cannot be reached at the moment; the outcome is unknown."
	case fault.DeadlineExceeded:
		return "The call ended before its answer; the outcome is unknown."
	case fault.ResourceExhausted:
		return "The service is busy, or the message is too large."
	case fault.Internal:
		return "Something went wrong on our side."
	default:
		return translate(code).title + "."
	}
}

// retryAfterSeconds returns a wait as the whole seconds of a Retry-After header, at least 1.
func retryAfterSeconds(wait time.Duration) int64 {
	return max(1, int64((wait+time.Second-1)/time.Second))
}
