package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"codebank.dev/platform/fault"
)

// Object is the members of a JSON object, with their values as they were sent. A member that is null is not
// in it.
type Object map[string]json.RawMessage

// ReadObject reads the body of a request of Route, which must be one JSON object with no other members than
// these, none of them twice. The refusals never repeat a value. Errors: fault.InvalidArgument.
func ReadObject(r *http.Request, names ...string) (Object, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, malformed("", "the body did not arrive as a whole.")
	}
	return ParseObject(text, "", names...)
}

// ParseObject is ReadObject for a text. path is put before the names of its members in refusals, with a dot;
// it is empty for a whole body.
func ParseObject(text []byte, path string, names ...string) (Object, error) {
	if !utf8.Valid(text) {
		return nil, malformed("", "the body is not UTF-8.")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		return nil, syntaxRefusal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(whole))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		if path == "" {
			return nil, malformed("", "the body must be an object.")
		}
		return nil, wrongForm(path, "an object")
	}
	object, given := make(Object), make(map[string]bool)
	for decoder.More() {
		key, err := decoder.Token()
		var value json.RawMessage
		if err == nil {
			err = decoder.Decode(&value)
		}
		name, isText := key.(string)
		at := below(path, shownName(name))
		switch {
		case err != nil || !isText:
			return nil, syntaxRefusal(err)
		case !slices.Contains(names, name):
			return nil, malformed(at, fmt.Sprintf("there is no field %s.", at))
		case given[name]:
			return nil, malformed(at, fmt.Sprintf("the field %s is given twice.", at))
		}
		given[name] = true
		if string(value) != "null" {
			object[name] = value
		}
	}
	return object, nil
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Has reports whether a member is given.
func (o Object) Has(name string) bool { return len(o[name]) > 0 }

// Text returns a member that is a string, or "" if it is not given. Errors: fault.InvalidArgument.
func (o Object) Text(name string) (string, error) {
	if !o.Has(name) {
		return "", nil
	}
	var text string
	if o[name][0] != '"' || json.Unmarshal(o[name], &text) != nil {
		return "", wrongForm(name, "a string")
	}
	return text, nil
}

// Inner returns a member that is an object with no other members than these, or nil if it is not given. The names of its
// members begin with that of the member and a dot, as refusals show them. Errors: fault.InvalidArgument.
func (o Object) Inner(name string, names ...string) (Object, error) {
	if !o.Has(name) {
		return nil, nil
	}
	read, err := ParseObject(o[name], name, names...)
	inner := make(Object, len(read))
	for member, value := range read {
		inner[below(name, member)] = value
	}
	return inner, err
}

// Bool returns a member that is true or false, or otherwise if it is not given. Errors: fault.InvalidArgument.
func (o Object) Bool(name string, otherwise bool) (bool, error) {
	switch string(o[name]) {
	case "":
		return otherwise, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, wrongForm(name, "true or false")
}

// Texts sets variables to members that are strings, as Text returns them. It stops at the first that is not.
func (o Object) Texts(members map[string]*string) error {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text, err := o.Text(name)
		if err != nil {
			return err
		}
		*members[name] = text
	}
	return nil
}

// Whole returns a member that is a whole number of 64 bits, written without a point and an exponent, or 0 if it
// is not given. Errors: fault.InvalidArgument.
func (o Object) Whole(name string) (int64, error) {
	if !o.Has(name) {
		return 0, nil
	}
	number, err := strconv.ParseInt(string(o[name]), 10, 64)
	if err != nil {
		return 0, wrongForm(name, "a whole number of 64 bits")
	}
	return number, nil
}

// WriteJSON answers with a value as JSON. Numbers that do not fit 53 bits should be json.Number or text.
func WriteJSON(w http.ResponseWriter, httpStatus int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fault.Of(err)
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(httpStatus)
	_, _ = w.Write(append(body, '\n'))
	return nil
}
