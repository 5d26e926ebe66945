package manifests

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// compose holds the members of docker-compose.yml that the rules use.
type compose struct {
	Services map[string]service
	Volumes  map[string]any
}

type service struct {
	Image       string
	Build       map[string]string
	User        string
	Restart     string
	Command     []string
	Environment map[string]string
	Volumes     []string
	Ports       []string
	Profiles    []string
	Tmpfs       []string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	CapAdd      []string `yaml:"cap_add"`
	Privileged  bool
	SecurityOpt []string                     `yaml:"security_opt"`
	DependsOn   map[string]map[string]string `yaml:"depends_on"`
	Healthcheck struct{ Test []string }
	Deploy      struct {
		Resources struct{ Limits map[string]string }
	}
}

// withoutReadiness are the parts that serve nothing, so they have no readiness check. They end,
// or are restarted when they end.
var withoutReadiness = []string{"keys", "signing-keys", "command-keys", "gateway-key", "request-keys", "charge-keys", "webhook-key", "pix-keys", "certificates", "certificates-of-none", "certificates-of-hub", "migrate", "apply", "watch",
	"keys-002", "command-keys-002", "request-keys-002", "session-key", "session-key-002", "pix-keys-002", "certificates-002", "migrate-002", "apply-002"}

// variable is what the variables of a program begin with.
func variable(program string) string { return strings.ToUpper(strings.ReplaceAll(program, "-", "_")) }

// root is the top folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(folder, "go.work"))
	return folder
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(content)
}

func readCompose(t *testing.T) compose {
	t.Helper()
	var c compose
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &c))
	require.NotEmpty(t, c.Services)
	return c
}

func TestComposeContainersAreConfined(t *testing.T) {
	for name, s := range readCompose(t).Services {
		require.Regexp(t, `^[1-9]\d*:\d+$`, s.User, "%s runs as nobody in particular", name)
		require.True(t, s.ReadOnly, "%s can write to its root", name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, "%s keeps capabilities", name)
		require.Empty(t, s.CapAdd, name)
		require.False(t, s.Privileged, name)
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
		for _, limit := range []string{"cpus", "memory", "pids"} {
			require.NotEmpty(t, s.Deploy.Resources.Limits[limit], "%s has no limit of %s", name, limit)
		}
		for _, port := range s.Ports {
			require.Regexp(t, `^127\.0\.0\.1:17\d\d\d:\d+$`, port, "%s listens beyond the loopback address", name)
		}
	}
}

func TestComposeServicesSayWhetherTheyAreReady(t *testing.T) {
	c := readCompose(t)
	for name, s := range c.Services {
		if slices.Contains(withoutReadiness, name) {
			require.Empty(t, s.Ports, name)
			continue
		}
		require.NotEmpty(t, s.Healthcheck.Test, name)
		require.Equal(t, "unless-stopped", s.Restart, name)
		if program, ok := programOf(s.Command); ok {
			prefix := variable(program)
			_, port, _ := strings.Cut(s.Environment[prefix+"_HTTP_ADDRESS"], ":")
			require.Equal(t, []string{
				"CMD", "/probe", "--authority", s.Environment[prefix+"_TLS_AUTHORITY"], "https://127.0.0.1:" + port + "/readyz",
			}, s.Healthcheck.Test)
		}
	}
	for name, s := range c.Services {
		for needed, how := range s.DependsOn {
			require.Contains(t, c.Services, needed, name)
			want := "service_healthy"
			if slices.Contains(withoutReadiness, needed) {
				want = "service_completed_successfully"
			}
			require.Equal(t, want, how["condition"], "%s needs %s", name, needed)
		}
	}
	require.Len(t, c.Services["bank"].DependsOn, 2, "the bank needs its database and its certificate only")
}

func TestComposeMountsWhatThereIs(t *testing.T) {
	c := readCompose(t)
	used := map[string]bool{}
	for name, s := range c.Services {
		for _, mount := range s.Volumes {
			source, rest, _ := strings.Cut(mount, ":")
			if strings.HasPrefix(source, "./") {
				require.FileExists(t, filepath.Join(root(t), source), name)
				require.True(t, strings.HasSuffix(rest, ":ro"), "%s may change %s", name, source)
				continue
			}
			require.Contains(t, c.Volumes, source, name)
			used[source] = true
		}
		if dockerfile := s.Build["dockerfile"]; dockerfile != "" {
			require.FileExists(t, filepath.Join(root(t), dockerfile), name)
		}
	}
	require.Len(t, used, len(c.Volumes), "a volume that no service mounts")
	keys, signing := c.Services["keys"], c.Services["signing-keys"]
	require.Equal(t, []string{"setup"}, keys.Profiles, "made by hand, once")
	require.Equal(t, []string{"/bankctl", "keys", "new", "--out", c.Services["bank"].Environment["BANK_VAULT_KEY_FILE"]}, keys.Command)
	require.Contains(t, c.Services["bank"].Volumes, "vault:/var/lib/codebank:ro")
	require.Equal(t, []string{"setup"}, signing.Profiles, "made by hand, once")
	require.Equal(t, []string{"/identity", "keys", "new", "--signing-keys", c.Services["identity"].Environment["IDENTITY_SIGNING_KEYS"]}, signing.Command)
	require.Contains(t, c.Services["identity"].Volumes, "signing:/var/lib/codebank:ro")
	commands, own := c.Services["command-keys"], c.Services["gateway-key"]
	requests := c.Services["request-keys"]
	for _, made := range []service{commands, own, requests} {
		require.Equal(t, []string{"setup"}, made.Profiles, "made by hand, once")
	}
	require.Contains(t, commands.Command, c.Services["bank"].Environment["BANK_COMMAND_KEYS"])
	require.Contains(t, own.Command, c.Services["gateway"].Environment["GATEWAY_COMMAND_KEY"])
	require.Contains(t, requests.Command, c.Services["statement"].Environment["STATEMENT_REQUEST_KEYS"])
	for name, s := range c.Services {
		for _, mount := range s.Volumes {
			if strings.HasPrefix(mount, "request-keys:") {
				require.Contains(t, []string{"statement", "request-keys"}, name, "who has the keys of all producers can be any of them")
				require.Contains(t, read(t, "Dockerfile"), " /etc/codebank/requests\n", "a volume gets the owner of its folder")
			}
			if strings.HasPrefix(mount, "charge-keys:") {
				require.Contains(t, []string{"payment-gateway", "payment-processor", "charge-keys"}, name, "who has the key can decide charges")
				require.Contains(t, read(t, "Dockerfile"), " /etc/codebank/charges\n", "a volume gets the owner of its folder")
			}
			if strings.HasPrefix(mount, "session-key:") {
				require.Contains(t, []string{"banking", "session-key"}, name, "who has the key can open and make the session of any customer")
			}
			if strings.HasPrefix(mount, "command-keys:") {
				require.Contains(t, []string{"bank", "command-keys", "gateway-key"}, name, "who has the keys of all producers can be any of them")
			}
			if strings.HasPrefix(mount, "pix-keys:") {
				require.Contains(t, []string{"bank", "codepix", "pix-keys"}, name, "who has the keys can send payments for the bank and for the hub")
				require.Contains(t, read(t, "Dockerfile"), " /etc/codebank/pix\n", "a volume gets the owner of its folder")
			}
		}
	}
}

// composeVariable matches the variables that docker-compose.yml takes from its environment.
var composeVariable = regexp.MustCompile(`\$\{(\w+)(:\?[^}]*)?\}`)

func TestTheExampleNamesEverySecretAndHoldsNone(t *testing.T) {
	var wanted []string
	for _, match := range composeVariable.FindAllStringSubmatch(read(t, "docker-compose.yml"), -1) {
		require.NotEmpty(t, match[2], "%s has no error for a missing value", match[1])
		wanted = append(wanted, match[1])
	}
	slices.Sort(wanted)
	var named []string
	for line := range strings.Lines(read(t, ".env.example")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		require.True(t, found && value == "", "%s has a value", name)
		named = append(named, name)
	}
	slices.Sort(named)
	require.Equal(t, slices.Compact(wanted), named)
	for _, ignored := range []string{".env", "k8s/secrets.yaml", "k8s/certificates.yaml"} {
		require.Contains(t, strings.Split(read(t, ".gitignore"), "\n"), "/"+ignored)
		require.Contains(t, strings.Split(read(t, ".dockerignore"), "\n"), ignored)
	}
	require.Contains(t, read(t, ".gitignore"), "/k8s/certificates/\n")
	require.Contains(t, read(t, ".dockerignore"), "k8s/certificates\n")
}

// secretName matches the names of settings whose value must not be in a file. userInfo matches
// a password in an address. publicName matches settings that say only where a secret is, or whose tokens
// are taken.
var (
	secretName = regexp.MustCompile(`(?i)passw|secret|token|_KEY$|DATABASE_URL$|SMTP_URL$`)
	publicName = regexp.MustCompile(`_TLS_KEY$|_COMMAND_KEY$|_WEBHOOK_KEY$|_SESSION_KEY$|_TOKEN_(ISSUER|AUDIENCE|KEYS)$`)
	userInfo   = regexp.MustCompile(`://[^/\s:@]+:([^/\s@]+)@`)
	reference  = regexp.MustCompile(`\$\{\w+:\?[^}]*\}`)
)

// containsSecret reports whether the value of a setting contains a secret.
func containsSecret(name, value string) bool {
	if secretName.MatchString(name) && !publicName.MatchString(name) && !reference.MatchString(value) {
		return true
	}
	return userInfo.MatchString(reference.ReplaceAllString(value, "")) ||
		strings.Contains(value, "@") && !reference.MatchString(value)
}

func TestNoSecretStandsInCompose(t *testing.T) {
	require.True(t, containsSecret("DB_PASSWORD_BANK", "hunter2"))
	require.True(t, containsSecret("X", "postgres://bank:hunter2@postgres/bank"))
	require.False(t, containsSecret("BANK_DATABASE_URL", "postgres://bank:${DB_PASSWORD_BANK:?needed}@postgres/bank"))
	for name, s := range readCompose(t).Services {
		for setting, value := range s.Environment {
			require.False(t, containsSecret(setting, value), "%s %s", name, setting)
		}
	}
}
