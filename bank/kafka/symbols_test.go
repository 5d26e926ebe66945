package kafka

import (
	"encoding/json"
	"fmt"
	"testing"

	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
	"codebank.dev/schemas"
)

// symbolsOf returns the symbols of every enum in the newest schema, by the name of the enum.
func symbolsOf(t *testing.T) map[string][]string {
	t.Helper()
	versions, err := schemas.Schemas(schemaFolder)
	require.NoError(t, err)
	var schema any
	require.NoError(t, json.Unmarshal([]byte(versions[len(versions)-1].Schema), &schema))
	found := make(map[string][]string)
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, child := range node {
				walk(child)
			}
		case map[string]any:
			if node["type"] == "enum" {
				for _, symbol := range node["symbols"].([]any) {
					found[node["name"].(string)] = append(found[node["name"].(string)], symbol.(string))
				}
			}
			for _, child := range node {
				walk(child)
			}
		}
	}
	walk(schema)
	return found
}

// namesOf returns UNKNOWN and the names of all values of a type, from 1 on.
func namesOf[T interface {
	~uint8
	fmt.Stringer
}](T) []string {
	names := []string{"UNKNOWN"}
	for value := T(1); value.String() != "UNKNOWN" && value.String() != ""; value++ {
		names = append(names, value.String())
	}
	return names
}

func TestBankAndSchemaHaveTheSameSymbols(t *testing.T) {
	var statuses []string
	for _, name := range namesOf(bank.Approved) {
		if name != bank.Voided.String() { // it has no event
			statuses = append(statuses, name)
		}
	}
	require.Equal(t, map[string][]string{
		"Kind":          namesOf(bank.KindOpening),
		"Direction":     namesOf(bank.Debit),
		"Status":        statuses,
		"DeclineReason": namesOf(bank.UnknownCard),
		"CardBrand":     namesOf(pan.Visa),
		"Channel":       namesOf(bank.ChannelECommerce),
		"CardUse":       namesOf(bank.FirstUse),
		"RiskRule":      namesOf(bank.RiskNone),
		"Relation":      namesOf(bank.GivenBack),
		"AccountKind":   namesOf(bank.AccountCard),
		"PrincipalKind": namesOf(principal.User),
		"Mode":          namesOf(bank.LiveMode),
	}, symbolsOf(t))
}

func TestVoidedRequestMakesNoEvent(t *testing.T) {
	entry := fullEntry()
	entry.Status = bank.Voided
	before := []byte("before")
	body, _, err := NewEncoder("001").Append(before, entry)
	require.Error(t, err)
	require.Equal(t, before, body, "nothing is appended on an error")
}
