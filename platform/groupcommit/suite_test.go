package groupcommit_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/groupcommit"
	"codebank.dev/platform/id"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// word is the command of these tests: a text that is stored under a key. A word that is already
// there under another text is a decision too: it is refused, and the batch goes on.
type word struct {
	key  byte
	text string
	// poison makes the store refuse every batch that holds the word.
	poison bool
}

type result struct {
	stored string
	err    error
}

type (
	call     = groupcommit.Call[word, result]
	executor = groupcommit.Executor[word, result]
)

var (
	errBusy      = fault.New(fault.ResourceExhausted, "BUSY", "Busy.")
	errClosed    = fault.New(fault.Unavailable, "CLOSED", "Closed.")
	errContended = fault.New(fault.Unavailable, "CONTENDED", "Contended.")
	errRejected  = fault.New(fault.InvalidArgument, "REJECTED", "Rejected.")
	errUnknown   = fault.New(fault.Unavailable, "UNKNOWN", "Unknown.")
	errReused    = errors.New("another text")
)

// misfortune is what happens to one attempt of a batch.
type misfortune int

const (
	nothing misfortune = iota
	conflict
	lostBefore // the outcome is unknown, and nothing was written
	lostAfter  // the outcome is unknown, and everything was written
	lastMisfortune
)

// store keeps words and holds the executor to its side of the port.
type store struct {
	maxBatch int
	before   func([]*call) // called at the begin of every attempt; nil for nothing

	mutex     sync.Mutex
	words     map[id.ID]string
	writes    map[id.ID]int
	script    []misfortune
	resources map[id.ID]bool // of commands that are being committed
	problems  []string
	attempts  int
}

func newStore(maxBatch int, script ...misfortune) *store {
	return &store{
		maxBatch: maxBatch, script: script,
		words: make(map[id.ID]string), writes: make(map[id.ID]int), resources: make(map[id.ID]bool),
	}
}

func (s *store) begin(batch []*call) misfortune {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.attempts++
	if len(batch) == 0 || len(batch) > s.maxBatch {
		s.problems = append(s.problems, "a batch is empty or too large")
	}
	keys, resources := make(map[id.ID]bool), make(map[id.ID]bool)
	for _, c := range batch {
		if keys[c.Key] {
			s.problems = append(s.problems, "a key is twice in a batch")
		}
		keys[c.Key] = true
		for _, resource := range c.Resources {
			resources[resource] = true
		}
	}
	for resource := range resources {
		if s.resources[resource] {
			s.problems = append(s.problems, "a resource is in two batches")
		}
		s.resources[resource] = true
	}
	next := nothing
	if len(s.script) > 0 {
		next, s.script = s.script[0], s.script[1:]
	}
	return next
}

func (s *store) end(batch []*call) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, c := range batch {
		for _, resource := range c.Resources {
			delete(s.resources, resource)
		}
	}
}

func (s *store) Commit(_ context.Context, batch []*call) error {
	next := s.begin(batch)
	defer s.end(batch)
	if s.before != nil {
		s.before(batch)
	}
	for _, c := range batch {
		if c.Command.poison {
			return groupcommit.ErrRejected
		}
	}
	switch next {
	case conflict:
		return groupcommit.ErrRetry
	case lostBefore:
		return errUnknown
	}
	s.write(batch)
	if next == lostAfter {
		return errUnknown
	}
	return nil
}

func (s *store) write(batch []*call) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, c := range batch {
		first, ok := s.words[c.Key]
		switch {
		case !ok:
			s.words[c.Key] = c.Command.text
			s.writes[c.Key]++
			c.Result = result{stored: c.Command.text}
		case first != c.Command.text:
			c.Result = result{err: errReused}
		default:
			c.Result = result{stored: first}
		}
	}
}

func newExecutor(store *store, change func(*groupcommit.Config[word, result])) *executor {
	config := groupcommit.Config[word, result]{
		Store:   store,
		Failed:  func(err error) result { return result{err: err} },
		Same:    func(first *call, second *word) bool { return first.Result.err == nil && first.Command == *second },
		Answers: groupcommit.Answers{Busy: errBusy, Closed: errClosed, Contended: errContended, Rejected: errRejected},
		Now:     time.Now, MaxBatch: store.maxBatch,
	}
	if change != nil {
		change(&config)
	}
	return groupcommit.New(config)
}

// command returns the command of a word. By its key it changes no resource, one, two different ones or
// one that is named twice.
func command(w word) groupcommit.Command[word] {
	c := groupcommit.Command[word]{Key: id.ID{w.key}, Body: w}
	switch w.key % 4 {
	case 1:
		c.Resources = []id.ID{{w.key % 5}}
	case 2, 3:
		c.Resources = []id.ID{{w.key % 5}, {w.key % 7}}
	}
	return c
}

// plan is a random run: who submits what, and what happens to the attempts.
type plan struct {
	submissions [][]word // of each submitter, several of which are submitted at once
	script      []misfortune
	lanes       int
	maxBatch    int
	queue       int
}

func drawPlan(t *rapid.T) plan {
	p := plan{
		lanes:    rapid.IntRange(1, 6).Draw(t, "lanes"),
		maxBatch: rapid.IntRange(1, 8).Draw(t, "batch"),
		queue:    rapid.IntRange(2, 40).Draw(t, "queue"),
	}
	for range rapid.IntRange(1, 12).Draw(t, "submitters") {
		p.submissions = append(p.submissions, rapid.SliceOfN(rapid.Custom(func(t *rapid.T) word {
			return word{
				key: byte(rapid.IntRange(0, 30).Draw(t, "key")), text: rapid.SampledFrom([]string{"a", "a", "a", "b"}).Draw(t, "text"),
				poison: rapid.IntRange(0, 15).Draw(t, "poison") == 0,
			}
		}), 1, 10).Draw(t, "words"))
	}
	p.script = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) misfortune {
		return misfortune(rapid.IntRange(0, int(lastMisfortune)+2).Draw(t, "misfortune")) % lastMisfortune
	}), 0, 20).Draw(t, "script")
	return p
}

// Whatever happens to the attempts, an answer is true: what is called stored is stored, once, and
// what is called not done was not done by that command.
func TestAnswersAreTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		s := newStore(p.maxBatch, p.script...)
		s.before = func([]*call) { runtime.Gosched() }
		e := newExecutor(s, func(c *groupcommit.Config[word, result]) { c.Lanes, c.QueueLength = p.lanes, p.queue })
		results := make([][]result, len(p.submissions))
		var working sync.WaitGroup
		for i, words := range p.submissions {
			working.Go(func() { results[i] = submit(e, words, i%2 == 0) })
		}
		working.Wait()
		require.NoError(t, e.Close(context.Background()))

		require.Empty(t, s.problems)
		for i, words := range p.submissions {
			require.Len(t, results[i], len(words))
			for j, w := range words {
				s.verify(t, w, results[i][j])
			}
		}
		for key, writes := range s.writes {
			require.Equal(t, 1, writes, key)
		}
		stats := e.Stats()
		require.Zero(t, stats.Waiting)
		require.LessOrEqual(t, stats.Batches, stats.Commands)
	})
}

func submit(e *executor, words []word, together bool) (results []result) {
	commands := make([]groupcommit.Command[word], len(words))
	for i, w := range words {
		commands[i] = command(w)
	}
	if together {
		return e.SubmitAll(context.Background(), commands)
	}
	for _, c := range commands {
		results = append(results, e.Submit(context.Background(), c))
	}
	return results
}

func (s *store) verify(t *rapid.T, w word, r result) {
	stored, ok := s.words[id.ID{w.key}]
	switch {
	case r.err == nil:
		require.True(t, ok, "answered and not stored")
		require.Equal(t, w.text, stored)
		require.Equal(t, w.text, r.stored)
		require.False(t, w.poison, "refused data was stored")
	case errors.Is(r.err, errReused):
		require.True(t, ok)
		require.NotEqual(t, w.text, stored)
	case errors.Is(r.err, errRejected):
		require.True(t, w.poison, "a good command was refused because of another one")
	default:
		require.Contains(t, []string{"BUSY", "CONTENDED", "UNKNOWN"}, fault.Of(r.err).Reason)
	}
}

// held is a store whose attempts wait until they are let go.
func held(maxBatch int) (s *store, entered, gate chan struct{}) {
	s = newStore(maxBatch)
	entered, gate = make(chan struct{}, 1000), make(chan struct{})
	s.before = func([]*call) { entered <- struct{}{}; <-gate }
	return s, entered, gate
}

func TestCommandsThatArriveDuringACommitShareTheNext(t *testing.T) {
	s, entered, gate := held(256)
	e := newExecutor(s, nil)
	var working sync.WaitGroup
	working.Go(func() { e.Submit(t.Context(), command(word{key: 0, text: "a"})) })
	<-entered
	for key := range byte(50) {
		working.Go(func() {
			require.NoError(t, e.Submit(t.Context(), command(word{key: key + 1, text: "a"})).err)
		})
	}
	await.Until(t, func() bool { return e.Stats().Waiting == 50 }, time.Minute, time.Millisecond)
	close(gate)
	working.Wait()
	require.EqualValues(t, 2, e.Stats().Batches)
	require.EqualValues(t, 51, e.Stats().Commands)
	require.NoError(t, e.Close(t.Context()))
}

func TestEqualCommandsInFlightAreCommittedOnce(t *testing.T) {
	s, entered, gate := held(256)
	e := newExecutor(s, nil)
	var working sync.WaitGroup
	working.Go(func() { e.Submit(t.Context(), command(word{key: 1, text: "a"})) })
	<-entered
	var reused atomic.Int64
	for i := range 20 {
		working.Go(func() {
			text := "a"
			if i == 0 {
				text = "b"
			}
			if r := e.Submit(t.Context(), command(word{key: 1, text: text})); errors.Is(r.err, errReused) {
				reused.Add(1)
			}
		})
	}
	close(gate)
	working.Wait()
	require.Equal(t, 1, s.writes[id.ID{1}])
	require.EqualValues(t, 1, reused.Load(), "another request under the key is decided on its own")
	require.NoError(t, e.Close(t.Context()))
}

func TestAFullQueueRefusesWithAWaitAndNothingIsDone(t *testing.T) {
	s, entered, gate := held(1)
	e := newExecutor(s, func(c *groupcommit.Config[word, result]) { c.Lanes, c.QueueLength = 1, 2 })
	var working sync.WaitGroup
	for key := range byte(3) {
		working.Go(func() { require.NoError(t, e.Submit(t.Context(), command(word{key: key, text: "a"})).err) })
		if key == 0 {
			<-entered
		}
	}
	await.Until(t, func() bool { return e.Stats().Waiting == 2 }, time.Minute, time.Millisecond)
	refused := e.Submit(t.Context(), command(word{key: 9, text: "a"}))
	require.ErrorIs(t, refused.err, errBusy)
	require.Positive(t, fault.Of(refused.err).RetryAfter)
	close(gate)
	working.Wait()
	require.NotContains(t, s.words, id.ID{9})
	require.EqualValues(t, 1, e.Stats().Refused)
	require.NoError(t, e.Close(t.Context()))
}

func TestABatchGoesOnWithoutASubmitterThatLeft(t *testing.T) {
	s, entered, gate := held(256)
	e := newExecutor(s, nil)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan result)
	go func() { left <- e.Submit(ctx, command(word{key: 1, text: "a"})) }()
	<-entered
	leave()
	require.Equal(t, fault.DeadlineExceeded, fault.CodeOf((<-left).err))
	close(gate)
	require.NoError(t, e.Submit(t.Context(), command(word{key: 1, text: "a"})).err)
	require.Equal(t, 1, s.writes[id.ID{1}])
	require.NoError(t, e.Close(t.Context()))
}

func TestAClosedExecutorHasCommittedWhatItAccepted(t *testing.T) {
	s, entered, gate := held(4)
	e := newExecutor(s, func(c *groupcommit.Config[word, result]) { c.Lanes = 1 })
	var accepted sync.WaitGroup
	for key := range byte(10) {
		accepted.Go(func() { require.NoError(t, e.Submit(t.Context(), command(word{key: key, text: "a"})).err) })
		if key == 0 {
			<-entered
		}
	}
	await.Until(t, func() bool { return e.Stats().Waiting == 9 }, time.Minute, time.Millisecond)
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, e.Close(impatient), context.Canceled)
	require.ErrorIs(t, e.Submit(t.Context(), command(word{key: 99, text: "a"})).err, errClosed)
	close(gate)
	accepted.Wait()
	require.NoError(t, e.Close(t.Context()))
	require.Len(t, s.words, 10)
}

// A store that is down answers each batch once; the executor neither repeats nor splits it.
func TestAnUnknownOutcomeIsAnsweredAtOnceToTheWholeBatch(t *testing.T) {
	s := newStore(256, lostBefore)
	e := newExecutor(s, nil)
	results := e.SubmitAll(t.Context(), []groupcommit.Command[word]{command(word{key: 1, text: "a"}), command(word{key: 2, text: "a"})})
	for _, r := range results {
		require.ErrorIs(t, r.err, errUnknown)
	}
	require.Equal(t, 1, s.attempts)
	require.NoError(t, e.Close(t.Context()))
}

func TestAConflictThatLastsIsAnsweredAfterThreeAttemptsOfTheCommandAlone(t *testing.T) {
	s := newStore(256, conflict, conflict, conflict, conflict, conflict, conflict, nothing)
	e := newExecutor(s, nil)
	results := e.SubmitAll(t.Context(), []groupcommit.Command[word]{command(word{key: 1, text: "a"}), command(word{key: 2, text: "a"})})
	require.ErrorIs(t, results[0].err, errContended)
	require.ErrorIs(t, results[0].err, groupcommit.ErrRetry)
	require.NoError(t, results[1].err)
	require.EqualValues(t, 1, e.Stats().Split)
	require.NoError(t, e.Close(t.Context()))
}
