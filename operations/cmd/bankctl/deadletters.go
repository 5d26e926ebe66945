package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/deadletter"
)

func newDeadLetters(app *application) *cobra.Command {
	return group("dlq", "What the sinks could not take", newDeadLettersList(app), newDeadLettersRedrive(app))
}

func newDeadLettersList(app *application) *cobra.Command {
	var selection deadletter.Selection
	command := &cobra.Command{
		Use:   "list [TOPIC|CONNECTOR]...",
		Short: "Count dead letters and tell where they came from and why; never what is in them",
		RunE: work(func(ctx context.Context, names []string) error {
			return app.withLetters(ctx, names, func(letters *deadletter.Client, topics []string) error {
				return app.listLetters(ctx, letters, topics, selection)
			})
		}),
	}
	command.Flags().IntVar(&selection.Limit, "limit", 20, "letters to show of a topic, the oldest first; 0 for all")
	command.Flags().BoolVar(&selection.All, "all", false, "show those that a redrive has dealt with as well")
	return command
}

// withLetters calls do with the dead-letter topics that names stand for, all when
// there are none. Only reaching the brokers is bounded by --timeout.
func (a *application) withLetters(ctx context.Context, names []string, do func(*deadletter.Client, []string) error) error {
	client, topics, err := a.deadLetters(ctx, names)
	if err != nil {
		return err
	}
	defer client.Close()
	return do(deadletter.New(client), topics)
}

func (a *application) deadLetters(ctx context.Context, names []string) (*kgo.Client, []string, error) {
	ctx, cancel := a.patiently(ctx)
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
	var counts, rows [][]string
	for _, topic := range topics {
		count, err := letters.Count(ctx, topic)
		if err != nil {
			return err
		}
		counts = append(counts, []string{topic, strconv.FormatInt(count.Total, 10), strconv.FormatInt(count.Waiting, 10)})
		if a.json() {
			if err := a.object(count); err != nil {
				return err
			}
		}
		err = letters.List(ctx, topic, selection, func(letter deadletter.Letter) error {
			if a.json() {
				return a.object(letter)
			}
			rows = append(rows, letterRow(letter))
			return nil
		})
		if err != nil {
			return err
		}
	}
	if a.json() {
		return nil
	}
	if err := a.table([]string{"TOPIC", "TOTAL", "WAITING"}, counts); err != nil || len(rows) == 0 {
		return err
	}
	fmt.Fprintln(a.streams.out)
	return a.table([]string{"LETTER", "ORIGIN", "KEY", "STAGE", "EXCEPTION", "MESSAGE"}, rows)
}

func letterRow(letter deadletter.Letter) []string {
	origin := "unknown"
	if letter.Origin != nil {
		origin = letter.Origin.String()
	}
	// The class without its package: the message says the rest.
	exception := letter.Exception[strings.LastIndexByte(letter.Exception, '.')+1:]
	return []string{letter.At.String(), origin, letter.Key, letter.Stage, exception, letter.Message}
}

func newDeadLettersRedrive(app *application) *cobra.Command {
	var how deadletter.Redrive
	var dry bool
	command := &cobra.Command{
		Use:   "redrive [TOPIC|CONNECTOR]...",
		Short: "Send dead letters to where they came from again; with --yes only",
		Long: `Send dead letters to the topic and partition they came from again: the same
bytes, key and time. An event takes effect once in each sink, however often it comes;
one that several sinks could not take is sent once.

Without --yes nothing is sent, and what would be is told. What was sent is marked,
in the offsets of the consumer group bankctl-redrive.TOPIC, so doing it again sends
only what came since. A letter that is no event would only come back and is passed
over, unless --unreadable.`,
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
	flags.BoolVar(&how.Unreadable, "unreadable", false, "send what is no event as well")
	flags.BoolVar(&how.All, "again", false, "send what was dealt with before as well")
	flags.IntVar(&how.Limit, "limit", 0, "letters to send of a topic, the oldest first; 0 for all")
	return command
}

// tally is what a redrive did with a topic.
type tally struct {
	Topic      string `json:"topic"`
	Sent       int    `json:"sent"`
	Due        int    `json:"due"`
	Shared     int    `json:"shared"`
	Unreadable int    `json:"unreadable"`
	NoOrigin   int    `json:"no_origin"`
}

func (t *tally) add(outcome deadletter.Outcome) {
	switch outcome {
	case deadletter.Sent:
		t.Sent++
	case deadletter.Due:
		t.Due++
	case deadletter.Shared:
		t.Shared++
	case deadletter.Unreadable:
		t.Unreadable++
	case deadletter.NoOrigin:
		t.NoOrigin++
	}
}

func (t *tally) row() []string {
	return []string{t.Topic, strconv.Itoa(t.Sent), strconv.Itoa(t.Due), strconv.Itoa(t.Shared),
		strconv.Itoa(t.Unreadable), strconv.Itoa(t.NoOrigin)}
}

func (a *application) redrive(ctx context.Context, letters *deadletter.Client, topics []string, how deadletter.Redrive) error {
	tallies := make(map[string]*tally, len(topics))
	for _, topic := range topics {
		tallies[topic] = &tally{Topic: topic}
	}
	// What was done before a failure is told all the same.
	failures := []error{letters.Redrive(ctx, topics, how, func(letter deadletter.Letter, outcome deadletter.Outcome) {
		tallies[letter.At.Topic].add(outcome)
	})}
	due := 0
	var rows [][]string
	for _, topic := range topics {
		due += tallies[topic].Due
		rows = append(rows, tallies[topic].row())
		if a.json() {
			failures = append(failures, a.object(tallies[topic]))
		}
	}
	if !a.json() {
		failures = append(failures, a.table([]string{"TOPIC", "SENT", "DUE", "SHARED", "UNREADABLE", "NO ORIGIN"}, rows))
		if due > 0 {
			fmt.Fprintln(a.streams.out, "nothing was sent; --yes sends what is due")
		}
	}
	return errors.Join(failures...)
}
