package chaos

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// journal records what happens in a run. It is safe for concurrent use.
type journal struct {
	mutex      sync.Mutex
	out        io.Writer
	steps      []performedStep
	kills      map[string]int64
	recoveries map[string]*Recovery
	figures    map[string]int64
	injected   time.Duration
}

// performedStep is a step with its time.
type performedStep struct {
	step
	at, took time.Duration
}

// String returns the step and its times in one line.
func (p *performedStep) String() string {
	return fmt.Sprintf("%s; at %.1f s, took %.1f s", p.step.String(), p.at.Seconds(), p.took.Seconds())
}

// Recovery says how long something took until it worked again, in milliseconds.
type Recovery struct {
	// Count is the number of measurements, Longest the longest, Median the median, and Limit
	// the longest time allowed.
	Count   int   `json:"count"`
	Longest int64 `json:"longest_ms"`
	Median  int64 `json:"median_ms"`
	Limit   int64 `json:"limit_ms"`

	all []time.Duration
}

func newJournal(out io.Writer) *journal {
	if out == nil {
		out = io.Discard
	}
	return &journal{out: out, kills: make(map[string]int64), recoveries: make(map[string]*Recovery), figures: make(map[string]int64)}
}

// printf writes a line of progress. A failed write does not fail the run.
func (j *journal) printf(format string, values ...any) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	_, _ = fmt.Fprintf(j.out, format+"\n", values...)
}

func (j *journal) addStep(s step, at, took time.Duration) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.steps = append(j.steps, performedStep{s, at - took, took})
}

func (j *journal) faultsEnded(after time.Duration) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.injected = after
}

// addKill counts a kill of a process.
func (j *journal) addKill(what string) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.kills[what]++
}

func (j *journal) killCount() (sum int64) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	for _, count := range j.kills {
		sum += count
	}
	return sum
}

// setFigure sets a figure.
func (j *journal) setFigure(name string, value int64) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.figures[name] = value
}

func (j *journal) addFigure(name string, value int64) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.figures[name] += value
}

// maxFigure sets a figure unless it has a greater value.
func (j *journal) maxFigure(name string, value int64) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.figures[name] = max(j.figures[name], value)
}

// The recoveries that are measured.
const (
	bankAnswers          = "a bank answers after its restart"
	databaseAnswers      = "the first success after the database was killed"
	tasksAfterKill       = "all tasks run after the worker was killed"
	tasksAfterLeave      = "all tasks run on one worker after a second one left"
	taskRestarted        = "a failed task runs again after its automatic restart"
	backlogPublished     = "the events that the broker missed are on the topic"
	longBacklogPublished = "the events that the broker missed in ten minutes are on the topic"
	transfersEnded       = "the transfers that were accepted in ten minutes without the broker have ended"
	chargesCaughtUp      = "the charges that were accepted in ten minutes without the broker are decided"
	pixEnded             = "payments between banks have ended after a fault"
	holdExpired          = "a hold ends after its expiry, while a bank is up"
	lineDelayWithPoison  = "the latest good line on the statement, with poison on the topic"
)

var recoveryLimits = map[string]time.Duration{
	bankAnswers: 3 * time.Second, databaseAnswers: 10 * time.Second, tasksAfterKill: time.Minute, tasksAfterLeave: time.Minute, taskRestarted: time.Minute,
	backlogPublished: time.Minute, longBacklogPublished: 5 * time.Minute, transfersEnded: 5 * time.Minute, chargesCaughtUp: 5 * time.Minute,
	holdExpired: holdEndsWithin, pixEnded: time.Minute,
	// The promise is at most five seconds more than without poison. A line takes some time in
	// any case.
	lineDelayWithPoison: 15 * time.Second,
}

// addRecovery records how long a recovery took.
func (j *journal) addRecovery(what string, took time.Duration) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.recoveries[what] == nil {
		j.recoveries[what] = &Recovery{Limit: recoveryLimits[what].Milliseconds()}
	}
	r := j.recoveries[what]
	r.all = append(r.all, took)
	r.Count = len(r.all)
	r.Longest = max(r.Longest, took.Milliseconds())
	r.Median = percentile(r.all, 50).Milliseconds()
}
