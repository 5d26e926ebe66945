package schemas

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every reference of a document that is written by hand is to something in it.
func TestTheReferencesOfWrittenDocumentsResolve(t *testing.T) {
	for name, document := range map[string]func() ([]byte, error){"customers": CustomersAPI, "payments": PaymentsAPI} {
		t.Run(name, func(t *testing.T) {
			body, err := document()
			require.NoError(t, err)
			var whole map[string]any
			require.NoError(t, json.Unmarshal(body, &whole))
			require.Equal(t, "3.1.0", whole["openapi"])
			requireResolved(t, whole, whole)
		})
	}
}

// requireResolved follows the references in a part of a document.
func requireResolved(t *testing.T, whole map[string]any, part any) {
	t.Helper()
	switch part := part.(type) {
	case []any:
		for _, element := range part {
			requireResolved(t, whole, element)
		}
	case map[string]any:
		if reference, is := part["$ref"].(string); is {
			at := any(whole)
			for name := range strings.SplitSeq(strings.TrimPrefix(reference, "#/"), "/") {
				object, _ := at.(map[string]any)
				require.Contains(t, object, name, reference)
				at = object[name]
			}
		}
		for _, element := range part {
			requireResolved(t, whole, element)
		}
	}
}
