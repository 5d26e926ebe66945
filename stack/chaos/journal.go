package chaos

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// journal is what happened in a run.
type journal struct {
	mutex      sync.Mutex
	out        io.Writer
	steps      []performed
	kills      map[string]int64
	recoveries map[string]*Recovery
	figures    map[string]int64
	injected   time.Duration
}

// performed is a step, and when it was taken.
type performed struct {
	step
	at, took time.Duration
}

// String is the step and how it went, in a line.
func (p *performed) String() string {
	return fmt.Sprintf("%s; at %.1f s, took %.1f s", p.step.String(), p.at.Seconds(), p.took.Seconds())
}

// Recovery is how long it took until something worked again, in milliseconds.
type Recovery struct {
	// Count is how often that was measured, Longest the longest, Median the middle, and
	// Limit the most it may take.
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

// say writes a line of progress. What cannot be written is not worth a run.
func (j *journal) say(format string, values ...any) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	_, _ = fmt.Fprintf(j.out, format+"\n", values...)
}

func (j *journal) performed(s step, at, took time.Duration) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.steps = append(j.steps, performed{s, at - took, took})
}

func (j *journal) faultsEnded(after time.Duration) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.injected = after
}

// killed counts a kill of a process.
func (j *journal) killed(what string) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.kills[what]++
}

func (j *journal) allKills() (sum int64) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	for _, count := range j.kills {
		sum += count
	}
	return sum
}

// figure notes a number that was seen.
func (j *journal) figure(name string, value int64) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.figures[name] = value
}

func (j *journal) addFigure(name string, value int64) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.figures[name] += value
}

// mostFigure notes a number that was seen, if none was greater.
func (j *journal) mostFigure(name string, value int64) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.figures[name] = max(j.figures[name], value)
}

// What is measured until it works again, and the most that may take.
const (
	bankBack     = "a bank answers after its restart"
	databaseBack = "the first success after the database was killed"
	workerBack   = "all tasks run after the worker was killed"
	workerLeft   = "all tasks run on one worker after a second one left"
	taskBack     = "a failed task runs, restarted by the watch"
	backlogGone  = "what the broker missed is on the topic"
	poisonPassed = "the latest good line on the statement, with poison on the topic"
)

var recoveryLimits = map[string]time.Duration{
	bankBack: 3 * time.Second, databaseBack: 10 * time.Second, workerBack: time.Minute, workerLeft: time.Minute, taskBack: time.Minute,
	backlogGone: time.Minute,
	// Five seconds more than without poison are what is promised; a line takes some time anyway.
	poisonPassed: 15 * time.Second,
}

// recovered notes how long something took to work again.
func (j *journal) recovered(what string, took time.Duration) {
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
