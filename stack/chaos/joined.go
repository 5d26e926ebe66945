package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codebank.dev/native/process"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

const (
	// secondWorker is another worker of the sinks, which is there for its fault only, and
	// secondWorkerOffset where it listens, counted from the base port.
	secondWorker       = "connect-2"
	secondWorkerOffset = 52
	// joinedFor is how long it stays when it has got tasks, and how long it is gone.
	joinedFor = 2 * time.Second
)

// faultSecondWorker has a second worker join the group and leave it, again and again
// for as long as the step lasts: gently and killed in turn, and killed the last time.
// Tasks go over to it and come back, and nothing that they carry may be lost or
// doubled. In the end all of them run where they did before.
func faultSecondWorker(ctx context.Context, r *run, s step) (failed error) {
	first, release := r.under(launch.Connect)
	defer release()
	worker, err := r.system.stack.Worker(ctx, secondWorker, r.system.stack.Addresses().BasePort+secondWorkerOffset)
	if err != nil {
		return err
	}
	defer func() {
		// What heals the stack in the end must not find a worker that is meant to be gone.
		failed = errors.Join(failed, r.system.stack.Retire(context.WithoutCancel(ctx), worker))
	}()
	began := time.Now()
	for turn := 1; ; turn++ {
		if err := r.join(ctx, worker); err != nil {
			return err
		}
		last := time.Since(began) >= s.lasts()
		if turn%2 == 0 || last {
			worker.Kill()
			r.log.killed(secondWorker)
		} else if err := worker.Stop(ctx); err != nil {
			return err
		}
		r.log.addFigure("times that a second worker had tasks, and left", 1)
		if last {
			break
		}
		rest(ctx, joinedFor)
	}
	left := time.Now()
	if err := pipes.Await(ctx, recoveryPatience, r.sinks.runOn(r.system.stack.Addresses().Connect())); err != nil {
		return err
	}
	from, err := r.sinks.committed(ctx)
	if err != nil {
		return err
	}
	if err := r.sinks.awaitProgress(ctx, from); err != nil {
		return err
	}
	r.log.recovered(workerLeft, time.Since(left))
	return first.row.Ready(ctx)
}

// join starts the second worker and waits until tasks run there, and all others too.
func (r *run) join(ctx context.Context, worker *process.Process) error {
	if err := worker.Start(ctx); err != nil {
		return err
	}
	if err := worker.WaitReady(ctx); err != nil {
		return err
	}
	err := pipes.Await(ctx, recoveryPatience, func(ctx context.Context) error {
		at, err := r.sinks.placed(ctx)
		if err == nil && len(at) < 2 {
			err = fmt.Errorf("the tasks run on %d workers of two", len(at))
		}
		return err
	})
	if err != nil {
		return err
	}
	rest(ctx, joinedFor)
	return ctx.Err()
}
