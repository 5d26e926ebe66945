package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"codebank.dev/stack/chaos/wire"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// faultKill returns the fault that kills a process, which stays down for the length of the step.
func faultKill(name string) fault {
	return func(ctx context.Context, r *run, s step) error {
		server, release := r.lockServer(name)
		defer release()
		r.kill(server)
		sleep(ctx, s.duration())
		return restart(ctx, server)
	}
}

func faultRegistryDown(ctx context.Context, r *run, s step) error {
	registry, release := r.lockServer(launch.Registry)
	defer release()
	if err := registry.process.Stop(ctx); err != nil {
		return err
	}
	sleep(ctx, s.duration())
	return restart(ctx, registry)
}

// faultRegistryDownAtStart restarts both banks while the registry is down. No bank knows the
// schema ids then, and purchases must go on.
func faultRegistryDownAtStart(ctx context.Context, r *run, s step) error {
	registry, release := r.lockServer(launch.Registry)
	defer release()
	if err := registry.process.Stop(ctx); err != nil {
		return err
	}
	var failed error
	for _, bank := range r.system.banks {
		bank.mutex.Lock()
		r.kill(bank)
		// The other lane may have cut the bank off, so this time is not a recovery time.
		failed = errors.Join(failed, bank.process.Start(ctx), r.probe(ctx, bank))
		bank.mutex.Unlock()
	}
	sleep(ctx, s.duration())
	return errors.Join(failed, restart(ctx, registry))
}

// faultKillWorker kills the worker while it writes. It measures the time until both sinks write
// again.
func faultKillWorker(ctx context.Context, r *run, s step) error {
	worker, release := r.lockServer(launch.Connect)
	defer release()
	r.kill(worker)
	began := time.Now()
	sleep(ctx, s.duration())
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
	r.journal.addRecovery(tasksAfterKill, time.Since(began))
	return nil
}

// faultTaskFails makes the index refuse the sink, as with an expired key, until a task has
// failed for good. `bankctl connectors watch` must restart the task.
func faultTaskFails(ctx context.Context, r *run, _ step) error {
	worker, release := r.lockServer(launch.Connect)
	defer release()
	r.system.index.Override(&wire.Answer{Path: "_bulk", Status: 401, Body: `{"error":{"type":"security_exception","reason":"the key has expired"},"status":401}`})
	err := pipes.Await(ctx, recoveryTimeout, func(ctx context.Context) error {
		failed, err := r.sinks.failedTasks(ctx)
		if err == nil && failed == 0 {
			err = errors.New("no task failed although the index refused the sink")
		}
		return err
	})
	r.system.index.Override(nil)
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
	r.journal.addRecovery(taskRestarted, time.Since(began))
	return worker.process.Ready(ctx)
}

// faultIndexBusy answers two of three bulk requests with 429 instead of the index.
func faultIndexBusy(ctx context.Context, r *run, s step) error {
	_, release := r.lockServer(launch.Elasticsearch)
	defer release()
	// It goes on until the sink has got such an answer: another fault may keep events from the
	// sink.
	before, end := r.system.index.Overridden(), time.Now().Add(s.duration())
	late := end.Add(recoveryTimeout)
	for ctx.Err() == nil && (time.Now().Before(end) || r.system.index.Overridden() == before && time.Now().Before(late)) {
		r.system.index.Override(&wire.Answer{Path: "_bulk", Status: 429, Body: `{"error":{"type":"es_rejected_execution_exception","reason":"queue full"},"status":429}`})
		sleep(ctx, 400*time.Millisecond)
		r.system.index.Override(nil)
		sleep(ctx, 200*time.Millisecond)
	}
	r.journal.addFigure("bulk requests answered 429 instead of the index", r.system.index.Overridden()-before)
	return nil
}

// faultIndexReadOnly blocks writing, as the index itself does when its disk is full.
func faultIndexReadOnly(ctx context.Context, r *run, s step) error {
	_, release := r.lockServer(launch.Elasticsearch)
	defer release()
	block := func(value any) error {
		return pipes.Call(ctx, http.MethodPut, r.system.stack.Addresses().Elasticsearch()+"/bank-transactions-*/_settings",
			map[string]any{"index.blocks.read_only_allow_delete": value}, nil)
	}
	if err := block(true); err != nil {
		return err
	}
	sleep(ctx, s.duration())
	return block(nil)
}

// faultReplay makes both sinks read the topic from its beginning.
func faultReplay(ctx context.Context, r *run, _ step) error {
	_, release := r.lockServer(launch.Connect)
	defer release()
	for _, connector := range sinkNames {
		if err := r.sinks.worker.Rewind(ctx, connector, recoveryTimeout); err != nil {
			return fmt.Errorf("%s: %w", connector, err)
		}
	}
	return nil
}

// faultRepublishOld publishes all events of some accounts again, behind newer ones.
func faultRepublishOld(ctx context.Context, r *run, s step) error {
	_, release := r.lockServer(launch.Postgres)
	defer release()
	for i := range 3 {
		cards := r.load.cards.issued()
		account := cards[(s.Draw+uint64(i)*7)%uint64(len(cards))].account
		if err := r.system.stack.Bankctl(ctx, io.Discard, "republish", "--account", account[len("accounts/"):], "--from", strconv.Itoa(1)); err != nil {
			return err
		}
	}
	return nil
}
