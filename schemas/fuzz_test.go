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
