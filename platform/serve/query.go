package serve

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"codebank.dev/platform/fault"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// queryKey is the context key of the query of a REST request.
type queryKey struct{}

// errQuery refuses a query that net/url cannot read. Its error repeats a part of the query.
var errQuery = malformed("query", "the query is malformed. Write % as %25 and ; as %3B, and give fewer parameters.")

// withQuery returns r with its query in its context. It returns an error if the query
// cannot be read, because net/http would drop the pairs that it cannot read.
func withQuery(r *http.Request) (*http.Request, error) {
	if r.URL.RawQuery == "" {
		return r, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return r, errQuery
	}
	return r.WithContext(context.WithValue(r.Context(), queryKey{}, query)), nil
}

// refuseUnknownParameters is the interceptor of the gateway's calls. The gateway ignores a
// query parameter that it does not know, so a misspelt filter would show everything. The
// check is here because only here the method of the request is known.
//
// tidy:parameters gRPC decides the signature
func refuseUnknownParameters(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	if query, ok := ctx.Value(queryKey{}).(url.Values); ok {
		if err := checkQuery(ctx, method, query); err != nil {
			return err
		}
	}
	return invoke(ctx, method, request, answer, conn, options...)
}

// checkQuery returns a fault.InvalidArgument that names a parameter if the method does not
// take it from its query, or if it is given under two names. Of several such parameters it
// names the first by alphabet.
func checkQuery(ctx context.Context, fullMethod string, query url.Values) error {
	method, err := methodOf(fullMethod)
	if err != nil {
		return fault.Of(err)
	}
	elsewhere := boundElsewhere(ctx, method)
	given := make(map[string]bool)
	parameters := make([]string, 0, len(query))
	for parameter := range query {
		parameters = append(parameters, parameter)
	}
	slices.Sort(parameters)
	for _, parameter := range parameters {
		field, known := queryField(method.Input(), parameter)
		if !known || elsewhere(field) {
			if parameter == "" {
				parameter = "query"
			}
			return fault.Invalid(shownName(parameter), "This path takes no such query parameter.")
		}
		if given[field] {
			return fault.Invalid(field, "This query parameter is given twice.")
		}
		given[field] = true
	}
	return nil
}

// methodOf returns the method with a full name such as /bank.v1.CardService/GetCard.
func methodOf(fullMethod string) (protoreflect.MethodDescriptor, error) {
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(fullMethod, "/"), "/", "."))
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, err
	}
	method, ok := descriptor.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, protoregistry.NotFound
	}
	return method, nil
}

// queryField returns the field, by its names in the contract, that a query parameter sets.
func queryField(message protoreflect.MessageDescriptor, parameter string) (field string, known bool) {
	if name, key, ok := strings.Cut(parameter, "["); ok && strings.HasSuffix(key, "]") {
		parameter = name // An entry of a map.
	}
	var names []string
	for part := range strings.SplitSeq(parameter, ".") {
		if message == nil {
			return "", false
		}
		descriptor := message.Fields().ByName(protoreflect.Name(part))
		if descriptor == nil {
			descriptor = message.Fields().ByJSONName(part)
		}
		if descriptor == nil {
			return "", false
		}
		names = append(names, string(descriptor.Name()))
		message = descriptor.Message()
	}
	return strings.Join(names, "."), true
}

// pathVariable is a variable in the path of a google.api.http rule.
var pathVariable = regexp.MustCompile(`\{([^=}]+)`)

// boundElsewhere returns a function that reports whether the method takes a field from the
// path or from the body.
func boundElsewhere(ctx context.Context, method protoreflect.MethodDescriptor) func(field string) bool {
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	pattern, _ := runtime.HTTPPathPattern(ctx)
	for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		if pathOf(binding) == pattern {
			rule = binding
		}
	}
	bound := []string{rule.GetBody()}
	for _, match := range pathVariable.FindAllStringSubmatch(pathOf(rule), -1) {
		bound = append(bound, match[1])
	}
	return func(field string) bool {
		return slices.ContainsFunc(bound, func(name string) bool {
			return name == "*" || name != "" && (name == field || strings.HasPrefix(field, name+"."))
		})
	}
}

// pathOf returns the path of a rule.
func pathOf(rule *annotations.HttpRule) string {
	for _, path := range []string{rule.GetGet(), rule.GetPost(), rule.GetPut(), rule.GetPatch(), rule.GetDelete(), rule.GetCustom().GetPath()} {
		if path != "" {
			return path
		}
	}
	return ""
}
