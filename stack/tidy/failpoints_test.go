package tidy_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// durableCalls are the names of the functions whose effect outlives the process. A name with a
// folder in front is durable only in that folder. SQL that writes, HTTP methods that change
// something and requests of Elastic's client count too; see eventsOf.
var durableCalls = []string{
	// Postgres.
	"Exec", "CopyFrom", "BeginFunc", "BeginTxFunc", "Begin", "Commit", "Up", "UpByOne", "UpTo", "Down", "DownTo",
	"bank/postgres:write", "bank/postgres:Migrate", "checkout/postgres:Migrate", "checkout/postgres:Run", "statement/postgres:Migrate",
	// Kafka.
	"Produce", "TryProduce", "ProduceSync", "CommitAllOffsets", "CommitOffsets", "CommitRecords", "CreateTopic", "CreateTopics",
	"DeleteTopic", "DeleteTopics", "DeleteRecords", "AlterTopicConfigs", "CreatePartitions", "bank/kafka:bufferGroup",
	// The registry.
	"RegisterSchema", "CreateSchema", "SetCompatibility", "DeleteSubject", "DeleteSchema",
	// Files.
	"os:Link", "os:Rename", "os:WriteFile", "os:Create", "os:OpenFile",
}

// excusedSteps are functions and folders whose durable steps need no failpoint of their own,
// with the reason.
var excusedSteps = map[string]string{
	"bank/postgres write":                "is the step itself; Execute and requeue have the points around it",
	"bank/postgres inserting":            "makes SQL and sends nothing",
	"bank/postgres updatingAccounts":     "makes SQL and sends nothing",
	"bank/postgres updatingCards":        "makes SQL and sends nothing",
	"bank/postgres closingAccounts":      "makes SQL and sends nothing",
	"bank/postgres writingSingle":        "makes SQL and sends nothing",
	"bank/postgres openingHold":          "makes SQL and sends nothing",
	"bank/postgres endingHold":           "makes SQL and sends nothing",
	"bank/kafka bufferGroup":             "buffers only; send has the points around it",
	"platform/auditlog/auditlogtest":     "for tests",
	"platform/auditlog/heads publish":    "nothing follows: the next head says as much",
	"bank/postgres Migrate":              "calls the method of the same name, which has the points",
	"checkout/postgres Migrate":          "calls the method of the same name, which has the point",
	"checkout/postgres CreateMerchant":   "writes within act, which has the point behind its commit",
	"checkout/postgres ChangeMerchant":   "writes within act, which has the point behind its commit",
	"checkout/postgres AddMember":        "writes within act, which has the point behind its commit",
	"checkout/postgres RemoveMember":     "writes within act, which has the point behind its commit",
	"checkout/postgres CreateSecret":     "writes within act, which has the point behind its commit",
	"checkout/postgres RevokeSecret":     "writes within act, which has the point behind its commit",
	"checkout/postgres CreateStore":      "writes within act, which has the point behind its commit",
	"checkout/postgres CreateProduct":    "writes within act, which has the point behind its commit",
	"checkout/postgres ChangeProduct":    "writes within act, which has the point behind its commit",
	"statement/postgres Migrate":         "calls the method of the same name, which has the points",
	"web/site NewKeyFile":                "a file that was left incomplete is refused by its length when it is read",
	"platform/consumer ProduceSync":      "its callers have the point; a letter that is put twice is harmless",
	"platform/consumer/offsets New":      "makes SQL and sends nothing; Stored is the point of a program",
	"platform/database migrate":          "its callers have the point",
	"platform/database grant":            "its callers have the point",
	"platform/database makeRole":         "a role without rights; what follows may be repeated",
	"platform/database join":             "a membership; what follows may be repeated",
	"platform/groupcommit commit":        "the store behind the port has the points",
	"bank/vault replaceKeyFile":          "no program calls it: keys are rotated by code that is not written yet",
	"checkout/checkouttest":              "for tests",
	"checkout/client command":            "makes a call for merchants' programs and sends nothing",
	"checkout/payment/paymenttest":       "for tests",
	"checkout/payment/postgres transact": "its callers have the point",
	"checkout/webhook/postgres reading":  "sets a parameter of a transaction",
	"checkout/webhook try":               "sends a message, which may arrive more than once",
	"codepix/codepixtest":                "for tests",
	"codepix/postgres Prune":             "one transaction, with the point behind it",
	"codepix/postgres write":             "Apply has the point behind its commit",
	"codepix/postgres rolledBack":        "undoes what was not committed",
	"gateway/gatewaytest":                "for tests",
	"identity/signing NewKeyFile":        "writeKeyFile has the points around the link",
	"identity/signing Rotate":            "writeKeyFile has the points around the rename",
	"operations/webhooks Forward":        "sends a message to a developer's program once",
	"operations/kibana export":           "reads by POST",
	"operations/audit/statement Count":   "counts by the protocol that also writes",
	"platform/serve allowedMethods":      "names methods for others",
	"platform/serve observe":             "names methods for others",
	"platform/database requireSettings":  "sets parameters of a session",
	"platform/database/databasetest":     "for tests",
	"platform/programtest":               "for tests",
	"platform/wallstest":                 "for tests",
	"platform/mtls/authority write":      "replaces a file at once, for one machine and for tests",
	"statement/postgres giveBack":        "a claim ends by itself, too",
	"statement/statementtest":            "for tests",
	"checkout/cmd/payment-gateway share": "begins to answer; nothing is written",
}

// readingRequests are the requests of Elastic's client that store nothing. All others are
// durable steps.
var readingRequests = []string{
	"ClusterHealthRequest", "CountRequest", "IndicesGetRequest", "IndicesGetIndexTemplateRequest",
	"SearchRequest", "MsearchRequest", "OpenPointInTimeRequest", "ClosePointInTimeRequest",
	"IndicesRefreshRequest", // it changes what searches see, not what is stored
}

// writing matches SQL that changes something.
var writing = regexp.MustCompile(`(?i)^COMMIT$|\b(INSERT\s+INTO|UPDATE\s+\w+(\s+\w+)?\s+SET|DELETE\s+FROM|TRUNCATE|CREATE\s+(TABLE|INDEX)|ALTER\s+TABLE|DROP\s+)`)

// event is a durable step or a failpoint, with the position of its end in the source.
type event struct {
	at    token.Pos
	node  ast.Node
	what  string
	point bool
}

// withoutDurableSteps are the modules without programs that a test kills.
var withoutDurableSteps = []string{"connectors", "dashboards", "native", "schemas", "stack"}

func TestDurableStepsHaveFailpoints(t *testing.T) {
	sources := tree(t)
	statements := writingStatements(sources)
	points := declaredPoints(t, sources)
	excuses := make(map[string]bool)
	var findings []string
	for _, s := range sources {
		if s.test {
			continue
		}
		for _, step := range stepsWithoutPoints(s, statements[s.folder]) {
			excuse := s.folder + " " + step.function
			if excusedSteps[excuse] == "" {
				excuse = s.folder
			}
			if excusedSteps[excuse] == "" {
				findings = append(findings, step.problem)
			}
			excuses[excuse] = true
		}
	}
	used := countPointUses(sources)
	for _, point := range points {
		if used[point] != 1 {
			findings = append(findings, fmt.Sprintf("failpoint %s is used in %d places, want 1", point, used[point]))
		}
	}
	for name := range excusedSteps {
		if !excuses[name] {
			findings = append(findings, name+" is in excusedSteps and has no such step")
		}
	}
	report(t, findings)
}

// stepWithoutPoint is a durable step without a failpoint beside it, so that no test can kill
// the program there.
type stepWithoutPoint struct{ function, problem string }

// stepsWithoutPoints returns the durable steps of a file that have no failpoint beside them.
func stepsWithoutPoints(s *source, statements map[string]bool) []stepWithoutPoint {
	if slices.Contains(withoutDurableSteps, moduleOf(s.folder)) {
		return nil
	}
	var found []stepWithoutPoint
	for _, declaration := range s.file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Body == nil || usesGivenTransaction(function) {
			continue
		}
		for _, problem := range unguarded(s, function, eventsOf(s, function, statements)) {
			found = append(found, stepWithoutPoint{function.Name.Name, problem})
		}
	}
	return found
}

// countPointUses counts in how many places each failpoint is used.
func countPointUses(sources []*source) map[string]int {
	used := make(map[string]int)
	for _, s := range sources {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if point := pointOf(call); point != "" {
					used[point]++
				}
			}
			return true
		})
	}
	return used
}

// writingStatements returns the names of constants and variables that hold SQL that writes, by
// folder.
func writingStatements(sources []*source) map[string]map[string]bool {
	found := make(map[string]map[string]bool)
	for _, s := range sources {
		for _, declaration := range s.file.Decls {
			general, ok := declaration.(*ast.GenDecl)
			if !ok || s.test {
				continue
			}
			for _, spec := range general.Specs {
				values, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for i, value := range values.Values {
					if i < len(values.Names) && writes(value) {
						if found[s.folder] == nil {
							found[s.folder] = make(map[string]bool)
						}
						found[s.folder][values.Names[i].Name] = true
					}
				}
			}
		}
	}
	return found
}

func writes(expression ast.Node) bool {
	found := false
	ast.Inspect(expression, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			found = found || err == nil && writing.MatchString(text)
		}
		return !found
	})
	return found
}

// usesGivenTransaction reports whether a function works in a transaction or batch of its
// caller. Then the caller has the failpoints.
func usesGivenTransaction(function *ast.FuncDecl) bool {
	return slices.ContainsFunc(function.Type.Params.List, func(field *ast.Field) bool {
		switch given := field.Type.(type) {
		case *ast.SelectorExpr:
			return given.Sel.Name == "Tx"
		case *ast.StarExpr:
			name, ok := given.X.(*ast.SelectorExpr)
			return ok && name.Sel.Name == "Batch"
		}
		return false
	})
}

// eventsOf returns the durable steps and failpoints of a function in their order. A transaction
// that a function literal fills is one step, at its end.
func eventsOf(s *source, function *ast.FuncDecl, statements map[string]bool) []event {
	var events []event
	// inside is the end of the transaction or call that contains the present node. Steps inside
	// it belong to it.
	inside := token.NoPos
	ast.Inspect(function.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if point := pointOf(n); point != "" {
				events = append(events, event{n.End(), n, point, true})
				return false
			}
			name := called(n)
			if name == "PrepareStatements" || name == "NewProvider" {
				return false // statements are only prepared
			}
			if n.Pos() > inside && isDurable(s.folder, n) {
				events = append(events, event{n.End(), n, name, false})
				if strings.HasPrefix(name, "Begin") {
					inside = n.End()
				}
				// The SQL in its arguments is part of the step.
				inside = max(inside, n.End())
			}
		case *ast.Ident:
			if n.Pos() > inside && statements[n.Name] {
				events = append(events, event{n.End(), n, n.Name, false})
			}
		case *ast.BasicLit:
			if n.Pos() > inside && writes(n) {
				events = append(events, event{n.End(), n, "SQL", false})
			}
		case *ast.SelectorExpr:
			owner, ok := n.X.(*ast.Ident)
			if ok && n.Pos() > inside && (owner.Name == "os" && slices.Contains(durableCalls, "os:"+n.Sel.Name) ||
				owner.Name == "http" && slices.Contains([]string{"MethodPut", "MethodPost", "MethodDelete", "MethodPatch"}, n.Sel.Name) ||
				owner.Name == "esapi" && strings.HasSuffix(n.Sel.Name, "Request") && n.Sel.Name != "Request" && !slices.Contains(readingRequests, n.Sel.Name)) {
				events = append(events, event{n.End(), n, n.Sel.Name, false})
			}
		}
		return true
	})
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return events
}

// pointOf returns the name of the failpoint in a call to a failpoint hook. The failpoint is in
// the program's package failpoints, or the package declares it.
func pointOf(call *ast.CallExpr) string {
	if !slices.Contains([]string{"At", "After"}, called(call)) || len(call.Args) == 0 {
		return ""
	}
	switch point := call.Args[len(call.Args)-1].(type) {
	case *ast.SelectorExpr:
		if owner, ok := point.X.(*ast.Ident); ok && owner.Name == "failpoints" {
			return point.Sel.Name
		}
	case *ast.Ident:
		if point.IsExported() {
			return point.Name
		}
	}
	return ""
}

func called(call *ast.CallExpr) string {
	switch function := call.Fun.(type) {
	case *ast.SelectorExpr:
		return function.Sel.Name
	case *ast.Ident:
		return function.Name
	}
	return ""
}

func isDurable(folder string, call *ast.CallExpr) bool {
	name := called(call)
	if slices.Contains(durableCalls, folder+":"+name) {
		return true
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	if owner, ok := selector.X.(*ast.Ident); ok && owner.Name == "os" {
		return false // these are found by their name, because they may also be used as values
	}
	return slices.Contains(durableCalls, name)
}

// unguarded returns the steps without a failpoint between them and the next step. If the
// function has no failpoint at all, it returns all its steps.
func unguarded(s *source, function *ast.FuncDecl, events []event) []string {
	var problems []string
	hasPoint := slices.ContainsFunc(events, func(e event) bool { return e.point })
	var last *event
	for i := range events {
		e := &events[i]
		switch {
		case e.point:
			last = nil
			continue
		case !hasPoint:
			problems = append(problems, fmt.Sprintf("%s %s: durable step %s has no failpoint beside it", s.at(e.node), function.Name.Name, e.what))
		case last != nil:
			problems = append(problems, fmt.Sprintf("%s %s: no failpoint between %s and %s", s.at(e.node), function.Name.Name, last.what, e.what))
		}
		last = e
	}
	return problems
}

// declaredPoints returns the names of all failpoints. Each must be in the list of exactly one
// program, and their texts must be unique.
func declaredPoints(t *testing.T, sources []*source) []string {
	t.Helper()
	var names []string
	texts := make(map[string]string)
	listed := make(map[string]int)
	for _, s := range sources {
		if s.test || s.folder == "platform/failpoint" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if typ, ok := n.Type.(*ast.SelectorExpr); ok && typ.Sel.Name == "Point" && len(n.Values) == 1 {
					text := n.Values[0].(*ast.BasicLit).Value
					require.Empty(t, texts[text], "%s and %s are both %s", n.Names[0].Name, texts[text], text)
					names = append(names, n.Names[0].Name)
					texts[text] = n.Names[0].Name
				}
			case *ast.FuncDecl:
				if s.file.Name.Name == "failpoints" {
					ast.Inspect(n.Body, func(n ast.Node) bool {
						if name, ok := n.(*ast.Ident); ok {
							listed[name.Name]++
						}
						return true
					})
				}
			}
			return true
		})
	}
	for _, name := range names {
		require.Equal(t, 1, listed[name], "%s stands in the list of one program", name)
	}
	require.Greater(t, len(names), 40)
	return names
}

// TestAStepWithoutAFailpointIsFound checks the test above with sources made for it.
func TestAStepWithoutAFailpointIsFound(t *testing.T) {
	for _, tt := range []struct{ rule, body, found string }{
		{"a write without a point", `s.pool.Exec(ctx, "INSERT INTO x")`, "durable step Exec has no failpoint beside it"},
		{"SQL by its name", `s.pool.QueryRow(ctx, moveUp)`, "durable step moveUp has no failpoint beside it"},
		{"two writes after a point", `s.hook.At(failpoints.X); s.admin.CreateTopic(ctx); s.admin.CreateTopic(ctx)`, "no failpoint between CreateTopic and CreateTopic"},
		{"a request that changes", `c.call(ctx, http.MethodPut)`, "durable step MethodPut has no failpoint beside it"},
		{"a request of Elastic's client", `c.call(ctx, func() { ask(esapi.IndicesPutMappingRequest{}) })`,
			"durable step IndicesPutMappingRequest has no failpoint beside it"},
		{"a search", `c.call(ctx, func() { ask(esapi.SearchRequest{}) })`, ""},
		{"a file", `os.Rename(a, b)`, "durable step Rename has no failpoint beside it"},
		{"a point between", `s.admin.CreateTopic(ctx); s.hook.At(failpoints.X); s.admin.CreateTopic(ctx)`, ""},
		{"a transaction is one step", `pgx.BeginFunc(ctx, func() { tx.Exec(ctx, moveUp); tx.Exec(ctx, moveUp) }); s.hook.After(err, failpoints.X)`, ""},
		{"reading", `s.pool.QueryRow(ctx, "SELECT 1")`, ""},
	} {
		s := parseText(t, "bank/x", "package x\nfunc f() { "+tt.body+" }")
		function := s.file.Decls[0].(*ast.FuncDecl)
		problems := strings.Join(unguarded(s, function, eventsOf(s, function, map[string]bool{"moveUp": true})), "\n")
		if tt.found == "" {
			require.Empty(t, problems, tt.rule)
			continue
		}
		require.Contains(t, problems, "bank/x/x.go:2 f: "+tt.found, tt.rule)
	}
}
