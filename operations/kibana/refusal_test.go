package kibana_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/kibana"
	"codebank.dev/operations/kibana/kibanatest"
	"codebank.dev/operations/provision"
)

// threeRules are rules that any Kibana takes.
func threeRules() []kibana.Rule {
	var rules []kibana.Rule
	for _, id := range []string{"first", "second", "third"} {
		rules = append(rules, kibana.Rule{ID: id, Body: json.RawMessage(
			`{"name":"` + id + `","rule_type_id":".es-query","consumer":"alerts","schedule":{"interval":"1m"},"params":{}}`)})
	}
	return rules
}

// refused returns the only refusal of an error that ended nothing.
func refused(t *testing.T, err error) *kibana.ObjectError {
	t.Helper()
	all, fatal := kibana.Refusals(err)
	require.NoError(t, fatal)
	require.Len(t, all, 1, "%v", err)
	return all[0]
}

func TestARefusedRuleStopsNoOther(t *testing.T) {
	for cause, refusal := range map[string]kibanatest.Refusal{
		kibana.MissingPrivilege:      {Status: http.StatusForbidden, Message: kibanatest.WithoutPrivilege},
		kibana.MissingLicence:        {Status: http.StatusForbidden, Message: kibanatest.WithoutLicence},
		kibana.DisabledConnectorType: {Status: http.StatusForbidden, Message: kibanatest.WithoutConnectorType},
		kibana.UnknownRuleType:       {Status: http.StatusBadRequest, Message: kibanatest.WithoutRuleType},
		kibana.MissingFeature:        {Status: http.StatusNotFound, Message: kibanatest.WithoutFeature},
		kibana.ServerError:           {Status: http.StatusInternalServerError, Message: kibanatest.InternalError},
		kibana.Refused:               {Status: http.StatusBadRequest, Message: "[request body.params]: no"},
	} {
		for _, on := range []string{kibanatest.Reads, kibanatest.Writes} {
			t.Run(cause+" on "+on, func(t *testing.T) {
				server := kibanatest.Start(t)
				c := client(t, kibana.Config{Address: server.URL})
				refusal.Of, refusal.On = "rule/second", on
				server.Refuse(refusal)

				plans, err := c.PlanRules(t.Context(), threeRules())
				require.Len(t, plans, 3)
				if on == kibanatest.Reads {
					require.Equal(t, cause, refused(t, err).Kind)
					require.Equal(t, provision.Refused, plans[1].Action)
				}
				var list reported
				got := refused(t, c.ApplyRules(t.Context(), threeRules(), list.report))
				require.Equal(t, kibana.Key{Type: "rule", ID: "second"}, got.Object)
				require.Equal(t, cause, got.Kind)
				require.Equal(t, refusal.Status, got.Status)
				require.Equal(t, reported{"rule/first created", "rule/second refused", "rule/third created"}, list)
				require.Nil(t, server.Rule("second"))

				list = nil
				require.Error(t, c.ApplyRules(t.Context(), threeRules(), list.report))
				require.Equal(t, reported{"rule/first unchanged", "rule/second refused", "rule/third unchanged"}, list)
				found, err := c.ExportRules(t.Context(), threeRules())
				require.Equal(t, on == kibanatest.Reads, err != nil)
				require.Len(t, found, 2)

				server.Allow()
				list = nil
				require.NoError(t, c.ApplyRules(t.Context(), threeRules(), list.report))
				require.Equal(t, reported{"rule/first unchanged", "rule/second created", "rule/third unchanged"}, list)
			})
		}
	}
}

func TestARuleThatSomebodyElseChangesIsAConflict(t *testing.T) {
	server := kibanatest.Start(t)
	c := client(t, kibana.Config{Address: server.URL})
	require.NoError(t, c.ApplyRules(t.Context(), threeRules(), func(provision.Result) {}))
	changed := threeRules()
	changed[1].Body = json.RawMessage(strings.Replace(string(changed[1].Body), "1m", "5m", 1))
	server.Refuse(kibanatest.Refusal{Of: "rule/*", On: kibanatest.Writes, Status: http.StatusConflict, Message: "Saved object [alert/second] conflict", Times: 1})
	var list reported
	require.Equal(t, kibana.Conflict, refused(t, c.ApplyRules(t.Context(), changed, list.report)).Kind)
	list = nil
	require.NoError(t, c.ApplyRules(t.Context(), changed, list.report))
	require.Equal(t, "rule/second updated schedule.interval", list[1])
}

func TestARuleThatKibanaAcceptsAndDoesNotKeepIsNotDone(t *testing.T) {
	server := kibanatest.Start(t)
	server.Refuse(kibanatest.Refusal{Of: "rule/first", On: kibanatest.Writes, Status: http.StatusOK})
	var list reported
	got := refused(t, client(t, kibana.Config{Address: server.URL}).ApplyRules(t.Context(), threeRules(), list.report))
	require.Equal(t, kibana.NotKept, got.Kind)
	require.Equal(t, "rule/first refused", list[0])
}

// A Kibana that is never ready for one rule must leave time for the others.
func TestARuleForWhichKibanaIsNeverReadyLeavesTimeForTheOthers(t *testing.T) {
	server := kibanatest.Start(t)
	server.Refuse(kibanatest.Refusal{Of: "rule/first", Status: http.StatusServiceUnavailable, Message: "circuit breaker"})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var list reported
	got := refused(t, client(t, kibana.Config{Address: server.URL}).ApplyRules(ctx, threeRules(), list.report))
	require.Equal(t, http.StatusServiceUnavailable, got.Status)
	require.Equal(t, reported{"rule/first refused", "rule/second created", "rule/third created"}, list)
}

func TestInvalidCredentialsEndTheWork(t *testing.T) {
	server := kibanatest.Start(t)
	server.Refuse(kibanatest.Refusal{Of: "rule/second", Status: http.StatusUnauthorized, Message: kibanatest.InvalidKey})
	var list reported
	refused, fatal := kibana.Refusals(client(t, kibana.Config{Address: server.URL}).ApplyRules(t.Context(), threeRules(), list.report))
	require.Empty(t, refused)
	require.ErrorContains(t, fatal, "refused with 401: [security_exception")
	require.ErrorContains(t, fatal, "the credentials are missing, wrong or expired")
	require.Equal(t, reported{"rule/first created"}, list)
}

func TestASpaceWithoutPrivilegeIsNotAWrongPassword(t *testing.T) {
	server := kibanatest.Start(t)
	server.Spaces = []string{"risk"}
	server.Refuse(kibanatest.Refusal{Of: "space/risk", Status: http.StatusForbidden, Message: "Unauthorized to get risk space"})
	_, err := client(t, kibana.Config{Address: server.URL, Space: "risk"}).Plan(t.Context(), views())
	require.ErrorContains(t, err, "Unauthorized to get risk space; the credentials are valid")
}

func TestObjectsOfATypeWithoutPrivilegeStopNoOthers(t *testing.T) {
	for _, on := range []string{kibanatest.Reads, kibanatest.Writes} {
		t.Run(on, func(t *testing.T) {
			server := kibanatest.Start(t)
			c := client(t, kibana.Config{Address: server.URL})
			server.Refuse(kibanatest.Refusal{Of: "index-pattern/*", On: on, Status: http.StatusForbidden, Message: "Unable to bulk_create index-pattern"})
			wanted := views()
			wanted[0] = object("dashboard", "overview", map[string]any{"title": "Overview"}, "tag/codebank")

			plans, err := c.Plan(t.Context(), wanted)
			require.Len(t, plans, 3)
			require.Equal(t, on == kibanatest.Reads, err != nil)
			var list reported
			got := refused(t, c.Apply(t.Context(), wanted, list.report))
			require.Equal(t, kibana.Key{Type: "index-pattern", ID: "transactions"}, got.Object)
			require.Equal(t, kibana.MissingPrivilege, got.Kind)
			require.Equal(t, reported{"tag/codebank created", "index-pattern/transactions refused", "dashboard/overview created"}, list)
			found, err := c.Export(t.Context(), []kibana.Key{{Type: "dashboard", ID: "overview"}, {Type: "index-pattern", ID: "transactions"}}, false)
			require.Len(t, found, 1)
			require.Equal(t, on == kibanatest.Reads, err != nil)

			server.Allow()
			list = nil
			require.NoError(t, c.Apply(t.Context(), wanted, list.report))
			require.Equal(t, reported{"tag/codebank unchanged", "index-pattern/transactions created", "dashboard/overview unchanged"}, list)
		})
	}
}

// The record is in a tag. If tags cannot be read, its entries must not be lost.
func TestARecordThatCannotBeReadIsNotWrittenAgain(t *testing.T) {
	server := kibanatest.Start(t)
	server.Migrate = func(kind string, attributes map[string]any) {
		if kind == "dashboard" {
			attributes["description"] = "migrated"
		}
	}
	c := client(t, kibana.Config{Address: server.URL})
	apply(t, c, views())
	before := server.Attributes("tag", "bankctl-applied")["description"]
	require.NotEmpty(t, before)
	server.Refuse(kibanatest.Refusal{Of: "tag/*", On: kibanatest.Reads, Status: http.StatusForbidden, Message: "Unable to bulk_get tag"})
	wanted := views()
	wanted[1] = object("index-pattern", "transactions", map[string]any{"title": "other", "timeFieldName": "occurred_at"})
	all, fatal := kibana.Refusals(c.Apply(t.Context(), wanted, func(provision.Result) {}))
	require.NoError(t, fatal)
	require.Len(t, all, 2, "the record, and the tag")
	require.Equal(t, "other", server.Attributes("index-pattern", "transactions")["title"])
	require.Equal(t, before, server.Attributes("tag", "bankctl-applied")["description"])
}
