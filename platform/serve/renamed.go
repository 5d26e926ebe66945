package serve

import (
	"flag"
	"fmt"
	"strings"
)

// Renamed keeps old as a second name of the flag name, so that a new name for a setting
// breaks nobody's configuration. --old, PREFIX_OLD and PREFIX_OLD_FILE then do what
// --name, PREFIX_NAME and PREFIX_NAME_FILE do. If both flags are given, the later one
// counts. If variables of both are set, Parse returns an error. Help does not list the
// old name. Settings.Logger logs one line for each old name that was used.
//
// name must be a flag of fs, and old must not be one. Call Renamed before Parse.
func Renamed(fs *flag.FlagSet, old, name string) {
	fs.Var(&oldName{flags: fs, old: old, name: name}, old, "the old name of --"+name)
}

// oldName is the value of a flag that passes its value on to another flag.
type oldName struct {
	flags     *flag.FlagSet
	old, name string
	// used has a line for each use of the old name.
	used []string
}

// Set sets the flag with the new name.
func (o *oldName) Set(value string) error { return o.flags.Set(o.name, value) }

// String returns nothing, because an old name has no value of its own.
func (o *oldName) String() string { return "" }

// IsBoolFlag lets the old name of a switch stand without a value.
func (o *oldName) IsBoolFlag() bool {
	value, ok := o.flags.Lookup(o.name).Value.(interface{ IsBoolFlag() bool })
	return ok && value.IsBoolFlag()
}

// fromEnvironment notes each use of the old name. It sets the flag from the old variables,
// unless an argument has set it. given has the flags that were arguments.
func (o *oldName) fromEnvironment(e *Environment, given map[string]bool) error {
	if given[o.old] {
		o.used = append(o.used, fmt.Sprintf("--%s is now called --%s", o.old, o.name))
	}
	old := e.given(o.old)
	if old == "" {
		return nil
	}
	name := variable(e.prefix, o.name)
	if strings.HasSuffix(old, fileSuffix) {
		name += fileSuffix
	}
	o.used = append(o.used, old+" is now called "+name)
	if given[o.name] {
		return nil
	}
	if other := e.given(o.name); other != "" {
		return fmt.Errorf("both %s and %s are set; keep %s", old, other, other)
	}
	return e.Set(o.flags, o.old)
}
