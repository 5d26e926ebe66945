package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/deadletter"
	"codebank.dev/operations/output"
)

func newDeadLetters(app *application) *cobra.Command {
	return group("dlq", "The records that the sinks could not take", newDeadLettersList(app), newDeadLettersShow(app),
		newDeadLettersDiscard(app), newDeadLettersRedrive(app))
}

func newDeadLettersList(app *application) *cobra.Command {
	var selection deadletter.Selection
	command := &cobra.Command{
		Use:   "list [TOPIC|CONNECTOR]...",
		Short: "Count dead letters and show where they came from and why; their values are never shown",
		RunE: work(func(ctx context.Context, names []string) error {
			if err := checkLimit(selection.Limit); err != nil {
				return err
			}
			return app.withLetters(ctx, names, func(letters *deadletter.Client, topics []string) error {
				return app.listLetters(ctx, letters, topics, selection)
			})
		}),
	}
	command.Flags().IntVar(&selection.Limit, "limit", 20, "letters to show of a topic, the oldest first; 0 for all")
	command.Flags().BoolVar(&selection.All, "all", false, "show also those that were dealt with")
	return command
}

// withLetters calls do with the dead-letter topics that names name, or with all topics if
// there are no names. --timeout bounds only the wait for the brokers.
func (a *application) withLetters(ctx context.Context, names []string, do func(*deadletter.Client, []string) error) error {
	client, topics, err := a.deadLetters(ctx, names)
	if err != nil {
		return err
	}
	defer client.Close()
	return do(deadletter.New(client), topics)
}

func (a *application) deadLetters(ctx context.Context, names []string) (*kgo.Client, []string, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	client, err := a.kafka(ctx)
	if err != nil {
		return nil, nil, err
	}
	topics := make([]string, len(names))
	for i, name := range names {
		topics[i] = deadletter.Prefix + strings.TrimPrefix(name, deadletter.Prefix)
	}
	if len(topics) == 0 {
		if topics, err = deadletter.New(client).Topics(ctx); err != nil {
			client.Close()
			return nil, nil, err
		}
	}
	slices.Sort(topics)
	return client, slices.Compact(topics), nil
}

func (a *application) listLetters(ctx context.Context, letters *deadletter.Client, topics []string, selection deadletter.Selection) error {
	printer := a.printer()
	var counts, rows [][]string
	for _, topic := range topics {
		count, err := letters.Count(ctx, topic)
		if err != nil {
			return err
		}
		counts = append(counts, countRow(count))
		if printer.JSON() {
			if err := printer.Object(count); err != nil {
				return err
			}
		}
		err = letters.List(ctx, topic, selection, func(letter deadletter.Letter) error {
			if printer.JSON() {
				return printer.Object(letter)
			}
			rows = append(rows, letterRow(letter))
			return nil
		})
		if err != nil {
			return err
		}
	}
	if printer.JSON() {
		return nil
	}
	if err := printer.Table([]string{"TOPIC", "TOTAL", "WAITING", "SENT", "DISCARDED"}, counts); err != nil || len(rows) == 0 {
		return err
	}
	if err := printer.Text("\n"); err != nil {
		return err
	}
	return printer.Table([]string{"LETTER", "STATE", "ORIGIN", "KEY", "STAGE", "EXCEPTION", "MESSAGE"}, rows)
}

func countRow(count deadletter.Count) []string {
	row := []string{count.Topic}
	for _, figure := range []int64{count.Total, count.Waiting, count.Sent, count.Discarded} {
		row = append(row, strconv.FormatInt(figure, 10))
	}
	return row
}

func letterRow(letter deadletter.Letter) []string {
	// Show the class without its package. The message says the rest.
	exception := letter.Exception[strings.LastIndexByte(letter.Exception, '.')+1:]
	return []string{letter.At.String(), string(letter.State), originOf(letter), letter.Key, letter.Stage, exception, letter.Message}
}

func originOf(letter deadletter.Letter) string {
	if letter.Origin == nil {
		return "unknown"
	}
	return letter.Origin.String()
}

func newDeadLettersRedrive(app *application) *cobra.Command {
	var how deadletter.Redrive
	var dry bool
	command := &cobra.Command{
		Use:   "redrive [LETTER | TOPIC|CONNECTOR ...]",
		Short: "Send dead letters to the sink that refused them again; only with --yes",
		Long: `Send dead letters to the sink that refused them again: the same bytes and key, on
the topic and partition that they came from. A header names the sink, and the other
sinks skip the record. An event takes effect once in each sink, however often it
comes. A letter that is refused again waits as one letter of the same sink.
--all-sinks sends without that header, for letters of a connector that is gone.

The record has the present time, because a topic may refuse an old one; a header
holds the time of the first record.

Without --yes the command sends nothing and shows what it would send. It records
what it sent in the topic ` + deadletter.ActionsTopic + `, so doing it again sends only what
came since. It does not send a letter that is not an event, because such a letter
would come back; --unreadable sends it. It does not send a discarded letter, unless
--again and the name of the letter ask for it.`,
		Args: func(command *cobra.Command, names []string) error {
			if namesLetter(names) {
				return oneLetter(command, names)
			}
			return nil
		},
		RunE: work(func(ctx context.Context, names []string) error {
			if err := checkLimit(how.Limit); err != nil {
				return err
			}
			how.Send, how.Operator = how.Send && !dry, deadletter.Operator{By: operator()}
			if namesLetter(names) {
				letter, err := deadletter.ParsePlace(names[0])
				if err != nil {
					return err
				}
				how.Only, names = &letter, []string{letter.Topic}
			}
			return app.withLetters(ctx, names, func(letters *deadletter.Client, topics []string) error {
				return app.redrive(ctx, letters, topics, how)
			})
		}),
	}
	flags := command.Flags()
	flags.BoolVar(&how.Send, "yes", false, "send them")
	_ = flags.SetAnnotation("yes", byHand, []string{})
	flags.BoolVar(&dry, "dry-run", false, "send nothing, even with --yes")
	flags.BoolVar(&how.Unreadable, "unreadable", false, "send also letters that are not events")
	flags.BoolVar(&how.AllSinks, "all-sinks", false, "send to every sink, not only to the one that refused the letter")
	flags.BoolVar(&how.All, "again", false, "send also letters that were dealt with before")
	flags.IntVar(&how.Limit, "limit", 0, "letters to send of a topic, the oldest first; 0 for all")
	return command
}

// checkLimit refuses a number of letters that is none.
func checkLimit(limit int) error {
	if limit < 0 {
		return misused("limit", errors.New("is 0 for all letters, or more"))
	}
	return nil
}

// namesLetter reports whether one of the names is that of a letter.
func namesLetter(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, "/") })
}

func (a *application) redrive(ctx context.Context, letters *deadletter.Client, topics []string, how deadletter.Redrive) error {
	// The tallies are shown after a failure too.
	tallies, failed := letters.RedriveTallied(ctx, topics, how)
	heading := []string{"TOPIC", "SENT", "DUE", "SHARED", "UNREADABLE", "NO ORIGIN"}
	err := output.List(a.printer(), tallies, heading, tallyRows)
	due := slices.ContainsFunc(tallies, func(t deadletter.Tally) bool { return t.Due > 0 })
	if err == nil && due && !a.printer().JSON() {
		err = a.printer().Text("nothing was sent; --yes sends what is due\n")
	}
	return errors.Join(failed, err)
}

func tallyRows(t deadletter.Tally) [][]string {
	return [][]string{{t.Topic, strconv.Itoa(t.Sent), strconv.Itoa(t.Due), strconv.Itoa(t.Shared),
		strconv.Itoa(t.Unreadable), strconv.Itoa(t.NoOrigin)}}
}
