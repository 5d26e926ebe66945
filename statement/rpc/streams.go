package rpc

import (
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
)

// Streams over REST share the connections of the program with all other calls over REST, so all of them are far fewer
// than a connection takes.
var (
	watchLimits = streamLimits{ofUser: 8, ofProgram: 128, ofAll: 512, refusal: fault.New(fault.ResourceExhausted, "TOO_MANY_WATCHES",
		"Too many streams of lines are open. Close one before you open another.").After(time.Second)}
	downloadLimits = streamLimits{ofUser: 4, ofProgram: 32, ofAll: 128, refusal: fault.New(fault.ResourceExhausted, "TOO_MANY_DOWNLOADS",
		"Too many files are being downloaded. Wait until a download has ended.").After(time.Second)}
)

// streamLimits are how many streams of one kind a process has open at once.
type streamLimits struct {
	ofUser, ofProgram, ofAll int
	// refusal answers one stream too many.
	refusal error
}

// streams counts the open streams of one kind. Make one with newStreams. Safe for concurrent use.
type streams struct {
	limits streamLimits

	mutex sync.Mutex
	all   int
	open  map[string]int // by the caller's namespace of request ids
}

func newStreams(limits streamLimits) *streams {
	return &streams{limits: limits, open: make(map[string]int)}
}

// begin counts one more stream of a caller, until end is called. It returns the refusal if there are too many.
func (s *streams) begin(caller *principal.Principal) (end func(), err error) {
	most := s.limits.ofProgram
	if caller.IsPerson() {
		most = s.limits.ofUser
	}
	name := caller.Namespace()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.all >= s.limits.ofAll || s.open[name] >= most {
		return nil, s.limits.refusal
	}
	s.all++
	s.open[name]++
	return func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.all--
		if s.open[name]--; s.open[name] == 0 {
			delete(s.open, name)
		}
	}, nil
}
