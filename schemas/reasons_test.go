package schemas

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReasonsBreakNoRule(t *testing.T) {
	catalogue, err := Reasons()
	require.NoError(t, err)
	require.Contains(t, catalogue.Reasons, "INSUFFICIENT_FUNDS")
	for content, problem := range map[string]string{
		"reasons: {lower: {messages: [{en: a, pt-BR: a}]}}": "capitals",
		"reasons: {A: {}}": "says nothing",
		"reasons: {A: {classes: [NONE], messages: [{en: a, pt-BR: a}]}}":     "which is none",
		"reasons: {A: {messages: [{en: a}]}}":                                "every language",
		`reasons: {A: {messages: [{en: "a {} {}", pt-BR: "a {}"}]}}`:         "same parts",
		"classes: {A: {title: {en: a, pt-BR: a}, next: {en: a, pt-BR: ''}}}": "every language",
		"words: [{en: '', pt-BR: a}]":                                        "every language",
		"reasons: {A: {decline: {en: a, pt-BR: ''}}}":                        "every language",
		"reasonable: {}":            "not found",
		"words: []\n---\nwords: []": "more than one",
	} {
		_, err := parseReasons([]byte(content))
		require.ErrorContains(t, err, problem, content)
	}
}

// FuzzParseReasons: whatever a file holds, reading it does not panic, and what is read keeps the rules.
func FuzzParseReasons(f *testing.F) {
	f.Add([]byte("reasons: {A: {messages: [{en: a, pt-BR: b}]}}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		catalogue, err := parseReasons(content)
		if err != nil {
			return
		}
		for name, reason := range catalogue.Reasons {
			require.Regexp(t, reasonPattern, name)
			require.True(t, reason.Decline != nil || len(reason.Messages) > 0)
		}
	})
}
