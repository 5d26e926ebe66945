package manifests

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"codebank.dev/native/await"
	"codebank.dev/platform/mtls"
	"codebank.dev/schemas/command"
	"codebank.dev/stack/launch"
)

// sample stands for the values of .env.
const sample = "x0x"

// place is one of our servers as a file starts it.
type place struct {
	// part is its name in the file; program is what runs.
	part, program string
	settings      map[string]string
	// names are those that other programs and its health check reach it by.
	names []string
	// path returns where a file of the container is here.
	path func(file string) string
}

func (p place) setting(name string) string { return p.settings[variable(p.program)+"_"+name] }

// run starts a program of a folder and returns when it has ended.
func run(t *testing.T, folder string, command ...string) {
	t.Helper()
	output, err := exec.Command(filepath.Join(folder, command[0]), command[1:]...).CombinedOutput()
	require.NoError(t, err, "%v: %s", command, output)
}

// composePlaces makes the keys and certificates as docker-compose.yml does, each volume in a folder of its own.
func composePlaces(t *testing.T, programs string) []place {
	t.Helper()
	c, volumes := readCompose(t), t.TempDir()
	// path returns where a service sees a file: in the volume with the longest mount that contains it.
	path := func(service, file string) string {
		at, longest := "", ""
		for _, mount := range c.Services[service].Volumes {
			parts := strings.Split(mount, ":")
			folder := volumes
			if strings.HasPrefix(parts[0], "./") {
				folder = root(t)
			}
			if rest, ok := strings.CutPrefix(file, parts[1]); ok && len(parts[1]) > len(longest) {
				at, longest = filepath.Join(folder, parts[0])+rest, parts[1]
			}
		}
		require.NotEmpty(t, at, "%s mounts no %s", service, file)
		return at
	}
	for _, name := range []string{"keys", "signing-keys", "command-keys", "gateway-key", "request-keys", "charge-keys", "webhook-key", "session-key", "session-key-002", "pix-keys", "keys-002", "command-keys-002", "request-keys-002", "pix-keys-002"} {
		command := slices.Clone(c.Services[name].Command)
		for i, word := range command {
			if i > 0 && strings.HasPrefix(word, "/") {
				command[i] = path(name, word)
				require.NoError(t, os.MkdirAll(filepath.Dir(command[i]), 0o700))
			}
		}
		run(t, programs, command...)
	}
	// One folder holds another's mount, so the files are made first and moved into the volumes then.
	made := t.TempDir()
	for _, name := range []string{"certificates", "certificates-002", "certificates-of-none", "certificates-of-hub"} {
		s := c.Services[name]
		require.Equal(t, []string{"/bankctl", "certificates", "--out", "/etc/codebank/tls", "--apart"}, s.Command[:5])
		require.Contains(t, s.Volumes, "authority:/etc/codebank/tls")
		run(t, programs, append([]string{"bankctl", "certificates", "--out", made}, s.Command[4:]...)...)
	}
	requireOperators(t, made)
	for _, name := range []string{"certificates", "certificates-002", "certificates-of-none"} {
		for _, mount := range c.Services[name].Volumes[1:] {
			volume, at, _ := strings.Cut(mount, ":")
			require.NoError(t, os.Rename(filepath.Join(made, filepath.Base(at)), filepath.Join(volumes, volume)))
			require.Contains(t, read(t, "Dockerfile"), " /tls/"+filepath.Base(at), "a volume gets the owner of its folder")
		}
	}
	var places []place
	for part, program := range placesOf() {
		s := c.Services[part]
		for _, mount := range s.Volumes {
			require.False(t, strings.HasPrefix(mount, "authority:"), "%s can be any program", part)
			require.True(t, strings.HasSuffix(mount, ":ro"), "%s can change %s", part, mount)
		}
		settings := map[string]string{}
		for name, value := range s.Environment {
			switch name {
			case "IDENTITY_SMTP_URL", "STATEMENT_SMTP_URL", "CODEPIX_SMTP_URL":
				value = "smtp://127.0.0.1:1"
			case "IDENTITY_MAIL_FROM", "STATEMENT_MAIL_FROM", "CODEPIX_MAIL_FROM":
				value = "Code Bank <no-reply@bank.example>"
			}
			settings[name] = reference.ReplaceAllString(value, sample)
		}
		places = append(places, place{part, program, settings, []string{part, "127.0.0.1"}, func(file string) string { return path(part, file) }})
	}
	return places
}

// requireOperators requires that a person can call as an operator of each bank, and as one of the hub.
func requireOperators(t *testing.T, folder string) {
	t.Helper()
	for at, want := range map[string]string{"operator": "001", "operator-002": "002", "operator-of-none": mtls.NoBank} {
		certificate := certificateIn(t, filepath.Join(folder, at, "operator.pem"))
		require.Equal(t, mtls.ID{Bank: want, Program: "operator"}.String(), certificate.URIs[0].String())
	}
}

// clusterPlaces makes the Secrets by the scripts of k8s/.
func clusterPlaces(t *testing.T) []place {
	t.Helper()
	folder := t.TempDir()
	for _, script := range []string{"k8s/secrets.sh", "k8s/certificates.sh"} {
		command := exec.Command(filepath.Join(root(t), script), folder)
		command.Env = append(os.Environ(), "SMTP_URL=smtp://127.0.0.1:1", "MAIL_FROM=Code Bank <no-reply@bank.example>")
		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s: %s", script, output)
		file, err := os.Open(filepath.Join(folder, strings.TrimSuffix(filepath.Base(script), ".sh")+".yaml"))
		require.NoError(t, err)
		decoder := yaml.NewDecoder(file)
		var secret struct {
			Metadata struct{ Name string }
			Data     map[string]string
		}
		for decoder.Decode(&secret) == nil {
			at := filepath.Join(folder, "mounted", secret.Metadata.Name)
			require.NoError(t, os.MkdirAll(at, 0o700))
			for key, value := range secret.Data {
				content, err := base64.StdEncoding.DecodeString(value)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(at, key), content, 0o600))
			}
			secret.Data = nil
		}
		require.NoError(t, file.Close())
	}
	requireOperators(t, filepath.Join(folder, "certificates"))
	var places []place
	for part, program := range placesOf() {
		m := find(t, "Deployment", part)
		settings := map[string]string{}
		for _, setting := range m.Spec.Template.Spec.Containers[0].Env {
			settings[setting.Name] = setting.Value
		}
		names := []string{"127.0.0.1"}
		for _, object := range readObjects(t) {
			var selector map[string]string
			if object.Kind == "Service" && object.Spec.Selector.Decode(&selector) == nil && selector[nameLabel] == part {
				names = append(names, object.Metadata.Name, object.Metadata.Name+".codebank.svc.cluster.local")
			}
		}
		require.Greater(t, len(names), 1, part)
		places = append(places, place{part, program, settings, names, func(file string) string {
			return mounted(t, m, filepath.Join(folder, "mounted"), file)
		}})
	}
	apply := find(t, "Job", "apply")
	ready := apply.Spec.Template.Spec.InitContainers[0].Command
	require.Equal(t, "https://statement:17003/readyz", ready[len(ready)-1])
	require.Equal(t, "--authority", ready[1])
	require.FileExists(t, mounted(t, apply, filepath.Join(folder, "mounted"), ready[2]))
	return places
}

// mounted returns the file of a Secret, or of k8s/config, that a part sees at a path.
func mounted(t *testing.T, m manifest, secrets, file string) string {
	t.Helper()
	for _, c := range append(m.Spec.Template.Spec.InitContainers, m.Spec.Template.Spec.Containers...) {
		for _, mount := range c.VolumeMounts {
			rest, ok := strings.CutPrefix(file, mount.MountPath+"/")
			if !ok {
				continue
			}
			for _, volume := range m.Spec.Template.Spec.Volumes {
				if volume["name"] == mount.Name {
					return fileOf(volume, secrets, rest)
				}
			}
		}
	}
	t.Fatalf("%s mounts no %s", m.Metadata.Name, file)
	return ""
}

// fileOf returns the file that a volume shows under a name.
func fileOf(volume map[string]any, secrets, name string) string {
	if from := source(volume, "secret"); from != nil {
		return filepath.Join(secrets, fmt.Sprint(from["secretName"]), name)
	}
	for _, from := range projected(volume, "secret") {
		for key, path := range paths(from) {
			if path == name {
				return filepath.Join(secrets, fmt.Sprint(from["name"]), key)
			}
		}
	}
	return filepath.Join("..", "..", "k8s", "config", name)
}

// requireLinks requires that the e-mails of a program link to what serves the links.
func requireLinks(t *testing.T, p place, port string) {
	t.Helper()
	address, err := url.Parse(p.setting("PAGES_URL"))
	require.NoError(t, err)
	require.Equal(t, []string{"https", port}, []string{address.Scheme, address.Port()}, p.part)
}

// requireFilesOfStatements requires that a statement takes requests for files by the topic, and that its e-mails link to
// the gateway.
func requireFilesOfStatements(t *testing.T, p place) {
	t.Helper()
	require.FileExists(t, p.path(p.setting("REQUEST_KEYS")))
	requireLinks(t, p, "17016")
}

// hubBank is a bank as the hub's file names it.
type hubBank struct {
	Code    string `json:"code"`
	Name    string `json:"name"`
	KeyFile string `json:"key_file"`
}

// hubBanks returns the banks that the hub's file names, with the places of their keys here.
func hubBanks(t *testing.T, p place) []hubBank {
	t.Helper()
	file := p.setting("BANKS")
	content, err := os.ReadFile(p.path(file))
	require.NoError(t, err)
	var list struct{ Banks []hubBank }
	require.NoError(t, json.Unmarshal(content, &list))
	for i := range list.Banks {
		list.Banks[i].KeyFile = p.path(filepath.Join(filepath.Dir(file), list.Banks[i].KeyFile))
	}
	return list.Banks
}

// banksFile writes the hub's file of banks with the places of their keys here, and returns its name.
func banksFile(t *testing.T, p place) string {
	t.Helper()
	content, err := json.Marshal(map[string]any{"banks": hubBanks(t, p)})
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "banks.json")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	return name
}

// requireSharedKeys requires that the hub has the banks of the launcher, that each shares its keys with it, and that
// each bank calls it.
func requireSharedKeys(t *testing.T, places []place) {
	t.Helper()
	parts := map[string]place{}
	for _, p := range places {
		parts[p.part] = p
	}
	known := hubBanks(t, parts["codepix"])
	require.Len(t, known, len(launch.Banks()))
	for i, bank := range launch.Banks() {
		require.Equal(t, []string{bank.Code, bank.Name}, []string{known[i].Code, known[i].Name})
		own := parts[bank.Bank]
		content, err := os.ReadFile(own.path(own.setting("PIX_KEYS")))
		require.NoError(t, err)
		atHub, err := os.ReadFile(known[i].KeyFile)
		require.NoError(t, err)
		require.Equal(t, string(content), string(atHub), "bank and hub have the same keys")
		keys, err := command.ParseKeys(content)
		require.NoError(t, err)
		require.NotNil(t, keys.Signer(command.PixBank(bank.Code)))
		require.NotNil(t, keys.Signer(command.PixHub))
		require.Len(t, keys.All(), 2, "no other bank's keys")
		require.Equal(t, "dns:///codepix:17006", own.setting("CODEPIX_ADDRESS"))
	}
}

func TestProgramsHaveWallsInContainers(t *testing.T) {
	programs := buildPrograms(t)
	for where, places := range map[string][]place{"compose": composePlaces(t, programs), "k8s": clusterPlaces(t)} {
		requireSharedKeys(t, places)
		issuer := ""
		for _, p := range places {
			if p.program == "identity" {
				issuer = p.setting("ISSUER")
				require.Equal(t, "codebank", p.setting("AUDIENCE"))
			}
		}
		for _, p := range places {
			t.Run(where+" "+p.part, func(t *testing.T) {
				checkCertificate(t, p)
				checkTokens(t, p, issuer)
				switch p.program {
				case "statement":
					requireFilesOfStatements(t, p)
				case "identity":
					requireLinks(t, p, "17019") // internet banking
				}
				checkStart(t, programs, p)
			})
		}
	}
}

// checkCertificate fails unless the certificate is that of the program, for every name that it is reached by.
func checkCertificate(t *testing.T, p place) {
	files := mtls.Config{
		Certificate: p.path(p.setting("TLS_CERTIFICATE")), Key: p.path(p.setting("TLS_KEY")), Authority: p.path(p.setting("TLS_AUTHORITY")),
		Denied: p.path(p.setting("TLS_DENIED")),
	}
	opened, err := mtls.Open(files)
	require.NoError(t, err)
	require.Equal(t, p.program, opened.ID().Program)
	bank := "001"
	switch {
	case p.program == "identity", p.program == "codepix":
		bank = mtls.NoBank
	case strings.HasSuffix(p.part, "-002"):
		bank = "002"
	}
	require.Equal(t, bank, opened.ID().Bank)
	certificate, authorities := certificateIn(t, files.Certificate), x509.NewCertPool()
	authorities.AddCert(certificateIn(t, files.Authority))
	for _, name := range p.names {
		_, err := certificate.Verify(x509.VerifyOptions{Roots: authorities, DNSName: name})
		require.NoError(t, err, name)
	}
	keys, err := filepath.Glob(filepath.Join(filepath.Dir(files.Key), "*key"))
	require.NoError(t, err)
	require.Equal(t, []string{files.Key}, keys, "a program must see only its own key")
}

func certificateIn(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	block, _ := pem.Decode(content)
	require.NotNil(t, block, file)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return certificate
}

// checkTokens fails unless a program takes the access tokens of identity, and hears which sessions have ended.
func checkTokens(t *testing.T, p place, issuer string) {
	switch p.program {
	case "identity", "payment-processor", "codepix": // Nobody calls the processor, and only banks call the hub.
		return
	case "banking": // It carries tokens, and verifies none.
		require.Equal(t, "dns:///identity:17008", p.setting("IDENTITY_ADDRESS"))
		return
	}
	require.Equal(t, issuer, p.setting("TOKEN_ISSUER"))
	require.Equal(t, "codebank", p.setting("TOKEN_AUDIENCE"))
	require.Equal(t, "https://identity:17009/.well-known/jwks.json", p.setting("TOKEN_KEYS"))
	require.Equal(t, "dns:///identity:17008", p.setting("IDENTITY_ADDRESS"))
}

// listening is the line of a program's log that tells its HTTP address.
var listening = regexp.MustCompile(`msg=listening .*http=(\S+)`)

// checkStart starts the program with its settings, which reach no other program here, and expects it to be alive
// with TLS.
func checkStart(t *testing.T, programs string, p place) {
	var environ []string
	for name, value := range p.settings {
		switch {
		case strings.HasSuffix(name, "_HTTP_ADDRESS"), strings.HasSuffix(name, "_GRPC_ADDRESS"):
			value = "127.0.0.1:0"
		case strings.HasSuffix(name, "_LOG_FORMAT"):
			value = "text" // The address is read from it.
		case name == "CODEPIX_BANKS":
			value = banksFile(t, p)
		case strings.HasPrefix(value, "/"):
			value = p.path(value)
		}
		environ = append(environ, name+"="+value)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer log.Close()
	command := exec.Command(filepath.Join(programs, p.program))
	command.Env, command.Stdout, command.Stderr = environ, log, log
	require.NoError(t, command.Start())
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	var found []string
	await.Until(t, func() bool {
		content, err := os.ReadFile(log.Name())
		found = listening.FindStringSubmatch(string(content))
		return err == nil && (found != nil || strings.Contains(string(content), p.program+": "))
	}, time.Minute, 10*time.Millisecond, "it neither listens nor says why")
	content, err := os.ReadFile(log.Name())
	require.NoError(t, err)
	require.NotNil(t, found, string(content))
	address := found[1]
	run(t, programs, "probe", "--authority", p.path(p.setting("TLS_AUTHORITY")), "--wait", "1m", "https://"+address+"/livez")
}
