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
	// secondWorker is the name of another Connect worker that runs only during its fault.
	// secondWorkerOffset is its port, counted from the base port.
	secondWorker       = "connect-2"
	secondWorkerOffset = 52
	// joinedDuration is how long the worker stays after it got tasks, and how long it stays
	// away.
	joinedDuration = 2 * time.Second
)

// faultSecondWorker makes a second worker join the group and leave it again, for as long as the
// step lasts. It leaves by a stop and by a kill in turn, and by a kill the last time. Tasks
// move to it and back, and no event may be lost or doubled. In the end all tasks run where they
// ran before.
func faultSecondWorker(ctx context.Context, r *run, s step) (failed error) {
	first, release := r.lockServer(launch.Connect)
	defer release()
	worker, err := r.system.stack.ConnectWorker(ctx, secondWorker, r.system.stack.Addresses().BasePort+secondWorkerOffset)
	if err != nil {
		return err
	}
	defer func() {
		// The final healing must not start this worker again.
		failed = errors.Join(failed, r.system.stack.Remove(context.WithoutCancel(ctx), worker))
	}()
	began := time.Now()
	for turn := 1; ; turn++ {
		if err := r.joinWorkers(ctx, worker); err != nil {
			return err
		}
		last := time.Since(began) >= s.duration()
		if turn%2 == 0 || last {
			worker.Kill()
			r.journal.addKill(secondWorker)
		} else if err := worker.Stop(ctx); err != nil {
			return err
		}
		r.journal.addFigure("times that a second worker had tasks, and left", 1)
		if last {
			break
		}
		sleep(ctx, joinedDuration)
	}
	left := time.Now()
	if err := pipes.Await(ctx, recoveryTimeout, r.sinks.allTasksOn(r.system.stack.Addresses().Connect())); err != nil {
		return err
	}
	from, err := r.sinks.committed(ctx)
	if err != nil {
		return err
	}
	if err := r.sinks.awaitProgress(ctx, from); err != nil {
		return err
	}
	r.journal.addRecovery(tasksAfterLeave, time.Since(left))
	return first.process.Ready(ctx)
}

// joinWorkers starts the second worker and waits until all tasks run, some of them on it.
func (r *run) joinWorkers(ctx context.Context, worker *process.Process) error {
	if err := worker.Start(ctx); err != nil {
		return err
	}
	if err := worker.WaitReady(ctx); err != nil {
		return err
	}
	err := pipes.Await(ctx, recoveryTimeout, func(ctx context.Context) error {
		at, err := r.sinks.tasksByWorker(ctx)
		if err == nil && len(at) < 2 {
			err = fmt.Errorf("the tasks run on %d workers of two", len(at))
		}
		return err
	})
	if err != nil {
		return err
	}
	sleep(ctx, joinedDuration)
	return ctx.Err()
}
