// Package kql is the part of Kibana's query language that the dashboards use, as types.
// Go code builds a query. The query is written as text for Kibana, or converted to a
// search in Elasticsearch without Kibana. So no program has to parse it.
package kql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Query chooses documents. It is one of And, Or, Not, Is, OneOf, Exists and Compare. A
// nil Query chooses all documents.
type Query interface{ write(*strings.Builder) }

type (
	// And chooses the documents that all of its queries choose. An empty And chooses
	// all documents. A nil element has no effect.
	And []Query
	// Or chooses the documents that any of its queries chooses. It must not be empty.
	Or []Query
	// Not chooses the documents that Query does not choose. Query must not be nil.
	Not struct{ Query Query }
	// Is chooses documents whose field has the value, alone or among several values.
	Is struct{ Field, Value string }
	// OneOf chooses documents whose field has one of the values. Values must not be
	// empty.
	OneOf struct {
		Field  string
		Values []string
	}
	// Exists chooses documents whose field has any value.
	Exists struct{ Field string }
	// Compare chooses documents whose field lies on one side of a bound. The field is a
	// number or a date. Value is a whole number, or a date as Elasticsearch reads it,
	// for example now.
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

// Number writes a number as the bound of a Compare.
func Number(n int64) string { return strconv.FormatInt(n, 10) }

// Text writes a query in Kibana's language. The text of nil is empty.
func Text(q Query) string {
	var b strings.Builder
	if !Empty(q) {
		q.write(&b)
	}
	return b.String()
}

// Empty reports whether a query chooses all documents.
func Empty(q Query) bool {
	if q == nil {
		return true
	}
	all, ok := q.(And)
	return ok && !slices.ContainsFunc(all, func(one Query) bool { return !Empty(one) })
}

// Fields returns the names of the fields that a query reads, sorted, each once.
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
		panic("kql: an Or without queries")
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
		panic("kql: a OneOf without values for " + q.Field)
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

// join writes the queries that are not empty. It adds brackets where one query could be
// taken for a part of another.
func join(b *strings.Builder, queries []Query, between string) {
	filled := slices.DeleteFunc(slices.Clone(queries), Empty)
	for i, q := range filled {
		if i > 0 {
			b.WriteString(between)
		}
		if len(filled) == 1 {
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

// literal quotes a value unless it is a plain word without another meaning in the
// language.
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
