package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// lay writes files by slash-separated path into a new folder.
func lay(t *testing.T, tree map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range tree {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(body), 0o644))
	}
	return dir
}

func TestFoldersThatDifferAreMadeEqual(t *testing.T) {
	want := lay(t, map[string]string{"same": "1", "a/changed": "new", "a/b/added": "1"})
	have := lay(t, map[string]string{"same": "1", "a/changed": "old", "gone/left": "1"})
	differences, err := compare(want, have)
	require.NoError(t, err)
	require.Equal(t, []string{"differs: a/changed", "left over: gone/left", "missing: a/b/added"}, differences)

	changed, err := mirror(want, have)
	require.NoError(t, err)
	require.Equal(t, 3, changed)
	differences, err = compare(want, have)
	require.NoError(t, err)
	require.Empty(t, differences)

	changed, err = mirror(want, have)
	require.NoError(t, err)
	require.Zero(t, changed, "a second time changes nothing")
}

func TestAMissingFolderHasNoFiles(t *testing.T) {
	want := lay(t, map[string]string{"a": "1"})
	differences, err := compare(want, filepath.Join(t.TempDir(), "nothing"))
	require.NoError(t, err)
	require.Equal(t, []string{"missing: a"}, differences)
}

func part(paths, schemas string) string {
	return `{"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {` + paths +
		`}, "components": {"schemas": {` + schemas + `}}}`
}

const operation = `{"responses": {"200": {"description": "ok"}}}`

func TestThePartsOfAPackageBecomeOneDocument(t *testing.T) {
	dir := lay(t, map[string]string{
		"bank/v1/card.openapi.json":     part(`"/cards": {"get": `+operation+`}`, `"Card": {"maximum": 9007199254740993}, "Both": {}`),
		"bank/v1/purchase.openapi.json": part(`"/cards": {"post": `+operation+`}, "/purchases": {"get": `+operation+`}`, `"Both": {}`),
		"shop/v1/shop.openapi.json":     part(`"/orders": {"get": `+operation+`}`, ``),
	})
	require.NoError(t, mergeOpenAPI(dir, nil))
	merged, err := files(dir)
	require.NoError(t, err)
	require.Len(t, merged, 2)
	require.Contains(t, string(merged["bank.v1.json"]), "9007199254740993", "numbers stay as they were")

	var bank document
	require.NoError(t, json.Unmarshal(merged["bank.v1.json"], &bank))
	require.Equal(t, about("bank.v1"), bank.Info["description"])
	require.Len(t, bank.Paths, 2)
	require.Len(t, bank.Paths["/cards"], 2)
	require.Len(t, bank.Components.Schemas, 3)
	require.Contains(t, bank.Components.Schemas, "Problem")
	for _, item := range bank.Paths {
		for _, operation := range item {
			require.Contains(t, operation.(map[string]any)["responses"], "default")
		}
	}
}

func TestPartsThatContradictEachOtherAreRefused(t *testing.T) {
	for name, other := range map[string]string{
		"the same route twice":  part(`"/cards": {"get": `+operation+`}`, ``),
		"a schema that differs": part(``, `"Card": {"type": "string"}`),
		"a malformed operation": part(`"/more": {"get": "yes"}`, ``),
		"no responses":          part(`"/more": {"get": {}}`, ``),
		"an unknown key":        `{"openapi": "3.1.0", "webhooks": {}}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := lay(t, map[string]string{
				"bank/v1/card.openapi.json":  part(`"/cards": {"get": `+operation+`}`, `"Card": {"type": "object"}`),
				"bank/v1/other.openapi.json": other,
			})
			require.Error(t, mergeOpenAPI(dir, nil))
		})
	}
}

func TestAReleasedFileMayNotChange(t *testing.T) {
	root := lay(t, map[string]string{"avro/a/v1.avsc": "{}", "released/SHA256SUMS": ""})
	require.NoError(t, appendSums(root, []string{"avro/a/v1.avsc"}))
	require.NoError(t, checkSums(root))
	require.NoError(t, os.WriteFile(filepath.Join(root, "avro", "a", "v1.avsc"), []byte("{ }"), 0o644))
	require.ErrorContains(t, checkSums(root), "was released and has changed")
	require.NoError(t, os.Remove(filepath.Join(root, "avro", "a", "v1.avsc")))
	require.Error(t, checkSums(root))
}

func TestNoReleaseIsNoError(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, checkSums(root))
	image, err := newestImage(root)
	require.NoError(t, err)
	require.Empty(t, image)
}

func TestTheNewestImageIsTheOneWithTheHighestNumber(t *testing.T) {
	root := lay(t, map[string]string{
		"released/protos-0001.binpb": "", "released/protos-0010.binpb": "", "released/protos-0009.binpb": "",
	})
	image, err := newestImage(root)
	require.NoError(t, err)
	require.Equal(t, "protos-0010.binpb", filepath.Base(image))
}

func TestInvalidFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"--check", "--release"}, {"gen"}, {"--nothing"}} {
		require.Error(t, run(t.Context(), args, io.Discard), args)
	}
}

func TestTheEventInGoIsThatOfTheSchemas(t *testing.T) {
	_, err := writeEvent("..", true)
	require.NoError(t, err)
	root := lay(t, map[string]string{eventFile: "old", readmeFile: "text\n" + tableMark + "old"})
	_, err = writeEvent(root, true)
	require.ErrorContains(t, err, "run `go run ./schemas/generate`")
	changed, err := writeEvent(root, false)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{eventFile, readmeFile}, changed)
	written, err := os.ReadFile(filepath.Join(root, readmeFile))
	require.NoError(t, err)
	require.Contains(t, string(written), "\n| 2 | `card_use`, `risk_score` (internal), `risk_rule` (internal) |\n")
	changed, err = writeEvent(root, false)
	require.NoError(t, err)
	require.Empty(t, changed, "a second time changes nothing")
	_, err = writeEvent(lay(t, map[string]string{readmeFile: "no mark"}), false)
	require.Error(t, err)
}

func TestADocumentOffersRequestsThatCanBeSent(t *testing.T) {
	const account = `{"operationId": "Deposit", "responses": {}, "parameters": [{"name": "account", "in": "path", "description": "accounts/{uuid}"}],
		"requestBody": {"content": {"application/json": {"schema": {}}}}}`
	parts := map[string]string{"bank/v1/bank.openapi.json": part(`"/v1/accounts/{account}:deposit": {"post": `+account+`}`, ``)}
	dir := lay(t, parts)
	require.NoError(t, mergeOpenAPI(dir, examples{"bank.v1": {"Deposit": {
		Parameters: map[string]any{"account": "a1"}, Body: map[string]any{"amountMinor": "5"},
	}}}))
	merged, err := files(dir)
	require.NoError(t, err)
	for _, want := range []string{
		`"example": "a1"`, `"amountMinor": "5"`, "accounts/{uuid}. Give the id that follows accounts/ in the name.", `"scheme": "bearer"`,
	} {
		require.Contains(t, string(merged["bank.v1.json"]), want)
	}
	for name, wrong := range map[string]map[string]example{
		"an operation that is not there": {"Nothing": {}},
		"a parameter that is not there":  {"Deposit": {Parameters: map[string]any{"name": "a1"}}},
	} {
		require.ErrorContains(t, mergeOpenAPI(lay(t, parts), examples{"bank.v1": wrong}), examplesFile, name)
	}
	dir = lay(t, map[string]string{"bank/v1/bank.openapi.json": part(`"/cards": {"get": `+operation+`}`, ``)})
	require.ErrorContains(t, mergeOpenAPI(dir, examples{"bank.v1": {"": {Body: map[string]any{}}}}), "takes no body")
}

func TestTheExamplesHaveNoMisspeltPart(t *testing.T) {
	dir := lay(t, map[string]string{"good": "bank.v1: {Deposit: {body: {}}}", "bad": "bank.v1: {Deposit: {bdy: {}}}"})
	shown, err := openExamples(filepath.Join(dir, "good"))
	require.NoError(t, err)
	require.Contains(t, shown["bank.v1"], "Deposit")
	_, err = openExamples(filepath.Join(dir, "bad"))
	require.ErrorContains(t, err, examplesFile)
	_, err = openExamples(filepath.Join(dir, "none"))
	require.Error(t, err)
}
