package kibana

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"codebank.dev/operations/httpclient"
	"codebank.dev/operations/provision"
)

// The kinds of an ObjectError: Kibana's own for the objects of an import, and ours.
const (
	// Conflict is an object that exists, if the import does not overwrite, or a rule that
	// somebody changed at the same time.
	Conflict = "conflict"
	// AmbiguousConflict is an object of which the space has several copies.
	AmbiguousConflict = "ambiguous_conflict"
	// MissingReferences is an object that refers to one that does not exist.
	MissingReferences = "missing_references"
	// UnsupportedType is a type that this Kibana does not know or does not import.
	UnsupportedType = "unsupported_type"
	// NewerStamp is an object that was written for a newer Kibana.
	NewerStamp = "newer_stamp"
	// MissingPrivilege is a valid user or API key without the privilege in the space.
	MissingPrivilege = "missing_privilege"
	// MissingLicence is an object that the licence of the Kibana does not include.
	MissingLicence = "missing_licence"
	// DisabledConnectorType is a rule with an action whose type of connector is disabled.
	DisabledConnectorType = "disabled_connector_type"
	// UnknownRuleType is a rule of a type that the Kibana does not have.
	UnknownRuleType = "unknown_rule_type"
	// MissingFeature is an interface that the Kibana does not have.
	MissingFeature = "missing_feature"
	// FixedMember is a rule that differs in a member that cannot be changed.
	FixedMember = "fixed_member"
	// OtherSpace is a rule whose id another space has.
	OtherSpace = "other_space"
	// NotKept is an object that Kibana accepted and does not have as it was sent.
	NotKept = "not_kept"
	// ServerError is a failure of Kibana.
	ServerError = "server_error"
	// Refused is anything else, such as an attribute that is not in the type's schema.
	Refused = "refused"
)

// advice says what to do about an ObjectError of a kind.
var advice = map[string]string{
	MissingPrivilege: "the credentials are valid; give their role the privilege in this space, and check that the space does not hide the feature",
	MissingLicence:   "change the licence, or leave the object out",
	DisabledConnectorType: "enable the type in the configuration of Kibana (xpack.actions.enabledActionTypes), " +
		"or take the action out of the rule",
	UnknownRuleType: "this Kibana, or its version, has no such rules",
	MissingFeature:  "the feature is disabled in this Kibana, or the address leads to another service",
	FixedMember:     "delete the rule in Kibana, and apply creates it again",
	OtherSpace:      "delete that rule, or keep the rules in its space",
	ServerError:     "the log of Kibana says more",
}

// ObjectError says why Kibana refused one object or rule.
type ObjectError struct {
	// Object is the object, or the zero Key if Kibana does not say which.
	Object Key
	// Kind is one of the constants, or the word of a newer Kibana.
	Kind string
	// Status is the HTTP status of the answer; 0 if Kibana refused the object in an answer
	// with status 200, or did not refuse it.
	Status int
	// Field is the member that the error is about, or "" if Kibana does not say.
	Field string
	// Message is Kibana's own message, or describes the kind.
	Message string
}

// Error names the object, the field, the reason, and what to do about it.
func (e *ObjectError) Error() string {
	text := "kibana: "
	if e.Object != (Key{}) {
		text += e.Object.String() + ": "
	}
	text += e.what() + " ("
	if e.Status != 0 {
		text += "status " + strconv.Itoa(e.Status) + ", "
	}
	text += e.Kind + ")"
	if todo := advice[e.Kind]; todo != "" {
		text += "; " + todo
	}
	return text
}

func (e *ObjectError) what() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Refusal returns the error in the form of reports.
func (e *ObjectError) Refusal() *provision.Refusal {
	return &provision.Refusal{Cause: e.Kind, Status: e.Status, Message: e.what()}
}

// Refusals splits an error of this package. refused are the objects that Kibana refused; the
// others were worked on. fatal is what ended the work before its end, or nil.
func Refusals(err error) (refused []*ObjectError, fatal error) {
	switch err := err.(type) {
	case nil:
	case *ObjectError:
		refused = append(refused, err)
	case interface{ Unwrap() []error }:
		var ends []error
		for _, one := range err.Unwrap() {
			some, end := Refusals(one)
			refused = append(refused, some...)
			ends = append(ends, end)
		}
		if fatal = errors.Join(ends...); fatal != nil && len(refused) == 0 {
			fatal = err.(error)
		}
	default:
		fatal = err
	}
	return refused, fatal
}

// firstRefusals returns the first refusal of each object.
func firstRefusals(err error) map[Key]*ObjectError {
	first := make(map[Key]*ObjectError)
	refused, _ := Refusals(err)
	for _, one := range refused {
		if first[one.Object] == nil {
			first[one.Object] = one
		}
	}
	return first
}

// ofObject reports whether an error may be the refusal of one object among several. An answer
// that the credentials are invalid holds for all objects.
func ofObject(err error) bool {
	refused := new(httpclient.RefusedError)
	return errors.As(err, &refused) && refused.StatusCode >= http.StatusBadRequest &&
		refused.StatusCode != http.StatusUnauthorized && !provision.IsNotReady(err)
}

// refusalOf returns an error of a call for one object as an *ObjectError. It returns the error
// itself if it holds for all objects: ctx has ended, or the credentials are invalid.
func refusalOf(ctx context.Context, object Key, err error) error {
	refused := new(httpclient.RefusedError)
	switch {
	case err == nil || ctx.Err() != nil || errors.As(err, new(*ObjectError)):
		return err
	case !errors.As(err, &refused):
		return &ObjectError{Object: object, Kind: Refused, Message: shortened(err.Error())}
	case refused.StatusCode == http.StatusUnauthorized:
		return err
	}
	return &ObjectError{
		Object: object, Kind: kindOf(refused.StatusCode, refused.Message), Status: refused.StatusCode, Message: refused.Message,
	}
}

// kindOf returns the kind of a refusal. Kibana has no codes for them, so it reads the message.
func kindOf(status int, message string) string {
	message = strings.ToLower(message)
	about := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(message, word) {
				return true
			}
		}
		return false
	}
	switch {
	case status == http.StatusForbidden && about("license", "licence"):
		return MissingLicence
	case about("action type", "connector type") && about("not enabled", "disabled"):
		return DisabledConnectorType
	case about("rule type", "alert type") && about("is not registered", "disabled"):
		return UnknownRuleType
	case status == http.StatusForbidden:
		return MissingPrivilege
	case status == http.StatusNotFound:
		return MissingFeature
	case status == http.StatusConflict:
		return Conflict
	case status >= http.StatusInternalServerError:
		return ServerError
	}
	return Refused
}

// answerError returns the error of an answer with another status than 2xx.
func answerError(status int, answer []byte) error {
	message := messageOf(answer)
	switch {
	case status == http.StatusUnauthorized:
		message = cmp.Or(message, http.StatusText(status)) + "; the credentials are missing, wrong or expired: " +
			"set an API key, or a name and password in the address"
	case status < http.StatusBadRequest:
		message = "it redirects; is a sign-in or a base path missing?"
	}
	return service.Refusal(status, message, ErrNotFound)
}

// ruleError is answerError for the interface of rules. Without that interface Kibana answers
// 404 too, but names no object.
func ruleError(status int, answer []byte) error {
	if message := messageOf(answer); status == http.StatusNotFound && (message == "" || message == http.StatusText(status)) {
		return &httpclient.RefusedError{Service: service.Name, StatusCode: status, Message: "there is no interface for alert rules"}
	}
	return answerError(status, answer)
}

// messageOf returns Kibana's own message, or "".
func messageOf(answer []byte) string {
	var body struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &body) != nil {
		return ""
	}
	return shortened(body.Message)
}

// wholeImport returns the refusal of a file that holds one object.
func wholeImport(err error, object Object) error {
	refused := new(httpclient.RefusedError)
	if !errors.As(err, &refused) {
		return err
	}
	failure := &ObjectError{
		Object: object.Key(), Kind: kindOf(refused.StatusCode, refused.Message), Status: refused.StatusCode, Message: refused.Message,
	}
	switch {
	case refused.StatusCode == http.StatusUnprocessableEntity:
		failure.Kind, failure.Field = NewerStamp, "typeMigrationVersion"
		if strings.Contains(refused.Message, "coreMigrationVersion") {
			failure.Field = "coreMigrationVersion"
		}
	case refused.StatusCode == http.StatusInternalServerError && unstamped(object):
		failure.Field = "typeMigrationVersion"
		failure.Message = fmt.Sprintf("it is missing, and Kibana may fail because of that: %s", refused.Message)
	}
	return failure
}

// unstamped reports whether an object does not say which version of its type it is.
func unstamped(object Object) bool {
	var stamps struct {
		Type string `json:"typeMigrationVersion"`
	}
	return json.Unmarshal(object.Body, &stamps) != nil || stamps.Type == ""
}

// renameErrors gives the refused objects the names of the files, by the names in the space.
func renameErrors(err error, names map[Key]Key) error {
	refused, _ := Refusals(err)
	for _, one := range refused {
		if name, ok := names[one.Object]; ok {
			one.Object = name
		}
	}
	return err
}
