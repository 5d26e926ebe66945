package panels_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/panels"
	"codebank.dev/operations/synthetic"
)

func TestAnnotationsAreTheTimesAndWordsOfAFile(t *testing.T) {
	list, err := panels.ReadAnnotations(strings.NewReader(`[
		{"at": "2026-04-24T15:10:00-03:00", "to": "2026-04-24T19:45:00Z", "word": "Queda", "text": "O banco não respondeu."},
		{"at": "2026-05-08T00:00:00Z", "word": "Pay-day"}]`))
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, 95*time.Minute, list[0].To.Sub(list[0].At))
	require.Equal(t, "O banco não respondeu.", list[0].Text)
	require.True(t, list[1].To.IsZero())
	none, err := panels.ReadAnnotations(strings.NewReader("[]\n"))
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestAWrongAnnotationIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		``:                              "not a JSON array",
		`{"at":"2026-01-01T00:00:00Z"}`: "not a JSON array",
		`[] []`:                         "something follows",
		`[{"at":"2026-01-01T00:00:00Z","word":"a"},{"word":"b"}]`:                                 "annotation 2: at is missing",
		`[{"at":"2026-01-01T00:00:00Z"}]`:                                                         "annotation 1: word is missing",
		`[{"at":"2026-01-01T00:00:00Z","to":"2025-01-01T00:00:00Z","word":"a"}]`:                  "annotation 1: to is before at",
		`[{"at":"2026-01-01","word":"a"}]`:                                                        "not a JSON array",
		`[{"at":"2026-01-01T00:00:00Z","word":"a","colour":"red"}]`:                               "colour",
		`[{"at":"2026-01-01T00:00:00Z","word":"` + strings.Repeat("é", 41) + `"}]`:                "word is longer than 40",
		`[{"at":"2026-01-01T00:00:00Z","word":"a","text":"` + strings.Repeat("b", 201) + `"}]`:    "text is longer than 200",
		`[{"at":"2026-01-01T00:00:00Z","word":"a\u0007"}]`:                                        "control character",
		`[` + strings.Repeat(`{"at":"2026-01-01T00:00:00Z","word":"a"},`, 5000) + `{"word":"a"}]`: "at most 5000",
		strings.Repeat(" ", 1<<20) + "[]":                                                         "larger than",
	} {
		_, err := panels.ReadAnnotations(strings.NewReader(text))
		require.ErrorContains(t, err, want, "%.80s", text)
	}
}

// What the synthetic history says about itself is a file of annotations.
func TestThePlanOfAHistoryCanBeRead(t *testing.T) {
	load, err := synthetic.New(synthetic.Options{End: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Days: 365, Purchases: 10_000, Seed: 1})
	require.NoError(t, err)
	content, err := json.Marshal(load.Plan().Annotations)
	require.NoError(t, err)
	list, err := panels.ReadAnnotations(bytes.NewReader(content))
	require.NoError(t, err)
	require.Len(t, list, len(load.Plan().Annotations))
}

func TestAChangedFileIsReadAgainAndAWrongOneIsReportedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "annotations.json")
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	_, err := panels.OpenAnnotations(path, logger)
	require.ErrorIs(t, err, os.ErrNotExist)
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write("[")
	_, err = panels.OpenAnnotations(path, logger)
	require.ErrorContains(t, err, path)

	write(`[{"at":"2026-01-01T00:00:00Z","word":"Release"}]`)
	file, err := panels.OpenAnnotations(path, logger)
	require.NoError(t, err)
	require.Len(t, file.List(), 1)
	write(`[{"at":"2026-01-01T00:00:00Z","word":"Release"},{"at":"2026-01-02T00:00:00Z","word":"Outage"}]`)
	require.Len(t, file.List(), 2)
	require.Empty(t, log.String())
	write("[{}]")
	require.Len(t, file.List(), 2, "what it said before")
	require.Len(t, file.List(), 2)
	require.Equal(t, 1, strings.Count(log.String(), "cannot be used"), log.String())
	require.NoError(t, os.Remove(path))
	require.Len(t, file.List(), 2)
	require.Len(t, file.List(), 2)
	require.Equal(t, 2, strings.Count(log.String(), "cannot be used"), log.String())
	write("[]")
	require.Empty(t, file.List())
}

// What is read can be written and read again, and nothing else is accepted.
func FuzzReadAnnotations(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		list, err := panels.ReadAnnotations(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, a := range list {
			require.False(t, a.At.IsZero())
			require.NotEmpty(t, a.Word)
			require.False(t, !a.To.IsZero() && a.To.Before(a.At))
		}
	})
}
