package saved

import (
	"maps"
	"slices"
	"strings"

	"codebank.dev/dashboards/view"
)

// dataView makes the saved object of a source. Kibana shows codes in words by a lookup,
// and amounts by a runtime field in major units, because its number formats cannot divide.
func dataView(v view.DataView) made {
	formats, attributes, runtime := object{}, object{}, object{}
	for field, words := range v.Words {
		entries := []object{}
		for _, code := range slices.Sorted(maps.Keys(words)) {
			entries = append(entries, object{"key": code, "value": words[code]})
		}
		formats[field] = object{"id": "static_lookup", "params": object{"lookupEntries": entries, "unknownKeyValue": ""}}
	}
	for field, format := range v.Formats {
		formats[field] = object{"id": format.ID, "params": format.Params}
	}
	for field, label := range v.Labels {
		attributes[field] = object{"customLabel": label}
	}
	for _, field := range v.Amounts {
		major := shownField(v, field)
		runtime[major] = object{"type": "double", "script": object{
			"source": majorScript(v, field),
		}}
		formats[major] = object{"id": "number", "params": object{"pattern": "0,0.00[0]"}}
		attributes[major] = object{"customLabel": v.Label(field)}
		attributes[field] = object{"customLabel": v.Label(field) + " in minor units"}
	}
	return made{"index-pattern", string(v.Source), object{
		"title": v.Pattern, "name": v.Name, "timeFieldName": v.TimeField, "fieldFormatMap": formats,
		"fields": []any{}, "fieldAttrs": attributes, "runtimeFieldMap": runtime, "sourceFilters": []any{}, "typeMeta": object{},
		// A bank without documents yet shows zeros instead of errors.
		"allowNoIndex": true,
	}, nil}
}

// majorScript calculates an amount in major units of the document's own currency.
func majorScript(v view.DataView, field string) string {
	value := "doc['" + field + "']"
	unit := "double unit = 100.0; "
	if len(v.Decimals) > 0 {
		currency := "doc['" + view.CurrencyField + "']"
		unit += "if (" + currency + ".size() > 0) { String currency = " + currency + ".value; "
		for _, decimals := range slices.Compact(slices.Sorted(maps.Values(v.Decimals))) {
			unit += "if (['" + strings.Join(v.CurrenciesOf(decimals), "', '") + "'].contains(currency)) { unit = 1" + strings.Repeat("0", decimals) + ".0; } "
		}
		unit += "} "
	}
	return "if (" + value + ".size() > 0) { " + unit + "emit(" + value + ".value / unit); }"
}

// shownField is the field by which Kibana shows a field: for an amount, the runtime field
// in major units.
func shownField(v view.DataView, field string) string {
	if slices.Contains(v.Amounts, field) {
		return strings.TrimSuffix(field, "_minor")
	}
	return field
}

// search makes the saved search of a panel that lists documents.
func search(p view.Panel, source view.DataView) made {
	shown := make([]string, len(p.Documents.Fields))
	widths := object{}
	for i, field := range p.Documents.Fields {
		shown[i] = shownField(source, field)
		if pixels := p.Documents.Widths[field]; pixels > 0 {
			widths[shown[i]] = object{"width": pixels}
		}
	}
	return made{"search", p.Documents.ID, object{
		"title": p.Title, "description": p.Definition, "columns": shown, "grid": object{"columns": widths}, "hideChart": true,
		"rowsPerPage": rowsOfPage, "sort": [][]string{{p.Documents.Newest, "desc"}},
		"kibanaSavedObjectMeta": object{"searchSourceJSON": object{
			"query": query(p.Query), "filter": []any{}, "indexRefName": searchIndex,
		}},
	}, []reference{{string(p.Source), searchIndex, "index-pattern"}, tagged()}}
}

const searchIndex = "kibanaSavedObjectMeta.searchSourceJSON.index"
