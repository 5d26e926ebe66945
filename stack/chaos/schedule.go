package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// step is one fault of the schedule.
type step struct {
	// Number counts the steps of a lane from 1.
	Number int
	// Lane is "front", "pipes" or "pix". The steps of one lane run one after the other; the lanes
	// run at the same time.
	Lane string
	// Fault is the id of the fault in the list of faults. Name is its name.
	Fault string
	Name  string
	// After is the wait since the step before, and For is how long the fault lasts, both in
	// milliseconds.
	After int64
	For   int64
	// Draw is a random number for all other choices.
	Draw uint64
}

func (s *step) delay() time.Duration    { return time.Duration(s.After) * time.Millisecond }
func (s *step) duration() time.Duration { return time.Duration(s.For) * time.Millisecond }

// pick chooses one of n by the step's draw.
func (s *step) pick(n int) int { return int(s.Draw % uint64(n)) }

// String returns the step in one line.
func (s *step) String() string {
	return fmt.Sprintf("%s %3d  %-3s  %s, after %.1f s, for %.1f s", s.Lane, s.Number, s.Fault, s.Name, s.delay().Seconds(), s.duration().Seconds())
}

// bagItem is a fault in the bag that a lane draws from.
type bagItem struct {
	fault, name string
	// often is how many times the fault is in the bag. first is the same for the first round.
	first, often int
	// least and most bound the duration in milliseconds. A short run takes the least. A long
	// run takes the most for a fault that is only in the bag of the first round.
	least, most int64
}

// schedule is an endless sequence of steps of one lane. It is a pure function of the seed and
// of whether the run is short. Each round empties a bag that holds every fault.
type schedule struct {
	lane   string
	bag    []bagItem
	short  bool
	random *rand.Rand
	round  int
	queue  []bagItem
	number int
}

func newSchedule(lane string, seed uint64, short bool) *schedule {
	bags := map[string][]bagItem{frontLane: frontBag, pipesLane: pipesBag, pixLane: pixBag}
	streams := map[string]uint64{frontLane: 1, pipesLane: 2, pixLane: 3}
	return &schedule{lane: lane, bag: bags[lane], short: short, random: rand.New(rand.NewPCG(seed, streams[lane]))}
}

const (
	frontLane = "front"
	pipesLane = "pipes"
	pixLane   = "pix"
)

// lanes are all of them.
var lanes = []string{frontLane, pipesLane, pixLane}

// rounds returns how many rounds were begun.
func (s *schedule) rounds() int { return s.round }

// done reports whether the present round has ended.
func (s *schedule) done() bool { return s.round > 0 && len(s.queue) == 0 }

// next returns the next step.
func (s *schedule) next() step {
	if len(s.queue) == 0 {
		s.fill()
	}
	drawn := s.queue[0]
	s.queue = s.queue[1:]
	s.number++
	gap, length := int64(500+s.random.IntN(2500)), drawn.least
	if s.short {
		gap /= 3
	} else if drawn.often == 0 {
		length = drawn.most
	} else if drawn.most > drawn.least {
		length += s.random.Int64N(drawn.most - drawn.least)
	}
	return step{Number: s.number, Lane: s.lane, Fault: drawn.fault, Name: drawn.name, After: gap, For: length, Draw: s.random.Uint64()}
}

func (s *schedule) fill() {
	for _, e := range s.bag {
		count := e.often
		if s.round == 0 {
			count = e.first
		}
		for range count {
			s.queue = append(s.queue, e)
		}
	}
	s.round++
	s.random.Shuffle(len(s.queue), func(i, j int) { s.queue[i], s.queue[j] = s.queue[j], s.queue[i] })
	if s.round == 1 && !s.short {
		s.queue = slices.Concat(longRunFaults[s.lane], s.queue)
	}
}
