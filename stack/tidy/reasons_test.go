package tidy_test

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"

	"codebank.dev/schemas"
	"github.com/stretchr/testify/require"
)

// sentence is what a program answers with a reason.
type sentence struct{ reason, text string }

// elsewhere are sentences of reasons.yaml that a program makes in another way than by fault.New or fault.Invalid
// with the whole text, by a part of their English.
var elsewhere = []string{
	"{}",                                                                                               // the program fills in a part
	"The card", "The amount is", "The available limit", "Too many purchases", "The account is closed.", // bank/decline.go
	"This is no ISO 4217", "A card number", "The text shows nothing", "Invisible characters", "A name has at least", // refuseContent
}

// Every sentence with which a program refuses is in reasons.yaml, in every language, and the catalogue has none
// that nobody says.
func TestEverySentenceIsInTheCatalogue(t *testing.T) {
	catalogue, err := schemas.Reasons()
	require.NoError(t, err)
	said := map[sentence]bool{}
	var findings []string
	for _, s := range tree(t) {
		if s.test || strings.HasSuffix(s.folder, "test") {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			found, ok := refusalOf(call)
			if !ok {
				return true
			}
			said[found] = true
			if !has(catalogue, found) {
				findings = append(findings, s.at(call)+" "+found.reason+" is not in schemas/reasons.yaml with this sentence: "+found.text)
			}
			return true
		})
	}
	for name, reason := range catalogue.Reasons {
		for _, text := range reason.Messages {
			there := said[sentence{name, text.English}] || slices.Contains(reason.Classes, name) // the plain message of a class
			if !there && !slices.ContainsFunc(elsewhere, func(part string) bool { return strings.Contains(text.English, part) }) {
				findings = append(findings, "schemas/reasons.yaml "+name+" has a sentence that no program says: "+text.English)
			}
		}
	}
	report(t, findings)
}

func has(catalogue *schemas.ReasonCatalogue, found sentence) bool {
	return slices.ContainsFunc(catalogue.Reasons[found.reason].Messages, func(texts schemas.Texts) bool { return texts.English == found.text })
}

// refusalOf returns what a call of fault.New or fault.Invalid says, if both reason and text are literals.
func refusalOf(call *ast.CallExpr) (sentence, bool) {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return sentence{}, false
	}
	of, ok := selector.X.(*ast.Ident)
	if !ok || of.Name != "fault" || len(call.Args) < 2 {
		return sentence{}, false
	}
	found := sentence{reason: "INVALID_FIELD"}
	switch selector.Sel.Name {
	case "Invalid":
	case "New":
		if found.reason, ok = literal(call.Args[1]); !ok {
			return sentence{}, false
		}
	default:
		return sentence{}, false
	}
	found.text, ok = literal(call.Args[len(call.Args)-1])
	return found, ok
}

func literal(node ast.Expr) (string, bool) {
	basic, ok := node.(*ast.BasicLit)
	if !ok {
		return "", false
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}
