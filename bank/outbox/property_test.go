package outbox

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"codebank.dev/bank"
)

// step is one event in the world: a commit, a wait or a fault.
type step struct {
	What string
	// Node is the process and Account the account that it concerns.
	Node    int
	Account byte
	Millis  int
	// From, To and Cut choose what a republish writes: a range of sequences, as hundredths of what
	// there is, and how many pages it writes before it is cut off.
	From, To, Cut int
}

var faultsAndCommits = []string{
	"commit", "commit", "commit", "commit", "refusal", "republish", "republish", "wait", "wait",
	"freeze", "thaw", "kill", "restart", "broker down", "broker up", "publish fails", "store down", "store up",
	"large events refused", "large events taken",
}

func drawSteps(t *rapid.T) []step {
	length := rapid.IntRange(10, 200).Draw(t, "length")
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			What:    rapid.SampledFrom(faultsAndCommits).Draw(t, "what"),
			Node:    rapid.IntRange(0, 2).Draw(t, "node"),
			Account: byte(rapid.IntRange(1, 4).Draw(t, "account")),
			Millis:  rapid.IntRange(0, 200).Draw(t, "millis"),
			From:    rapid.IntRange(0, 100).Draw(t, "from"),
			To:      rapid.IntRange(0, 100).Draw(t, "to"),
			Cut:     rapid.IntRange(1, 10).Draw(t, "cut"),
		}
	}), length, length).Draw(t, "steps")
}

// committer commits the events of one account as the ledger does: one transaction at a time under
// the account's lock, the id taken some time before the commit makes the row visible.
type committer struct {
	account byte
	world   *world
	work    chan step
}

func (l *committer) run(group *sync.WaitGroup) {
	defer group.Done()
	last := int64(0)
	for s := range l.work {
		if s.What == "republish" {
			l.republish(s, last)
			continue
		}
		last++
		id := l.world.takeID()
		time.Sleep(time.Duration(s.Millis) * time.Millisecond)
		l.world.makeVisible(id, l.account, last)
	}
}

// republishedPage is how many events a republish commits at a time.
const republishedPage = 3

// republish writes a range of the account's events again, page by page, until it is cut off.
func (l *committer) republish(s step, last int64) {
	from, to := 1+last*int64(s.From)/100, last*int64(s.To)/100
	for range s.Cut {
		for range republishedPage {
			if from > to {
				return
			}
			l.world.republish(l.account, from)
			from++
		}
		time.Sleep(time.Duration(s.Millis/4) * time.Millisecond)
	}
}

// play plays steps on three relays and returns every broken promise.
func play(steps []step) []string {
	w := newWorld()
	var nodes [3]*node
	started := 0
	start := func(i int) {
		started++
		nodes[i] = w.start(fmt.Sprintf("node %d, start %d", i, started), nil)
	}
	for i := range nodes {
		start(i)
	}
	var group sync.WaitGroup
	committers := make(map[byte]*committer)
	for account := byte(1); account <= 4; account++ {
		committers[account] = &committer{account, w, make(chan step, len(steps))}
		group.Add(1)
		go committers[account].run(&group)
	}
	for _, s := range steps {
		n := nodes[s.Node]
		switch s.What {
		case "commit", "republish":
			committers[s.Account].work <- s
			n.relay.Notify()
		case "refusal":
			w.commit(0, 0)
		case "wait":
			time.Sleep(time.Duration(s.Millis) * 20 * time.Millisecond)
		case "freeze":
			n.freeze()
		case "thaw":
			n.thaw()
		case "kill":
			n.die()
			start(s.Node)
		case "restart":
			n.thaw()
			n.stop()
			start(s.Node)
		case "broker down", "broker up":
			w.set(func() { w.brokerDown = s.What == "broker down" })
		case "publish fails":
			w.set(func() { w.failures++ })
		case "large events refused":
			w.set(func() {
				w.tooLarge = func(e bank.Event) bool { return e.AccountID[0] == s.Account && e.Sequence%5 == 3 }
			})
		case "large events taken":
			w.set(func() { w.tooLarge = nil })
		case "store down", "store up":
			w.set(func() { w.storeDown = s.What == "store down" })
		}
		time.Sleep(time.Duration(s.Millis/10) * time.Millisecond)
	}
	return heal(w, nodes[:], committers, &group)
}

// heal ends every fault, waits until the outbox is empty and returns every broken promise.
func heal(w *world, nodes []*node, committers map[byte]*committer, group *sync.WaitGroup) []string {
	w.set(func() { w.brokerDown, w.storeDown, w.failures, w.tooLarge = false, false, 0, nil })
	for _, committer := range committers {
		close(committer.work)
	}
	group.Wait()
	for _, n := range nodes {
		n.thaw()
	}
	var found []string
	for deadline := time.Now().Add(5 * time.Minute); w.waiting() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			found = append(found, fmt.Sprintf("%d rows are stuck", w.waiting()))
			break
		}
	}
	for _, n := range nodes {
		if held := n.relay.Stats().Held; held > 0 {
			found = append(found, fmt.Sprintf("%d rows held back at the end", held))
		}
		n.stop()
	}
	return append(found, w.findViolations()...)
}

// TestPromisesHoldWhateverHappens: the promises hold for any interleaving of commits, freezes,
// deaths and outages. No event is lost, first occurrences are in order without gaps, no row is
// deleted before its acknowledgement, and in the end the outbox is empty.
func TestPromisesHoldWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := drawSteps(rt)
		var found []string
		synctest.Test(t, func(*testing.T) { found = play(steps) })
		if len(found) > 0 {
			rt.Fatalf("%v", found)
		}
	})
}
