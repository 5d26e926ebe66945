package schemas

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readSums reads a list in the form of sha256sum, as sums by name.
func readSums(t *testing.T, path string) map[string]string {
	t.Helper()
	list, err := os.ReadFile(path)
	require.NoError(t, err)
	sums := map[string]string{}
	for line := range strings.Lines(string(list)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		require.True(t, ok, line)
		require.NotContains(t, sums, name)
		sums[name] = sum
	}
	return sums
}

func requireSum(t *testing.T, want, name, remedy string) {
	t.Helper()
	body, err := os.ReadFile(name)
	require.NoError(t, err, remedy)
	sum := sha256.Sum256(body)
	require.Equal(t, want, hex.EncodeToString(sum[:]), "%s has changed: %s", name, remedy)
}

func TestReleasedFilesNeverChange(t *testing.T) {
	sums := readSums(t, "released/SHA256SUMS")
	require.Contains(t, sums, "avro/transactions/v1.avsc")
	require.Contains(t, sums, "released/protos-0001.binpb")
	for name, sum := range sums {
		requireSum(t, sum, name, "it was released, so add a new version instead")
	}
	images, err := filepath.Glob("released/*.binpb")
	require.NoError(t, err)
	for _, image := range images {
		require.Contains(t, sums, filepath.ToSlash(image))
	}
}

// An unreleased version may still change, but only the newest one of a subject may be
// unreleased.
func TestOnlyTheNewestVersionMayBeUnreleased(t *testing.T) {
	sums := readSums(t, "released/SHA256SUMS")
	folders, err := os.ReadDir("avro")
	require.NoError(t, err)
	for _, folder := range folders {
		versions, err := Schemas(folder.Name())
		require.NoError(t, err)
		for n := range len(versions) - 1 {
			require.Contains(t, sums, fmt.Sprintf("avro/%s/v%d.avsc", folder.Name(), n+1))
		}
	}
}

func TestGeneratedCodeIsNotStale(t *testing.T) {
	const remedy = "run `go run ./schemas/generate`"
	inputs := readSums(t, "gen/inputs.sha256")
	for name, sum := range inputs {
		requireSum(t, sum, name, remedy)
	}
	require.NoError(t, filepath.WalkDir("proto", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			require.Contains(t, inputs, filepath.ToSlash(path), remedy)
		}
		return err
	}))
}

func TestSchemasReturnsEveryVersionOldestFirst(t *testing.T) {
	versions, err := Schemas("transactions")
	require.NoError(t, err)
	files, err := filepath.Glob("avro/transactions/*")
	require.NoError(t, err)
	require.Len(t, versions, len(files))
	for i, version := range versions {
		require.Equal(t, i+1, version.Number)
		require.True(t, json.Valid([]byte(version.Schema)))
	}
	for _, folder := range []string{"", ".", "..", "nothing", "../proto", "transactions/v1.avsc"} {
		_, err := Schemas(folder)
		require.Error(t, err, folder)
	}
}

// hasRoutes reports whether a file of a proto package has a REST route.
func hasRoutes(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.proto"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return slices.ContainsFunc(files, func(name string) bool {
		body, err := os.ReadFile(name)
		require.NoError(t, err)
		return strings.Contains(string(body), "(google.api.http)")
	})
}

// A package without REST routes, such as that of the hub, which banks alone call, has no document.
func TestEveryProtoPackageWithRoutesHasAnOpenAPIDocument(t *testing.T) {
	packages, err := filepath.Glob("proto/*/v*")
	require.NoError(t, err)
	require.NotEmpty(t, packages)
	for _, dir := range packages {
		name := strings.ReplaceAll(strings.TrimPrefix(filepath.ToSlash(dir), "proto/"), "/", ".")
		t.Run(name, func(t *testing.T) {
			body, err := OpenAPI(name)
			if !hasRoutes(t, dir) {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			var document struct {
				OpenAPI string
				Paths   map[string]map[string]struct {
					OperationID string
					Summary     string
					Responses   map[string]any
				}
			}
			require.NoError(t, json.Unmarshal(body, &document))
			require.Equal(t, "3.1.0", document.OpenAPI)
			require.NotEmpty(t, document.Paths)
			for route, item := range document.Paths {
				for method, operation := range item {
					require.NotEmpty(t, operation.Summary, "%s %s", method, route)
					require.Contains(t, operation.Responses, "default", "%s %s", method, route)
				}
			}
			requireReferences(t, body)
		})
	}
	_, err = OpenAPI("nothing.v1")
	require.Error(t, err)
}

// requireReferences checks that every reference in a document has its target.
func requireReferences(t *testing.T, body []byte) {
	t.Helper()
	var document struct {
		Components struct{ Schemas map[string]any }
	}
	require.NoError(t, json.Unmarshal(body, &document))
	for part := range bytes.SplitSeq(body, []byte(`"$ref": "#/components/schemas/`)) {
		name, _, _ := bytes.Cut(part, []byte(`"`))
		if !bytes.HasPrefix(part, []byte("{")) {
			require.Contains(t, document.Components.Schemas, string(name))
		}
	}
}

func TestTopicsBelongToTheBank(t *testing.T) {
	first, err := Topics("001")
	require.NoError(t, err)
	second, err := Topics("002")
	require.NoError(t, err)
	i := slices.IndexFunc(first, func(t Topic) bool { return t.Name == "bank-001.transactions.v1" })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, "bank-002.transactions.v1", second[i].Name)
	require.Equal(t, "bank-001.transactions.v1-value", Subject(first[i].Name))
	require.EqualValues(t, UnlimitedRetention, first[i].RetentionMillis, "events are kept forever")
	require.Equal(t, "delete", first[i].Cleanup)
	folder, ok := first[i].SchemaFolder()
	require.True(t, ok)
	require.Equal(t, "transactions", folder)
	for _, topic := range first {
		require.NotContains(t, topic.Name, "{")
		_, described := topic.SchemaFolder()
		require.Equal(t, strings.HasPrefix(topic.Name, "bank-001.") || strings.HasPrefix(topic.Name, "statement-001.") ||
			strings.HasPrefix(topic.Name, "checkout.") || strings.HasPrefix(topic.Name, "codepix."), described, topic.Name)
	}
	j := slices.IndexFunc(first, func(t Topic) bool { return t.Name == "bank-001.watermarks.v1" })
	require.GreaterOrEqual(t, j, 0)
	require.Equal(t, first[i].Partitions, first[j].Partitions, "the k-th partition of the watermarks is about the k-th of the transactions")
	for _, code := range []string{"", "1", "0001", "a01", "{bank}"} {
		_, err := Topics(code)
		require.Error(t, err, code)
	}
}

func TestTopicsBreakNoRule(t *testing.T) {
	const good = `topics: [{name: "a-{bank}", owner: bank, key: id, value: text, partitions: 1, cleanup: delete, retention_ms: -1}]`
	_, err := parseTopics([]byte(good), "001")
	require.NoError(t, err)
	for name, change := range map[string][2]string{
		"an unknown key":               {"owner: bank", "owner: bank, replicas: 3"},
		"no owner":                     {"owner: bank, ", ""},
		"no key":                       {"key: id, ", ""},
		"no value":                     {"value: text, ", ""},
		"no partitions":                {"partitions: 1, ", ""},
		"no partition":                 {"partitions: 1", "partitions: 0"},
		"no retention":                 {", retention_ms: -1", ""},
		"retention -2":                 {"retention_ms: -1", "retention_ms: -2"},
		"no cleanup":                   {"cleanup: delete, ", ""},
		"another cleanup":              {"cleanup: delete", "cleanup: shred"},
		"a name with a space":          {"a-{bank}", "a {bank}"},
		"a folder that does not exist": {"value: text", "value: avro/nothing"},
		"the same topic twice":         {"topics: [", `topics: [{name: a-001, owner: b, key: k, value: v, partitions: 1, cleanup: delete, retention_ms: 1},`},
		"two documents":                {"topics: [", "topics: []\n---\ntopics: ["},
		"not a list":                   {good, "topics: none"},
		"nothing":                      {good, ""},
	} {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(good, change[0], change[1], 1)
			require.NotEqual(t, good, broken)
			_, err := parseTopics([]byte(broken), "001")
			require.Error(t, err)
		})
	}
}

// laterOperations need what only an earlier answer or an e-mail has, so they have no example.
var laterOperations = []string{
	"CheckoutService_GetOrder", "CheckoutService_GetGuestOrder", "CheckoutService_RefundOrder", "IdentityService_EndSession", "IdentityService_Refresh", "IdentityService_SignOut",
	"IdentityService_ChangePassword", "IdentityService_ConfirmSignUp", "IdentityService_ResetPassword",
	"FileService_GetFile", "MerchantService_RevokeSecret", "CatalogueService_RetireProduct",
}

func TestEveryOperationHasAnExampleOfWhatItNeeds(t *testing.T) {
	const remedy = "add it to examples.yaml and run `go run ./schemas/generate`"
	for _, name := range []string{"bank.v1", "checkout.v1", "identity.v1", "statement.v1"} {
		body, err := OpenAPI(name)
		require.NoError(t, err)
		var document struct {
			Paths map[string]map[string]struct {
				OperationID string `json:"operationId"`
				Parameters  []struct {
					Name     string `json:"name"`
					Required bool   `json:"required"`
					Example  any    `json:"example"`
				} `json:"parameters"`
				RequestBody struct {
					Required bool                      `json:"required"`
					Content  map[string]map[string]any `json:"content"`
				} `json:"requestBody"`
			} `json:"paths"`
		}
		require.NoError(t, json.Unmarshal(body, &document))
		for _, item := range document.Paths {
			for _, operation := range item {
				if slices.Contains(laterOperations, operation.OperationID) {
					continue
				}
				for _, parameter := range operation.Parameters {
					require.True(t, !parameter.Required || parameter.Example != nil, "%s %s: %s", operation.OperationID, parameter.Name, remedy)
				}
				if operation.RequestBody.Required {
					require.Contains(t, operation.RequestBody.Content["application/json"], "example", "%s: %s", operation.OperationID, remedy)
				}
			}
		}
	}
}
