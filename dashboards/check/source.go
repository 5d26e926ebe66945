package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"codebank.dev/dashboards"
)

// sources are the data views, by id.
type sources map[string]source

// source is the part of a data view that says how its fields are shown.
type source struct {
	Formats map[string]struct {
		ID     string
		Params struct {
			Pattern       string
			LookupEntries []struct{ Key, Value string }
		}
	} `json:"fieldFormatMap"`
	Attributes map[string]struct{ CustomLabel string } `json:"fieldAttrs"`
	Runtime    map[string]struct{ Type string }        `json:"runtimeFieldMap"`
}

func (s sources) add(object dashboards.Object) {
	var whole struct{ Attributes source }
	if object.Type == "index-pattern" && json.Unmarshal(object.Body, &whole) == nil {
		s[object.ID] = whole.Attributes
	}
}

// plain are fields whose values people read as they are: names, numbers of cards, and
// short codes that need no words.
var plain = []string{
	"merchant_name", "merchant_city", "description", "counterparty_name", "card_bin", "card_last4", "currency", "bank_code", "attempt",
	"producer_version", "kafka_topic", "kafka_partition", "partition", "risk_score", "sequence",
}

// unformatted returns what is wrong with the format of a field whose values are shown.
func (s source) unformatted(field string) string {
	_, formatted := s.Formats[field]
	switch {
	case strings.HasSuffix(field, "_minor"):
		return "shows " + field + " in minor units"
	case !formatted && !slices.Contains(plain, field):
		return "shows the values of " + field + ", which have no format"
	}
	return ""
}

// words are the words for the values of a field.
func (s source) words(field string) []string {
	var words []string
	for _, entry := range s.Formats[field].Params.LookupEntries {
		words = append(words, entry.Value)
	}
	return words
}

// listed checks a list of documents: each of its columns has a heading and a format.
func (b board) listed(known sources) []string {
	if len(b.References) == 0 {
		return nil
	}
	view := known[b.source("kibanaSavedObjectMeta.")]
	var findings []string
	for _, field := range b.Attributes.Columns {
		if finding := view.unformatted(field); finding != "" {
			findings = append(findings, fmt.Sprintf(": column %s", finding))
		}
		if view.Attributes[field].CustomLabel == "" {
			findings = append(findings, fmt.Sprintf(": column %s has no heading", field))
		}
	}
	return findings
}
