// Package permission is the table that says, for each method of a service, who may call it and whose data
// the call may touch. A method without a row may be called by nobody, and a program whose table lacks a
// method, or has one too many, does not start.
package permission

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
)

// RoleCustomer is the role of a person who uses the bank's products.
const RoleCustomer = "customer"

// RoleOperator is the role of a person who works for the bank.
const RoleOperator = "operator"

// Whose says whose data a call may touch. The edge decides by the kinds of a Rule; the service itself
// keeps to the owner, in each query.
type Whose uint8

const (
	// NoData is for methods that touch nobody's data, such as a catalogue.
	NoData Whose = iota
	// Own is for methods with which a user touches only his own data, a service only what it asked for
	// itself, and an operator any.
	Own
	// Any is for methods whose callers may touch anybody's data.
	Any
)

// Rule is the row of a method.
type Rule struct {
	// Anybody lets callers in who prove nothing, and everybody else.
	Anybody bool
	// Role is the role that a signed-in user needs; empty: users may not call it.
	Role string
	// Services is the group of programs that may call it (see Table.Check); empty: none, AllServices: each
	// with a certificate.
	Services string
	// Operators lets operators call it.
	Operators bool
	// Merchants lets programs with a merchant's secret call it.
	Merchants bool
	// Whose says whose data the call may touch.
	Whose Whose
	// Acts says that the method moves money or changes credentials. It is Unavailable to people while the
	// service does not know which sessions have ended.
	Acts bool
}

// AllServices is the group of every program with a certificate.
const AllServices = "*"

// Table is the rules of a service by the full names of its methods, /package.Service/Method.
type Table map[string]Rule

// Groups are the names of the programs in each group of services.
type Groups map[string][]string

// The refusals.
var (
	// ErrUnauthenticated refuses a caller who proves nothing.
	ErrUnauthenticated = fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "This call needs a client certificate or an access token.")
	// ErrNotAllowed refuses a caller who is known.
	ErrNotAllowed = fault.New(fault.PermissionDenied, "NOT_ALLOWED", "You may not call this method.")
)

// Allows returns nil if a principal may call a method. Errors: ErrUnauthenticated, ErrNotAllowed.
func (t Table) Allows(method string, p *principal.Principal, groups Groups) error {
	rule, known := t[method]
	allowed := known && rule.Anybody
	switch p.Kind {
	case principal.User:
		allowed = allowed || known && rule.Role != "" && p.HasRole(rule.Role)
	case principal.Service:
		allowed = allowed || known && groups.have(rule.Services, p.Name)
	case principal.Operator:
		allowed = allowed || known && rule.Operators
	case principal.Merchant:
		allowed = allowed || known && rule.Merchants
	default:
		if !allowed {
			return ErrUnauthenticated
		}
	}
	if !allowed {
		return ErrNotAllowed
	}
	return nil
}

// IsOpen reports whether callers who prove nothing may call a method.
func (t Table) IsOpen(method string) bool { return t[method].Anybody }

// Acts reports whether a method moves money or changes credentials. A method without a row counts as one.
func (t Table) Acts(method string) bool {
	rule, known := t[method]
	return !known || rule.Acts
}

func (g Groups) have(group, name string) bool {
	return group == AllServices || group != "" && slices.Contains(g[group], name)
}

// Check returns an error unless the table has exactly a row for each of the methods, and groups has each
// group that a row names.
func (t Table) Check(methods []string, groups Groups) error {
	var failures []error
	for _, method := range methods {
		if _, known := t[method]; !known {
			failures = append(failures, fmt.Errorf("permission: nobody says who may call %s", method))
		}
	}
	for _, method := range slices.Sorted(maps.Keys(t)) {
		if !slices.Contains(methods, method) {
			failures = append(failures, fmt.Errorf("permission: there is no method %s", method))
		}
		group := t[method].Services
		if _, known := groups[group]; !known && group != "" && group != AllServices {
			failures = append(failures, fmt.Errorf("permission: %s: there is no group %q", strings.TrimPrefix(method, "/"), group))
		}
	}
	return errors.Join(failures...)
}
