package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The topic of charges, and that of the records on it that are none.
const chargesTopic, chargeLetters = "checkout.charges.v1", "dlq.checkout.charges"

// paymentFailpoints are the failpoints at which the payment gateway and its processor die under load. Other points lie
// on ways that need a broker that is away, or days; the programs' own tests have them.
var paymentFailpoints = map[string][]string{
	launch.PaymentGateway: {
		"charge-accepted:3", "charge-results-applied:2", "operation-accepted:2", "charge-records-sent:2", "charge-records-claimed:2", "charge-offsets-stored:2",
	},
	launch.Processor: {"operation-done:2", "charge-authorized:2", "charges-answered:2", "charge-letters-published", "charge-offsets-stored:2"},
}

// faultFailpointPayments returns the fault that kills one of the two at one of its failpoints after the other.
// Merchants send the same requests again.
func faultFailpointPayments(name string) fault {
	return func(ctx context.Context, r *run, _ step) error {
		program, release := r.lockServer(name)
		defer release()
		if err := program.process.Stop(ctx); err != nil {
			return err
		}
		points := paymentFailpoints[name]
		if name == launch.PaymentGateway {
			points = append(slices.Clone(webhookFailpoints), points...)
		}
		point := points[(r.options.Seed+r.paymentFailpoints[name])%uint64(len(points))]
		r.paymentFailpoints[name]++
		if point == "charge-letters-published" {
			// A record that is no charge is what leads there. The broker may be away.
			once, cancel := callContext(ctx)
			err := r.poisonCharges(once)
			cancel()
			if err != nil {
				r.journal.addFigure("times that there was no broker for a record that is no charge", 1)
			}
		}
		return errors.Join(r.runToFailpoint(ctx, program, point), restart(ctx, program))
	}
}

// webhookFailpoints are the failpoints at which the payment gateway dies while it sends messages to merchants' endpoints.
// Other points lie on ways that merchants take seldom, or that need days; the program's own tests have them.
var webhookFailpoints = []string{"webhook-sent:3", "webhook-events-dispatched:3", "webhook-turn-ended:3", "webhook-tried:3"}

// faultFreezePayments freezes the payment gateway or its processor for a while.
func faultFreezePayments(ctx context.Context, r *run, s step) error {
	program, release := r.lockServer([]string{launch.PaymentGateway, launch.Processor}[s.pick(2)])
	defer release()
	if err := freeze(program); err != nil {
		return err
	}
	sleep(ctx, s.duration())
	if err := thaw(program); err != nil {
		return err
	}
	return pipes.Await(ctx, restartTimeout, program.process.Ready)
}

// poisonCharges puts a record on the topic of charges that is none. In the end it must be in the topic of dead
// letters, and the charges behind it are decided.
func (r *run) poisonCharges(ctx context.Context) error {
	produced, err := r.sinks.client.ProduceSync(ctx, &kgo.Record{Topic: chargesTopic, Key: []byte("poison"), Value: []byte("this is not a charge")}).First()
	if err != nil {
		return fmt.Errorf("poison for %s: %w", chargesTopic, err)
	}
	r.sinks.mutex.Lock()
	defer r.sinks.mutex.Unlock()
	r.poisonedCharges = append(r.poisonedCharges, recordPosition{produced.Partition, produced.Offset})
	return nil
}

// checkChargeLetters compares the dead letters of charges with the poison that was put on their topic.
func (r *run) checkChargeLetters(ctx context.Context) error {
	found, err := r.sinks.readDeadLetters(ctx, chargeLetters)
	if err != nil {
		return err
	}
	for _, at := range r.poisonedCharges {
		if found[at] == 0 {
			r.load.observed.report(deadLetters, "the processor has no dead letter for the poison at %d/%d", at.partition, at.offset)
		}
		delete(found, at)
	}
	for at := range found {
		r.load.observed.report(deadLetters, "the processor put the charge at %d/%d on its dead-letter topic", at.partition, at.offset)
	}
	return nil
}
