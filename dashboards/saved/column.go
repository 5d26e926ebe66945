package saved

import (
	"slices"
	"strconv"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// object is JSON. Its keys are in order when it is written.
type object = map[string]any

// records is Kibana's name for the document itself, in the place of a field.
const records = "___records___"

// columns is one layer of a Lens state under construction: the columns by id, in the
// order in which Kibana nests and shows them.
type columns struct {
	order   []string
	byID    map[string]object
	buckets []string
	values  []string
	// parts of formulas come after all columns that are shown.
	parts []string
}

// columnsOf makes the columns of a layer: buckets, metrics, and parts of formulas. The
// prefix keeps the ids of two layers of a panel apart.
func columnsOf(layer view.Layer, prefix string) columns {
	c := columns{byID: make(map[string]object)}
	for i, bucket := range layer.Buckets {
		id := prefix + "bucket-" + strconv.Itoa(i+1)
		c.byID[id] = bucketColumn(bucket, layer.Metrics, prefix)
		c.buckets = append(c.buckets, id)
	}
	for _, value := range layer.Metrics {
		id := prefix + value.ID
		c.value(id, value)
		c.values = append(c.values, id)
	}
	c.order = slices.Concat(c.buckets, c.values, c.parts)
	return c
}

// layer returns the state that Kibana keeps of the columns.
func (c columns) layer() object {
	return object{"columnOrder": c.order, "columns": c.byID, "incompleteColumns": object{}, "sampling": 1}
}

// fixed adds a column with a fixed number, for a scale or a line.
func (c *columns) fixed(id, label string, number float64) {
	text := strconv.FormatFloat(number, 'f', -1, 64)
	column := column("static_value", label, "number", "ratio")
	column["isStaticValue"] = true
	column["params"] = object{"value": text}
	column["references"] = []string{}
	c.byID[id] = column
	c.order = append(c.order, id)
}

func column(operation, label, dataType, scale string) object {
	return object{
		"operationType": operation, "label": label, "customLabel": true,
		"dataType": dataType, "isBucketed": false, "scale": scale,
	}
}

func bucketColumn(bucket view.Bucket, metrics []view.Value, prefix string) object {
	var c object
	switch b := bucket.(type) {
	case view.Time:
		c = column("date_histogram", b.Label, "date", "interval")
		c["sourceField"] = b.Field
		c["params"] = object{"interval": b.Interval, "includeEmptyRows": true, "dropPartials": false}
	case view.Terms:
		c = termsColumn(b, metrics, prefix)
	case view.Filters:
		c = column("filters", b.Label, "string", "ordinal")
		filters := make([]object, len(b.Filters))
		for i, filter := range b.Filters {
			filters[i] = object{"label": filter.Label, "input": query(filter.Query)}
		}
		c["params"] = object{"filters": filters}
	case view.Numbers:
		c = column("range", b.Label, "number", "interval")
		c["sourceField"] = b.Field
		// Kibana gives each whole number a bar if their span is less than maxBars.
		c["params"] = object{
			"type": "histogram", "maxBars": b.Last - b.First + 1, "includeEmptyRows": true,
			"ranges": []object{{"from": b.First, "to": b.Last + 1, "label": ""}},
		}
	case view.Ranges:
		c = column("range", b.Label, "string", "ordinal")
		c["sourceField"] = b.Field
		c["params"] = rangesParams(b.Ranges)
	}
	c["isBucketed"] = true
	return c
}

func rangesParams(ranges []view.Range) object {
	list := make([]object, len(ranges))
	for i, r := range ranges {
		list[i] = object{"from": r.From, "to": nil, "label": r.Label}
		if r.Below != 0 {
			list[i]["to"] = r.Below
		}
	}
	return object{
		"type": "range", "maxBars": "auto", "ranges": list, "includeEmptyRows": true,
		"parentFormat": object{"id": "range", "params": object{"template": "arrow_right", "replaceInfinity": true}},
	}
}

func termsColumn(b view.Terms, metrics []view.Value, prefix string) object {
	c := column("terms", b.Label, "string", "ordinal")
	if b.Numeric {
		c["dataType"] = "number"
	}
	c["sourceField"] = b.Fields[0]
	params := object{
		"size": b.Size, "otherBucket": b.Other, "missingBucket": false, "accuracyMode": b.Accurate,
		"parentFormat": object{"id": "terms"}, "orderDirection": "desc",
		"include": []string{}, "exclude": []string{}, "includeIsRegex": false, "excludeIsRegex": false,
	}
	if len(b.Fields) > 1 {
		params["secondaryFields"] = b.Fields[1:]
		params["parentFormat"] = object{"id": "multi_terms"}
	}
	if b.Ascending || b.By == nil {
		params["orderDirection"] = "asc"
	}
	order(params, b.By, metrics, prefix)
	c["params"] = params
	return c
}

// order sets what the values are ordered by: themselves, a column that is shown, or a
// figure of its own.
func order(params object, by *view.Aggregate, metrics []view.Value, prefix string) {
	if by == nil {
		params["orderBy"] = object{"type": "alphabetical", "fallback": false}
		return
	}
	for _, metric := range metrics {
		if shown, ok := metric.Figure.(view.Aggregate); ok && view.Formula(shown) == view.Formula(*by) {
			params["orderBy"] = object{"type": "column", "columnId": prefix + metric.ID}
			return
		}
	}
	params["orderBy"] = object{"type": "custom"}
	params["orderAgg"] = aggregateColumn(*by, "Order")
}

// value adds the column of a metric. If the metric is a formula, it adds the parts too.
func (c *columns) value(id string, value view.Value) {
	aggregate, simple := value.Figure.(view.Aggregate)
	if !simple {
		c.formula(id, value)
		return
	}
	made := aggregateColumn(aggregate, value.Label)
	if value.Format.Kind == view.Moment {
		made["dataType"] = "date"
	} else {
		made["params"].(object)["format"] = format(value.Format)
	}
	c.byID[id] = made
}

func aggregateColumn(a view.Aggregate, label string) object {
	c := column(string(a.Function), label, "number", "ratio")
	params := object{}
	c["sourceField"] = a.Field
	switch a.Function {
	case view.Count:
		c["sourceField"] = records
		params["emptyAsNull"] = false
	case view.Sum, view.Unique:
		params["emptyAsNull"] = false
	case view.Percentile:
		params["percentile"] = a.Rank
	}
	c["params"] = params
	if !kql.Empty(a.Filter) {
		c["filter"] = query(a.Filter)
	}
	for key, text := range map[string]string{"timeShift": a.Shift, "reducedTimeRange": a.Within, "timeScale": a.Per} {
		if text != "" {
			c[key] = text
		}
	}
	return c
}

func query(q kql.Query) object { return object{"query": kql.Text(q), "language": "kuery"} }

func format(f view.Format) object {
	switch f.Kind {
	case view.Percent:
		if f.Unit != "" {
			return object{"id": "percent", "params": object{"decimals": f.Decimals, "suffix": " " + f.Unit}}
		}
		return object{"id": "percent", "params": object{"decimals": f.Decimals}}
	case view.Money:
		return object{"id": "number", "params": object{"decimals": f.Decimals, "suffix": " " + f.Unit}}
	case view.Duration:
		to := "asMilliseconds"
		if f.As == view.Seconds {
			to = "asSeconds"
		}
		return object{"id": "duration", "params": object{"decimals": f.Decimals, "fromUnit": f.Unit, "toUnit": to}}
	case view.Bytes:
		return object{"id": "bytes", "params": object{"decimals": f.Decimals}}
	}
	return object{"id": "number", "params": object{"decimals": f.Decimals}}
}
