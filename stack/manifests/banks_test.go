package manifests

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the files of k8s/ that are made from others")

// ofSecondBank makes a file of bank 002 from that of bank 001: the names of parts, Services and Secrets end with the code.
var ofSecondBank = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`((?:name|secretName): |job |https://)(bank|banking|statement|migrate|apply)\b`), "${1}${2}-002"},
	{regexp.MustCompile(`dns:///(bank|statement)\b`), "dns:///${1}-002"},
	{regexp.MustCompile(`"Code Bank"`), `"Banco Aurora"`},
	{regexp.MustCompile(`"blue"`), `"green"`},
	{regexp.MustCompile(`"001"`), `"002"`},
	{regexp.MustCompile(`"connect-statement-postgres"`), `"connect-statement-postgres-002"`},
	// The other databases belong to no bank.
	{regexp.MustCompile(`"checkout", "identity", "gateway", "codepix", "--timeout"`), `"--role-suffix", "_002", "--timeout"`},
	{regexp.MustCompile(`(?m)^ +- \{name: BANKCTL_(CHECKOUT|IDENTITY|GATEWAY|CODEPIX)_DATABASE_URL_FILE, .*\n`), ""},
}

// The files of bank 002 are made from those of bank 001, so that the two differ by configuration only.
func TestTheSecondBanksFilesAreMadeFromTheFirsts(t *testing.T) {
	for _, part := range []string{"bank", "statement", "banking", "migrate", "apply"} {
		want := read(t, "k8s/"+part+".yaml")
		for _, change := range ofSecondBank {
			want = change.what.ReplaceAllString(want, change.with)
		}
		want = "# Bank 002. Made from " + part + ".yaml: go test ./stack/manifests -run SecondBanksFiles -update\n#\n" + want
		name := filepath.Join(root(t), "k8s", part+"-002.yaml")
		if *update {
			require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
		}
		require.Equal(t, want, read(t, "k8s/"+part+"-002.yaml"), "run the test with -update")
	}
}

// Bank 002 has every setting of bank 001, and shares no volume, key, database and role with it.
func TestTheBanksOfComposeShareNothing(t *testing.T) {
	c := readCompose(t)
	for _, part := range []string{"bank", "statement", "banking"} {
		first, second := c.Services[part], c.Services[part+"-002"]
		for setting, value := range first.Environment {
			require.Contains(t, second.Environment, setting)
			switch strings.TrimPrefix(setting, variable(part)+"_") {
			case "HOSTS", "BANK_CODE", "DATABASE_URL", "BANK_NAME", "THEME", "BANK_ADDRESS", "STATEMENT_ADDRESS":
				require.NotEqual(t, value, second.Environment[setting], setting)
			default:
				require.Equal(t, value, second.Environment[setting], setting)
			}
		}
		for _, mount := range first.Volumes {
			volume, at, _ := strings.Cut(mount, ":")
			require.Contains(t, second.Volumes, volume+"-002:"+at)
		}
		require.Len(t, second.Volumes, len(first.Volumes))
	}
	require.Equal(t, "connect-statement-postgres-002", c.Services["statement-002"].Environment["STATEMENT_SINK_GROUP"])
}
