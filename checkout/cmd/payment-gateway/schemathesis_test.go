package main

import (
	"encoding/json"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment/accept"
)

var examples = flag.Int("schemathesis.examples", 8, "how many requests schemathesis makes up for each operation, in each of its phases")

// schemathesisReport is what is read of the report of schemathesis.
type schemathesisReport struct {
	Complete   bool
	Operations struct{ Total, Tested int }
	// ValidRates says by operation and phase how many requests that the document allows were answered with success.
	ValidRates map[string]map[string]struct{ Accepted int } `json:"valid_rates"`
}

// Another project's program calls every operation of the document with what the document allows, and with what it does
// not. No answer is a server's error, and each is one that the document says.
func TestAnotherProgramFindsNoUndocumentedAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	t.Parallel()
	command := schemathesis(t)
	c, e := newCounter(t), newEar(t)
	c.broker.Open(t, accept.Topic)
	c.processor()
	p := c.start(append(e.flags(t), "--requests-per-second=100000", "--requests-at-once=100000")...)
	command.Dir = t.TempDir()
	p.writeFor(t, c, command.Dir, p.plant(t, c, e))
	command.Env = append(command.Env, "AUTHORITY="+c.kit.Authority.File(), "SECRET="+c.secrets[cafe])
	command.Args = append(command.Args, "run", "openapi.json", "--no-color", "--url=https://"+p.address, "--max-examples="+strconv.Itoa(*examples),
		"--report=json", "--report-json-path=report.json")
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))

	text, err := os.ReadFile(filepath.Join(command.Dir, "report.json"))
	require.NoError(t, err)
	var report schemathesisReport
	require.NoError(t, json.Unmarshal(text, &report))
	require.True(t, report.Complete)
	require.Equal(t, len(allPermissions()), report.Operations.Total)
	require.Equal(t, report.Operations.Total, report.Operations.Tested)
	for name := range allPermissions() {
		accepted := 0
		for _, phase := range report.ValidRates[name] {
			accepted += phase.Accepted
		}
		require.NotZero(t, accepted, "%s was only refused:\n%s", name, out)
	}
}

// writeFor writes what schemathesis reads: how it calls, the document, and the dictionaries with the ids of what is there.
func (p *process) writeFor(t *testing.T, c *counter, folder string, has planted) {
	t.Helper()
	config, err := os.ReadFile("testdata/schemathesis.toml")
	require.NoError(t, err)
	files := map[string]string{
		"schemathesis.toml": string(config), "openapi.json": p.strictDocument(t), "charges": strconv.Quote(has.charge),
		"payouts": strconv.Quote(has.payout), "endpoints": strconv.Quote(has.endpoint), "deliveries": strconv.Quote(has.delivery),
	}
	for i := range 4 {
		number := strconv.Itoa(i)
		for _, name := range []string{"capturable", "voidable"} {
			charge := p.charge(t, c.secrets[cafe], name+number, chargeOf(goodCard, false))
			p.await(t, c.secrets[cafe], charge.ID, isDecided)
			files[name] += strconv.Quote(charge.ID) + "\n"
		}
		files["deletable"] += strconv.Quote(p.endpoint(t, c.secrets[cafe], "deletable"+number, "https://shop.example")) + "\n"
	}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text+"\n"), 0o600))
	}
}

// strictDocument returns the document that the program serves without the answer default, which would allow every other.
func (p *process) strictDocument(t *testing.T) string {
	t.Helper()
	answer, err := p.client.Get("https://" + p.address + "/openapi.json")
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, json.Unmarshal(text, &document))
	for _, item := range document["paths"].(map[string]any) {
		for _, one := range item.(map[string]any) {
			delete(one.(map[string]any)["responses"].(map[string]any), "default")
		}
	}
	strict, err := json.Marshal(document)
	require.NoError(t, err)
	return string(strict)
}

// schemathesis returns a Python that runs the program. .ci/run puts it into .stack/python; anybody else may install it
// where his Python finds it.
func schemathesis(t *testing.T) *exec.Cmd {
	t.Helper()
	folder, err := filepath.Abs("../../../.stack/python")
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), "python3", "-m", "schemathesis.cli")
	command.Env = append(os.Environ(), "PYTHONPATH="+folder, "PYTHONDONTWRITEBYTECODE=1")
	probe := exec.CommandContext(t.Context(), "python3", "-c", "import importlib.metadata as m; m.version('schemathesis')")
	probe.Env = command.Env
	if out, err := probe.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			require.NoError(t, err, string(out))
		}
		t.Skip("schemathesis is not here: python3 -m pip install --no-deps --target .stack/python --requirement .ci/requirements.txt")
	}
	return command
}
