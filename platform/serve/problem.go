package serve

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/language"
	"codebank.dev/schemas"
)

// problemType is the beginning of the type URI of a problem. The reason follows as in the path of its page.
const problemType = "https://" + ErrorDomain + problemsPath

// Problem is the body of every REST error: problem details as in RFC 9457, media
// type application/problem+json, with the members of a fault beside the standard ones.
type Problem struct {
	// Type is a URI that names the reason, Title says the class in words, Status repeats the HTTP status.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail is the sentence for people.
	Detail string `json:"detail"`
	// Code and Reason are for programs: Code is the class, and Reason is a stable word within the
	// class.
	Code   string `json:"code"`
	Reason string `json:"reason"`
	// Field is the path of the field at fault by its name in the contract, for example card_data.number.
	Field string `json:"field,omitempty"`
	// TraceID finds the call in the logs.
	TraceID string `json:"traceId,omitempty"`
}

// WriteProblem answers r with err as problem details, in the language that r accepts. The HTTP status comes
// from the table, a wait becomes a Retry-After header, and the cause is not shown. A Link header leads to the
// page of the reason, which every program has.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	known := fault.Of(err)
	writeProblem(w, r, HTTPStatus(known.Code), known)
}

// writeProblem is WriteProblem for statuses that have no code of their own, such as 405.
func writeProblem(w http.ResponseWriter, r *http.Request, httpStatus int, known *fault.Error) {
	row := translate(known.Code)
	title := row.title
	if httpStatus != row.http {
		title = http.StatusText(httpStatus)
	}
	header := w.Header()
	header.Add("Vary", "Accept-Language")
	tag := language.Choose(r.Header.Get("Accept-Language"))
	detail, translated := language.Translate(tag, known.Message)
	if title, _ = language.Translate(tag, title); !translated {
		tag = language.English
	}
	header.Set("Content-Language", string(tag))
	page := ""
	if schemas.ValidReason(known.Reason) { // A peer that is not ours may answer anything.
		page = reasonSlug(known.Reason)
		header.Set("Link", "<"+problemsPath+page+`>; rel="help"`)
	}
	body, err := json.Marshal(Problem{
		Type:    problemType + page,
		Title:   title,
		Status:  httpStatus,
		Detail:  detail,
		Code:    known.Code.String(),
		Reason:  known.Reason,
		Field:   known.Field,
		TraceID: TraceID(r.Context()),
	})
	if err != nil {
		body = []byte("{}") // This never happens, because strings and one number always marshal.
	}
	header.Del("Content-Length")
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	if known.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(retryAfterSeconds(known.RetryAfter), 10))
	}
	if known.Code == fault.Unauthenticated && header.Get("WWW-Authenticate") == "" {
		header.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(httpStatus)
	_, _ = w.Write(append(body, '\n'))
}

// FromProblem is the inverse of WriteProblem for clients. It returns the *fault.Error of a
// response whose status is 400 or above. If the body is not a problem of this system, only the
// status counts. The wait is the Retry-After header, in whole seconds.
func FromProblem(httpStatus int, header http.Header, body []byte) error {
	code := CodeFromHTTP(httpStatus)
	result := fault.New(code, code.String(), plainMessage(code))
	var problem Problem
	if json.Unmarshal(body, &problem) == nil {
		if named, ok := codeFromName(problem.Code); ok {
			result = fault.New(named, problem.Reason, problem.Detail)
			result.Field = problem.Field
		}
	}
	if seconds, err := strconv.ParseInt(header.Get("Retry-After"), 10, 32); err == nil && seconds > 0 {
		result.RetryAfter = time.Duration(seconds) * time.Second
	}
	return result
}
