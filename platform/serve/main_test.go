package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"testing"

	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/grpclog"
)

// asProgram is set in the environment of a test that runs as a program of its own.
const asProgram = "SERVE_TEST_AS_PROGRAM"

func TestWhatLibrariesLogHasTheProgramsFormat(t *testing.T) {
	if os.Getenv(asProgram) != "" {
		serve.Main("test", runLoudLibraries)
		os.Exit(0)
	}
	program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	program.Env = append(os.Environ(), asProgram+"=1")
	var written bytes.Buffer
	program.Stderr = &written
	require.NoError(t, program.Run(), written.String())
	messages := make(map[string]string)
	for line := range strings.Lines(written.String()) {
		var read struct{ Level, Msg, Library string }
		require.NoError(t, json.Unmarshal([]byte(line), &read), line)
		messages[read.Msg] = strings.TrimSpace(read.Level + " " + read.Library)
	}
	require.Equal(t, "ERROR grpc", messages["boom: 1"])
	require.Equal(t, "ERROR grpc", messages["boom 2"])
	require.Equal(t, "ERROR grpc", messages[`field not found: "[number]"`], "a library repeats parts of requests")
	require.Equal(t, "INFO", messages["a library that logs by package log"])
	require.NotContains(t, messages, "hidden")
	require.NotContains(t, messages, "boom: 2", "one line of a kind a second")
	require.NotContains(t, messages, "Failed to send response chunk: gone", "a client that does not wait is no error")
}

// runLoudLibraries logs as libraries do, in a program that logs JSON.
func runLoudLibraries(context.Context, []string, []string, io.Writer) error {
	settings := serve.Settings{HTTPAddress: "127.0.0.1:0", LogLevel: "info", LogFormat: "json"}
	logger, err := settings.Logger(os.Stderr)
	if err != nil {
		return err
	}
	server, err := serve.Listen(settings.Config("test", logger))
	if err != nil {
		return err
	}
	defer server.Close()
	grpclog.Errorf("boom: %d", 1)
	grpclog.Error("boom", 2)
	grpclog.Errorf("field not found: %q", "4111117008903940")
	grpclog.Warning("hidden")
	grpclog.Errorf("boom: %d", 2)
	grpclog.Errorf("Failed to send response chunk: %v", "gone")
	log.Print("a library that logs by package log")
	return nil
}
