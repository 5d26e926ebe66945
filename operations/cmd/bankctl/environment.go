package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"codebank.dev/platform/serve"
)

// prefix begins the names of bankctl's environment variables. An underscore follows.
const prefix = "BANKCTL"

// byHand marks flags that must be given on the command line each time.
const byHand = "by-hand"

// fromEnvironment sets the flags that were not given from their variables in the
// environment. A variable with the prefix that belongs to no flag of any command is an
// error, so that a misspelt setting is not ignored. Errors never hold a value.
func fromEnvironment(command *cobra.Command, environ []string) error {
	environment, err := serve.NewEnvironment(prefix, withVariables(command.Root()), environ)
	failures := []error{err}
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Changed && hasVariable(flag) {
			failures = append(failures, environment.Set(command.Flags(), flag.Name))
		}
	})
	return errors.Join(failures...)
}

// withVariables returns the names of the flags that the environment may set, those of the
// commands below included.
func withVariables(command *cobra.Command) []string {
	var names []string
	command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if hasVariable(flag) {
			names = append(names, flag.Name)
		}
	})
	for _, below := range command.Commands() {
		names = append(names, withVariables(below)...)
	}
	return names
}

func hasVariable(flag *pflag.Flag) bool {
	return flag.Name != "help" && flag.Annotations[byHand] == nil
}
