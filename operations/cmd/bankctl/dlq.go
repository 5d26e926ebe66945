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
	return group("dlq", "The records that the sinks could not take", newDeadLettersList(app), newDeadLettersRedrive(app))
}

func newDeadLettersList(app *application) *cobra.Command {
	var selection deadletter.Selection
	command := &cobra.Command{
		Use:   "list [TOPIC|CONNECTOR]...",
		Short: "Count dead letters and show where they came from and why; their values are never shown",
		RunE: work(func(ctx context.Context, names []string) error {
			return app.withLetters(ctx, names, func(letters *deadletter.Client, topics []string) error {
				return app.listLetters(ctx, letters, topics, selection)
			})
		}),
	}
	command.Flags().IntVar(&selection.Limit, "limit", 20, "letters to show of a topic, the oldest first; 0 for all")
	command.Flags().BoolVar(&selection.All, "all", false, "show also those that a redrive has dealt with")
	return command
}

// withLetters calls do with the dead-letter topics that names stand for, or all when there
// are no names. --timeout bounds only the wait for the brokers.
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
		counts = append(counts, []string{topic, strconv.FormatInt(count.Total, 10), strconv.FormatInt(count.Waiting, 10)})
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
	if err := printer.Table([]string{"TOPIC", "TOTAL", "WAITING"}, counts); err != nil || len(rows) == 0 {
		return err
	}
	if err := printer.Text("\n"); err != nil {
		return err
	}
	return printer.Table([]string{"LETTER", "ORIGIN", "KEY", "STAGE", "EXCEPTION", "MESSAGE"}, rows)
}

func letterRow(letter deadletter.Letter) []string {
	origin := "unknown"
	if letter.Origin != nil {
		origin = letter.Origin.String()
	}
	// The class without its package; the message says the rest.
	exception := letter.Exception[strings.LastIndexByte(letter.Exception, '.')+1:]
	return []string{letter.At.String(), origin, letter.Key, letter.Stage, exception, letter.Message}
}

func newDeadLettersRedrive(app *application) *cobra.Command {
	var how deadletter.Redrive
	var dry bool
	command := &cobra.Command{
		Use:   "redrive [TOPIC|CONNECTOR]...",
		Short: "Send dead letters to where they came from again; only with --yes",
		Long: `Send dead letters to the topic and partition they came from again: the same
bytes, key and time. An event takes effect once in each sink, however often it comes.
A record that several sinks could not take is sent once.

Without --yes the command sends nothing and shows what it would send. It marks what
it sent in the offsets of the consumer group bankctl-redrive.TOPIC, so doing it again
sends only what came since. It does not send a letter that is not an event, because
such a letter would come back; --unreadable sends it.`,
		RunE: work(func(ctx context.Context, names []string) error {
			how.Send = how.Send && !dry
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
	flags.BoolVar(&how.All, "again", false, "send also letters that were dealt with before")
	flags.IntVar(&how.Limit, "limit", 0, "letters to send of a topic, the oldest first; 0 for all")
	return command
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
