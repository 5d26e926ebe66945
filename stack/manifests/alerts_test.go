package manifests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// alertRules is a rule file of Prometheus.
type alertRules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// expression matches the conditions that the rules have: a figure, perhaps over time or over all replicas, against a number.
var expression = regexp.MustCompile(`^(?:(?:min|max)(?: by \(topic\) )?\((codebank_[a-z_]+)\)|increase\((codebank_[a-z_]+)\[10m\]\)) > \d+$`)

// Each rule is about a figure that the README says to watch, whose presence the tests of the programs require, and that a
// program has. Each says what is wrong and what to do.
func TestAlertRulesAreOfFiguresThatThereAre(t *testing.T) {
	var rules alertRules
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "k8s/config/alerts.yaml")))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&rules))
	_, watched, _ := strings.Cut(read(t, "README.md"), "### Figures to watch\n")
	watched, _, _ = strings.Cut(watched, "\n#")
	source := sourceOfMetrics(t)
	seen := map[string]bool{}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			match := expression.FindStringSubmatch(rule.Expr)
			require.NotNil(t, match, "%s: %s", rule.Alert, rule.Expr)
			figure := match[1] + match[2]
			require.Contains(t, watched, figure, rule.Alert)
			suffix := figure[strings.LastIndex(strings.TrimSuffix(figure, "_seconds"), "_")+1:]
			require.Contains(t, source, suffix+`"`, "no program has %s", figure)
			_, err := time.ParseDuration(rule.For)
			require.NoError(t, err, rule.Alert)
			require.Contains(t, []string{"warning", "critical"}, rule.Labels["severity"], rule.Alert)
			require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			require.NotEmpty(t, rule.Annotations["description"], rule.Alert)
			require.False(t, seen[rule.Alert], rule.Alert)
			seen[rule.Alert] = true
		}
	}
	for _, needed := range []string{"DeadLetters", "TopicNotComplete", "StatementNotComplete", "FilesWait", "GatewayOutboxWaits", "PixInDoubt", "PixDeadLetters"} {
		require.True(t, seen[needed], needed)
	}
	require.Contains(t, read(t, "k8s/kustomization.yaml"), "config/alerts.yaml")
}

// sourceOfMetrics returns the source of the programs that have metrics.
func sourceOfMetrics(t *testing.T) string {
	t.Helper()
	var source strings.Builder
	for _, folder := range []string{"bank", "statement", "gateway", "checkout", "codepix", "platform"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root(t), folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			if strings.Contains(string(content), "prometheus.") {
				source.Write(content)
			}
			return err
		}))
	}
	return source.String()
}
