package tidy_test

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// metricPrefix begins the name of every metric of every program. Those of the Prometheus
// client itself are not named here.
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
			if !strings.HasPrefix(text(name), metricPrefix) {
				findings = append(findings, s.at(name)+" "+text(name)+" does not begin with "+metricPrefix)
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
		names := metricNames(parsed(t, "bank/x", "package x\nfunc f() { "+body+" }"))
		if found == "none" {
			require.Empty(t, names, body)
			continue
		}
		require.Len(t, names, 1, body)
		require.Equal(t, found, text(names[0]), body)
	}
}

// metricNames returns the expressions that name metrics: the field Name of the options,
// and the first argument of NewDesc.
func metricNames(s *source) []ast.Expr {
	var names []ast.Expr
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if !strings.HasSuffix(ofPrometheus(n.Type), "Opts") {
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
			if ofPrometheus(n.Fun) == "NewDesc" && len(n.Args) > 0 {
				names = append(names, n.Args[0])
			}
		}
		return true
	})
	return names
}

// ofPrometheus returns the name of something of the Prometheus client, "" for all else.
func ofPrometheus(expression ast.Expr) string {
	selector, ok := expression.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if owner, ok := selector.X.(*ast.Ident); !ok || owner.Name != "prometheus" {
		return ""
	}
	return selector.Sel.Name
}

// text returns how a text begins: the literal that it is, or that it is put together from.
func text(expression ast.Expr) string {
	switch expression := expression.(type) {
	case *ast.BinaryExpr:
		return text(expression.X)
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
