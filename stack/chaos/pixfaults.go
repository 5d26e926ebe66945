package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"codebank.dev/schemas/command"
	"codebank.dev/stack/chaos/wire"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/twmb/franz-go/pkg/kgo"
)

// pixBag holds the faults between the banks: the hub, its database, and the bank that receives.
var pixBag = []bagItem{
	{"F23", hubStopped, 1, 1, 3_000, 20_000},
	{"F23", killHub, 2, 3, 0, 2_000},
	{"F23", otherBankStopped, 1, 1, 3_000, 20_000},
	{"F23", killOtherBank, 2, 3, 0, 2_000},
	{"F23", hubDatabaseDown, 1, 1, 3_000, 20_000},
}

// faultAway stops a program for the length of a step. Payments that begin meanwhile wait.
func faultAway(name string) fault {
	return func(ctx context.Context, r *run, s step) error {
		program, release := r.lockServer(name)
		defer release()
		if err := program.process.Stop(ctx); err != nil {
			return err
		}
		sleep(ctx, s.duration())
		return errors.Join(restart(ctx, program), r.awaitPixEnded(ctx))
	}
}

// faultHubDatabaseDown cuts the hub off its database, and refuses new connections.
func faultHubDatabaseDown(ctx context.Context, r *run, s step) error {
	hub, release := r.lockServer(launch.CodePix)
	defer release()
	link := r.system.links[hubToDatabase]
	if link == nil {
		return fmt.Errorf("there is no link %s", hubToDatabase)
	}
	link.Set(wire.Condition{Refuse: true})
	link.Reset()
	sleep(ctx, s.duration())
	link.Set(wire.Condition{})
	return errors.Join(pipes.Await(ctx, restartTimeout, hub.process.Ready), r.awaitPixEnded(ctx))
}

// awaitPixEnded waits until every payment that had begun has ended, and measures the time. The broker, the registry and
// the front have no faults meanwhile, because payments need them too. A run that checks no times does not wait.
func (r *run) awaitPixEnded(ctx context.Context) error {
	if r.options.Untimed {
		return nil
	}
	// In this order, because a fault of the broker waits for the front.
	_, freeBroker := r.lockServer(launch.Kafka)
	defer freeBroker()
	_, freeRegistry := r.lockServer(launch.Registry)
	defer freeRegistry()
	r.frontMutex.Lock()
	defer r.frontMutex.Unlock()
	return r.measurePixEnds(ctx, time.Now())
}

// measurePixEnds waits until every payment that had begun at a moment has ended, at both banks and at the hub.
func (r *run) measurePixEnds(ctx context.Context, before time.Time) error {
	for database, query := range map[string]string{
		launch.LedgerDatabase:              "SELECT count(*) FROM pix_messages WHERE step = 'INITIATED' AND created_at < $1",
		launch.SecondBank().LedgerDatabase: "SELECT count(*) FROM pix_messages WHERE step = 'INITIATED' AND created_at < $1",
		launch.CodePixDatabase:             "SELECT count(*) FROM payments WHERE state IN (1, 2) AND accepted_at < $1",
	} {
		if err := r.awaitEnded(ctx, database, query, before); err != nil {
			return err
		}
	}
	r.journal.addRecovery(pixEnded, time.Since(before))
	return nil
}

const (
	// messageAgainEvery is one in how many messages between banks and hub comes again, and messageAgainWithin how late.
	messageAgainEvery  = 4
	messageAgainWithin = 5 * time.Second
)

// repeatMessages puts messages between banks and hub on their topics again, later, until ctx ends. The broker may be away.
func (r *run) repeatMessages(ctx context.Context) {
	const again = "chaos-again"
	var topics []string
	for _, bank := range launch.Banks() {
		topics = append(topics, command.PixFromBank(bank.Code), command.PixToBank(bank.Code))
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(r.system.stack.Addresses().Kafka()), kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()))
	if err != nil {
		r.load.observed.report("I18", "no client for the messages between banks: %v", err)
		return
	}
	defer client.Close()
	var repeating sync.WaitGroup
	defer repeating.Wait()
	random := rand.New(rand.NewPCG(r.options.Seed, pixStream-1))
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(record *kgo.Record) {
			if random.IntN(messageAgainEvery) != 0 || slices.ContainsFunc(record.Headers, func(h kgo.RecordHeader) bool { return h.Key == again }) {
				return
			}
			delay := time.Duration(random.Int64N(int64(messageAgainWithin)))
			headers := append(slices.Clone(record.Headers), kgo.RecordHeader{Key: again})
			repeating.Go(func() {
				if !sleep(ctx, delay) {
					return
				}
				if client.ProduceSync(ctx, &kgo.Record{Topic: record.Topic, Key: record.Key, Value: record.Value, Headers: headers}).FirstErr() == nil {
					r.journal.addFigure("messages between banks that came again", 1)
				}
			})
		})
	}
}
