package schemas

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseTopics: topics that were read keep the rules.
func FuzzParseTopics(f *testing.F) {
	body, err := contracts.ReadFile("topics.yaml")
	require.NoError(f, err)
	f.Add(body)
	f.Add([]byte("topics: []\n---\ntopics: []\n"))
	f.Add([]byte("topics: [&a {name: x, owner: *a}]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		topics, err := parseTopics(body, "001")
		if err != nil {
			return
		}
		names := map[string]bool{}
		for _, topic := range topics {
			require.NoError(t, topic.check())
			require.False(t, names[topic.Name])
			names[topic.Name] = true
		}
	})
}

// FuzzParseBounds: bounds that were read keep the rules.
func FuzzParseBounds(f *testing.F) {
	for _, name := range []string{"transactions", "watermarks"} {
		body, err := contracts.ReadFile("bounds/" + name + ".json")
		require.NoError(f, err)
		f.Add(body)
	}
	f.Add([]byte(`{"a": {"longest": 1, "most": 2}}`))
	f.Add([]byte(`{"a": {"least": 2, "most": 1}}`))
	f.Add([]byte(`{"a": {"longest": 1, "with": "b"}}`))
	f.Add([]byte(`{"a": {"longest": 1}} {}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		bounds, err := parseBounds(body)
		if err != nil {
			return
		}
		for _, bound := range bounds {
			require.NotEqual(t, bound.Longest > 0, bound.Least < bound.Most)
			require.True(t, bound.With == "" || bounds[bound.With] != Bound{})
		}
	})
}
