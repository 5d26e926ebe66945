package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"codebank.dev/stack/chaos/wire"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

func faultKillBroker(ctx context.Context, r *run, s step) error {
	broker, release := r.under(launch.Kafka)
	defer release()
	r.kill(broker)
	rest(ctx, s.lasts())
	return restart(ctx, broker)
}

func faultRegistryAway(ctx context.Context, r *run, s step) error {
	registry, release := r.under(launch.Registry)
	defer release()
	if err := registry.row.Stop(ctx); err != nil {
		return err
	}
	rest(ctx, s.lasts())
	return restart(ctx, registry)
}

// faultRegistryCold restarts both banks while the registry is away: nobody knows the
// schemas' ids then, and purchases go on.
func faultRegistryCold(ctx context.Context, r *run, s step) error {
	registry, release := r.under(launch.Registry)
	defer release()
	if err := registry.row.Stop(ctx); err != nil {
		return err
	}
	var failed error
	for _, bank := range r.system.banks {
		bank.busy.Lock()
		r.kill(bank)
		// The other lane may have cut it off: how long this takes says nothing.
		failed = errors.Join(failed, bank.row.Start(ctx), r.probe(ctx, bank))
		bank.busy.Unlock()
	}
	rest(ctx, s.lasts())
	return errors.Join(failed, restart(ctx, registry))
}

// faultKillWorker kills the worker in the middle of what it writes, and measures
// until both sinks write again.
func faultKillWorker(ctx context.Context, r *run, s step) error {
	worker, release := r.under(launch.Connect)
	defer release()
	r.kill(worker)
	began := time.Now()
	rest(ctx, s.lasts())
	from, err := r.sinks.committed(ctx)
	if err != nil {
		return err
	}
	if err := restart(ctx, worker); err != nil {
		return err
	}
	if err := r.sinks.awaitProgress(ctx, from); err != nil {
		return err
	}
	r.log.recovered(workerBack, time.Since(began))
	return nil
}

// faultTaskFails has the index refuse the sink itself, as for a key that is no longer
// valid, until a task has failed for good. The watch must restart it.
func faultTaskFails(ctx context.Context, r *run, _ step) error {
	worker, release := r.under(launch.Connect)
	defer release()
	r.system.index.Say(&wire.Answer{Path: "_bulk", Status: 401, Body: `{"error":{"type":"security_exception","reason":"the key has expired"},"status":401}`})
	err := pipes.Await(ctx, recoveryPatience, func(ctx context.Context) error {
		failed, err := r.sinks.failed(ctx)
		if err == nil && failed == 0 {
			err = errors.New("no task failed though the index refused the sink")
		}
		return err
	})
	r.system.index.Say(nil)
	if err != nil {
		return err
	}
	began := time.Now()
	from, err := r.sinks.committed(ctx)
	if err != nil {
		return err
	}
	if err := r.sinks.awaitProgress(ctx, from); err != nil {
		return err
	}
	r.log.recovered(taskBack, time.Since(began))
	return worker.row.Ready(ctx)
}

func faultKillIndex(ctx context.Context, r *run, s step) error {
	index, release := r.under(launch.Elasticsearch)
	defer release()
	r.kill(index)
	rest(ctx, s.lasts())
	return restart(ctx, index)
}

// faultIndexBusy answers two of three bulk requests with 429 in the index's place.
func faultIndexBusy(ctx context.Context, r *run, s step) error {
	_, release := r.under(launch.Elasticsearch)
	defer release()
	// It goes on until the sink has met it: another fault may keep events away from it.
	before, end := r.system.index.Given(), time.Now().Add(s.lasts())
	late := end.Add(recoveryPatience)
	for ctx.Err() == nil && (time.Now().Before(end) || r.system.index.Given() == before && time.Now().Before(late)) {
		r.system.index.Say(&wire.Answer{Path: "_bulk", Status: 429, Body: `{"error":{"type":"es_rejected_execution_exception","reason":"queue full"},"status":429}`})
		rest(ctx, 400*time.Millisecond)
		r.system.index.Say(nil)
		rest(ctx, 200*time.Millisecond)
	}
	r.log.addFigure("bulk requests answered 429 in the index's place", r.system.index.Given()-before)
	return nil
}

// faultIndexReadOnly blocks writing as the index itself does when its disk is full.
func faultIndexReadOnly(ctx context.Context, r *run, s step) error {
	_, release := r.under(launch.Elasticsearch)
	defer release()
	block := func(value any) error {
		return pipes.Ask(ctx, http.MethodPut, r.system.stack.Addresses().Elasticsearch()+"/bank-transactions-*/_settings",
			map[string]any{"index.blocks.read_only_allow_delete": value}, nil)
	}
	if err := block(true); err != nil {
		return err
	}
	rest(ctx, s.lasts())
	return block(nil)
}

// faultReplay has both sinks read everything again.
func faultReplay(ctx context.Context, r *run, _ step) error {
	_, release := r.under(launch.Connect)
	defer release()
	for _, connector := range sinkNames {
		if err := r.sinks.worker.Rewind(ctx, connector, recoveryPatience); err != nil {
			return fmt.Errorf("%s: %w", connector, err)
		}
	}
	return nil
}

// faultOldAfterNew publishes all events of some accounts once more, behind newer ones.
func faultOldAfterNew(ctx context.Context, r *run, s step) error {
	_, release := r.under(launch.Postgres)
	defer release()
	var out quiet
	for i := range 3 {
		cards := r.load.wallet.issued()
		account := cards[(s.Draw+uint64(i)*7)%uint64(len(cards))].account
		if err := r.system.stack.Bankctl(ctx, &out, "republish", "--account", account[len("accounts/"):], "--from", strconv.Itoa(1)); err != nil {
			return err
		}
	}
	return nil
}

// quiet is where output goes that an error repeats.
type quiet struct{}

func (quiet) Write(p []byte) (int, error) { return len(p), nil }
