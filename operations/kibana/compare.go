package kibana

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"codebank.dev/operations/provision"
)

// noise are the members of a saved object that belong to one Kibana only.
var noise = []string{
	"updated_at", "updated_by", "created_at", "created_by", "version", "namespaces", "originId", "managed", "accessControl",
}

// stamps are the members that say in which version an object is written. An import raises
// them, so they may differ although the meaning is the same.
var stamps = []string{"coreMigrationVersion", "typeMigrationVersion", "migrationVersion"}

const (
	// maxUnfold is how deeply texts of JSON may be nested. Kibana nests them three deep.
	maxUnfold = 8
	// maxShown is how many bytes of each side of a difference are shown.
	maxShown = 120
	// maxNumber is the longest text of a number whose value is compared. Longer numbers are
	// compared as text.
	maxNumber = 40
)

// Clean returns an object with its keys sorted and without the members that belong to one
// Kibana only: the dates, the namespaces, and how often each field of a data view was used.
func Clean(body []byte) (json.RawMessage, error) {
	object, err := decodeObject(body)
	if err != nil {
		return nil, err
	}
	for _, name := range noise {
		delete(object, name)
	}
	dropPopularity(object)
	return encode(object)
}

// encode writes a value as JSON without escapes for HTML, as Kibana does.
func encode(value any) (json.RawMessage, error) {
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("kibana: %w", err)
	}
	return bytes.TrimSuffix(written.Bytes(), []byte("\n")), nil
}

// decodeObject reads one JSON object. Numbers stay as they are written.
func decodeObject(body []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || object == nil {
		return nil, errors.New("not one JSON object")
	}
	return object, nil
}

// dropPopularity drops the counts of how often people used a data view's fields.
func dropPopularity(object map[string]any) {
	attributes, _ := object["attributes"].(map[string]any)
	text, ok := attributes["fieldAttrs"].(string)
	if !ok {
		return
	}
	fields, err := decodeObject([]byte(text))
	if err != nil {
		return
	}
	for name, of := range fields {
		if field, ok := of.(map[string]any); ok {
			delete(field, "count")
			if len(field) == 0 {
				delete(fields, name)
			}
		}
	}
	if len(fields) == 0 {
		delete(attributes, "fieldAttrs")
		return
	}
	if written, err := encode(fields); err == nil {
		attributes["fieldAttrs"] = string(written)
	}
}

// meaning returns the part of an object that is compared: without noise and stamps, with
// texts of JSON decoded, and with references in one order.
func meaning(body []byte) (map[string]any, error) {
	clean, err := Clean(body)
	if err != nil {
		return nil, err
	}
	object, err := decodeObject(clean)
	if err != nil {
		return nil, err
	}
	for _, name := range stamps {
		delete(object, name)
	}
	unfolded, _ := unfold(object, 0).(map[string]any)
	if references, ok := unfolded["references"].([]any); ok {
		slices.SortStableFunc(references, func(a, b any) int { return cmp.Compare(name(a), name(b)) })
		if len(references) == 0 {
			delete(unfolded, "references")
		}
	}
	return unfolded, nil
}

func name(reference any) string {
	of, _ := reference.(map[string]any)
	return fmt.Sprint(of["name"], " ", of["type"], " ", of["id"])
}

// unfold returns a value with every text of JSON decoded and every number in one form, so
// that neither the order of keys nor 1.0 in place of 1 is a difference.
func unfold(value any, depth int) any {
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			value[key] = unfold(member, depth)
		}
	case []any:
		for i, member := range value {
			value[i] = unfold(member, depth)
		}
	case json.Number:
		return json.Number(plain(value.String()))
	case string:
		if inside, ok := folded(value); ok && depth < maxUnfold {
			return unfold(inside, depth+1)
		}
	}
	return value
}

// folded decodes a text that is a JSON object or list.
func folded(text string) (any, bool) {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return nil, false
	}
	decoder := json.NewDecoder(strings.NewReader(trimmed))
	decoder.UseNumber()
	var inside any
	if decoder.Decode(&inside) != nil {
		return nil, false
	}
	_, err := decoder.Token()
	return inside, errors.Is(err, io.EOF)
}

// plain writes a number in one form.
func plain(number string) string {
	if _, exponent, ok := strings.Cut(strings.ToLower(number), "e"); ok {
		if power, err := strconv.Atoi(exponent); err != nil || power > maxNumber || power < -maxNumber {
			return number
		}
	}
	value, ok := new(big.Rat).SetString(number)
	if !ok || len(number) > maxNumber {
		return number
	}
	written := strings.TrimRight(value.FloatString(2*maxNumber), "0")
	return strings.TrimSuffix(written, ".")
}

// digest returns a short hash of an object's meaning.
func digest(meaning map[string]any) string {
	written, err := encode(meaning)
	if err != nil {
		return "" // This never happens, because the meaning was read from JSON.
	}
	sum := sha256.Sum256(written)
	return hex.EncodeToString(sum[:8])
}

// differences returns the paths at which two meanings differ.
func differences(is, wanted map[string]any) []provision.Difference {
	running, asked := make(map[string]string), make(map[string]string)
	compare("", is, wanted, sides{running, asked})
	return provision.Differences(running, asked)
}

// sides collect the members that differ, by path.
type sides struct{ running, wanted map[string]string }

// compare adds to into the paths, at and below path, at which two values differ.
func compare(path string, is, wanted any, into sides) {
	if reflect.DeepEqual(is, wanted) {
		return
	}
	left, isObject := is.(map[string]any)
	right, wantsObject := wanted.(map[string]any)
	if !isObject || !wantsObject {
		left, right, isObject = lists(is, wanted)
		wantsObject = isObject
	}
	if !isObject || !wantsObject {
		into.running[path], into.wanted[path] = brief(is), brief(wanted)
		if into.running[path] == into.wanted[path] {
			into.running[path] += " (differs further on)"
		}
		return
	}
	keys := slices.Collect(maps.Keys(left))
	keys = slices.AppendSeq(keys, maps.Keys(right))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		below := strings.TrimPrefix(path+"."+key, ".")
		if strings.HasPrefix(key, "[") {
			below = path + key
		}
		member, there := left[key]
		should, asked := right[key]
		switch {
		case there && asked:
			compare(below, member, should, into)
		case there:
			into.running[below] = brief(member)
		default:
			into.wanted[below] = brief(should)
		}
	}
}

// lists returns two lists as objects. The keys are the panelIndex of the members if all
// have one, so that one more panel is one difference and not one for each panel after it.
func lists(is, wanted any) (left, right map[string]any, ok bool) {
	a, isList := is.([]any)
	b, wantsList := wanted.([]any)
	if !isList || !wantsList {
		return nil, nil, false
	}
	left, named := byPanel(a)
	right, alsoNamed := byPanel(b)
	if !named || !alsoNamed || reflect.DeepEqual(left, right) { // Then only the order differs.
		return byPlace(a), byPlace(b), true
	}
	return left, right, true
}

func byPanel(list []any) (map[string]any, bool) {
	named := make(map[string]any, len(list))
	for _, member := range list {
		object, _ := member.(map[string]any)
		index, ok := object["panelIndex"].(string)
		if !ok {
			return nil, false
		}
		named["["+index+"]"] = member
	}
	return named, len(named) == len(list)
}

func byPlace(list []any) map[string]any {
	placed := make(map[string]any, len(list))
	for i, member := range list {
		placed[fmt.Sprintf("[%d]", i)] = member
	}
	return placed
}

// brief returns a value in one line of bounded length.
func brief(value any) string {
	written, err := encode(value)
	if err != nil {
		return "?"
	}
	if len(written) > maxShown {
		return strings.ToValidUTF8(string(written[:maxShown]), "") + "…"
	}
	return string(written)
}
