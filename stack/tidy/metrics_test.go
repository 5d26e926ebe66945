package tidy_test

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// metricPrefix is the prefix of the name of every metric of every program. The metrics that the
// Prometheus client adds have names of their own.
const metricPrefix = "codebank_"

func TestMetricsHaveOnePrefix(t *testing.T) {
	var findings []string
	named := 0
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		for _, name := range metricNames(s) {
			named++
			if !strings.HasPrefix(literalStart(name), metricPrefix) {
				findings = append(findings, s.at(name)+" "+literalStart(name)+" does not begin with "+metricPrefix)
			}
		}
	}
	require.Greater(t, named, 7)
	report(t, findings)
}

func TestAMetricWithoutThePrefixIsFound(t *testing.T) {
	for body, found := range map[string]string{
		`prometheus.NewGauge(prometheus.GaugeOpts{Name: "gaps", Help: "x"})`:          "gaps",
		`prometheus.NewGauge(prometheus.GaugeOpts{Name: "codebank_gaps", Help: "x"})`: "codebank_gaps",
		`prometheus.NewDesc("ledger_"+name, help, nil, nil)`:                          "ledger_",
		`prometheus.NewDesc(name, help, nil, nil)`:                                    "",
		`other.Settings{Name: "gaps"}`:                                                "none",
	} {
		names := metricNames(parseText(t, "bank/x", "package x\nfunc f() { "+body+" }"))
		if found == "none" {
			require.Empty(t, names, body)
			continue
		}
		require.Len(t, names, 1, body)
		require.Equal(t, found, literalStart(names[0]), body)
	}
}

// metricNames returns the expressions that name metrics: the field Name of the options,
// and the first argument of NewDesc.
func metricNames(s *source) []ast.Expr {
	var names []ast.Expr
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if !strings.HasSuffix(prometheusName(n.Type), "Opts") {
				return true
			}
			for _, element := range n.Elts {
				field, ok := element.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				if key, ok := field.Key.(*ast.Ident); ok && key.Name == "Name" {
					names = append(names, field.Value)
				}
			}
		case *ast.CallExpr:
			if prometheusName(n.Fun) == "NewDesc" && len(n.Args) > 0 {
				names = append(names, n.Args[0])
			}
		}
		return true
	})
	return names
}

// prometheusName returns the name of an identifier of the Prometheus client; "" for any other
// expression.
func prometheusName(expression ast.Expr) string {
	selector, ok := expression.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if owner, ok := selector.X.(*ast.Ident); !ok || owner.Name != "prometheus" {
		return ""
	}
	return selector.Sel.Name
}

// literalStart returns the string literal, or the first literal of a concatenation; "" if there
// is none.
func literalStart(expression ast.Expr) string {
	switch expression := expression.(type) {
	case *ast.BinaryExpr:
		return literalStart(expression.X)
	case *ast.BasicLit:
		if expression.Kind == token.STRING {
			value, err := strconv.Unquote(expression.Value)
			if err == nil {
				return value
			}
		}
	}
	return ""
}
