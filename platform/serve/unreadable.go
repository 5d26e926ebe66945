package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The refusals in this file name the field and the rule, and never a value. A value may be the
// number or the security code of a card, also when it stands in the wrong field. So the texts
// of the libraries, which repeat the values, are not shown.

const (
	// maxShownName bounds the name of an unknown field that a refusal repeats, in bytes.
	maxShownName = 64
	// maxSearchedName bounds the part of a name in which card numbers are masked. A number that
	// begins in the part that is shown ends in this part.
	maxSearchedName = 64 * maxShownName
	// maxSearchedElements bounds the elements of a list in which the one at fault is searched.
	maxSearchedElements = 1000
)

// severalDigits matches digits that may be a security code or a part of a number.
var severalDigits = regexp.MustCompile(`\pN{3,}`)

// malformed returns the refusal of a request that the gateway cannot read. field is the path
// of the field at fault, or empty; rule is a sentence about it.
func malformed(field, rule string) *fault.Error {
	refusal := fault.New(fault.InvalidArgument, "MALFORMED_REQUEST", "The request cannot be read: "+rule)
	refusal.Field = field
	return refusal
}

// shownName returns the name of a field that no message has, as a refusal may show it: without
// digits that could be a secret, and cut to maxShownName.
func shownName(name string) string {
	name = name[:min(len(name), maxSearchedName)]
	name = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, severalDigits.ReplaceAllString(pan.Mask(strings.ToValidUTF8(name, "?")), "[number]"))
	if len(name) > maxShownName {
		name = strings.ToValidUTF8(name[:maxShownName], "") + "…"
	}
	return name
}

// unreadable returns the refusal of a request that the gateway itself refused: the one that
// the marshaler left in the body, or that of the query parameter or header at fault.
func unreadable(ctx context.Context, r *http.Request) *fault.Error {
	if body, ok := r.Body.(*boundedBody); ok && body.refusal != nil {
		return body.refusal
	}
	query, _ := r.Context().Value(queryKey{}).(url.Values)
	if fullMethod, ok := runtime.RPCMethod(ctx); ok {
		if method, err := methodOf(fullMethod); err == nil {
			if refusal := unreadableQuery(method.Input(), query); refusal != nil {
				return refusal
			}
		}
	}
	if r.Header.Get("Grpc-Timeout") != "" {
		return malformed("grpc-timeout", "the header Grpc-Timeout must be a time limit such as 5S.")
	}
	return malformed("", "its path, its query or its body is malformed.")
}

// unreadableQuery returns the refusal of the first query parameter, by alphabet, whose value
// its field cannot have; nil if there is none.
func unreadableQuery(message protoreflect.MessageDescriptor, query url.Values) *fault.Error {
	parameters := make([]string, 0, len(query))
	for parameter := range query {
		parameters = append(parameters, parameter)
	}
	slices.Sort(parameters)
	for _, parameter := range parameters {
		one := url.Values{parameter: query[parameter]}
		err := runtime.PopulateQueryParameters(dynamicpb.NewMessage(message), one, utilities.NewDoubleArray(nil))
		if err == nil {
			continue
		}
		field, known := queryField(message, parameter)
		switch {
		case !known:
			return malformed(shownName(parameter), "this path takes no such query parameter.")
		case len(query[parameter]) > 1:
			return malformed(field, fmt.Sprintf("the query parameter %s is given more than once.", field))
		}
		return malformed(field, fmt.Sprintf("the query parameter %s must be %s.", field, formOf(leaf(message, field))))
	}
	return nil
}

// leaf returns the field at the end of a path of names of the contract.
func leaf(message protoreflect.MessageDescriptor, path string) protoreflect.FieldDescriptor {
	var field protoreflect.FieldDescriptor
	for name := range strings.SplitSeq(path, ".") {
		field = message.Fields().ByName(protoreflect.Name(name))
		message = field.Message()
	}
	return field
}

// syntaxRefusal returns the refusal of a body that is not one JSON value.
func syntaxRefusal(err error) *fault.Error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return malformed("", fmt.Sprintf("the body is not one JSON value, see byte %d.", syntax.Offset))
	}
	return malformed("", "the body is not one JSON value.")
}

// bodyRefusal returns why protojson refuses a JSON value as this message. Of several faults it
// names the first. The error of protojson is not used, because it repeats the value.
func bodyRefusal(value []byte, message protoreflect.MessageDescriptor) *fault.Error {
	if refusal := objectRefusal(value, message, ""); refusal != nil {
		return refusal
	}
	return malformed("", "the body is not a message of this method.")
}

// objectRefusal returns the refusal of a JSON value as a message; nil if it finds no fault.
// path is that of the message with a dot behind it, or empty.
func objectRefusal(value []byte, message protoreflect.MessageDescriptor, path string) *fault.Error {
	decoder := json.NewDecoder(bytes.NewReader(value))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		if path == "" {
			return malformed("", "the body must be an object.")
		}
		return wrongForm(strings.TrimSuffix(path, "."), "an object")
	}
	given := make(map[protoreflect.Name]bool)
	for decoder.More() {
		var element json.RawMessage
		key, err := decoder.Token()
		if err == nil {
			err = decoder.Decode(&element)
		}
		name, ok := key.(string)
		if err != nil || !ok {
			return nil
		}
		if refusal := memberRefusal(name, element, message, path, given); refusal != nil {
			return refusal
		}
	}
	return nil
}

// memberRefusal returns the refusal of one member of an object. given has the fields and the
// groups of alternatives that were given before it.
//
// tidy:parameters the object, its place and what it had before
func memberRefusal(name string, value json.RawMessage, message protoreflect.MessageDescriptor, path string, given map[protoreflect.Name]bool) *fault.Error {
	field := message.Fields().ByJSONName(name)
	if field == nil {
		field = message.Fields().ByTextName(name)
	}
	if field == nil {
		shown := path + shownName(name)
		return malformed(shown, fmt.Sprintf("there is no field %s.", shown))
	}
	at := path + string(field.Name())
	if given[field.Name()] {
		return malformed(at, fmt.Sprintf("the field %s is given twice.", at))
	}
	given[field.Name()] = true
	if string(value) == "null" {
		return nil
	}
	if group := field.ContainingOneof(); group != nil && !group.IsSynthetic() {
		if given[group.Name()] {
			return malformed(at, fmt.Sprintf("only one of the fields of %s may be given.", path+string(group.Name())))
		}
		given[group.Name()] = true
	}
	return valueRefusal(value, field, at)
}

// valueRefusal returns the refusal of a value of a field; nil if it finds no fault.
func valueRefusal(value json.RawMessage, field protoreflect.FieldDescriptor, at string) *fault.Error {
	alone := json.RawMessage(fmt.Sprintf(`{%q:%s}`, field.JSONName(), value))
	if protojson.Unmarshal(alone, dynamicpb.NewMessage(field.ContainingMessage())) == nil {
		return nil
	}
	within := field.Message()
	if within == nil || within.ParentFile().Package() == "google.protobuf" || field.IsMap() {
		return wrongForm(at, formOf(field))
	}
	if !field.IsList() {
		return objectRefusal(value, within, at+".")
	}
	var elements []json.RawMessage
	if json.Unmarshal(value, &elements) != nil {
		return wrongForm(at, "an array")
	}
	for i, element := range elements[:min(len(elements), maxSearchedElements)] {
		if refusal := objectRefusal(element, within, fmt.Sprintf("%s[%d].", at, i)); refusal != nil {
			return refusal
		}
	}
	return wrongForm(at, formOf(field))
}

func wrongForm(at, form string) *fault.Error {
	return malformed(at, fmt.Sprintf("the field %s must be %s.", at, form))
}

// formOf says in words what the values of a field look like.
func formOf(field protoreflect.FieldDescriptor) string {
	form := kindForm(field)
	if field.IsList() {
		return "an array, each element " + form
	}
	return form
}

func kindForm(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.StringKind:
		return "a string"
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.EnumKind:
		return "one of the names of " + string(field.Enum().Name())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return "a whole number of 32 bits"
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return "a whole number of 64 bits"
	case protoreflect.MessageKind:
		if field.Message().FullName() == "google.protobuf.Timestamp" {
			return "a time such as 2026-01-02T03:04:05Z"
		}
		return "an object"
	default:
		return "as the contract says"
	}
}
