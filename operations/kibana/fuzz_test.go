package kibana

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/provision"
)

// FuzzAnswer: whatever a Kibana answers is read or is an error that says something, by
// every call.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"success":false,"errors":[{"type":"tag","id":"x","error":{"type":"unknown","statusCode":400,"message":"[attributes.bogus]: no"}}]}`))
	f.Add(200, []byte(`{"success":false,"errors":[{"type":"tag","id":"x","error":{"type":"missing_references","references":[{"type":"a","id":"b"}]}}]}`))
	f.Add(200, []byte("{\"type\":\"tag\",\"id\":\"bankctl-applied\",\"attributes\":{\"description\":\"{\\\"a/b\\\":{\\\"sent\\\":\\\"1\\\"}}\"}}\n{\"exportedCount\":1}"))
	f.Add(400, []byte(`{"message":"Error fetching objects to export","attributes":{"objects":[{"type":"tag","id":"x","error":{"statusCode":404}}]}}`))
	f.Add(422, []byte(`{"message":"Document \"x\" belongs to a more recent version of Kibana [10.9.0] when the last known version is [7.11.0]."}`))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		if code >= 300 {
			err := answerError(code, body)
			require.NotEmpty(t, err.Error())
			require.NotEmpty(t, wholeImport(err, Object{Type: "tag", ID: "x", Body: body}).Error())
			require.NotEmpty(t, ruleError(code, body).Error())
			require.NotEmpty(t, refusalOf(t.Context(), Key{"tag", "x"}, err).Error())
			_, _ = readAbsent(body, err)
			_ = provision.IsNotReady(err)
			_ = errors.Is(err, ErrNotFound)
		}
		if _, err := readImport(body, 1); err != nil {
			require.NotEmpty(t, err.Error())
		}
		found, err := readExport(body)
		if err == nil {
			for key, object := range found {
				require.Equal(t, key, object.Key())
				require.True(t, json.Valid(object.Body))
				known := parseRecord(object)
				again, err := renamed(object, known.places())
				require.NoError(t, err)
				require.True(t, json.Valid(again.Body))
				_ = known.names()
			}
		}
	})
}

// FuzzClean: cleaning is done after once, keeps the meaning, and what means the same
// does not differ.
func FuzzClean(f *testing.F) {
	f.Add([]byte(`{"type":"dashboard","updated_at":"x","attributes":{"panelsJSON":"[{\"panelIndex\":\"a\",\"w\":1.50}]"},"references":[{"name":"b"},{"name":"a"}]}`))
	f.Add([]byte(`{"attributes":{"fieldAttrs":"{\"status\":{\"count\":7,\"customLabel\":\"Status\"}}"}}`))
	f.Add([]byte(`{"a":1e30,"b":1e999999999,"c":-0.0}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		clean, err := Clean(body)
		if err != nil {
			return
		}
		again, err := Clean(clean)
		require.NoError(t, err)
		require.Equal(t, string(clean), string(again))
		_, err = decodeObject(body)
		require.NoError(t, err)
		first, err := meaning(body)
		require.NoError(t, err)
		second, err := meaning(clean)
		require.NoError(t, err)
		require.Equal(t, digest(first), digest(second))
		require.Empty(t, differences(first, second))
	})
}

// FuzzRule: a rule that Kibana has is compared with the wanted one, or refused.
func FuzzRule(f *testing.F) {
	f.Add([]byte(`{"name":"x","params":{"a":1,"b":2}}`), []byte(`{"params":{"a":1}}`))
	f.Fuzz(func(t *testing.T, is, wanted []byte) {
		running, err := decodeObject(is)
		if err != nil {
			return
		}
		should, err := decodeObject(wanted)
		if err != nil {
			return
		}
		part, ok := within(unfold(running, 0), unfold(should, 0)).(map[string]any)
		require.True(t, ok)
		for key := range part {
			require.Contains(t, should, key)
		}
	})
}
