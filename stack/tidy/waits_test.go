package tidy_test

import (
	"go/ast"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A wait of testify calls its condition on another goroutine. A require that fails there ends that
// goroutine alone, and the test waits until its timeout, or goes on.
func TestTestsWaitWithAwait(t *testing.T) {
	var findings []string
	for _, s := range tree(t) {
		findings = append(findings, waitsOfTestify(s)...)
	}
	report(t, findings)
}

// waitsOfTestify returns the waits of a file that do not end with a failed require.
func waitsOfTestify(s *source) []string {
	var findings []string
	ast.Inspect(s.file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		from, ok := selector.X.(*ast.Ident)
		if ok && (from.Name == "require" || from.Name == "assert") && strings.HasPrefix(selector.Sel.Name, "Eventually") {
			findings = append(findings, s.at(selector)+" "+from.Name+"."+selector.Sel.Name+" goes on after a failed require: use await.Until")
		}
		return true
	})
	return findings
}

func TestAWaitOfTestifyIsFound(t *testing.T) {
	const header = "package x; func f() { "
	require.Len(t, waitsOfTestify(parseText(t, "x", header+"require.Eventually(t, is, timeout, tick) }")), 1)
	require.Len(t, waitsOfTestify(parseText(t, "x", header+"assert.EventuallyWithT(t, is, timeout, tick) }")), 1)
	require.Empty(t, waitsOfTestify(parseText(t, "x", header+"await.Until(t, is, timeout, tick) }")))
}
