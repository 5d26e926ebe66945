package connectors

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseIndex: an index template is read strictly, and a template that was read can
// be sent.
func FuzzParseIndex(f *testing.F) {
	documents, err := read("indices")
	require.NoError(f, err)
	for _, document := range documents {
		f.Add(document.content)
	}
	f.Add([]byte(`{"index_patterns":["a-*"],"template":{"aliases":{"b":{}}},"priority":1}`))
	f.Add([]byte(`{"unknown":1}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		index, err := parseIndex(document{"x", content})
		if err != nil {
			return
		}
		require.True(t, index.Mappings == nil || json.Valid(index.Mappings))
		require.True(t, json.Valid(index.Template), "%q", content)
	})
}

// FuzzSink: the configuration of a connector is read strictly too, every variable and every
// secret in it has a name, and nothing is left to fill in.
func FuzzSink(f *testing.F) {
	documents, err := read("sinks")
	require.NoError(f, err)
	for _, document := range documents {
		f.Add(document.content)
	}
	f.Add([]byte(`{"a":"${env:A}${env:A}","b":"${dir:{secrets}:{bank}{-bank}}"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		var config map[string]string
		if strictly(content, &config) != nil {
			return
		}
		sink, err := parseSink(document{"x", content}, "002", "/secrets")
		require.NoError(t, err)
		for _, name := range append(sink.Variables(), sink.Secrets()...) {
			require.NotEmpty(t, name)
		}
		for _, value := range sink.Config {
			require.NotContains(t, value, "{bank}")
		}
	})
}
