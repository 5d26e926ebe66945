package sender

import (
	"context"

	"codebank.dev/operations/synthetic"
)

// rounds divides a queue of steps into rounds. No account is twice in a round, so the requests of an account
// are decided in their order when a round begins after the one before has ended.
type rounds struct {
	// size is how many steps a round has at most.
	size int
	// keys returns what a step needs for itself alone; a negative number is nothing.
	keys func(*synthetic.Step) [2]int

	held []synthetic.Step // for a later round, in their order
	busy map[int]bool     // accounts that are in the round or have something held
}

// next takes the steps of the next round, beginning with those that were held. It is empty when the queue or
// ctx has ended.
func (r *rounds) next(ctx context.Context, queue <-chan synthetic.Step) []synthetic.Step {
	clear(r.busy)
	round := make([]synthetic.Step, 0, r.size)
	held := r.held
	r.held = nil
	take := func(step synthetic.Step) {
		keys := r.keys(&step)
		if len(round) == r.size || r.busy[keys[0]] || r.busy[keys[1]] {
			r.held = append(r.held, step)
		} else {
			round = append(round, step)
		}
		for _, key := range keys {
			if key >= 0 {
				r.busy[key] = true
			}
		}
	}
	for _, step := range held {
		take(step)
	}
	for len(round) < r.size && len(r.held) < maxHeld {
		select {
		case step, ok := <-queue:
			if !ok {
				return round
			}
			take(step)
		case <-ctx.Done():
			return nil
		}
	}
	return round
}

// original is a decided step that later ones follow.
type original struct {
	// name is that of its transaction at the bank; empty when it was declined, so that nothing follows.
	name string
	// left is how many steps still follow.
	left int
}

// originals are the decided steps that later ones follow, by request id.
type originals map[string]*original

// expect notes that steps follow this one.
func (o originals) expect(step *synthetic.Step) {
	if step.Followers() > 0 {
		o[step.RequestID] = &original{left: step.Followers()}
	}
}

// note notes the name of a step that was approved.
func (o originals) note(requestID, name string) {
	if of := o[requestID]; of != nil {
		of.name = name
	}
}

// followed returns the name of what a step follows; empty when that was declined.
func (o originals) followed(step *synthetic.Step) string {
	of := o[step.Follows]
	if of.left--; of.left == 0 {
		delete(o, step.Follows)
	}
	return of.name
}
