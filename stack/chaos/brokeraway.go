package chaos

import (
	"context"
	"fmt"
	"time"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/jackc/pgx/v5"
)

const (
	// absenceInterval is the time from one sample to the next while the broker is away. absenceSample is how
	// long each lasts, in whole seconds. No fault of the front runs in a sample.
	absenceInterval, absenceSample = time.Minute, 10 * time.Second
	// absencePart divides the rate of the load meanwhile. At the whole rate the pipes would need longer to catch up
	// than the rest of a run lasts.
	absencePart = 4
)

// absenceMinute is what was answered in one sample: charges by card at the bank, and transfers and merchants' charges
// that were accepted.
type absenceMinute struct{ charges, transfers, merchants int64 }

// brokerAbsence is what was answered while the broker was away for long.
type brokerAbsence struct{ minutes []absenceMinute }

// faultBrokerAway takes the broker away for many minutes. Transfers are accepted and cards are charged all the
// time. When it is back, the events that it missed get to the topic, and the transfers end.
func faultBrokerAway(ctx context.Context, r *run, s step) error {
	broker, release := r.lockServer(launch.Kafka)
	defer release()
	if err := broker.process.Stop(ctx); err != nil {
		return err
	}
	r.brokerAway.Store(true)
	var absence brokerAbsence
	for until := time.Now().Add(s.duration()); ctx.Err() == nil && time.Now().Before(until); {
		next := time.Now().Add(absenceInterval)
		if sampled := r.sampleAbsence(ctx); ctx.Err() == nil {
			absence.minutes = append(absence.minutes, sampled)
		}
		sleep(ctx, min(time.Until(next), time.Until(until)))
	}
	r.brokerAway.Store(false)
	r.brokerAbsences = append(r.brokerAbsences, absence)
	if err := r.restartBroker(ctx, broker, longBacklogPublished); err != nil {
		return err
	}
	back := time.Now()
	if err := r.awaitEnded(ctx, launch.GatewayDatabase, "SELECT count(*) FROM transfers WHERE status = 'processing' AND created_at < $1", back); err != nil {
		return err
	}
	r.journal.addRecovery(transfersEnded, time.Since(back))
	if err := r.awaitEnded(ctx, launch.CheckoutDatabase, "SELECT count(*) FROM charges WHERE state = 1 AND created_at < $1", back); err != nil {
		return err
	}
	r.journal.addRecovery(chargesCaughtUp, time.Since(back))
	return nil
}

// sampleAbsence counts what is answered in one sample.
func (r *run) sampleAbsence(ctx context.Context) absenceMinute {
	r.frontMutex.Lock()
	defer r.frontMutex.Unlock()
	before, chargesBefore := r.load.commands.accepted.Load(), r.load.charges.accepted.Load()
	bought := r.samplePurchases(ctx, absenceSample)
	return absenceMinute{
		charges: int64(len(bought.latencies)), transfers: r.load.commands.accepted.Load() - before, merchants: r.load.charges.accepted.Load() - chargesBefore,
	}
}

// awaitEnded waits until everything that was accepted before a moment has ended: until query, on the database of this
// name, counts nothing.
func (r *run) awaitEnded(ctx context.Context, name, query string, before time.Time) error {
	var database *pgx.Conn
	closeIt := func() {
		if database != nil {
			_ = database.Close(context.WithoutCancel(ctx))
			database = nil
		}
	}
	defer closeIt()
	return pipes.Await(ctx, recoveryTimeout, func(ctx context.Context) (err error) {
		if database == nil {
			if database, err = r.system.database(ctx, name); err != nil {
				return err
			}
		}
		var open int64
		err = database.QueryRow(ctx, query, before).Scan(&open)
		if err != nil {
			closeIt() // A fault of the front may have killed the database.
		} else if open > 0 {
			err = fmt.Errorf("of what was accepted without the broker %d have not ended: %s", open, query)
		}
		return err
	})
}

// checkBrokerAbsences reports each sample in which no card was charged, or no transfer or no charge was accepted.
func (r *run) checkBrokerAbsences() {
	for _, absence := range r.brokerAbsences {
		for minute, answered := range absence.minutes {
			if answered.charges == 0 || answered.transfers == 0 || answered.merchants == 0 {
				r.load.observed.report(noBrokerForLong, "in minute %d without a broker %d charges were decided, %d transfers and %d charges of merchants accepted",
					minute+1, answered.charges, answered.transfers, answered.merchants)
			}
		}
	}
}

// brokerAbsenceResult returns the result line on the time without a broker.
func (r *run) brokerAbsenceResult() Result {
	j := Result{ID: noBrokerForLong, Name: "transfers and charges are taken and cards charged without the broker, for long"}
	if len(r.brokerAbsences) == 0 {
		j.Status, j.Checked = NotApplicable, "the broker was not away for long in this run"
		return j
	}
	var minutes, charges, transfers, merchants int64
	for _, absence := range r.brokerAbsences {
		for _, answered := range absence.minutes {
			minutes++
			charges += answered.charges
			transfers += answered.transfers
			merchants += answered.merchants
		}
	}
	j.Count = minutes
	j.Checked = fmt.Sprintf("%d minutes without a broker; in samples of %.0f s of each, %d charges by card, %d accepted transfers and %d accepted charges of merchants; all of them ended",
		minutes, absenceSample.Seconds(), charges, transfers, merchants)
	return j
}
