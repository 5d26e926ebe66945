package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"codebank.dev/operations/deadletter"
	"codebank.dev/platform/field"
)

// operator returns who runs the command, as the actions on letters name it: user@machine.
func operator() string {
	name := "unknown"
	if current, err := user.Current(); err == nil {
		name = current.Username
	}
	if machine, err := os.Hostname(); err == nil {
		name += "@" + machine
	}
	return name
}

// maxReason is the longest reason of an action, in characters.
const maxReason = 400

// oneLetter refuses arguments that are not the name of one letter.
func oneLetter(command *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(1)(command, args); err != nil {
		return err
	}
	_, err := deadletter.ParsePlace(args[0])
	return err
}

func newDeadLettersShow(app *application) *cobra.Command {
	return &cobra.Command{
		Use:   "show LETTER",
		Short: "Show one dead letter with its value and what was done with it; the topic " + deadletter.ActionsTopic + " records who saw it",
		Args:  oneLetter,
		RunE: work(func(ctx context.Context, names []string) error {
			return app.withLetter(ctx, names[0], func(letters *deadletter.Client, letter deadletter.Place) error {
				shown, err := letters.Show(ctx, letter, deadletter.Operator{By: operator()})
				if err != nil {
					return err
				}
				if app.printer().JSON() {
					return app.printer().Object(shown)
				}
				return app.printer().Table([]string{"WHAT", "VALUE"}, shownRows(shown))
			})
		}),
	}
}

func shownRows(shown deadletter.Shown) [][]string {
	size := strconv.Itoa(shown.ValueBytes) + " bytes, not an event"
	if shown.Readable {
		size = strconv.Itoa(shown.ValueBytes) + " bytes, framed as an event"
	}
	rows := [][]string{
		{"letter", shown.At.String()}, {"state", string(shown.State)}, {"origin", originOf(shown.Letter)},
		{"time", shown.Time.Format(time.RFC3339Nano)}, {"key", shown.Key}, {"sent again before", strconv.Itoa(shown.Redrives)},
		{"value", size}, {"value as text", shown.Value},
	}
	for _, name := range slices.Sorted(maps.Keys(shown.Headers)) {
		rows = append(rows, []string{name, shown.Headers[name]})
	}
	for _, action := range shown.Actions {
		what := string(action.Action) + " by " + action.By
		if action.Reason != "" {
			what += ": " + action.Reason
		}
		rows = append(rows, []string{action.At.Format(time.RFC3339), what})
	}
	return rows
}

func newDeadLettersDiscard(app *application) *cobra.Command {
	var by deadletter.Operator
	var yes bool
	command := &cobra.Command{
		Use:   "discard LETTER --reason TEXT --yes",
		Short: "Record that nobody needs a dead letter; only with --yes",
		Long: `Record that nobody needs a dead letter. It no longer waits, and a redrive does not
send it. The letter stays in its topic. The topic ` + deadletter.ActionsTopic + ` records
who discarded it and why.

An event that is discarded is missing in the place of its sink, and an audit says so.`,
		Args: oneLetter,
		RunE: work(func(ctx context.Context, names []string) error {
			switch {
			case strings.TrimSpace(by.Reason) == "":
				return misused("reason", errors.New("is empty: nothing was discarded"))
			case field.Text("reason", by.Reason, maxReason) != nil:
				// The topic of actions keeps it for ever, in clear.
				return misused("reason", fmt.Errorf("%w: nothing was discarded", field.Text("reason", by.Reason, maxReason)))
			case !yes:
				return &misuse{cause: errors.New("nothing was discarded; --yes discards the letter")}
			}
			by.By = operator()
			return app.withLetter(ctx, names[0], func(letters *deadletter.Client, letter deadletter.Place) error {
				if err := letters.Discard(ctx, letter, by); err != nil {
					return err
				}
				if app.printer().JSON() {
					return app.printer().Object(map[string]any{"letter": letter, "action": deadletter.ActionDiscarded})
				}
				return app.printer().Text(letter.String() + " is discarded\n")
			})
		}),
	}
	command.Flags().StringVar(&by.Reason, "reason", "", "why nobody needs it")
	_ = command.MarkFlagRequired("reason")
	command.Flags().BoolVar(&yes, "yes", false, "discard it")
	_ = command.Flags().SetAnnotation("yes", byHand, []string{})
	return command
}

// withLetter calls do with the letter that name stands for.
func (a *application) withLetter(ctx context.Context, name string, do func(*deadletter.Client, deadletter.Place) error) error {
	letter, err := deadletter.ParsePlace(name)
	if err != nil {
		return err
	}
	return a.withLetters(ctx, []string{letter.Topic}, func(letters *deadletter.Client, _ []string) error { return do(letters, letter) })
}
