package dashboards

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFoldingIsUndoneByUnfolding(t *testing.T) {
	object := Object{Type: "dashboard", ID: "x", Body: []byte(`{
  "attributes": {
    "controlGroupInput": {
      "panelsJSON": {}
    },
    "optionsJSON": {
      "useMargins": true
    },
    "panelsJSON": [
      {
        "title": "a < b & \"c\""
      }
    ],
    "title": "T"
  },
  "id": "x",
  "type": "dashboard"
}
`)}
	folded, err := Fold(object)
	require.NoError(t, err)
	require.Equal(t, `{"attributes":{"controlGroupInput":{"panelsJSON":"{}"},"optionsJSON":"{\"useMargins\":true}",`+
		`"panelsJSON":"[{\"title\":\"a < b & \\\"c\\\"\"}]","title":"T"},"id":"x","type":"dashboard"}`, string(folded.Body))
	unfolded, err := Unfold(folded)
	require.NoError(t, err)
	require.Equal(t, string(object.Body), string(unfolded.Body))
}

func TestAnObjectThatCannotBeFoldedIsNamed(t *testing.T) {
	for rule, tt := range map[string]struct{ body, want string }{
		"no attributes":  {`{}`, "dashboard/x has no attributes"},
		"folded already": {`{"attributes":{"panelsJSON":"[]"}}`, "dashboard/x: attribute panelsJSON is folded already"},
		"no JSON":        {`{"attributes":`, "dashboard/x: is not JSON"},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := Fold(Object{Type: "dashboard", ID: "x", Body: []byte(tt.body)})
			require.ErrorContains(t, err, tt.want)
		})
	}
	for rule, tt := range map[string]struct{ body, want string }{
		"not folded":              {`{"attributes":{"panelsJSON":[]}}`, "dashboard/x: attribute panelsJSON is not folded"},
		"text that holds no JSON": {`{"attributes":{"panelsJSON":"[}"}}`, "attribute panelsJSON is not JSON"},
		"text that holds two":     {`{"attributes":{"panelsJSON":"[] []"}}`, "attribute panelsJSON is more than one document"},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := Unfold(Object{Type: "dashboard", ID: "x", Body: []byte(tt.body)})
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestLinesAreInTheOrderOfAnImport(t *testing.T) {
	var objects []Object
	for _, kind := range []string{"dashboard", "lens", "index-pattern", "tag", "search"} {
		objects = append(objects, Object{Type: kind, ID: "x", Body: []byte(`{"attributes":{},"type":"` + kind + `"}`)})
	}
	lines, err := Lines(objects)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(lines), "}\n"))
	var kinds []string
	for line := range strings.Lines(string(lines)) {
		var object struct{ Type string }
		require.NoError(t, json.Unmarshal([]byte(line), &object))
		kinds = append(kinds, object.Type)
	}
	require.Equal(t, []string{"tag", "index-pattern", "search", "lens", "dashboard"}, kinds)

	_, err = Lines([]Object{{Type: "canvas", ID: "x"}})
	require.ErrorContains(t, err, "canvas/x")
}
