package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/operators"
	"codebank.dev/identity/signing"
)

// commands lists the commands.
const commands = "the commands are: keys new, keys rotate, operators add EMAIL, roles grant EMAIL ROLE, roles revoke EMAIL ROLE"

var errCommand = errors.New(commands)

// command does one command of an operator.
func command(ctx context.Context, config *config, stdout io.Writer) error {
	words := config.words
	named := func(group, verb string, arguments int) bool {
		return words[0] == group && len(words) == 2+arguments && words[1] == verb
	}
	switch {
	case named("keys", "new", 0):
		if err := signing.NewKeyFile(config.keys, time.Now(), config.database.Failpoint); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "made %s\n", config.keys)
		return nil
	case named("keys", "rotate", 0):
		return rotate(ctx, config, stdout)
	case named("operators", "add", 1):
		return addOperator(ctx, config, stdout)
	case named("roles", "grant", 2), named("roles", "revoke", 2):
		return changeRoles(ctx, config, stdout)
	}
	return errCommand
}

// rotate does the next step of a rotation, or all of them.
func rotate(ctx context.Context, config *config, stdout io.Writer) error {
	for {
		step, err := signing.Rotate(config.keys, time.Now(), config.waits, config.database.Failpoint)
		if err != nil {
			return err
		}
		switch step.Did {
		case signing.Added:
			fmt.Fprintf(stdout, "added key %s: it is published, and signs with the next step\n", step.Key)
		case signing.Signing:
			fmt.Fprintf(stdout, "key %s signs: the one before is retired with the next step\n", step.Key)
		case signing.Retired:
			fmt.Fprintf(stdout, "retired key %s: the rotation is complete\n", step.Key)
		case signing.Waiting:
			fmt.Fprintf(stdout, "too early for the next step of key %s\n", step.Key)
		}
		if step.Wait > 0 {
			fmt.Fprintf(stdout, "the next step can be done in %s\n", step.Wait.Round(time.Second))
		}
		if step.Did == signing.Retired || !config.all {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(step.Wait):
		}
	}
}

// changeRoles does a command on the database, which the program must have prepared.
func changeRoles(ctx context.Context, config *config, stdout io.Writer) error {
	store, service, err := open(ctx, config, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	words := config.words
	role, err := identity.ParseRole(words[3])
	if err != nil {
		return err
	}
	change := identity.RoleChange{Add: []identity.Role{role}}
	if words[1] == "revoke" {
		change = identity.RoleChange{Take: []identity.Role{role}}
	}
	user, err := service.ChangeRoles(ctx, identity.Origin{}, words[2], change)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s has the roles %v\n", user.Name(), user.Roles)
	return nil
}

// addOperator makes an operator; the database need not be prepared.
func addOperator(ctx context.Context, config *config, stdout io.Writer) error {
	created, err := operators.Add(ctx, config.database.URL, config.words[2], config.password)
	if err != nil {
		return err
	}
	if created {
		fmt.Fprintln(stdout, "opened an account for the operator")
		return nil
	}
	fmt.Fprintln(stdout, "the user is an operator; the password is as before")
	return nil
}
