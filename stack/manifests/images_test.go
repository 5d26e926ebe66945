package manifests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/connectors"

	"codebank.dev/stack/launch"
)

// pinned matches a tag that names a release. The base of our own image has no such tag: its
// name contains the release of Debian.
var pinned = regexp.MustCompile(`:v?\d+\.\d+(\.\d+)?[-\w.]*$|/static-debian\d+:nonroot$`)

// baseImage matches the base images of a Dockerfile.
var baseImage = regexp.MustCompile(`(?m)^FROM (\S+)`)

// imagesInUse returns the images of Compose and of the cluster, by part.
func imagesInUse(t *testing.T) (inCompose, inCluster map[string]string) {
	inCompose, inCluster = map[string]string{}, map[string]string{}
	for name, s := range readCompose(t).Services {
		inCompose[name] = s.Image
	}
	for _, m := range readCluster(t) {
		for _, c := range m.Spec.Template.Spec.Containers {
			inCluster[m.Metadata.Name] = c.Image
		}
	}
	for _, made := range []string{"keys", "signing-keys", "command-keys", "gateway-key", "request-keys", "charge-keys", "webhook-key", "pix-keys", "certificates", "certificates-of-none", "certificates-of-hub",
		"session-key", "session-key-002", "keys-002", "command-keys-002", "request-keys-002", "pix-keys-002", "certificates-002"} { // by scripts in the cluster
		delete(inCompose, made)
	}
	return inCompose, inCluster
}

func TestImagesArePinnedAndTheSameEverywhere(t *testing.T) {
	inCompose, inCluster := imagesInUse(t)
	require.Equal(t, inCompose, inCluster)
	for part, image := range inCompose {
		require.Regexp(t, pinned, image, part)
	}
	for _, name := range []string{"Dockerfile", "Dockerfile.connect"} {
		bases := baseImage.FindAllStringSubmatch(read(t, name), -1)
		require.NotEmpty(t, bases, name)
		for _, base := range bases {
			require.Regexp(t, pinned, base[1], name)
		}
	}
}

func TestImagesAreTheReleasesThatTheLauncherRuns(t *testing.T) {
	release := func(file, name string) string {
		match := regexp.MustCompile(name + `\s*=\s*"([^"]+)"`).FindStringSubmatch(read(t, file))
		require.NotNil(t, match, name)
		return match[1]
	}
	kafka := release("native/dist/parts.go", "kafkaVersion")
	search := release("native/dist/parts.go", "elasticsearchVersion")
	database := strings.TrimSuffix(release("native/dist/postgres.go", "postgresVersion"), ".0")
	inCompose, _ := imagesInUse(t)
	for part, want := range map[string]string{
		"kafka": "apache/kafka:" + kafka, "postgres": "postgres:" + database,
		"registry":      "apicurio/apicurio-registry:" + release("native/dist/parts.go", "registryVersion"),
		"elasticsearch": "docker.elastic.co/elasticsearch/elasticsearch:" + search,
		"kibana":        "docker.elastic.co/kibana/kibana:" + search,
	} {
		require.Equal(t, want, inCompose[part])
	}
	worker := read(t, "Dockerfile.connect")
	require.Contains(t, worker, "\nFROM apache/kafka:"+kafka+"\n")
	require.NotContains(t, worker, "-Dartifact=", "the worker's only plug-in is built in this repository")
	for _, program := range sources {
		require.Contains(t, read(t, "Dockerfile"), program)
	}
}

// sources are the programs of the image with their folders.
var sources = map[string]string{
	"bank": "./bank/cmd/bank", "statement": "./statement/cmd/statement", "checkout": "./checkout/cmd/checkout",
	"identity": "./identity/cmd/identity", "codepix": "./codepix/cmd/codepix", "gateway": "./gateway/cmd/gateway",
	"payment-gateway": "./checkout/cmd/payment-gateway", "payment-processor": "./checkout/cmd/payment-processor",
	"banking": "./web/cmd/banking", "bankctl": "./operations/cmd/bankctl", "probe": "./stack/probe",
}

// keepers are our programs that have a database, and a role beside the owner of it. servers are all that serve.
var (
	keepers = []string{"bank", "statement", "checkout", "identity", "codepix", "gateway", "payment-gateway", "payment-processor"}
	servers = append(slices.Clone(keepers), "banking")
)

// placesOf are the parts that run servers, with the program of each.
func placesOf() map[string]string {
	parts := map[string]string{"bank-002": "bank", "statement-002": "statement", "banking-002": "banking"}
	for _, program := range servers {
		parts[program] = program
	}
	return parts
}

// programOf returns the program that a command runs. It returns false unless the program is one
// of our servers.
func programOf(command []string) (string, bool) {
	if len(command) == 0 {
		return "", false
	}
	name := strings.TrimPrefix(command[0], "/")
	return name, len(command) == 1 && slices.Contains(servers, name)
}

// serverVariable matches an environment variable in the help of our servers. bankctlFlag
// matches a flag in the help of bankctl.
var (
	serverVariable = regexp.MustCompile(`(?m)^ +environment: (\w+)`)
	bankctlFlag    = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`)
)

// buildPrograms returns a folder with the programs of the image. All but one are those of the launcher, which a
// stack has built already, because linking takes long.
func buildPrograms(t *testing.T) string {
	t.Helper()
	folder, err := programs()
	require.NoError(t, err)
	return folder
}

var programs = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "codebank-manifests-")
	if err != nil {
		return "", err
	}
	made = folder
	launched, err := launch.Build(context.Background())
	if err != nil {
		return "", err
	}
	for program := range sources {
		if program != "probe" {
			if err := os.Symlink(filepath.Join(launched, program), filepath.Join(folder, program)); err != nil {
				return "", err
			}
		}
	}
	build := exec.Command("go", "build", "-o", folder+string(filepath.Separator), sources["probe"])
	build.Dir = filepath.Join("..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return folder, nil
})

// made is the folder of the programs, once there is one.
var made string

func TestMain(m *testing.M) {
	status := m.Run()
	if made != "" {
		_ = os.RemoveAll(made)
	}
	os.Exit(status)
}

// knownVariables returns the variables that each program knows, from its help.
func knownVariables(t *testing.T) map[string][]string {
	t.Helper()
	folder := buildPrograms(t)
	help := func(program string, args ...string) string {
		command := exec.Command(filepath.Join(folder, program), append(args, "--help")...)
		command.Env = []string{"PATH=" + os.Getenv("PATH")}
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
		return string(output)
	}
	known := map[string][]string{}
	for _, server := range servers {
		for _, match := range serverVariable.FindAllStringSubmatch(help(server), -1) {
			known[server] = append(known[server], match[1])
		}
	}
	for _, match := range bankctlFlag.FindAllStringSubmatch(help("bankctl", "apply"), -1) {
		known["bankctl"] = append(known["bankctl"], "BANKCTL_"+strings.ToUpper(strings.ReplaceAll(match[1], "-", "_")))
	}
	return known
}

func TestEverySettingIsAFlagOfItsProgram(t *testing.T) {
	known := knownVariables(t)
	check := func(where string, command, settings []string) {
		if len(command) == 0 {
			return
		}
		program := strings.TrimPrefix(command[0], "/")
		if program == "probe" || sources[program] == "" {
			return
		}
		require.NotEmpty(t, known[program])
		for _, setting := range settings {
			ok := slices.Contains(known[program], setting) || slices.Contains(known[program], strings.TrimSuffix(setting, "_FILE"))
			require.True(t, ok, "%s: %s is not a setting of %s", where, setting, program)
		}
	}
	for name, s := range readCompose(t).Services {
		var settings []string
		for setting := range s.Environment {
			settings = append(settings, setting)
		}
		check("compose "+name, s.Command, settings)
	}
	for _, m := range readCluster(t) {
		for _, c := range m.Spec.Template.Spec.Containers {
			var settings []string
			for _, setting := range c.Env {
				settings = append(settings, setting.Name)
			}
			check("k8s "+m.Metadata.Name, c.Command, settings)
		}
	}
}

// commandFlag matches a flag of a command.
var commandFlag = regexp.MustCompile(`^--[a-z-]+$`)

func TestEveryFlagOfACommandIsInItsHelp(t *testing.T) {
	folder, checked := buildPrograms(t), 0
	check := func(where string, command []string) {
		program := ""
		if len(command) > 0 {
			program = strings.TrimPrefix(command[0], "/")
		}
		if sources[program] == "" {
			return
		}
		words := slices.Clone(command[1:])
		if i := slices.IndexFunc(words, func(word string) bool { return strings.HasPrefix(word, "-") }); i >= 0 {
			words = words[:i]
		}
		output, _ := exec.Command(filepath.Join(folder, program), append(words, "--help")...).CombinedOutput()
		for _, word := range command[1:] {
			if commandFlag.MatchString(word) {
				require.Regexp(t, `(?m)^ +(-\w, )?-?`+word[1:]+`\b`, string(output), "%s: %s", where, word)
				checked++
			}
		}
	}
	for name, s := range readCompose(t).Services {
		check("compose "+name, s.Command)
		if len(s.Healthcheck.Test) > 1 {
			check("health of compose "+name, s.Healthcheck.Test[1:])
		}
	}
	for _, m := range readCluster(t) {
		for _, c := range append(m.Spec.Template.Spec.InitContainers, m.Spec.Template.Spec.Containers...) {
			check("k8s "+m.Metadata.Name, c.Command)
		}
	}
	require.Greater(t, checked, 10)
}

func TestEveryPlaceProvisionsWithOneCommand(t *testing.T) {
	want := []string{"/bankctl", "apply", "all"}
	require.Equal(t, want, readCompose(t).Services["apply"].Command[:3])
	require.Equal(t, want, find(t, "Job", "apply").Spec.Template.Spec.Containers[0].Command[:3])
	require.Contains(t, read(t, "stack/launch/bankctl.go"), `"apply", "all"`)
}

// A program that owned its tables could change what its role must not.
func TestNoProgramSignsInAsTheOwnerOfItsDatabase(t *testing.T) {
	databases := read(t, "k8s/config/databases.sh")
	owners := regexp.MustCompile(`(?m)^database \S+ ([a-z]+)(_\d+)?$`).FindAllStringSubmatch(databases, -1)
	require.NotEmpty(t, owners)
	for _, owner := range owners {
		program, role, part := owner[1], owner[1]+owner[2], owner[1]+strings.ReplaceAll(owner[2], "_", "-")
		if !slices.Contains(servers, program) {
			continue
		}
		require.Contains(t, databases, "\nrole "+program+"_service"+owner[2]+" ")
		for name, s := range readCompose(t).Services {
			for _, value := range s.Environment {
				require.False(t, !strings.HasPrefix(name, "migrate") && strings.Contains(value, "postgres://"+role+":"), "%s signs in as %s", name, role)
			}
		}
		require.Contains(t, readCompose(t).Services[part].Environment[strings.ToUpper(program)+"_DATABASE_URL"], "//"+program+"_service"+owner[2]+":")
	}
	migrate := []string{"/bankctl", "migrate"}
	require.Equal(t, migrate, readCompose(t).Services["migrate"].Command[:2])
	for _, job := range []string{"migrate", "migrate-002"} {
		require.Equal(t, readCompose(t).Services[job].Command, find(t, "Job", job).Spec.Template.Spec.Containers[0].Command)
	}
	secrets := read(t, "k8s/secrets.sh")
	for _, program := range keepers {
		require.Regexp(t, `(?m)^  secret `+program+` database-url "\$\(url `+strings.ReplaceAll(program, "-", "_")+`_service `, secrets)
	}
}

// workerVariable matches a reference to the worker's environment in a connector's file.
var workerVariable = regexp.MustCompile(`\$\{env:(\w+)\}`)

// Every file that a bank's connectors refer to is in the worker's folder of secrets.
func TestTheWorkerGetsEverySecretOfTheConnectors(t *testing.T) {
	worker := readCompose(t).Services["connect"]
	mounts := find(t, "Deployment", "connect").Spec.Template.Spec.Containers[0].VolumeMounts
	require.True(t, slices.ContainsFunc(mounts, func(m mount) bool { return m.Name == "connectors" && m.MountPath == connectors.SecretsFolder }))
	require.Equal(t, connectors.SecretsFolder, properties(t, "k8s/config/connect.properties")["config.providers.dir.param.allowed.paths"])
	for _, code := range []string{"001", "002"} {
		sinks, err := connectors.Sinks(code, connectors.SecretsFolder)
		require.NoError(t, err)
		for _, sink := range sinks {
			for _, secret := range sink.Secrets() {
				require.Contains(t, strings.Join(worker.Command, ""), "put "+strings.TrimPrefix(secret, "statement-")+" ", "compose")
				require.Contains(t, strings.ReplaceAll(read(t, "k8s/secrets.sh"), "\\\n", ""), " "+secret+" ", "k8s")
			}
		}
	}
}

func TestTheWorkerGetsEveryVariableOfTheConnectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), "connectors", "sinks", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	inCluster := map[string]bool{}
	for _, setting := range find(t, "Deployment", "connect").Spec.Template.Spec.Containers[0].Env {
		inCluster[setting.Name] = true
	}
	for _, file := range append(files, filepath.Join(root(t), "k8s", "config", "connect.properties")) {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range workerVariable.FindAllStringSubmatch(string(content), -1) {
			require.Contains(t, readCompose(t).Services["connect"].Environment, match[1], file)
			require.True(t, inCluster[match[1]], "%s needs %s", file, match[1])
		}
	}
}

func TestBrokerAndWorkerHaveTheLaunchersSettings(t *testing.T) {
	// Only addresses and folders may differ.
	places := []string{
		"bootstrap.servers", "listeners", "advertised.listeners", "rest.advertised.host.name", "plugin.path", "log.dirs",
		"controller.quorum.voters", "listener.security.protocol.map", "config.providers.dir.param.allowed.paths", "value.converter.schema.registry.url",
	}
	for _, name := range []string{"kafka.properties", "connect.properties"} {
		launcher, here := properties(t, "stack/launch/config/"+name), properties(t, "k8s/config/"+name)
		for _, place := range places {
			require.Equal(t, launcher[place] == "", here[place] == "", "%s %s", name, place)
			delete(launcher, place)
			delete(here, place)
		}
		require.Equal(t, launcher, here, name)
	}
}

func properties(t *testing.T, name string) map[string]string {
	settings := map[string]string{}
	for line := range strings.Lines(read(t, name)) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found && !strings.HasPrefix(key, "#") {
			settings[key] = value
		}
	}
	return settings
}
