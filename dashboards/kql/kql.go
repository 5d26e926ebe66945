// Package kql is the part of Kibana's query language that the dashboards use, as
// types: a query is built in Go, written as text for Kibana, and can be walked by
// whoever asks Elasticsearch the same without Kibana. So nothing has to parse it.
package kql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Query says which documents are meant. It is one of And, Or, Not, Is, OneOf,
// Exists and Compare; nil means all documents.
type Query interface{ write(*strings.Builder) }

type (
	// And is all of its queries; all documents when it is empty. A nil in it says
	// nothing.
	And []Query
	// Or is any of its queries; it must not be empty.
	Or []Query
	// Not is what Query does not find; Query must not be nil.
	Not struct{ Query Query }
	// Is is a field that has the value, or has it among several.
	Is struct{ Field, Value string }
	// OneOf is a field that has any of the values; there must be one.
	OneOf struct {
		Field  string
		Values []string
	}
	// Exists is a field that has any value.
	Exists struct{ Field string }
	// Compare is a number or a date on one side of a bound. Value is a whole
	// number or a date as Elasticsearch reads it, for example now.
	Compare struct {
		Field    string
		Operator Operator
		Value    string
	}
)

// Operator compares a field with a bound.
type Operator string

// The operators.
const (
	Less           Operator = "<"
	LessOrEqual    Operator = "<="
	Greater        Operator = ">"
	GreaterOrEqual Operator = ">="
)

// Number is the bound of a Compare as text.
func Number(n int64) string { return strconv.FormatInt(n, 10) }

// Text writes a query in Kibana's language; nil is the empty text.
func Text(q Query) string {
	var b strings.Builder
	if !Empty(q) {
		q.write(&b)
	}
	return b.String()
}

// Empty reports whether a query means all documents.
func Empty(q Query) bool {
	if q == nil {
		return true
	}
	all, ok := q.(And)
	return ok && !slices.ContainsFunc(all, func(one Query) bool { return !Empty(one) })
}

// Fields returns the names of the fields that a query asks for, sorted, each once.
func Fields(q Query) []string {
	var names []string
	switch q := q.(type) {
	case And:
		for _, one := range q {
			names = append(names, Fields(one)...)
		}
	case Or:
		for _, one := range q {
			names = append(names, Fields(one)...)
		}
	case Not:
		names = Fields(q.Query)
	case Is:
		names = []string{q.Field}
	case OneOf:
		names = []string{q.Field}
	case Exists:
		names = []string{q.Field}
	case Compare:
		names = []string{q.Field}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (q And) write(b *strings.Builder) { join(b, q, " and ") }

func (q Or) write(b *strings.Builder) {
	if len(q) == 0 {
		panic("kql: an Or of nothing")
	}
	join(b, q, " or ")
}

func (q Not) write(b *strings.Builder) {
	b.WriteString("not ")
	bracketed(b, q.Query)
}

func (q Is) write(b *strings.Builder) { b.WriteString(q.Field + ": " + literal(q.Value)) }

func (q OneOf) write(b *strings.Builder) {
	if len(q.Values) == 0 {
		panic("kql: OneOf nothing of " + q.Field)
	}
	literals := make([]string, len(q.Values))
	for i, value := range q.Values {
		literals[i] = literal(value)
	}
	fmt.Fprintf(b, "%s: (%s)", q.Field, strings.Join(literals, " or "))
}

func (q Exists) write(b *strings.Builder) { b.WriteString(q.Field + ": *") }

func (q Compare) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s %s %s", q.Field, q.Operator, literal(q.Value))
}

// join writes what says something, with brackets where one query could be taken for
// a part of another.
func join(b *strings.Builder, queries []Query, between string) {
	said := slices.DeleteFunc(slices.Clone(queries), Empty)
	for i, q := range said {
		if i > 0 {
			b.WriteString(between)
		}
		if len(said) == 1 {
			q.write(b)
		} else {
			bracketed(b, q)
		}
	}
}

func bracketed(b *strings.Builder, q Query) {
	several := false
	switch q := q.(type) {
	case And:
		several = len(q) > 1
	case Or:
		several = len(q) > 1
	}
	if several {
		b.WriteString("(")
	}
	q.write(b)
	if several {
		b.WriteString(")")
	}
}

// literal quotes a value unless it is a plain word that the language has no other
// meaning for.
func literal(value string) string {
	plain := func(r rune) bool {
		return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-'
	}
	word := strings.ToLower(value)
	if value != "" && word != "and" && word != "or" && word != "not" && !strings.ContainsFunc(value, func(r rune) bool { return !plain(r) }) {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(value) + `"`
}
