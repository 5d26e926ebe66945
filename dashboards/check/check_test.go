package check_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards"
	"codebank.dev/dashboards/check"
)

func ours(t *testing.T) []dashboards.Object {
	t.Helper()
	objects, err := dashboards.Objects()
	require.NoError(t, err)
	return objects
}

func TestOurObjectsAreSound(t *testing.T) {
	require.Empty(t, check.Objects(ours(t)))
}

// tree is JSON that a test damages.
type tree = map[string]any

func at(t *testing.T, node any, path ...string) tree {
	t.Helper()
	for _, key := range path {
		inner, ok := node.(tree)[key]
		require.True(t, ok, "no %s of %v", key, path)
		node = inner
	}
	return node.(tree)
}

func panelOf(t *testing.T, whole tree, id string) tree {
	t.Helper()
	for _, panel := range at(t, whole, "attributes")["panelsJSON"].([]any) {
		if panel.(tree)["panelIndex"] == id {
			return panel.(tree)
		}
	}
	t.Fatalf("no panel %s", id)
	return nil
}

func layerOf(t *testing.T, whole tree, panel string) tree {
	t.Helper()
	return at(t, panelOf(t, whole, panel), "embeddableConfig", "attributes", "state", "datasourceStates", "formBased", "layers", "layer")
}

func columnOf(t *testing.T, whole tree, panel, column string) tree {
	t.Helper()
	return at(t, layerOf(t, whole, panel), "columns", column)
}

func visualOf(t *testing.T, whole tree, panel string) tree {
	t.Helper()
	return at(t, panelOf(t, whole, panel), "embeddableConfig", "attributes", "state", "visualization")
}

// named returns a reference of a dashboard.
func named(t *testing.T, whole tree, name string) tree {
	t.Helper()
	for _, reference := range whole["references"].([]any) {
		if reference.(tree)["name"] == name {
			return reference.(tree)
		}
	}
	t.Fatalf("no reference %s", name)
	return nil
}

// emptied returns an object that exists only as the target of references.
func emptied(object dashboards.Object) dashboards.Object {
	object.Body = []byte("{}")
	return object
}

// findingsAfter damages one of our objects and returns the findings, one in each line.
// All other objects are empty.
func findingsAfter(t *testing.T, name string, damage func(*testing.T, tree)) string {
	t.Helper()
	objects := ours(t)
	for i, object := range objects {
		if object.Type+"/"+object.ID != name {
			if object.Type != "index-pattern" { // the formats of the fields
				objects[i] = emptied(object)
			}
			continue
		}
		var whole tree
		require.NoError(t, json.Unmarshal(object.Body, &whole))
		damage(t, whole)
		body, err := dashboards.JSON(whole)
		require.NoError(t, err)
		objects[i].Body = body
	}
	return strings.Join(check.Objects(objects), "\n")
}

// TestEachFaultIsFound damages the dashboard overview in one way, and expects the
// finding.
func TestEachFaultIsFound(t *testing.T) {
	const rate = "approval-rate"
	for _, tt := range []struct {
		fault  string
		damage func(*testing.T, tree)
		want   string
	}{
		{"another type than the folder", func(t *testing.T, o tree) { o["type"] = "lens" }, ": the folder is dashboard and the type lens"},
		{"another id than the file", func(t *testing.T, o tree) { o["id"] = "x" }, ": the file is overview and the id x"},
		{"a newer stamp", func(t *testing.T, o tree) { o["typeMigrationVersion"] = "10.9.0" }, ": typeMigrationVersion is 10.9.0, want 8.9.0"},
		{"no stamp", func(t *testing.T, o tree) { delete(o, "coreMigrationVersion") }, ": coreMigrationVersion is <nil>, want 8.8.0"},
		{"a field of exports", func(t *testing.T, o tree) { o["updated_at"] = "x" }, ": updated_at is a field of exports, which a file does not have"},
		{"an attribute that is folded", func(t *testing.T, o tree) { at(t, o, "attributes")["panelsJSON"] = "[]" }, ": attribute panelsJSON is folded already"},
		{"a reference to a missing object", func(t *testing.T, o tree) {
			named(t, o, rate+":indexpattern-datasource-layer-layer")["id"] = "x"
		}, " panel approval-rate: refers to index-pattern/x, which does not exist"},
		{"a reference of another type", func(t *testing.T, o tree) {
			r := named(t, o, "links:link_risk_dashboard")
			r["type"], r["id"] = "tag", "code-bank"
		}, " panel links: reference links:link_risk_dashboard is to a tag, want a dashboard"},
		{"a control's reference by the control's type", func(t *testing.T, o tree) {
			named(t, o, "controlGroup_store:optionsListDataView")["name"] = "controlGroup_store:optionsListControlDataView"
		}, " control store: reference controlGroup_store:optionsListDataView is missing"},
		{"a reference that nothing uses", func(t *testing.T, o tree) {
			named(t, o, rate+":indexpattern-datasource-layer-layer")["name"] = rate + ":indexpattern-datasource-layer-other"
		}, " panel approval-rate: reference approval-rate:indexpattern-datasource-layer-other is not used"},
		{"a tag by another name", func(t *testing.T, o tree) { named(t, o, "tag-ref-code-bank")["name"] = "tag-ref-x" }, ": reference tag-ref-x is to tag/code-bank"},
		{"a chart without its own reference", func(t *testing.T, o tree) {
			at(t, panelOf(t, o, rate), "embeddableConfig", "attributes")["references"] = []any{}
		}, " panel approval-rate: layer layer has no reference in the chart"},
		{"a chart with another data view than the dashboard's", func(t *testing.T, o tree) {
			at(t, panelOf(t, o, rate), "embeddableConfig", "attributes")["references"].([]any)[0].(tree)["id"] = "watermarks"
		}, " panel approval-rate: reference indexpattern-datasource-layer-layer of the chart is not one of the dashboard"},
		{"an accessor that is no column", func(t *testing.T, o tree) { visualOf(t, o, rate)["metricAccessor"] = "x" }, " panel approval-rate: metricAccessor x is no column"},
		{"a drawn layer that does not exist", func(t *testing.T, o tree) { visualOf(t, o, rate)["layerId"] = "x" }, " panel approval-rate: layerId x is no layer"},
		{"a table's column that does not exist", func(t *testing.T, o tree) {
			visualOf(t, o, "top-stores")["columns"].([]any)[0].(tree)["columnId"] = "x"
		}, " panel top-stores: columnId x is no column"},
		{"a column without a place", func(t *testing.T, o tree) {
			l := layerOf(t, o, rate)
			l["columnOrder"] = l["columnOrder"].([]any)[1:]
		}, " panel approval-rate: columnOrder"},
		{"a bucket after a figure", func(t *testing.T, o tree) {
			order := layerOf(t, o, "payments-by-status")["columnOrder"].([]any)
			order[0], order[2] = order[2], order[0]
		}, " panel payments-by-status: column bucket-2 is a bucket, and stands after a figure"},
		{"a formula of text alone", func(t *testing.T, o tree) { columnOf(t, o, rate, "rate")["references"] = []any{} }, " panel approval-rate: column rate is a formula without parts"},
		{"a formula with a missing part", func(t *testing.T, o tree) {
			delete(at(t, layerOf(t, o, rate), "columns"), "rateX2")
		}, " panel approval-rate: column rate refers to column rateX2, which does not exist"},
		{"a math column without parts", func(t *testing.T, o tree) {
			math := columnOf(t, o, rate, "rateX2")
			math["references"] = []any{}
			at(t, math, "params", "tinymathAst")["args"] = []any{1, 2}
		}, " panel approval-rate: column rate is a formula without parts"},
		{"an id that begins another", func(t *testing.T, o tree) {
			columns := at(t, layerOf(t, o, rate), "columns")
			columns["rate-of-all"] = columns["rateX0"]
		}, " panel approval-rate: column rate is a formula whose id begins the id of column rate-of-all"},
		{"a formula with a field", func(t *testing.T, o tree) { columnOf(t, o, rate, "rate")["sourceField"] = "status" }, " panel approval-rate: column rate is a formula with a sourceField"},
		{"a math column with a field", func(t *testing.T, o tree) { columnOf(t, o, rate, "rateX2")["sourceField"] = "status" }, " panel approval-rate: column rateX2 is a math column with a sourceField"},
		{"a math column with other parts than it names", func(t *testing.T, o tree) {
			at(t, columnOf(t, o, rate, "rateX2"), "params", "tinymathAst")["args"] = []any{"rateX1", "rateX0"}
		}, " panel approval-rate: column rateX2 calculates with [rateX1 rateX0] and refers to [rateX0 rateX1]"},
		{"a part that stands elsewhere in the formula", func(t *testing.T, o tree) {
			at(t, columnOf(t, o, rate, "rateX2"), "params", "tinymathAst", "location")["min"] = 3
		}, " panel approval-rate: column rateX2 says that"},
		{"values ordered by a formula", func(t *testing.T, o tree) {
			at(t, columnOf(t, o, "top-stores", "bucket-1"), "params", "orderBy")["columnId"] = "rate"
		}, " panel top-stores: column bucket-1 is ordered by column rate, which is a formula"},
		{"values ordered by a missing column", func(t *testing.T, o tree) {
			at(t, columnOf(t, o, "top-stores", "bucket-1"), "params", "orderBy")["columnId"] = "x"
		}, " panel top-stores: column bucket-1 is ordered by column x, which does not exist"},
		{"values ordered by a missing figure", func(t *testing.T, o tree) {
			at(t, columnOf(t, o, "top-stores", "bucket-1"), "params")["orderBy"] = tree{"type": "custom"}
		}, " panel top-stores: column bucket-1 is ordered by a figure that does not exist"},
		{"a count without a field", func(t *testing.T, o tree) { columnOf(t, o, "payments", "payments")["sourceField"] = "" }, " panel payments: column payments has no sourceField"},
		{"a panel over another", func(t *testing.T, o tree) { at(t, panelOf(t, o, "payments"), "gridData")["x"] = 12 }, " panel payments: lies over panel approval-rate"},
		{"a hole", func(t *testing.T, o tree) { at(t, panelOf(t, o, "currencies"), "gridData")["w"] = 15 }, ": the layout has holes of 17 grid cells"},
		{"a panel over the edge", func(t *testing.T, o tree) { at(t, panelOf(t, o, "currencies"), "gridData")["w"] = 17 }, " panel currencies: is not inside 48 columns"},
		{"a figure far down", func(t *testing.T, o tree) { at(t, panelOf(t, o, rate), "gridData")["y"] = 60 }, " panel approval-rate: is a figure and ends in row 65, below the first 24"},
		{"an id twice", func(t *testing.T, o tree) { panelOf(t, o, rate)["panelIndex"] = "links" }, " panel links: its id is not unique"},
		{"a title twice", func(t *testing.T, o tree) { panelOf(t, o, rate)["title"] = "Dashboards" }, ` panel approval-rate: its title "Dashboards" is not unique`},
		{"no definition", func(t *testing.T, o tree) {
			at(t, panelOf(t, o, rate), "embeddableConfig", "attributes")["description"] = ""
		}, " panel approval-rate: has no description"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			require.Contains(t, findingsAfter(t, "dashboard/overview", tt.damage), "dashboard/overview"+tt.want)
		})
	}
}

// TestWhatCannotBeReadIsFound damages how a dashboard looks, and expects the finding.
func TestWhatCannotBeReadIsFound(t *testing.T) {
	first := func(list any) tree { return list.([]any)[0].(tree) }
	for _, tt := range []struct {
		board, fault string
		damage       func(*testing.T, tree)
		want         string
	}{
		{"stores", "a heatmap that does not name its good end", func(t *testing.T, o tree) {
			panelOf(t, o, "hours-rate")["title"] = "Approval rate by weekday and hour"
		}, " panel hours-rate: has a scale of colours whose good end is not named"},
		{"stores", "a heatmap without a palette", func(t *testing.T, o tree) { delete(visualOf(t, o, "hours"), "palette") },
			" panel hours: has colours that do not go from pale to dark"},
		{"overview", "a palette that the description does not explain", func(t *testing.T, o tree) {
			at(t, panelOf(t, o, "approval-rate"), "embeddableConfig", "attributes")["description"] = "Approved payments."
		}, " panel approval-rate: has a scale of colours whose good end is not named"},
		{"overview", "a palette turned round", func(t *testing.T, o tree) {
			stops := at(t, visualOf(t, o, "approval-rate"), "palette", "params")["colorStops"].([]any)
			stops[0].(tree)["color"], stops[2].(tree)["color"] = stops[2].(tree)["color"], stops[0].(tree)["color"]
		}, " panel approval-rate: has a scale of colours whose good end is not named"},
		{"overview", "a long title", func(t *testing.T, o tree) {
			panelOf(t, o, "currencies")["title"] = strings.Repeat("Payments by currency and much more ", 3)
		}, " panel currencies: title"},
		{"overview", "a long name of a tile", func(t *testing.T, o tree) {
			columnOf(t, o, "approval-rate", "rate")["label"] = strings.Repeat("Approval rate ", 5)
		}, " panel approval-rate: name"},
		{"overview", "a figure wider than its tile", func(t *testing.T, o tree) { at(t, panelOf(t, o, "net-volume"), "gridData")["w"] = 6 },
			" panel net-volume: figure"},
		{"overview", "a long date in a tile", func(t *testing.T, o tree) { at(t, panelOf(t, o, "complete-up-to"), "gridData")["w"] = 9 },
			" panel complete-up-to: figure"},
		{"overview", "a long small figure", func(t *testing.T, o tree) {
			visualOf(t, o, "payments")["secondaryPrefix"] = strings.Repeat("against the time before ", 3)
		}, " panel payments: small figure"},
		{"overview", "an axis without a title", func(t *testing.T, o tree) { delete(visualOf(t, o, "approval-rate-over-time"), "yTitle") },
			` panel approval-rate-over-time: axis "without a title"`},
		{"overview", "a long title of an axis", func(t *testing.T, o tree) {
			visualOf(t, o, "volume-today")["yTitle"] = strings.Repeat("Approved volume of today ", 4)
		}, " panel volume-today: axis"},
		{"overview", "a legend with no room", func(t *testing.T, o tree) {
			at(t, visualOf(t, o, "approval-rate-over-time"), "legend")["legendSize"] = "small"
		},
			` panel approval-rate-over-time: legend "The day before" is cut`},
		{"approvals", "a legend with no room for words", func(t *testing.T, o tree) { at(t, visualOf(t, o, "decline-mix"), "legend")["legendSize"] = "small" },
			` panel decline-mix: legend "Insufficient funds" is cut`},
		{"overview", "a long heading", func(t *testing.T, o tree) {
			columnOf(t, o, "top-stores", "rate")["label"] = "Approved payments of all payments"
		},
			" panel top-stores: heading"},
		{"overview", "links that need two lines", func(t *testing.T, o tree) { at(t, panelOf(t, o, "links"), "gridData")["w"] = 12 },
			" panel links: row of links"},
		{"overview", "a long note", func(t *testing.T, o tree) { at(t, panelOf(t, o, "note"), "gridData")["w"] = 12 }, " panel note: text"},
		{"overview", "a stack that leaves values out", func(t *testing.T, o tree) {
			at(t, columnOf(t, o, "payments-by-status", "bucket-1"), "params")["otherBucket"] = false
		}, " panel payments-by-status: stacks the parts of column bucket-1 without Other"},
		{"stores", "a stack of filters that leaves events out", func(t *testing.T, o tree) {
			params := at(t, columnOf(t, o, "new-and-returning", "bucket-1"), "params")
			params["filters"] = params["filters"].([]any)[:2]
		}, " panel new-and-returning: stacks the parts of column bucket-1 without Other"},
		{"overview", "a small figure without a guard", func(t *testing.T, o tree) {
			at(t, columnOf(t, o, "payments", "change"), "params")["formula"] = "count() / count(shift='previous')"
		}, " panel payments: the small figure change has no value without documents"},
		{"overview", "a small figure that divides by 0", func(t *testing.T, o tree) {
			part := columnOf(t, o, "payments", columnOf(t, o, "payments", "change")["references"].([]any)[0].(string))
			minus := at(t, part, "params", "tinymathAst")["args"].([]any)[1].(tree)
			divide := minus["args"].([]any)[0].(tree)
			divide["args"].([]any)[1] = divide["args"].([]any)[1].(tree)["args"].([]any)[0]
		}, " panel payments: the small figure change divides by a figure that can be 0"},
		{"overview", "a small figure that is the newest value", func(t *testing.T, o tree) {
			columnOf(t, o, "complete-up-to", "dead-letters")["operationType"] = "max"
		}, " panel complete-up-to: the small figure dead-letters has no value without documents"},
		{"pipeline", "a count that can be below 0", func(t *testing.T, o tree) {
			params := at(t, columnOf(t, o, "partitions", "absent"), "params")
			params["formula"] = strings.TrimSuffix(strings.TrimPrefix(params["formula"].(string), "pick_max("), ", 0)")
		}, " panel partitions: column absent is a count that can be below 0"},
		{"overview", "amounts of all currencies", func(t *testing.T, o tree) {
			at(t, panelOf(t, o, "approved-volume"), "embeddableConfig", "attributes", "state", "query")["query"] = "kind: PURCHASE"
		}, " panel approved-volume: column volumeX0 adds amounts of different currencies"},
		{"overview", "rates on an axis from 0 to 100 %", func(t *testing.T, o tree) {
			at(t, visualOf(t, o, "approval-rate-over-time"), "yLeftExtent")["mode"] = "full"
		}, " panel approval-rate-over-time: column today has an axis with the extent full"},
		{"overview", "counts on an axis that does not begin at 0", func(t *testing.T, o tree) {
			at(t, visualOf(t, o, "amounts"), "yLeftExtent")["mode"] = "dataBounds"
		}, " panel amounts: column payments has an axis with the extent dataBounds"},
		{"approvals", "values without words", func(t *testing.T, o tree) {
			columnOf(t, o, "decline-reasons", "bucket-1")["sourceField"] = "decline_code"
		},
			" panel decline-reasons: column bucket-1 shows the values of decline_code, which have no format"},
		{"risk", "ids in a narrow column", func(t *testing.T, o tree) { delete(first(visualOf(t, o, "busy-cards")["columns"]), "width") },
			" panel busy-cards: column bucket-1 shows the values of card_id, which have no format"},
		{"overview", "a figure without a format", func(t *testing.T, o tree) { delete(at(t, columnOf(t, o, "payments", "payments"), "params"), "format") },
			" panel payments: column payments has no format"},
		{"pipeline", "a time without a format", func(t *testing.T, o tree) { columnOf(t, o, "newest", "newest")["sourceField"] = "received_at" },
			" panel newest: column newest shows times of received_at, which have no format"},
		{"overview", "an annotation layer without its data view", func(t *testing.T, o tree) {
			named(t, o, "payments-by-status:xy-visualization-layer-annotations")["name"] = "payments-by-status:xy-visualization-layer-x"
		}, " panel payments-by-status: reference payments-by-status:xy-visualization-layer-annotations is missing"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			require.Contains(t, findingsAfter(t, "dashboard/"+tt.board, tt.damage), "dashboard/"+tt.board+tt.want)
		})
	}
}

func TestAListOfDocumentsNeedsHeadingsAndFormats(t *testing.T) {
	found := findingsAfter(t, "search/declined-payments", func(t *testing.T, o tree) {
		at(t, o, "attributes")["columns"] = []any{"amount_minor", "producer_version_x"}
	})
	require.Contains(t, found, "search/declined-payments: column shows amount_minor in minor units")
	require.Contains(t, found, "search/declined-payments: column shows the values of producer_version_x, which have no format")
	require.Contains(t, found, "search/declined-payments: column producer_version_x has no heading")
}

func TestAFileNotWrittenByTheGeneratorIsFound(t *testing.T) {
	objects := ours(t)
	objects[0].Body = []byte(strings.Replace(string(objects[0].Body), "{\n", "{ \n", 1))
	require.Contains(t, strings.Join(check.Objects(objects), "\n"), "is not in the generator's form")
}

func TestAMissingObjectThatOthersNeedIsFound(t *testing.T) {
	var left []dashboards.Object
	for _, object := range ours(t) {
		if object.Type != "search" {
			left = append(left, object)
		}
	}
	require.Equal(t, []string{"dashboard/approvals panel recent-declines: refers to search/declined-payments, which does not exist"}, check.Objects(left))
}
