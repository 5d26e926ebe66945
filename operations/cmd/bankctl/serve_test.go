package main

import (
	"context"
	"io"
	"net/http"
	"os"
	goexec "os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The pages are there while Elasticsearch is away, and say so.
func TestDashboardsAreServedWithoutElasticsearch(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"dashboards", "serve", "--http-address", "127.0.0.1:0", "--elasticsearch-url", "http://127.0.0.1:1"}, nil,
			streams{out: io.Discard, err: write})
	}()
	first := make([]byte, 4096)
	n, err := read.Read(first)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, read) }()
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(string(first[:n]))
	require.NotEmpty(t, address, string(first[:n]))
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/dashboards/overview": {http.StatusOK, "Elasticsearch does not answer"},
		// A wrong value has a page, also one that is not UTF-8.
		"/dashboards/overview?store=%00": {http.StatusBadRequest, "Open the dashboard without filters"},
		"/dashboards/overview?store=%ff": {http.StatusBadRequest, "Open the dashboard without filters"},
		"/dashboards/overview?%ff=1":     {http.StatusBadRequest, "Open the dashboard without filters"},
		"/dashboards/%ff":                {http.StatusNotFound, "There is no such dashboard."},
		"/readyz":                        {http.StatusServiceUnavailable, "Elasticsearch does not answer searches."},
		"/livez":                         {http.StatusOK, "ok"},
		"/metrics":                       {http.StatusOK, "codebank_dashboards_search_seconds"},
	} {
		answer, err := http.Get(address + path)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want.status, answer.StatusCode, path)
		require.True(t, strings.Contains(string(text), want.text), "%s: %s", path, text)
	}
	stop()
	require.Equal(t, exitOK, <-ended)
}

// A machine without files of time zones would otherwise know UTC only.
func TestTimeZonesAreInTheProgram(t *testing.T) {
	packages, err := goexec.Command("go", "list", "-deps", ".").CombinedOutput()
	require.NoError(t, err, string(packages))
	require.True(t, slices.Contains(strings.Fields(string(packages)), "time/tzdata"))
}

// A file of annotations that cannot be read is refused before anything is served.
func TestAWrongFileOfAnnotationsIsRefused(t *testing.T) {
	wrong := filepath.Join(t.TempDir(), "annotations.json")
	require.NoError(t, os.WriteFile(wrong, []byte(`[{"word":"Outage"}]`), 0o600))
	for file, want := range map[string]string{wrong: "annotation 1: at is missing", wrong + ".not": "no such file"} {
		for _, args := range [][]string{{"dashboards", "serve", "--http-address", "127.0.0.1:0"}, {"dashboards", "show", "overview"}} {
			var message strings.Builder
			code := run(t.Context(), append(args, "--annotations", file, "--elasticsearch-url", "http://127.0.0.1:1"), nil, streams{out: io.Discard, err: &message})
			require.Equal(t, exitUsage, code, message.String())
			require.Contains(t, message.String(), want)
			require.Contains(t, message.String(), "--annotations")
		}
	}
}
