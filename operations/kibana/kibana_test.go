package kibana_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/kibana"
	"codebank.dev/operations/kibana/kibanatest"
	"codebank.dev/operations/provision"
)

// object returns a saved object as a file holds it.
func object(kind, id string, attributes map[string]any, references ...string) kibana.Object {
	stamps := map[string]string{"index-pattern": "8.0.0", "dashboard": "8.9.0", "lens": "8.9.0", "tag": "8.0.0", "search": "7.9.3"}
	list := []any{}
	for _, reference := range references {
		to, of, _ := strings.Cut(reference, "/")
		list = append(list, map[string]string{"type": to, "id": of, "name": "ref-" + of})
	}
	body, err := json.Marshal(map[string]any{
		"type": kind, "id": id, "attributes": attributes, "references": list,
		"coreMigrationVersion": "8.8.0", "typeMigrationVersion": stamps[kind],
	})
	if err != nil {
		panic("kibana_test: " + err.Error())
	}
	return kibana.Object{Type: kind, ID: id, Body: body}
}

// views are a small set of objects, the one that refers first.
func views() []kibana.Object {
	return []kibana.Object{
		object("dashboard", "overview", map[string]any{
			"title": "Overview", "panelsJSON": `[{"panelIndex":"rate","gridData":{"x":0,"w":12}},{"panelIndex":"count","gridData":{"x":12,"w":12}}]`,
		}, "index-pattern/transactions", "tag/codebank"),
		object("index-pattern", "transactions", map[string]any{"title": "bank-transactions-*", "timeFieldName": "occurred_at"}),
		object("tag", "codebank", map[string]any{"name": "Code Bank", "description": "", "color": "#000000"}),
	}
}

func client(t *testing.T, config kibana.Config) *kibana.Client {
	t.Helper()
	c, err := kibana.New(config)
	require.NoError(t, err)
	return c
}

// reported collects the results.
type reported []string

func (l *reported) report(result provision.Result) {
	*l = append(*l, strings.TrimSpace(fmt.Sprintf("%s/%s %s %s", result.Kind, result.Name, result.Action, result.Detail)))
}

func apply(t *testing.T, c *kibana.Client, wanted []kibana.Object) []string {
	t.Helper()
	var list reported
	require.NoError(t, c.Apply(t.Context(), wanted, list.report))
	return list
}

func TestApplyingTwiceImportsOnce(t *testing.T) {
	for name, migrate := range map[string]func(string, map[string]any){
		"a Kibana that keeps what it is sent": nil,
		"a newer one that adds and moves": func(kind string, attributes map[string]any) {
			if kind == "index-pattern" {
				attributes["name"] = "migrated"
			}
			if kind == "dashboard" {
				attributes["description"] = "migrated"
				attributes["controlGroupInput"] = map[string]any{"chainingSystem": "HIERARCHICAL"}
			}
		},
		"one that writes texts in another order": func(kind string, attributes map[string]any) {
			if kind == "dashboard" {
				attributes["panelsJSON"] = `[ {"gridData":{"w":12.0,"x":0},"panelIndex":"rate"},{"gridData":{"w":12,"x":12},"panelIndex":"count"} ]`
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := kibanatest.Start(t)
			server.Migrate = migrate
			c := client(t, kibana.Config{Address: server.URL})
			require.Equal(t, []string{"tag/codebank created", "index-pattern/transactions created", "dashboard/overview created"}, apply(t, c, views()))
			imports := server.Imports()
			unchanged := []string{"tag/codebank unchanged", "index-pattern/transactions unchanged", "dashboard/overview unchanged"}
			require.Equal(t, unchanged, apply(t, c, views()))
			require.Equal(t, unchanged, apply(t, client(t, kibana.Config{Address: server.URL}), views()))
			require.Equal(t, imports, server.Imports(), "nothing is imported when nothing differs")
		})
	}
}

func TestWhatIsKeptAsItWasSentLeavesNoRecord(t *testing.T) {
	server := kibanatest.Start(t)
	apply(t, client(t, kibana.Config{Address: server.URL}), views())
	require.Equal(t, 1, server.Imports())
	require.Nil(t, server.Attributes("tag", "bankctl-applied"))
}

func TestAChangeOnEitherSideIsFoundAndMended(t *testing.T) {
	migrations := map[string]func(string, map[string]any){
		"kept as sent": nil,
		"migrated": func(kind string, attributes map[string]any) {
			if kind == "dashboard" {
				attributes["description"] = "migrated"
			}
		},
	}
	for name, migrate := range migrations {
		t.Run(name, func(t *testing.T) {
			server := kibanatest.Start(t)
			server.Migrate = migrate
			c := client(t, kibana.Config{Address: server.URL})
			apply(t, c, views())

			server.Change("dashboard", "overview", func(attributes map[string]any) {
				attributes["panelsJSON"] = strings.Replace(attributes["panelsJSON"].(string), `"w":12`, `"w":24`, 1)
			})
			plans, err := c.Plan(t.Context(), views())
			require.NoError(t, err)
			require.Equal(t, provision.Updated, plans[2].Action)
			require.Equal(t, provision.Unchanged, plans[1].Action)
			require.Contains(t, keys(plans[2]), "attributes.panelsJSON[rate].gridData.w")
			lines := apply(t, c, views())
			require.Contains(t, lines[2], "dashboard/overview updated")
			require.Contains(t, lines[0], "unchanged")

			wanted := views()
			wanted[1] = object("index-pattern", "transactions", map[string]any{"title": "bank-*", "timeFieldName": "occurred_at"})
			require.Contains(t, apply(t, c, wanted)[1], "index-pattern/transactions updated")
			require.Equal(t, "bank-*", server.Attributes("index-pattern", "transactions")["title"])
			for _, line := range apply(t, c, wanted) {
				require.Contains(t, line, "unchanged")
			}
		})
	}
}

func keys(plan kibana.Plan) []string {
	var paths []string
	for _, difference := range plan.Differences {
		paths = append(paths, difference.Key)
	}
	return paths
}

func TestAnAddedPanelIsOneDifference(t *testing.T) {
	server := kibanatest.Start(t)
	c := client(t, kibana.Config{Address: server.URL})
	apply(t, c, views())
	server.Change("dashboard", "overview", func(attributes map[string]any) {
		attributes["panelsJSON"] = `[{"panelIndex":"new"},` + strings.TrimPrefix(attributes["panelsJSON"].(string), "[")
	})
	plans, err := c.Plan(t.Context(), views())
	require.NoError(t, err)
	require.Equal(t, []string{"attributes.panelsJSON[new]"}, keys(plans[2]))
}

func TestWhatKibanaCountsIsNoChange(t *testing.T) {
	server := kibanatest.Start(t)
	c := client(t, kibana.Config{Address: server.URL})
	apply(t, c, views())
	server.Change("index-pattern", "transactions", func(attributes map[string]any) {
		attributes["fieldAttrs"] = `{"status":{"count":7}}`
	})
	require.Contains(t, apply(t, c, views())[1], "unchanged")
}

func TestEveryRefusalNamesObjectAndField(t *testing.T) {
	tests := []struct {
		rule   string
		object kibana.Object
		want   kibana.ObjectError
	}{
		{"a newer stamp", restamped(views()[0], "typeMigrationVersion", "10.9.0"), kibana.ObjectError{
			Object: kibana.Key{Type: "dashboard", ID: "overview"}, Kind: kibana.NewerStamp, Field: "typeMigrationVersion"}},
		{"a newer format", restamped(views()[0], "coreMigrationVersion", "9.9.0"), kibana.ObjectError{
			Object: kibana.Key{Type: "dashboard", ID: "overview"}, Kind: kibana.NewerStamp, Field: "coreMigrationVersion"}},
		{"an unknown attribute", object("tag", "x", map[string]any{"bogus": "1"}), kibana.ObjectError{
			Object: kibana.Key{Type: "tag", ID: "x"}, Kind: kibana.Refused, Field: "attributes.bogus", Message: "definition for this key is missing"}},
		{"an attribute of the wrong type", object("dashboard", "x", map[string]any{"panelsJSON": []any{}}), kibana.ObjectError{
			Object: kibana.Key{Type: "dashboard", ID: "x"}, Kind: kibana.Refused, Field: "attributes.panelsJSON"}},
		{"a reference to nothing", object("dashboard", "x", map[string]any{}, "lens/gone"), kibana.ObjectError{
			Object: kibana.Key{Type: "dashboard", ID: "x"}, Kind: kibana.MissingReferences, Field: "references", Message: "lens/gone is not there"}},
		{"an unknown type", object("poem", "x", map[string]any{}), kibana.ObjectError{
			Object: kibana.Key{Type: "poem", ID: "x"}, Kind: kibana.UnsupportedType}},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			server := kibanatest.Start(t)
			var list reported
			err := client(t, kibana.Config{Address: server.URL}).Apply(t.Context(), append(views()[1:], tt.object), list.report)
			got := new(kibana.ObjectError)
			require.ErrorAs(t, err, &got)
			require.Equal(t, tt.want.Object, got.Object)
			require.Equal(t, tt.want.Kind, got.Kind)
			require.Equal(t, tt.want.Field, got.Field)
			require.Contains(t, got.Message, tt.want.Message)
			require.ErrorContains(t, err, tt.want.Object.String())
			for _, line := range list {
				require.Equal(t, strings.Contains(line, tt.want.Object.String()), strings.HasSuffix(line, " refused"), line)
			}
			require.Len(t, list, 3, "what Kibana took is reported, and what it refused as refused")
		})
	}
}

func restamped(o kibana.Object, stamp, version string) kibana.Object {
	var body map[string]any
	_ = json.Unmarshal(o.Body, &body)
	if body[stamp] = version; version == "" {
		delete(body, stamp)
	}
	o.Body, _ = json.Marshal(body)
	return o
}

func TestAnImportWithoutStampsSaysWhatIsAmiss(t *testing.T) {
	server := kibanatest.Start(t)
	err := client(t, kibana.Config{Address: server.URL}).Import(t.Context(), []kibana.Object{restamped(object("lens", "x", nil), "typeMigrationVersion", "")})
	require.ErrorContains(t, err, "lens/x: typeMigrationVersion: it is missing")
	require.ErrorContains(t, err, "status 500")
}

func TestSeveralObjectsThatFailAreAllTold(t *testing.T) {
	server := kibanatest.Start(t)
	err := client(t, kibana.Config{Address: server.URL}).Import(t.Context(), []kibana.Object{
		object("poem", "x", nil), object("dashboard", "y", nil, "lens/gone", "tag/gone"),
	})
	require.Len(t, strings.Split(err.Error(), "\n"), 3)
}

func TestAnAnswerOf200IsNotSuccess(t *testing.T) {
	for body, want := range map[string]string{
		`{"success":false,"successCount":0}`: "does not say why",
		`{"success":true,"successCount":0}`:  "0 objects were imported of 1",
		`<html>`:                             "not the answer",
		`{"success":false,"errors":[{"type":"tag","id":"x","error":{"type":"conflict"}}]}`:                                                  "tag/x: it is there already (conflict)",
		`{"success":false,"errors":[{"type":"tag","id":"x","error":{"type":"ambiguous_conflict"}}]}`:                                        "ambiguous_conflict",
		`{"success":false,"errors":[{"type":"tag","id":"x","error":{"type":"ambiguous_conflict","destinations":[{"id":"a"},{"id":"b"}]}}]}`: "tag/x: the space has several copies of it, a, b; delete all but one (ambiguous_conflict)",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		err := client(t, kibana.Config{Address: server.URL}).Import(t.Context(), []kibana.Object{object("tag", "x", nil)})
		require.ErrorContains(t, err, want, body)
		server.Close()
	}
}

func TestAKibanaThatStartsIsWaitedFor(t *testing.T) {
	server := kibanatest.Start(t)
	server.Starting = 2
	apply(t, client(t, kibana.Config{Address: server.URL}), views())

	server.Starting = 1 << 20
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := client(t, kibana.Config{Address: server.URL}).Apply(ctx, views(), func(provision.Result) {})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "waiting for Kibana")
}

func TestSpaces(t *testing.T) {
	server := kibanatest.Start(t)
	server.Spaces = []string{"risk"}
	apply(t, client(t, kibana.Config{Address: server.URL + "/", Space: "risk"}), views())
	require.NotNil(t, server.AttributesIn("risk", "dashboard", "overview"))
	require.Nil(t, server.Attributes("dashboard", "overview"))
	_, err := client(t, kibana.Config{Address: server.URL, Space: "none"}).Plan(t.Context(), views())
	require.ErrorIs(t, err, kibana.ErrNotFound)
	require.ErrorContains(t, err, "space none")
	apply(t, client(t, kibana.Config{Address: server.URL, Space: "default"}), views())
	require.NotNil(t, server.Attributes("dashboard", "overview"))
}

// TestASpaceWhoseObjectsHaveOtherIDsIsAppliedOnce has two spaces. An id is unique over all spaces, so the objects of
// the second get new ones.
func TestASpaceWhoseObjectsHaveOtherIDsIsAppliedOnce(t *testing.T) {
	for name, migrate := range map[string]func(string, map[string]any){
		"kept as sent": nil,
		"migrated": func(kind string, attributes map[string]any) {
			if kind == "dashboard" {
				attributes["description"] = "migrated"
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := kibanatest.Start(t)
			server.Spaces, server.Migrate = []string{"risk", "fraud"}, migrate
			created := []string{"tag/codebank created", "index-pattern/transactions created", "dashboard/overview created"}
			unchanged := []string{"tag/codebank unchanged", "index-pattern/transactions unchanged", "dashboard/overview unchanged"}
			for _, space := range []string{"", "risk", "fraud"} {
				require.Equal(t, created, apply(t, client(t, kibana.Config{Address: server.URL, Space: space}), views()), space)
			}
			writes := server.Writes()
			for _, space := range []string{"", "risk", "fraud"} {
				require.Equal(t, unchanged, apply(t, client(t, kibana.Config{Address: server.URL, Space: space}), views()), space)
			}
			require.Equal(t, writes, server.Writes(), "nothing is written when nothing differs")

			// One object changes. What it refers to is not sent again, and is found.
			wanted := views()
			wanted[0] = object("dashboard", "overview", map[string]any{"title": "All payments"}, "index-pattern/transactions", "tag/codebank")
			risk := client(t, kibana.Config{Address: server.URL, Space: "risk"})
			require.Contains(t, apply(t, risk, wanted)[2], "dashboard/overview updated")
			require.Contains(t, apply(t, risk, wanted)[2], "dashboard/overview unchanged")
			require.Equal(t, "All payments", server.AttributesIn("risk", "dashboard", "overview")["title"])
			require.Equal(t, "Overview", server.AttributesIn("fraud", "dashboard", "overview")["title"])

			// What comes back has the names of the files.
			dashboard := kibana.Key{Type: "dashboard", ID: "overview"}
			found, err := risk.Export(t.Context(), []kibana.Key{dashboard}, true)
			require.NoError(t, err)
			require.Len(t, found, 3)
			require.Contains(t, string(found[dashboard].Body), `"id":"overview"`)
			require.Contains(t, string(found[dashboard].Body), `"id":"transactions"`)
		})
	}
}

func TestAnImportedObjectThatCannotBeReadBackIsNotReported(t *testing.T) {
	server := kibanatest.New()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "_import") {
			_, _ = w.Write([]byte(`{"success":true,"successCount":3}`))
			return
		}
		server.ServeHTTP(w, r)
	}))
	defer web.Close()
	var list reported
	err := client(t, kibana.Config{Address: web.URL}).Apply(t.Context(), views(), list.report)
	for _, name := range []string{"dashboard/overview", "tag/codebank", "index-pattern/transactions"} {
		require.ErrorContains(t, err, name+": it was imported and cannot be read back: another space may have an object with this id")
	}
	require.Equal(t, reported{"tag/codebank refused", "index-pattern/transactions refused", "dashboard/overview refused"}, list)
}

func TestARuleWhoseIDAnotherSpaceHasIsRefusedWithTheCause(t *testing.T) {
	server := kibanatest.Start(t)
	server.Spaces = []string{"risk"}
	rules := []kibana.Rule{{ID: "x", Body: json.RawMessage(`{"name":"x","rule_type_id":".es-query","consumer":"alerts","schedule":{"interval":"1m"},"params":{}}`)}}
	require.NoError(t, client(t, kibana.Config{Address: server.URL}).ApplyRules(t.Context(), rules, func(provision.Result) {}))
	for range 2 {
		var list reported
		err := client(t, kibana.Config{Address: server.URL, Space: "risk"}).ApplyRules(t.Context(), rules, list.report)
		require.ErrorContains(t, err, "rule/x: another space of this Kibana has a rule with this id")
		require.Equal(t, reported{"rule/x refused"}, list)
	}
}

func TestCredentials(t *testing.T) {
	server := kibanatest.Start(t)
	server.APIKey, server.User, server.Password = "c2VjcmV0LWtleQ==", "ana", "secret-word"
	apply(t, client(t, kibana.Config{Address: server.URL, APIKey: server.APIKey}), views())
	withPassword := strings.Replace(server.URL, "http://", "http://ana:secret-word@", 1)
	apply(t, client(t, kibana.Config{Address: withPassword}), views())
	for _, config := range []kibana.Config{
		{Address: server.URL}, {Address: server.URL, APIKey: "d3Jvbmctc2VjcmV0"}, {Address: strings.Replace(withPassword, "word", "wrong", 1)},
	} {
		_, err := client(t, config).Plan(t.Context(), views())
		require.ErrorContains(t, err, "refused with 401")
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestNoErrorTellsASecret(t *testing.T) {
	for _, config := range []kibana.Config{
		{Address: "http://ana:secret@127.0.0.1:1"}, {Address: "http://127.0.0.1:1", APIKey: "secret"},
		{Address: "ftp://ana:secret@host"}, {Address: "http://ana:secret@ho st"}, {Address: "http://host", APIKey: "secret key"},
	} {
		c, err := kibana.New(config)
		if err == nil {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			err = c.Await(ctx)
			cancel()
		}
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestAnAPIKeyNeedsTLSUnlessTheAddressIsLoopback(t *testing.T) {
	for address, allowed := range map[string]bool{"http://127.0.0.1:1": true, "http://[::1]:1": true, "https://kibana": true, "http://kibana": false} {
		_, err := kibana.New(kibana.Config{Address: address, APIKey: "key"})
		require.Equal(t, allowed, err == nil, "%s: %v", address, err)
	}
}

func TestCredentialsDoNotFollowARedirect(t *testing.T) {
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer server.Close()
	err := client(t, kibana.Config{Address: server.URL, APIKey: "key"}).Await(t.Context())
	require.ErrorContains(t, err, "it redirects")
	require.False(t, asked)
}

func TestExport(t *testing.T) {
	server := kibanatest.Start(t)
	c := client(t, kibana.Config{Address: server.URL})
	apply(t, c, views())
	dashboard, gone := kibana.Key{Type: "dashboard", ID: "overview"}, kibana.Key{Type: "tag", ID: "gone"}
	found, err := c.Export(t.Context(), []kibana.Key{dashboard, gone}, true)
	require.NoError(t, err)
	require.Len(t, found, 3, "what it refers to comes with it")
	for _, noise := range []string{"updated_at", "created_at", "version\"", "namespaces", "managed"} {
		require.NotContains(t, string(found[dashboard].Body), noise)
	}
	require.True(t, strings.HasPrefix(string(found[dashboard].Body), `{"attributes":{"panelsJSON":`), "keys are sorted")
	found, err = c.Export(t.Context(), []kibana.Key{gone}, false)
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestAnExportThatDoesNotSayWhatIsMissingIsAskedForOneByOne(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Objects []kibana.Key }
		_ = json.NewDecoder(r.Body).Decode(&asked)
		if len(asked.Objects) == 1 && asked.Objects[0].ID == "there" {
			_, _ = w.Write([]byte(`{"type":"tag","id":"there","attributes":{}}`))
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"message":"Error fetching objects to export"}`))
	}))
	defer server.Close()
	found, err := client(t, kibana.Config{Address: server.URL}).Export(t.Context(), []kibana.Key{{Type: "tag", ID: "gone"}, {Type: "tag", ID: "there"}}, false)
	require.NoError(t, err)
	require.Len(t, found, 1)
}

func TestWhatMayNotBeReadIsNoMissingObject(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"message":"Error fetching objects to export","attributes":{"objects":[{"type":"tag","id":"x","error":{"statusCode":403}}]}}`))
	}))
	defer server.Close()
	_, err := client(t, kibana.Config{Address: server.URL}).Export(t.Context(), []kibana.Key{{Type: "tag", ID: "x"}}, false)
	require.ErrorContains(t, err, "tag/x: Forbidden (status 403, missing_privilege)")
}

func TestRules(t *testing.T) {
	server := kibanatest.Start(t)
	c := client(t, kibana.Config{Address: server.URL})
	rule := func(minutes int) []kibana.Rule {
		return []kibana.Rule{{ID: "no-payments", Body: json.RawMessage(fmt.Sprintf(
			`{"name":"No payments","rule_type_id":".es-query","consumer":"alerts","enabled":true,"schedule":{"interval":"1m"},"params":{"size":0,"timeWindowSize":%d},"actions":[],"tags":["codebank"]}`, minutes))}}
	}
	lines := func(rules []kibana.Rule) []string {
		var list reported
		require.NoError(t, c.ApplyRules(t.Context(), rules, list.report))
		return list
	}
	require.Equal(t, []string{"rule/no-payments created"}, lines(rule(5)))
	writes := server.Writes()
	server.Rule("no-payments")["enabled"] = false // Someone switched it off.
	require.Equal(t, []string{"rule/no-payments unchanged"}, lines(rule(5)))
	require.Equal(t, writes, server.Writes())
	require.Equal(t, []string{"rule/no-payments updated params.timeWindowSize"}, lines(rule(10)))
	require.Equal(t, []string{"rule/no-payments unchanged"}, lines(rule(10)))
	require.Equal(t, false, server.Rule("no-payments")["enabled"])

	server.Rule("no-payments")["consumer"] = "logs"
	plans, err := c.PlanRules(t.Context(), rule(10))
	require.ErrorContains(t, err, "rule/no-payments: consumer: it is \"logs\"")
	require.Len(t, plans, 1)
	require.Equal(t, provision.Refused, plans[0].Action)
	require.Equal(t, kibana.FixedMember, plans[0].Refusal.Cause)
}

func TestARuleWhoseCreationWasAnsweredIntoTheVoidIsThere(t *testing.T) {
	server := kibanatest.New()
	lost := false
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && !lost {
			lost = true
			server.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		server.ServeHTTP(w, r)
	}))
	defer web.Close()
	body := `{"name":"x","rule_type_id":".es-query","consumer":"alerts","schedule":{"interval":"1m"},"params":{}}`
	err := client(t, kibana.Config{Address: web.URL}).ApplyRules(t.Context(), []kibana.Rule{{ID: "x", Body: json.RawMessage(body)}}, func(provision.Result) {})
	require.NoError(t, err)
	require.NotNil(t, server.Rule("x"))
}

func TestAnObjectWantedTwiceIsRefused(t *testing.T) {
	server := kibanatest.Start(t)
	_, err := client(t, kibana.Config{Address: server.URL}).Plan(t.Context(), append(views(), views()[0]))
	require.ErrorContains(t, err, "dashboard/overview is wanted twice")
	require.False(t, errors.Is(err, kibana.ErrNotFound))
}
