package main

import (
	"errors"
	"fmt"

	"codebank.dev/operations/kibana"
	"codebank.dev/operations/output"
	"codebank.dev/operations/provision"
)

// tally prints what was done to the objects of a Kibana, or would be, and counts it.
type tally struct {
	printer *output.Printer
	// wanted is how many objects the files describe. all is set if the command is about all of
	// them.
	wanted int
	all    bool
	// planned is set if nothing is done.
	planned bool
	of      map[provision.Action]int
	rules   int // refused alert rules
}

func newTally(printer *output.Printer, all bool, wanted int) *tally {
	return &tally{printer: printer, all: all, wanted: wanted, of: make(map[provision.Action]int)}
}

// report is a provision.Report that prints and counts.
func (t *tally) report(result provision.Result) {
	t.add(result.Kind, result.Action)
	if result.Refusal != nil && !t.printer.JSON() {
		result.Detail = result.Refusal.Cause
	}
	t.printer.Result(result)
}

func (t *tally) add(kind string, action provision.Action) {
	t.of[action]++
	if kind == kibana.RuleKind && action == provision.Refused {
		t.rules++
	}
}

// summary is the last line of a command's output.
type summary struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Refused   int `json:"refused"`
	// Unknown is how many wanted objects the command knows nothing about, because it ended
	// before, or because Kibana does not have them.
	Unknown int `json:"unknown"`
}

// finish prints the numbers, if there are any. The error says how many objects were refused.
func (t *tally) finish() error {
	if len(t.of) == 0 {
		return nil
	}
	s := summary{t.of[provision.Created], t.of[provision.Updated], t.of[provision.Unchanged], t.of[provision.Refused], 0}
	known := s.Created + s.Updated + s.Unchanged + s.Refused
	if t.all {
		s.Unknown = t.wanted - known
		known = t.wanted
	}
	var err error
	if t.printer.JSON() {
		err = t.printer.Object(map[string]summary{"summary": s})
	} else {
		err = t.printer.Text(s.text(t.planned) + "\n")
	}
	if s.Refused == 0 {
		return err
	}
	text := fmt.Sprintf("Kibana refused %d of %d objects", s.Refused, known)
	if t.rules > 0 {
		text += fmt.Sprintf(", of which %d are alert rules; --rules=false leaves alert rules out", t.rules)
	}
	return errors.Join(err, errors.New(text))
}

// text returns the numbers in words. planned says that nothing was done.
func (s summary) text(planned bool) string {
	created, updated := "created", "updated"
	if planned {
		created, updated = "to create", "to update"
	}
	text := fmt.Sprintf("summary: %d %s, %d %s, %d unchanged, %d refused", s.Created, created, s.Updated, updated, s.Unchanged, s.Refused)
	if s.Unknown > 0 {
		text += fmt.Sprintf(", %d unknown", s.Unknown)
	}
	return text
}
