package tidy_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The limits of the house style.
const (
	maxFunctionLines    = 70
	maxFileLines        = 400
	maxMainLines        = 120
	maxInterfaceMethods = 5
	maxParameters       = 4
)

var bannedFolders = []string{"util", "utils", "common", "helpers", "helper", "pkg", "internal", "misc", "lib"}

// source is one Go file of the tree.
type source struct {
	path      string // below the root, with slashes
	folder    string
	text      string
	lines     int
	file      *ast.File
	positions *token.FileSet
	test      bool
}

func (s *source) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.positions.Position(node.Pos()).Line)
}

// excused reports whether the line of node, or the line above it, has an exception from rule
// with a reason.
func (s *source) excused(node ast.Node, rule string) bool {
	lines := strings.Split(s.text, "\n")
	line := s.positions.Position(node.Pos()).Line
	for _, number := range []int{line - 1, line - 2} {
		if number < 0 || number >= len(lines) {
			continue
		}
		if _, reason, found := strings.Cut(lines[number], "// tidy:"+rule); found && strings.TrimSpace(reason) != "" {
			return true
		}
	}
	return false
}

func root(t *testing.T) string {
	t.Helper()
	folder, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.work")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		require.NotEqual(t, folder, parent, "no go.work above")
		folder = parent
	}
}

// tree parses every hand-written Go file.
func tree(t *testing.T) []*source {
	t.Helper()
	var sources []*source
	top := root(t)
	require.NoError(t, filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != top && (strings.HasPrefix(name, ".") || name == "gen" || name == "testdata" || name == "target" || name == "tools") {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		below, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(text), "// Code generated ") {
			return nil
		}
		s := &source{path: filepath.ToSlash(below), text: string(text), positions: token.NewFileSet(), test: strings.HasSuffix(name, "_test.go")}
		s.folder = filepath.ToSlash(filepath.Dir(below))
		s.lines = strings.Count(s.text, "\n")
		if s.file, err = parser.ParseFile(s.positions, path, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return err
		}
		sources = append(sources, s)
		return nil
	}))
	require.NotEmpty(t, sources)
	return sources
}

// modules returns the folders of the workspace's modules.
func modules(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "go.work"))
	require.NoError(t, err)
	var found []string
	for _, match := range regexp.MustCompile(`(?m)^\s*(?:use )?\./(\S+)$`).FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	require.NotEmpty(t, found)
	return found
}

// parseText parses a text as a file of a folder.
func parseText(t *testing.T, folder, text string) *source {
	t.Helper()
	s := &source{path: folder + "/x.go", folder: folder, text: text, positions: token.NewFileSet()}
	var err error
	s.file, err = parser.ParseFile(s.positions, s.path, text, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	return s
}

// reportEach reports the findings in all files that are not tests.
func reportEach(t *testing.T, find func(*source) []string) {
	t.Helper()
	var findings []string
	for _, s := range tree(t) {
		if !s.test {
			findings = append(findings, find(s)...)
		}
	}
	report(t, findings)
}

func report(t *testing.T, findings []string) {
	t.Helper()
	slices.Sort(findings)
	if len(findings) > 0 {
		t.Errorf("%d:\n%s", len(findings), strings.Join(findings, "\n"))
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	reportEach(t, lengthsOf)
}

// lengthsOf returns the files and functions that are too long, and functions with too many
// parameters.
func lengthsOf(s *source) []string {
	var findings []string
	limit := maxFileLines
	if strings.Contains(s.path, "/cmd/") && strings.HasSuffix(s.path, "/main.go") {
		limit = maxMainLines
	}
	if s.lines > limit {
		findings = append(findings, fmt.Sprintf("%s has %d lines, at most %d", s.path, s.lines, limit))
	}
	for _, declaration := range s.file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		length := s.positions.Position(function.End()).Line - s.positions.Position(function.Pos()).Line + 1
		if length > maxFunctionLines {
			findings = append(findings, fmt.Sprintf("%s %s has %d lines, at most %d", s.at(function), function.Name.Name, length, maxFunctionLines))
		}
		if count := parameters(function.Type); count > maxParameters && !s.excused(function, "parameters") {
			findings = append(findings, fmt.Sprintf("%s %s takes %d parameters, at most %d", s.at(function), function.Name.Name, count, maxParameters))
		}
	}
	return findings
}

// parameters counts the parameters that a reader has to tell apart. A context does not count.
func parameters(function *ast.FuncType) int {
	count := 0
	for _, field := range function.Params.List {
		if selector, ok := field.Type.(*ast.SelectorExpr); ok && selector.Sel.Name == "Context" {
			continue
		}
		count += max(1, len(field.Names))
	}
	return count
}

func TestInterfacesAreSmall(t *testing.T) {
	reportEach(t, largeInterfaces)
}

// largeInterfaces returns the interfaces with too many methods.
func largeInterfaces(s *source) []string {
	var findings []string
	ast.Inspect(s.file, func(node ast.Node) bool {
		declared, ok := node.(*ast.InterfaceType)
		if !ok {
			return true
		}
		if count := declared.Methods.NumFields(); count > maxInterfaceMethods && !s.excused(declared, "interface") {
			findings = append(findings, fmt.Sprintf("%s an interface of %d methods, at most %d", s.at(declared), count, maxInterfaceMethods))
		}
		return true
	})
	return findings
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	var findings []string
	packages := map[string]bool{}
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		packages[s.folder] = packages[s.folder] || s.file.Doc != nil
		findings = append(findings, undocumentedIn(s)...)
	}
	for folder, documented := range packages {
		if !documented {
			findings = append(findings, folder+" has no package comment")
		}
	}
	report(t, findings)
}

// undocumentedIn returns the exported names of a file that have no comment.
func undocumentedIn(s *source) []string {
	var findings []string
	for _, declaration := range s.file.Decls {
		for _, name := range undocumented(declaration) {
			findings = append(findings, s.at(declaration)+" "+name+" has no comment")
		}
	}
	return findings
}

func undocumented(declaration ast.Decl) []string {
	var names []string
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && receiverIsExported(d) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					names = append(names, s.Names[0].Name)
				}
			}
		}
	}
	return names
}

func receiverIsExported(function *ast.FuncDecl) bool {
	if function.Recv == nil {
		return true
	}
	receiver := function.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			return true
		}
	}
}

func TestFoldersAreNamedByWhatTheyHold(t *testing.T) {
	var findings []string
	for _, s := range tree(t) {
		findings = append(findings, bannedFolder(s)...)
	}
	report(t, slices.Compact(findings))
}

// bannedFolder returns the file's folder if its name says nothing.
func bannedFolder(s *source) []string {
	for _, part := range strings.Split(s.folder, "/") {
		if slices.Contains(bannedFolders, part) {
			return []string{s.folder + " has a name that says neither a business nor a technology"}
		}
	}
	return nil
}

// domain are the folders in which only the arguments may decide: they read no clock and no
// environment.
var domain = []string{
	"platform/fault", "platform/field", "platform/id", "platform/money", "platform/pan",
	"bank", "bank/card", "bank/ledger", "bank/outbox", "bank/purchase", "bank/risk",
	"statement", "operations/synthetic",
	"checkout", "checkout/charge", "checkout/order", "checkout/product", "checkout/refund",
	"identity",
	"codepix", "codepix/directory", "codepix/key", "codepix/payment",
	"gateway",
}

// withoutMoney are the modules in which a float needs no exception.
var withoutMoney = []string{"connectors", "dashboards", "native", "stack"}

func TestTheFoldersOfTheDomainExist(t *testing.T) {
	folders := make(map[string]bool)
	for _, s := range tree(t) {
		folders[s.folder] = true
	}
	for _, folder := range domain {
		require.True(t, folders[folder], "%s is not there", folder)
	}
}

func TestNothingForbiddenIsUsed(t *testing.T) {
	reportEach(t, forbiddenIn)
}

// leftOver are the marks of unfinished work.
var leftOver = []string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}

// forbiddenIn returns what a file may not use.
func forbiddenIn(s *source) []string {
	var findings []string
	ast.Inspect(s.file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				findings = append(findings, s.at(n)+" init")
			}
		case *ast.CallExpr:
			findings = append(findings, forbiddenCall(s, n)...)
		case *ast.Ident:
			near := !slices.Contains(withoutMoney, moduleOf(s.folder))
			if near && (n.Name == "float64" || n.Name == "float32") && !s.excused(n, "float") {
				findings = append(findings, s.at(n)+" "+n.Name+" near money")
			}
		}
		return true
	})
	for number, line := range strings.Split(s.text, "\n") {
		_, comment, found := strings.Cut(line, "//")
		words := strings.FieldsFunc(comment, func(r rune) bool { return r < 'A' || r > 'Z' })
		for _, mark := range leftOver {
			if found && slices.Contains(words, mark) {
				findings = append(findings, fmt.Sprintf("%s:%d %s left over", s.path, number+1, mark))
			}
		}
	}
	return findings
}

func forbiddenCall(s *source, call *ast.CallExpr) []string {
	switch called := call.Fun.(type) {
	case *ast.Ident:
		if called.Name == "panic" && !mayPanic(s, call) {
			return []string{s.at(call) + " panic outside Must… and not for a broken invariant (\"package: …\")"}
		}
	case *ast.SelectorExpr:
		from, ok := called.X.(*ast.Ident)
		if !ok || !slices.Contains(domain, s.folder) {
			return nil
		}
		name := from.Name + "." + called.Sel.Name
		if name == "time.Now" || name == "os.Getenv" || name == "os.LookupEnv" {
			return []string{s.at(call) + " " + name + " in the domain"}
		}
	}
	return nil
}

// mayPanic allows a panic in Must functions, and a panic whose message begins with the name of
// the package, because it reports a broken program.
func mayPanic(s *source, call *ast.CallExpr) bool {
	for _, declaration := range s.file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if ok && function.Pos() <= call.Pos() && call.End() <= function.End() && strings.HasPrefix(strings.ToLower(function.Name.Name), "must") {
			return true
		}
	}
	spoken := false
	ast.Inspect(call.Args[0], func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			spoken = spoken || err == nil && strings.HasPrefix(text, s.file.Name.Name+": ")
		}
		return true
	})
	return spoken
}
