package serve

import (
	"net/http"
	"net/url"
	"slices"

	"codebank.dev/platform/fault"
)

// ReadQuery returns the parameters in the query of a request of Route, which has no others than these, and none of
// them twice. The refusals never repeat a value. Errors: fault.InvalidArgument.
func ReadQuery(r *http.Request, names ...string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.Invalid("query", "The query is malformed.")
	}
	for name, values := range query {
		if !slices.Contains(names, name) {
			return nil, fault.Invalid(shownName(name), "This path takes no such query parameter.")
		}
		if len(values) > 1 {
			return nil, fault.Invalid(name, "The parameter is given twice.")
		}
	}
	return query, nil
}

// OnlyHeader returns the header of a request that may be given once; "" if it is not given. Error:
// fault.InvalidArgument.
func OnlyHeader(r *http.Request, name string) (string, error) {
	if len(r.Header.Values(name)) > 1 {
		return "", fault.Invalid(name, "The header "+name+" is given twice.")
	}
	return r.Header.Get(name), nil
}
