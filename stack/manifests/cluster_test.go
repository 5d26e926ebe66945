package manifests

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// manifest holds the members of an object of k8s/ that the rules use.
type manifest struct {
	Kind     string
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Spec spec
}

type spec struct {
	// For objects that run pods.
	Template struct {
		Metadata struct{ Labels map[string]string }
		Spec     pod
	}
	VolumeClaimTemplates []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
	// In a Service it maps labels to values; in other objects it has matchLabels.
	Selector yaml.Node
	Ports    []struct {
		Name   string
		Port   int
		Target string `yaml:"targetPort"`
	}
	// For a NetworkPolicy.
	PodSelector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	} `yaml:"podSelector"`
	PolicyTypes []string `yaml:"policyTypes"`
	Ingress     []struct {
		From  []peer
		Ports []struct{ Port int }
	}
	Egress []struct {
		To    []peer
		Ports []struct{ Port int }
	}
}

type peer struct {
	PodSelector       labels `yaml:"podSelector"`
	NamespaceSelector labels `yaml:"namespaceSelector"`
	// IPBlock says that the peer may be outside of the cluster.
	IPBlock map[string]any `yaml:"ipBlock"`
}

type labels struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type pod struct {
	AutomountServiceAccountToken *bool `yaml:"automountServiceAccountToken"`
	EnableServiceLinks           *bool `yaml:"enableServiceLinks"`
	HostNetwork                  bool  `yaml:"hostNetwork"`
	HostPID                      bool  `yaml:"hostPID"`
	SecurityContext              struct {
		RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
		RunAsUser      int                   `yaml:"runAsUser"`
		SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	InitContainers []container `yaml:"initContainers"`
	Containers     []container
	Volumes        []map[string]any
}

type container struct {
	Name, Image string
	Command     []string
	Env         []struct {
		Name, Value string
		ValueFrom   map[string]any `yaml:"valueFrom"`
	}
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	Startup         map[string]any `yaml:"startupProbe"`
	Liveness        map[string]any `yaml:"livenessProbe"`
	Readiness       map[string]any `yaml:"readinessProbe"`
	Resources       struct{ Requests, Limits map[string]string }
	SecurityContext struct {
		AllowPrivilegeEscalation *bool                        `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool                         `yaml:"readOnlyRootFilesystem"`
		Privileged               bool                         `yaml:"privileged"`
		Capabilities             struct{ Add, Drop []string } `yaml:"capabilities"`
	} `yaml:"securityContext"`
	VolumeMounts []mount `yaml:"volumeMounts"`
}

type mount struct {
	Name      string
	MountPath string `yaml:"mountPath"`
}

// nameLabel is the label that names a part.
const nameLabel = "app.kubernetes.io/name"

// readCluster returns every object of k8s/ that runs pods.
func readCluster(t *testing.T) []manifest {
	t.Helper()
	return slices.DeleteFunc(readObjects(t), func(m manifest) bool { return len(m.Spec.Template.Spec.Containers) == 0 })
}

// readObjects returns every object of k8s/.
func readObjects(t *testing.T) []manifest {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), "k8s", "*.yaml"))
	require.NoError(t, err)
	var objects []manifest
	for _, file := range files {
		if name := filepath.Base(file); name == "kustomization.yaml" || name == "secrets.yaml" {
			continue
		}
		reader, err := os.Open(file)
		require.NoError(t, err)
		decoder := yaml.NewDecoder(reader)
		for {
			var m manifest
			err := decoder.Decode(&m)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, file)
			require.NotEmpty(t, m.Kind, file)
			require.NotEmpty(t, m.Metadata.Name, file)
			objects = append(objects, m)
		}
		require.NoError(t, reader.Close())
	}
	require.NotEmpty(t, objects)
	return objects
}

func find(t *testing.T, kind, name string) manifest {
	t.Helper()
	for _, m := range readObjects(t) {
		if m.Kind == kind && m.Metadata.Name == name {
			return m
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return manifest{}
}

func TestTheKustomizationIsWhole(t *testing.T) {
	var k struct {
		Namespace          string
		Resources          []string
		ConfigMapGenerator []struct {
			Name  string
			Files []string
		} `yaml:"configMapGenerator"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "k8s/kustomization.yaml")), &k))
	files, err := filepath.Glob(filepath.Join(root(t), "k8s", "*.yaml"))
	require.NoError(t, err)
	var there []string
	for _, file := range files {
		if name := filepath.Base(file); name != "kustomization.yaml" && name != "secrets.yaml" {
			there = append(there, name)
		}
	}
	require.ElementsMatch(t, there, k.Resources)
	maps := map[string]bool{}
	for _, generated := range k.ConfigMapGenerator {
		maps[generated.Name] = true
		for _, file := range generated.Files {
			require.FileExists(t, filepath.Join(root(t), "k8s", file))
		}
	}
	for _, m := range readCluster(t) {
		for _, volume := range m.Spec.Template.Spec.Volumes {
			for _, from := range append(projected(volume, "configMap"), source(volume, "configMap")) {
				require.True(t, from == nil || maps[from["name"].(string)], "%s needs the ConfigMap %v", m.Metadata.Name, from["name"])
			}
		}
	}
	require.Equal(t, "restricted", find(t, "Namespace", k.Namespace).Metadata.Labels["pod-security.kubernetes.io/enforce"])
}

func TestPodsAreConfined(t *testing.T) {
	for _, m := range readCluster(t) {
		p, name := m.Spec.Template.Spec, m.Metadata.Name
		require.NotNil(t, p.AutomountServiceAccountToken, name)
		require.False(t, *p.AutomountServiceAccountToken, "%s is given a token", name)
		require.NotNil(t, p.EnableServiceLinks, name)
		require.False(t, *p.EnableServiceLinks, name)
		require.False(t, p.HostNetwork || p.HostPID, name)
		require.True(t, p.SecurityContext.RunAsNonRoot, name)
		require.Positive(t, p.SecurityContext.RunAsUser, name)
		require.Equal(t, "RuntimeDefault", p.SecurityContext.SeccompProfile.Type, name)
		for _, c := range append(p.InitContainers, p.Containers...) {
			require.NotNil(t, c.SecurityContext.AllowPrivilegeEscalation, name)
			require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, name)
			require.False(t, c.SecurityContext.Privileged, name)
			require.True(t, c.SecurityContext.ReadOnlyRootFilesystem, "%s can write to its root", name)
			require.Equal(t, []string{"ALL"}, c.SecurityContext.Capabilities.Drop, name)
			require.Empty(t, c.SecurityContext.Capabilities.Add, name)
			for _, resource := range []string{"cpu", "memory"} {
				require.NotEmpty(t, c.Resources.Requests[resource], name)
				require.NotEmpty(t, c.Resources.Limits[resource], name)
			}
			require.Regexp(t, pinned, c.Image, name)
			for _, mount := range c.VolumeMounts {
				require.True(t, hasVolume(m, mount.Name), "%s mounts %s", name, mount.Name)
			}
		}
	}
}

// source returns where the content of a volume comes from, if that is of this kind: a secret or a configMap.
func source(volume map[string]any, kind string) map[string]any {
	from, _ := volume[kind].(map[string]any)
	return from
}

// projected returns the sources of this kind of a volume that shows several as one folder.
func projected(volume map[string]any, kind string) (sources []map[string]any) {
	all, _ := source(volume, "projected")["sources"].([]any)
	for _, one := range all {
		if from := source(one.(map[string]any), kind); from != nil {
			sources = append(sources, from)
		}
	}
	return sources
}

// paths returns the paths of a projected source that renames its keys, by key.
func paths(from map[string]any) map[string]string {
	renamed := map[string]string{}
	items, _ := from["items"].([]any)
	for _, item := range items {
		one := item.(map[string]any)
		renamed[one["key"].(string)] = one["path"].(string)
	}
	return renamed
}

func hasVolume(m manifest, name string) bool {
	for _, volume := range m.Spec.Template.Spec.Volumes {
		if volume["name"] == name {
			return true
		}
	}
	for _, claim := range m.Spec.VolumeClaimTemplates {
		if claim.Metadata.Name == name {
			return true
		}
	}
	return false
}

func TestPodsHaveProbes(t *testing.T) {
	for _, m := range readCluster(t) {
		if slices.Contains(withoutReadiness, m.Metadata.Name) {
			continue
		}
		for _, c := range m.Spec.Template.Spec.Containers {
			require.NotEmpty(t, c.Startup, m.Metadata.Name)
			require.NotEmpty(t, c.Liveness, m.Metadata.Name)
			require.NotEmpty(t, c.Readiness, m.Metadata.Name)
			if _, ours := programOf(c.Command); ours {
				require.Equal(t, map[string]any{"path": "/livez", "port": "http", "scheme": "HTTPS"}, c.Startup["httpGet"])
				require.Equal(t, map[string]any{"path": "/livez", "port": "http", "scheme": "HTTPS"}, c.Liveness["httpGet"])
				require.Equal(t, map[string]any{"path": "/readyz", "port": "http", "scheme": "HTTPS"}, c.Readiness["httpGet"])
			}
		}
	}
}

func TestNoSecretStandsInTheCluster(t *testing.T) {
	for _, m := range readObjects(t) {
		require.NotEqual(t, "Secret", m.Kind, m.Metadata.Name)
		for _, c := range m.Spec.Template.Spec.Containers {
			for _, setting := range c.Env {
				if setting.ValueFrom == nil {
					require.False(t, containsSecret(setting.Name, setting.Value), "%s %s", m.Metadata.Name, setting.Name)
				}
			}
		}
	}
}

func TestEverySecretIsMadeByTheScript(t *testing.T) {
	script := strings.ReplaceAll(read(t, "k8s/secrets.sh"), "\\\n", " ")
	made := func(secret, key string) bool {
		for line := range strings.Lines(script) {
			words := strings.Fields(line)
			if len(words) > 1 && words[0] == "secret" && words[1] == secret && slices.Contains(words, key) {
				return true
			}
		}
		return false
	}
	for _, m := range readCluster(t) {
		for _, c := range m.Spec.Template.Spec.Containers {
			for _, setting := range c.Env {
				if from, ok := setting.ValueFrom["secretKeyRef"].(map[string]any); ok {
					require.True(t, made(fmt.Sprint(from["name"]), fmt.Sprint(from["key"])), "%s %v", setting.Name, from)
				}
				if file, ok := strings.CutPrefix(setting.Value, "/etc/codebank/secrets/"); ok {
					require.True(t, made(m.Metadata.Name, file), "%s %s", m.Metadata.Name, file)
				}
			}
		}
		for _, volume := range m.Spec.Template.Spec.Volumes {
			if from := source(volume, "secret"); from != nil {
				require.Contains(t, []any{m.Metadata.Name, m.Metadata.Name + "-tls"}, from["secretName"], "a part must see only its own secrets")
			}
			for _, from := range projected(volume, "secret") {
				require.Equal(t, m.Metadata.Name, from["name"], "a part must see only its own secrets")
				for key := range paths(from) {
					require.True(t, made(m.Metadata.Name, key), "%s %s", m.Metadata.Name, key)
				}
			}
		}
	}
}

// ports returns the ports that a part listens on.
func ports(m manifest) map[string]int {
	found := map[string]int{}
	for _, c := range m.Spec.Template.Spec.Containers {
		for _, port := range c.Ports {
			found[port.Name] = port.ContainerPort
		}
	}
	return found
}

func TestServicesReachTheirPods(t *testing.T) {
	parts := map[string]manifest{}
	for _, m := range readCluster(t) {
		require.Equal(t, m.Metadata.Name, m.Spec.Template.Metadata.Labels[nameLabel])
		var selector labels
		if m.Kind != "Job" {
			require.NoError(t, m.Spec.Selector.Decode(&selector))
			require.Equal(t, m.Spec.Template.Metadata.Labels, selector.MatchLabels)
		}
		parts[m.Metadata.Name] = m
	}
	for _, m := range readObjects(t) {
		if m.Kind != "Service" {
			continue
		}
		var selector map[string]string
		require.NoError(t, m.Spec.Selector.Decode(&selector))
		part, ok := parts[selector[nameLabel]]
		require.True(t, ok, m.Metadata.Name)
		for _, port := range m.Spec.Ports {
			require.Equal(t, port.Port, ports(part)[port.Target], "%s %s", m.Metadata.Name, port.Target)
		}
	}
}

// connection is a connection from one part to a port of another.
type connection struct {
	from, to string
	port     int
}

func TestOnlyNeededConnectionsAreAllowed(t *testing.T) {
	require.ElementsMatch(t, []string{"Ingress", "Egress"}, find(t, "NetworkPolicy", "default-deny").Spec.PolicyTypes)
	require.Empty(t, find(t, "NetworkPolicy", "default-deny").Spec.PodSelector.MatchLabels)
	out, in := map[connection]bool{}, map[connection]bool{}
	for _, m := range readCluster(t) {
		name := m.Metadata.Name
		policy := find(t, "NetworkPolicy", name)
		require.Equal(t, map[string]string{nameLabel: name}, policy.Spec.PodSelector.MatchLabels)
		require.ElementsMatch(t, []string{"Ingress", "Egress"}, policy.Spec.PolicyTypes)
		for _, rule := range policy.Spec.Egress {
			for _, to := range rule.To {
				if to.IPBlock != nil {
					require.Contains(t, []string{"identity", "statement", "statement-002", "codepix", "payment-gateway"}, name, "only e-mails and webhooks leave the cluster")
					continue
				}
				for _, port := range rule.Ports {
					out[connection{name, to.PodSelector.MatchLabels[nameLabel], port.Port}] = true
				}
			}
		}
		for _, rule := range policy.Spec.Ingress {
			require.NotEmpty(t, rule.From, name)
			for _, from := range rule.From {
				for _, port := range rule.Ports {
					require.Contains(t, values(ports(m)), port.Port, name)
					if from.NamespaceSelector.MatchLabels == nil {
						in[connection{from.PodSelector.MatchLabels[nameLabel], name, port.Port}] = true
					}
				}
			}
		}
	}
	require.Equal(t, out, in, "egress and ingress rules must match")
}

func values(from map[string]int) []int {
	var all []int
	for _, value := range from {
		all = append(all, value)
	}
	return all
}
